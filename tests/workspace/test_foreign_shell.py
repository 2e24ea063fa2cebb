"""A sandbox of somebody else runs the command, or the call fails; it never runs here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from a3s_code.errors import InvalidValue, WorkspaceError
from a3s_code.kernel.bash_sandbox import SandboxOutput
from a3s_code.kernel.workspace import Command, Exit
from a3s_code.workspace.foreign_shell import ForeignShell


class Sync:
    """Answers with what it was given, or with its calls."""

    def __init__(self, answer: Any = None) -> None:
        self.answer, self.calls = answer, list[tuple[str, str]]()

    def exec_command(self, command: str, guest_workspace: str) -> Any:
        self.calls.append((command, guest_workspace))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Async:
    async def exec_command(self, command: str, guest_workspace: str) -> SandboxOutput:
        return {"stdout": f"{guest_workspace}: {command}", "stderr": "", "exit_code": 3}


class Slow:
    """Attributes: cancelled: it was told to stop."""

    cancelled = False

    async def exec_command(self, command: str, guest_workspace: str) -> SandboxOutput:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return {"stdout": "", "stderr": "", "exit_code": 0}


@dataclass
class Result:
    stdout: str
    stderr: str
    exit_code: int


def line(text: str, **more: Any) -> Command:
    return Command(("bash", "-c", "--", text), **more)


async def test_a_sandbox_may_be_async_or_not_and_is_told_where_the_workspace_is() -> None:
    assert await ForeignShell(Async()).run(line("ls")) == Exit(3, b"/workspace: ls")
    sandbox = Sync({"stdout": "out", "stderr": "err\n", "exit_code": 0})
    assert await ForeignShell(sandbox).run(line("ls")) == Exit(0, b"out\nerr\n")
    assert sandbox.calls == [("ls", "/workspace")]


async def test_a_result_may_be_an_object() -> None:
    assert await ForeignShell(Sync(Result("o", "", 1))).run(line("x")) == Exit(1, b"o")


async def test_variables_go_with_the_command_quoted() -> None:
    sandbox = Sync({"stdout": "", "stderr": "", "exit_code": 0})
    await ForeignShell(sandbox).run(line("env", extra_env={"A": "b; rm -rf /"}))
    assert sandbox.calls[0][0] == "export A='b; rm -rf /'\nenv"


async def test_output_is_bounded_and_counted() -> None:
    sandbox = Sync({"stdout": "x" * 1000, "stderr": "", "exit_code": 0})
    ended = await ForeignShell(sandbox).run(line("x", max_output_bytes=100))
    assert (len(ended.output), ended.dropped_bytes) == (100, 900)


async def test_output_is_shown_when_it_has_come() -> None:
    shown: list[bytes] = []
    await ForeignShell(Async()).run(line("ls"), shown.append)
    assert shown == [b"/workspace: ls"]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        {"stdout": "x"},
        {"stdout": 1, "stderr": "", "exit_code": 0},
        {"stdout": "", "stderr": "", "exit_code": "0"},
        {"stdout": "", "stderr": "", "exit_code": True},
        RuntimeError("down"),
        KeyError("x"),
    ],
)
async def test_whatever_a_sandbox_does_wrong_fails_the_call(answer: Any) -> None:
    with pytest.raises(WorkspaceError, match="sandbox"):
        await ForeignShell(Sync(answer)).run(line("touch /tmp/never"))


async def test_a_sandbox_that_takes_too_long_is_told_to_stop() -> None:
    sandbox = Slow()
    ended = await ForeignShell(sandbox).run(line("sleep 60", timeout_s=0.01))
    assert (ended.status, ended.timed_out, sandbox.cancelled) == (124, True, True)


async def test_cancelling_the_call_cancels_the_sandbox() -> None:
    sandbox = Slow()
    call = asyncio.ensure_future(ForeignShell(sandbox).run(line("sleep 60")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert sandbox.cancelled


@pytest.mark.parametrize(
    "command", [Command(("git", "status")), line("ls", cwd="src"), line("cat", stdin=b"x")]
)
async def test_what_is_no_command_line_is_not_handed_over(command: Command) -> None:
    sandbox = Sync({"stdout": "", "stderr": "", "exit_code": 0})
    with pytest.raises(InvalidValue):
        await ForeignShell(sandbox).run(command)
    assert sandbox.calls == []
