"""
Command lines in a sandbox of somebody else, as programs of a workspace.

What the sandbox gives is checked and bounded here. Whatever it does wrong fails the call;
there is no way from here to a process of this machine.
"""

from __future__ import annotations

import asyncio
import inspect
import shlex
from collections.abc import Callable, Mapping
from typing import cast

from a3s_code.errors import CapabilityMissing, InvalidValue, WorkspaceError
from a3s_code.kernel.bash_sandbox import GUEST_WORKSPACE, BashSandbox
from a3s_code.kernel.workspace import Command, Exit, OpenProgram
from a3s_code.workspace.location import shown
from a3s_code.workspace.output import HeadAndTail

SHELL = ("bash", "-c", "--")
"""How a command line is written as a program with arguments."""

TIMED_OUT = 124
_MAX_STATUS = 255
_MAX_SHOWN_CHARS = 300


class ForeignShell:
    """`Processes` for command lines alone, over a `BashSandbox`."""

    __slots__ = ("_sandbox",)

    def __init__(self, sandbox: BashSandbox) -> None:
        self._sandbox = sandbox

    async def run(self, command: Command, on_output: Callable[[bytes], None] | None = None) -> Exit:
        """
        Run a command line to its end; output is shown when it has ended.

        After the timeout nobody waits for it any more. Whether it ends then is the
        sandbox's work; a call on a thread goes on in any case.

        Raises:
            InvalidValue: it is no command line.
            WorkspaceError: the sandbox failed, or gave what cannot be read.
        """
        line = _line(command)
        try:
            async with asyncio.timeout(command.timeout_s):
                given = await self._given(line)
        except TimeoutError:
            return Exit(TIMED_OUT, b"", timed_out=True)
        ended = _exit(given, command)
        if on_output is not None:
            on_output(ended.output)
        return ended

    async def open(self, command: Command) -> OpenProgram:
        """
        Raises:
            CapabilityMissing: always; this sandbox runs command lines to their end.
        """
        raise CapabilityMissing(
            f"{shown(command.argv[0]) if command.argv else 'A program'} cannot be kept open in this"
            " sandbox, which runs command lines to their end.",
            hint="run it on this machine instead",
        )

    async def _given(self, line: str) -> object:
        run = self._sandbox.exec_command
        try:
            if inspect.iscoroutinefunction(run):
                return await run(line, GUEST_WORKSPACE)
            given = await asyncio.to_thread(run, line, GUEST_WORKSPACE)
            return await given if inspect.isawaitable(given) else given
        except Exception as error:
            raise WorkspaceError(
                f"The sandbox could not run the command: {_described(error)}",
                hint="nothing was run on this machine instead",
            ) from error


def _line(command: Command) -> str:
    if command.argv[:-1] != SHELL or command.cwd or command.stdin:
        raise InvalidValue("This sandbox runs command lines in its own workspace, nothing else.")
    added = " ".join(f"{name}={shlex.quote(value)}" for name, value in command.extra_env.items())
    return f"export {added}\n{command.argv[-1]}" if added else command.argv[-1]


def _exit(given: object, command: Command) -> Exit:
    """
    Raises:
        WorkspaceError: it is not `{stdout, stderr, exit_code}`.
    """
    stdout, stderr = _field(given, "stdout"), _field(given, "stderr")
    status = _field(given, "exit_code")
    if not isinstance(status, int) or type(status) is bool:
        raise _unreadable(given)
    kept, apart = HeadAndTail(command.max_output_bytes), HeadAndTail(command.max_output_bytes)
    out, error = _bytes(stdout, given), _bytes(stderr, given)
    kept.add(out)
    if command.separate_stderr:
        apart.add(error)
    else:
        kept.add(b"\n" if out and error and not out.endswith(b"\n") else b"")
        kept.add(error)
    return Exit(
        status=status if 0 <= status <= _MAX_STATUS else 1,
        output=kept.value(),
        dropped_bytes=kept.dropped + apart.dropped,
        stderr=apart.value(),
    )


def _field(given: object, name: str) -> object:
    """Read from a mapping, or from an object with attributes."""
    if isinstance(given, Mapping):
        return cast("Mapping[str, object]", given).get(name)
    return getattr(given, name, None)


def _bytes(value: object, given: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    raise _unreadable(given)


def _unreadable(given: object) -> WorkspaceError:
    return WorkspaceError(
        f"The sandbox answered with a {type(given).__name__} that is no result of a command.",
        hint="exec_command returns {'stdout': str, 'stderr': str, 'exit_code': int}",
    )


def _described(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}…"
