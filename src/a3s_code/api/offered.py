"""The record of which tools the model is shown."""

from __future__ import annotations

import hashlib

from a3s_code.harness.selector import Disclosure
from a3s_code.kernel.log import Log
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.records import ToolDisclosed, ToolsOffered
from a3s_code.kernel.tool import ToolSet


def offer(log: Log, sink: Sink, tools: ToolSet, latest: Disclosure) -> None:
    """
    Record `tools`, when they are others than before and the log is kept in a store.

    Args:
        latest: How they differ from those of the request before.
    """
    if not log.is_stored:
        return
    schemas = tools.schemas()
    sha256 = hashlib.sha256(schemas).hexdigest()
    before = log.state.offered
    if before is None or before.sha256 != sha256:
        sink.put_blob(sha256, schemas)
        new = tuple(ToolDisclosed(name, why) for name, why in latest.why.items())
        sink.emit(ToolsOffered(sha256=sha256, names=tuple(tools.by_name), new=new))
