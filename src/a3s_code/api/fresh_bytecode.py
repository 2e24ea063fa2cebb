"""
Programs that take nothing which an earlier run of them compiled.

Python goes by the second and the size of a source file when it takes bytecode that lies beside it.
A check that runs a moment after an edit of the same length would run the code from before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec

from a3s_code.kernel.executor import Executor
from a3s_code.kernel.space import Space
from a3s_code.kernel.workspace import Command, Exit, OpenProgram, Processes

NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/dev/null/none"}
"""Bytecode is looked for where there can be none, and none is left behind."""


def with_fresh_bytecode(executor: Executor) -> Executor:
    """Give an executor whose programs compile what they import."""
    return replace(executor, space=_fresh(executor.space))


def _fresh(space: Space) -> Space:
    return replace(
        space,
        processes=space.processes and FreshBytecode(space.processes),
        shell=space.shell and FreshBytecode(space.shell),
        direct=space.direct and _fresh(space.direct),
    )


class FreshBytecode:
    """`Processes` that tells Python so; what a command says itself wins."""

    __slots__ = ("_processes",)

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    async def run(self, command: Command, on_output: Callable[[bytes], None] | None = None) -> Exit:
        return await self._processes.run(_told(command), on_output)

    async def open(self, command: Command) -> OpenProgram:
        return await self._processes.open(_told(command))


def _told(command: Command) -> Command:
    return msgspec.structs.replace(command, extra_env={**NO_BYTECODE, **command.extra_env})
