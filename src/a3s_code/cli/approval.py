"""Who answers when a call needs confirmation: the person at the terminal, or nobody."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Callable

import msgspec

from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.host_function import in_thread
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.harness.question import Question
from a3s_code.kernel.approval import unanswered
from a3s_code.kernel.ports import Action, Allow, Approver, Ask, Deny
from a3s_code.kernel.visible import unmistakable

MAX_SHOWN_CHARS = 8_000
"""Of one argument, in a question."""


class Terminal:
    """
    Shows the whole call and asks; anything but yes is no. One question at a time.

    `a` is yes, and makes the rules that it shows hold from then on in the session; `v` shows
    what was too long to show at once, and asks again.
    """

    def __init__(self, ask: Callable[[str], str], gate: PolicyGate) -> None:
        self._ask, self._gate = ask, gate
        self._lock = asyncio.Lock()

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        args = msgspec.to_builtins(action.args)
        question = Question(action.tool.name, args, ask.reason, ask.part, ask.rule)
        rules = self._gate.rules_for(action)
        async with self._lock:
            return await self._settled(question, rules)

    async def _settled(self, question: Question, rules: tuple[str, ...]) -> Allow | Deny:
        shown: int | None = MAX_SHOWN_CHARS
        while True:
            answer = await _answered(self._ask, _text(question, rules, shown))
            match answer.strip().lower():
                case "y" | "yes":
                    return Allow("confirmed at the terminal")
                case "a" | "always" if rules:
                    return Allow("confirmed at the terminal, and always", remember=rules)
                case "v" | "view":
                    shown = None
                case _:
                    return Deny("the user said no; do not try the same again")


def _text(question: Question, rules: tuple[str, ...], max_chars: int | None) -> str:
    """Show the tool and every argument that is set: what is decoded is what runs."""
    lines = ["", question.view(max_chars)]
    left = question.left_out(max_chars) if max_chars is not None else 0
    if rules:
        lines.append(f"a: yes, and from now on always {unmistakable(' and '.join(rules))}")
    if left:
        lines.append(f"v: show the {left} characters that are left out")
    return "\n".join([*lines, "Allow this call? [y/N] "])


async def _answered(ask: Callable[[str], str], question: str) -> str:
    """
    Ask in a thread that nobody has to wait for: Ctrl-C leaves it at its question.

    A question that fails, at bytes that are no text or at a terminal that is gone, was not
    answered with yes.
    """
    try:
        return str(await in_thread(lambda: ask(question)))
    except Exception:  # noqa: BLE001 - whatever fails here, nobody said yes
        return ""


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


def approver(policy: PermissionPolicy, own: PermissionPolicy | None, root: str) -> Approver:
    """
    Give who can answer here.

    Args:
        policy: What flags would add to.
        own: That of the session; None for the default one.
        root: The workspace.
    """
    place = os.path.abspath(root)  # noqa: PTH100 - as sessions have it
    if sys.stdin.isatty() and sys.stderr.isatty():
        return Terminal(_ask_on_stderr, PolicyGate(own.compile() if own else None, place))
    return NoTerminal(PolicyGate(policy.compile(), place))


def _ask_on_stderr(question: str) -> str:
    """Ask on standard error, so that standard output stays what the model said."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()
