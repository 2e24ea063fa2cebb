"""
Checks of a session: run through its executor on the files of its workspace, and recorded.

They are calls of the host, for the named command only, as `session.bash` is; hooks, limits,
sandbox and the log hold for them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias
from uuid import uuid4

from a3s_code.api.checkpoints import Checkpoints
from a3s_code.api.evidence_trees import EvidenceTrees, Footprints
from a3s_code.api.fresh_bytecode import with_fresh_bytecode
from a3s_code.harness.verification.base_run import unjudged
from a3s_code.harness.verification.checks import Checking, Done, Ground
from a3s_code.harness.verification.commands import CheckCommand
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.events import ToolStart, Verification
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.observation import keep_whole
from a3s_code.kernel.ports import Authority, Sink
from a3s_code.kernel.records import CallRewritten
from a3s_code.kernel.state import Verified
from a3s_code.kernel.tool import Observation
from a3s_code.kernel.verification import Report

Judge: TypeAlias = Callable[[Report], Awaitable[Report]]

BASH = "bash"


class Workshop(Protocol):
    """What checks use of the session that they belong to."""

    @property
    def log(self) -> Log: ...
    @property
    def executor(self) -> Executor: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def evidence(self) -> EvidenceTrees: ...


async def verify(
    session: Workshop,
    sink: Sink,
    subject: str,
    commands: Sequence[CheckCommand],
    ground: Ground | None = None,
    judge: Judge | None = None,
) -> Verified:
    """
    Run checks one after the other, and record what they came to.

    When it is cut off, what is known by then is recorded all the same.

    Args:
        sink: Of the run that they belong to, or of none.
        ground: The files that they run on; the workspace by default.
        judge: Says what else their report has to say; None = nothing.

    Raises:
        StoreError: it could not be recorded; what was not, did not run.
        CancelledError: it was stopped.
    """
    checking = Checking(subject, commands, ground or WorkspaceGround(session, sink))
    report = None
    try:
        await checking.run()
        report = checking.report if judge is None else await judge(checking.report)
    finally:
        cut_off = checking.report if judge is None else unjudged(checking.report)
        sink.emit(Verification(report=report or cut_off, made_by="harness"))
    made = session.log.state.verifications[-1]  # the host may report while we wait
    await sink.barrier()
    return made


@dataclass(slots=True)
class WorkspaceGround:
    """
    The workspace of a session; see `harness.verification.checks.Ground`. For one report.

    Attributes:
        executor: None for that of the session.
    """

    session: Workshop
    sink: Sink
    executor: Executor | None = None
    authority: Authority = Authority.HOST
    _footprints: Footprints | None = None

    async def tree(self) -> str:
        return (await self.session.evidence.now("verification", self.sink)).tree

    async def changed(self, before: str, after: str) -> tuple[str, ...]:
        self._footprints = self._footprints or Footprints(self.session.evidence)
        return await self._footprints.touched(before, after)

    async def run(self, command: CheckCommand) -> Done:
        session, clock = self.session, self.session.clock
        args: JsonObject = {"command": command.command}
        if command.timeout_ms is not None:
            args["timeout"] = command.timeout_ms
        call = ToolCall(f"check-{uuid4()}", BASH, args)
        began = clock.monotonic()
        executor = with_fresh_bytecode(self.executor or session.executor)
        known = len(session.log.state.changes)
        observed = await executor.call(call, self.authority, self.sink)
        changes = session.log.state.changes[known:]
        written = tuple(dict.fromkeys(each.what.path for each in changes))
        taken_ms = round((clock.monotonic() - began) * 1000)
        return Done(self._ran(call), observed, self._keep(observed), taken_ms, written)

    def _ran(self, call: ToolCall) -> str:
        """Give the command as hooks left it; empty when they made another call of it."""
        for record in self.session.log.backwards():
            match record.event:
                case CallRewritten(call_id=call.id, tool=tool, args=args):
                    return str(args.get("command", "")) if tool == BASH else ""
                case ToolStart(id=call.id):
                    break
                case _:
                    pass
        return str(call.input["command"])

    def _keep(self, observed: Observation) -> str:
        """Keep the output of a command as a whole; empty when that is too large, or was none."""
        metadata = observed.metadata or {}
        if "artifact" in metadata:
            return str(metadata["artifact"]["artifact_uri"])
        if "exit_code" not in metadata:
            return ""
        size = len(observed.text.encode("utf-8", "surrogatepass"))
        artifacts = self.session.executor.artifacts
        kept = keep_whole(BASH, observed.text, size, self.sink, artifacts)
        return kept.artifact_uri if kept is not None else ""
