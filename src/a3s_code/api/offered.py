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
    before = log.state.offered
    if before is None or before.sha256 != _digest(tools):
        _record(sink, tools, latest)


def offer_child(log: Log, sink: Sink, tools: ToolSet, latest: Disclosure) -> None:
    """Record what the model of a child is shown from here on; when the log is kept in a store."""
    if log.is_stored:
        _record(sink, tools, latest)


def _record(sink: Sink, tools: ToolSet, latest: Disclosure) -> None:
    sha256 = _digest(tools)
    sink.put_blob(sha256, tools.schemas())
    new = tuple(ToolDisclosed(name, why) for name, why in latest.why.items())
    sink.emit(ToolsOffered(sha256=sha256, names=tuple(tools.by_name), new=new))


def _digest(tools: ToolSet) -> str:
    return hashlib.sha256(tools.schemas()).hexdigest()
