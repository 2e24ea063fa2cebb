"""What a call is given: all that its tool may use, bound to this call and its log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from a3s_code.kernel.children import Agents
from a3s_code.kernel.events import Verification
from a3s_code.kernel.file_changes import RecordedFiles
from a3s_code.kernel.inside import Calling, Inside, numbered
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Askers, Authority, Household, Sink
from a3s_code.kernel.script import ScriptEngines
from a3s_code.kernel.space import Space
from a3s_code.kernel.told_processes import ToldProcesses
from a3s_code.kernel.told_tasks import ToldTasks
from a3s_code.kernel.tool import KeptOutput, Tool, ToolContext
from a3s_code.kernel.verification import Report, claimed
from a3s_code.kernel.workspace import Processes, Resolved


class Furnisher(Calling, Protocol):
    """What the executor has for its calls; each is said there."""

    @property
    def tools(self) -> Mapping[str, Tool]: ...
    @property
    def session_id(self) -> str: ...
    @property
    def space(self) -> Space: ...
    @property
    def tool_timeout_s(self) -> float | None: ...
    @property
    def children(self) -> Household | None: ...
    @property
    def agents(self) -> Agents | None: ...
    @property
    def askers(self) -> Askers | None: ...
    @property
    def scripts(self) -> ScriptEngines | None: ...
    @property
    def kept_output(self) -> KeptOutput | None: ...


def furnish(
    furnisher: Furnisher,
    call: ToolCall,
    emit: Callable[[str], None],
    sink: Sink,
    target: Resolved | None,
    authority: Authority,
) -> ToolContext:
    """
    Give the context of one call.

    Args:
        emit: Shows what it puts out while it runs.
        authority: On whose account the call runs; calls inside it are the session's.
    """
    space, new_id = furnisher.space.of(authority), numbered(call)
    inside = Inside(furnisher, sink, new_id)
    return ToolContext(
        call_id=call.id,
        session_id=furnisher.session_id,
        root=space.root,
        files=RecordedFiles(space.files, call.id, call.name, sink, apart=space.apart),
        search=space.search,
        processes=_told(space.processes, call, sink),
        target=target,
        emit_output=emit,
        call=inside.call,
        call_all=inside.call_all,
        timeout_s=furnisher.tool_timeout_s,
        shell=_told(space.shell, call, sink),
        children=furnisher.children.inside(new_id, sink) if furnisher.children else None,
        agents=furnisher.agents,
        asker=furnisher.askers.inside(sink) if furnisher.askers else None,
        report=_claiming(sink),
        tasks=ToldTasks(furnisher.session_id, sink),
        scripts=furnisher.scripts,
        tool_names=furnisher.tools.keys(),
        is_direct=authority is Authority.HOST,
        kept_output=furnisher.kept_output,
    )


def _told(programs: Processes | None, call: ToolCall, sink: Sink) -> Processes | None:
    return programs and ToldProcesses(programs, call.id, call.name, sink)


def _claiming(sink: Sink) -> Callable[[Report], None]:
    """Give what records a report that something which a call runs has made."""
    return lambda report: sink.emit(Verification(report=claimed(report), made_by="program"))
