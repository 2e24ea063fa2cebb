"""
The programs of one call, as its tool has them: what they reached through the sandbox, and what
it refused them, become events.
"""

from __future__ import annotations

from collections.abc import Callable

from a3s_code.kernel.events import SandboxPassage, SandboxViolation
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.workspace import Command, Exit, OpenProgram, Processes


class ToldProcesses:
    """`Processes` that records what the sandbox did with the programs of `call_id`."""

    __slots__ = ("_call_id", "_processes", "_sink", "_tool")

    def __init__(self, processes: Processes, call_id: str, tool: str, sink: Sink) -> None:
        self._processes, self._call_id, self._tool, self._sink = processes, call_id, tool, sink

    async def run(self, command: Command, on_output: Callable[[bytes], None] | None = None) -> Exit:
        ended = await self._processes.run(command, on_output)
        self._tell(ended)
        return ended

    async def open(self, command: Command) -> OpenProgram:
        """As the port says; what the sandbox did with it is told when it is closed."""
        return ToldProgram(await self._processes.open(command), self._tell)

    def _tell(self, ended: Exit) -> None:
        for passage in ended.passages:
            self._sink.emit(
                SandboxPassage(
                    tool_id=self._call_id,
                    tool_name=self._tool,
                    host=passage.host,
                    port=passage.port,
                    outcome=passage.outcome,
                    why=passage.why,
                    address=passage.address,
                )
            )
        for violation in ended.violations:
            self._sink.emit(
                SandboxViolation(
                    tool_id=self._call_id,
                    tool_name=self._tool,
                    kind=violation.kind,
                    name=violation.name,
                    is_certain=violation.is_certain,
                )
            )


class ToldProgram:
    """`OpenProgram` that tells how it ended, once."""

    __slots__ = ("_is_told", "_program", "_tell")

    def __init__(self, program: OpenProgram, tell: Callable[[Exit], None]) -> None:
        self._program, self._tell = program, tell
        self._is_told = False

    async def send(self, data: bytes) -> None:
        await self._program.send(data)

    async def receive(self) -> bytes:
        return await self._program.receive()

    async def close(self, grace_s: float = 0.0) -> Exit:
        ended = await self._program.close(grace_s)
        if not self._is_told:
            self._is_told = True
            self._tell(ended)
        return ended
