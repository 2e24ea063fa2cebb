"""
The agents that come with the package; their roles are texts of ours in `builtin/`.

Source:
    SPEC 9.1.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from a3s_code.errors import PackageUnreadable
from a3s_code.kernel.children import AgentRole

ALIASES = {
    "general-purpose": "general",
    "verify": "verification",
    "verifier": "verification",
    "code-review": "review",
    "code_reviewer": "review",
    "reviewer": "review",
}
"""Other names that the built-in agents have."""

_TEXTS = Path(__file__).with_name("builtin")
_LOOKS = ("read", "grep", "glob", "ls")
_LOOKS_AT_HISTORY = (*_LOOKS, "git(status*)", "git(log*)", "git(diff*)", "git(show*)")


@lru_cache(maxsize=1)
def builtin_agents() -> tuple[AgentRole, ...]:
    """
    Read them, once.

    Raises:
        PackageUnreadable: a text of this package is not there.
    """
    return (
        _agent("explore", "Find evidence in the code; reads and searches only.", 20, _LOOKS),
        _agent("general", "Carry out a piece of work of several steps.", 50),
        _agent("plan", "Design the steps of a piece of work; reads and searches only.", 30, _LOOKS),
        _agent("verification", "Run checks and try to break something.", 30, (*_LOOKS, "bash")),
        _agent("review", "Review a change as an adversary; reads only.", 25, _LOOKS_AT_HISTORY),
    )


def _agent(
    name: str, description: str, max_steps: int, allow: tuple[str, ...] | None = None
) -> AgentRole:
    try:
        role = (_TEXTS / f"{name}.md").read_text(encoding="utf-8")
    except OSError as error:
        raise PackageUnreadable(f"The text of the agent {name!r} is missing: {error}.") from error
    return AgentRole(
        name=name,
        description=description,
        role=role,
        allow=allow,
        max_steps=max_steps,
        native=True,
    )
