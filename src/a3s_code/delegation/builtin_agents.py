"""
The agents that come with the package; their roles are texts of ours in `builtin/`.

Source:
    SPEC 9.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from a3s_code.errors import PackageUnreadable
from a3s_code.kernel.children import AgentRole

_TEXTS = Path(__file__).with_name("builtin")
LOOKS = ("read", "grep", "glob", "ls")
"""Rules that only let look at files."""
HISTORY = (
    'git({"command":"status"*)',
    'git({"command":"log"*)',
    'git({"command":"diff"*)',
    'git({"command":"branch"})',
)
"""Rules that let look at the history, as the subject of `git` has it: its arguments as JSON."""


@lru_cache(maxsize=1)
def by_name() -> Mapping[str, AgentRole]:
    """Give them by their names; raises as `builtin_agents`."""
    return {each.name: each for each in builtin_agents()}


@lru_cache(maxsize=1)
def builtin_agents() -> tuple[AgentRole, ...]:
    """
    Read them, once.

    Raises:
        PackageUnreadable: a text of this package is not there.
    """
    return (
        _agent("explore", "Find evidence in the code; reads and searches only.", 20, LOOKS),
        _agent("general", "Carry out a piece of work of several steps.", 50),
        _agent("plan", "Design the steps of a piece of work; reads and searches only.", 30, LOOKS),
        _agent(
            "verification",
            "Run checks and try to break something.",
            30,
            (*LOOKS, "bash", *HISTORY),
        ),
        _agent("review", "Review a change as an adversary; reads only.", 25, (*LOOKS, *HISTORY)),
    )


@lru_cache(maxsize=16)
def role_text(name: str) -> str:
    """
    Give a text of this package that agents are told, such as `explore` or `answer`.

    Raises:
        PackageUnreadable: it is not there.
    """
    try:
        return (_TEXTS / f"{name}.md").read_text(encoding="utf-8").strip()
    except OSError as error:
        raise PackageUnreadable(f"The text of the agent {name!r} is missing: {error}.") from error


def reporting(role: str) -> str:
    """Give a role with what is said to all of ours: how the answer is to be written."""
    return f"{role}\n\n{role_text('answer')}"


def _agent(
    name: str, description: str, max_steps: int, allow: tuple[str, ...] | None = None
) -> AgentRole:
    return AgentRole(
        name=name,
        description=description,
        role=reporting(role_text(name)),
        allow=allow,
        max_steps=max_steps,
        native=True,
    )
