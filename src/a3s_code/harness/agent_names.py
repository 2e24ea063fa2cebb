"""
The other names of the agents that come with the package.

A rule is about an agent, and not about the word that a call has for it.

Source:
    SPEC 9.1.
"""

from __future__ import annotations

from functools import lru_cache

ALIASES = {
    "general-purpose": "general",
    "verify": "verification",
    "verifier": "verification",
    "code-review": "review",
    "code_reviewer": "review",
    "reviewer": "review",
}
"""Other names that the built-in agents have."""


@lru_cache(maxsize=64)
def other_names(name: str) -> tuple[str, ...]:
    """Give every other name of the agent that `name` is a name of; empty when it has none."""
    own = ALIASES.get(name, name)
    names = (own, *(alias for alias, agent in ALIASES.items() if agent == own))
    return tuple(each for each in names if each != name)
