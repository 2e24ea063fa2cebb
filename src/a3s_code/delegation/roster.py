"""
Whom the calls of one session can delegate to.

The host's word counts: what it registers may take the place of a built-in agent. What the workspace
has is only found by a name that neither of them uses, and models are not told of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from a3s_code.delegation.builtin_agents import by_name
from a3s_code.harness.agent_names import ALIASES
from a3s_code.kernel.children import AgentRole


class Found(Protocol):
    """Agents that are looked for when somebody asks for one."""

    async def find(self, name: str) -> AgentRole | None: ...


class Roster:
    """
    Args:
        own: Agents of the host beside the built-in ones; one of an equal name takes the place
            of what stood there, and so does the last one of a name.
        workspace: Those that files of the workspace describe.
    """

    __slots__ = ("_own", "_workspace")

    def __init__(self, own: Iterable[AgentRole] = (), workspace: Found | None = None) -> None:
        self._own = {each.name: each for each in own}
        self._workspace = workspace

    def find(self, name: str) -> AgentRole | None:
        """Give an agent; see `kernel.children.Agents`."""
        for known in (name, ALIASES.get(name, "")):
            found = self._own.get(known) or by_name().get(known)
            if found is not None:
                return found
        return None

    async def seek(self, name: str) -> AgentRole | None:
        """Find an agent, also in the workspace; see `kernel.children.Agents`."""
        found = self.find(name)
        if found is not None or self._workspace is None or self.is_taken(name):
            return found
        return await self._workspace.find(name)

    def listed(self) -> Sequence[AgentRole]:
        known = {**by_name(), **self._own}
        return tuple(each for each in known.values() if not each.hidden)

    def is_taken(self, name: str) -> bool:
        """Whether a name is, in any case, that of a built-in agent, of a host's, or an alias."""
        folded = name.casefold()
        taken = (*by_name(), *ALIASES, *self._own)
        return any(each.casefold() == folded for each in taken)

    def add(self, agent: AgentRole) -> None:
        """Make one more agent of the host available, from the next call on."""
        self._own[agent.name] = agent
