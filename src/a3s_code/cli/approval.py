"""Who answers when a call needs confirmation: the person at the terminal, or nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import sys
import threading
from collections.abc import Callable

import msgspec

from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.approval import unanswered
from a3s_code.kernel.ports import Action, Allow, Approver, Ask, Deny
from a3s_code.kernel.visible import unmistakable

MAX_SHOWN_CHARS = 8_000
"""Of one argument, in a question."""


class Terminal:
    """Shows the whole call and asks y/n; anything but y is no. One question at a time."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask
        self._lock = asyncio.Lock()

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        question = f"\n{unmistakable(ask.reason)}\n{_whole(action)}\nAllow this call? [y/N] "
        async with self._lock:
            answer = await _answered(self._ask, question)
        if answer.strip().lower() in {"y", "yes"}:
            return Allow("confirmed at the terminal")
        return Deny("the user said no; do not try the same again")


def _whole(action: Action) -> str:
    """Show the tool and every argument that is set: what is decoded is what runs."""
    lines = [f"  {action.tool.name}"]
    for name, value in msgspec.to_builtins(action.args).items():
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if value is not None:
            lines.append(f"    {name}: {_bounded(said)}")
    return "\n".join(lines)


def _bounded(said: str) -> str:
    """Show a value with its lines set in, and say how much of it is not shown."""
    more = len(said) - MAX_SHOWN_CHARS
    half = MAX_SHOWN_CHARS // 2
    if more > 0:
        said = f"{said[:half]}\n[{more} characters are not shown here]\n{said[-half:]}"
    return unmistakable(said).replace("\n", "\n      ")


async def _answered(ask: Callable[[str], str], question: str) -> str:
    """
    Ask in a thread that nobody has to wait for: Ctrl-C leaves it at its question.

    A question that fails, at bytes that are no text or at a terminal that is gone, was not
    answered with yes.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def wait() -> None:
        try:
            said = ask(question)
        except Exception:  # noqa: BLE001 - whatever fails here, nobody said yes
            said = ""
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(_settle, answer, said)

    threading.Thread(target=wait, name="a3s-question", daemon=True).start()
    return await answer


def _settle(answer: asyncio.Future[str], said: str) -> None:
    if not answer.done():
        answer.set_result(said)


class NoTerminal:
    """Denies, and names the flags that would allow it beside those that were given."""

    def __init__(self, gate: PolicyGate) -> None:
        self._gate = gate

    async def approve(self, action: Action, ask: Ask) -> Deny:
        rules = self._gate.rules_for(action)
        flags = " ".join(f"--allow {shlex.quote(rule)}" for rule in rules)
        way = f"{flags}, or everything with --permissive" if rules else "--permissive alone"
        reason = unanswered(ask, "there is no terminal to confirm it at")
        return Deny(f"{reason} On the command line that is {way}.")


def approver(policy: PermissionPolicy, root: str) -> Approver:
    """
    Give who can answer here.

    Args:
        policy: What is allowed without asking.
        root: The workspace.
    """
    if sys.stdin.isatty() and sys.stderr.isatty():
        return Terminal(_ask_on_stderr)
    return NoTerminal(PolicyGate(policy.compile(), os.path.abspath(root)))  # noqa: PTH100 - as sessions have it


def _ask_on_stderr(question: str) -> str:
    """Ask on standard error, so that standard output stays what the model said."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()
