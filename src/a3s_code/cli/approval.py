"""Who answers when a call needs confirmation: the person at the terminal, or nobody."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sys
import threading
from collections.abc import Callable

from a3s_code.cli.visible import visible
from a3s_code.harness.unattended import rule_for
from a3s_code.kernel.ports import Action, Allow, Approver, Ask, Deny


class Terminal:
    """Shows the whole call and asks y/n; anything but y is no. One question at a time."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask
        self._lock = asyncio.Lock()

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        shown = visible(f"{action.tool.name}: {action.subject}")
        question = f"\n{ask.reason}\n  {shown}\nAllow this call? [y/N] "
        async with self._lock:
            answer = await _answered(self._ask, question)
        if answer.strip().lower() in {"y", "yes"}:
            return Allow("confirmed at the terminal")
        return Deny("the user said no; do not try the same again")


async def _answered(ask: Callable[[str], str], question: str) -> str:
    """Ask in a thread that nobody has to wait for: Ctrl-C leaves it at its question."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def wait() -> None:
        said = ask(question)
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(_settle, answer, said)

    threading.Thread(target=wait, name="a3s-question", daemon=True).start()
    return await answer


def _settle(answer: asyncio.Future[str], said: str) -> None:
    if not answer.done():
        answer.set_result(said)


class NoTerminal:
    """Denies, and names the flag that would allow it."""

    async def approve(self, action: Action, ask: Ask) -> Deny:
        flag = f"--allow {shlex.quote(rule_for(action))}"
        return Deny(
            f"{ask.reason}; there is no terminal to confirm it at. "
            f"The user can allow it with {flag}, or everything with --permissive."
        )


def approver() -> Approver:
    """Give who can answer here."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        return Terminal(_ask_on_stderr)
    return NoTerminal()


def _ask_on_stderr(question: str) -> str:
    """Ask on standard error, so that standard output stays what the model said."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()
