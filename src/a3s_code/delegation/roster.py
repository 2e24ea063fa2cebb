"""Whom the calls of one session can delegate to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from a3s_code.delegation.builtin_agents import ALIASES, builtin_agents
from a3s_code.kernel.children import AgentRole


class Roster:
    """
    Args:
        own: Agents of the session beside the built-in ones; one of an equal name takes the place
            of what stood there, and so does the last one of a name.
    """

    __slots__ = ("_own",)

    def __init__(self, own: Iterable[AgentRole] = ()) -> None:
        self._own = {each.name: each for each in own}

    def find(self, name: str) -> AgentRole | None:
        """Give an agent; see `kernel.children.Agents`."""
        known = self._all()
        return known.get(name) or known.get(ALIASES.get(name, ""))

    def listed(self) -> Sequence[AgentRole]:
        return tuple(each for each in self._all().values() if not each.hidden)

    def add(self, agent: AgentRole) -> None:
        """Make one more agent available, from the next call on."""
        self._own[agent.name] = agent

    def _all(self) -> dict[str, AgentRole]:
        return {**{each.name: each for each in builtin_agents()}, **self._own}
