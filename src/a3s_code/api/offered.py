"""The record of which tools the model is shown."""

from __future__ import annotations

import hashlib

from a3s_code.kernel.log import Log
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.records import ToolsOffered
from a3s_code.kernel.tool import ToolSet


def offer(log: Log, sink: Sink, tools: ToolSet) -> None:
    """Record `tools`, when they are others than before and the log is kept in a store."""
    if not log.is_stored:
        return
    schemas = tools.schemas()
    sha256 = hashlib.sha256(schemas).hexdigest()
    before = log.state.offered
    if before is None or before.sha256 != sha256:
        sink.put_blob(sha256, schemas)
        sink.emit(ToolsOffered(sha256=sha256, names=tuple(tools.by_name)))


def offer_child(log: Log, *, tools: ToolSet, child: str, sink: Sink) -> None:
    """Record what the model of a child is shown, when the log is kept in a store."""
    if log.is_stored:
        schemas = tools.schemas()
        sha256 = hashlib.sha256(schemas).hexdigest()
        sink.put_blob(sha256, schemas)
        sink.emit(ToolsOffered(sha256=sha256, names=tuple(tools.by_name), child=child))
