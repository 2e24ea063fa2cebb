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
    before = log.state.offered
    if before is None or before.sha256 != _digest(tools):
        _record(sink, tools)


def offer_child(log: Log, sink: Sink, tools: ToolSet) -> None:
    """Record what the model of a child is shown, when the log is kept in a store."""
    if log.is_stored:
        _record(sink, tools)


def _record(sink: Sink, tools: ToolSet) -> None:
    sha256 = _digest(tools)
    sink.put_blob(sha256, tools.schemas())
    sink.emit(ToolsOffered(sha256=sha256, names=tuple(tools.by_name)))


def _digest(tools: ToolSet) -> str:
    return hashlib.sha256(tools.schemas()).hexdigest()
