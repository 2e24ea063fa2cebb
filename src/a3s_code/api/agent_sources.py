"""
Whom a session can delegate to, and whose part it takes itself, as its options say.

Source:
    SPEC 1.4, 1.9, 9.2, 9.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from a3s_code.checks import absolute, checked_path
from a3s_code.kernel.children import AgentRole

if TYPE_CHECKING:
    from a3s_code.delegation.agents import WorkerAgentSpec


class AgentSources(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What the options say; None where they say nothing. Recorded with the session.

    Attributes:
        dirs: Absolute paths; a relative one was meant from the directory of the process.
        workers: Those that the host made; the last one of a name counts.
        own: The agent whose role, rights and steps the session itself has.
    """

    dirs: tuple[str, ...] | None = None
    workers: tuple[AgentRole, ...] | None = None
    own: AgentRole | None = None

    def with_dir(self, path: str) -> AgentSources:
        return msgspec.structs.replace(self, dirs=tuple(dict.fromkeys((*(self.dirs or ()), path))))

    def with_worker(self, role: AgentRole) -> AgentSources:
        return msgspec.structs.replace(self, workers=(*(self.workers or ()), role))


NO_AGENTS = AgentSources()


def agents_of(given: Mapping[str, Any]) -> AgentSources:
    """
    Read the options `agent_dirs` and `worker_agents`.

    Raises:
        InvalidType, InvalidValue: a directory is no path, or a worker is malformed.
    """
    if "agent_dirs" not in given and "worker_agents" not in given:
        return NO_AGENTS
    dirs: Sequence[Any] | None = given.get("agent_dirs")
    workers: Sequence[WorkerAgentSpec] | None = given.get("worker_agents")
    return AgentSources(
        dirs=None if dirs is None else absolute(checked_path("agent_dirs", one) for one in dirs),
        workers=_roles(workers) if workers else None,
    )


def _roles(workers: Sequence[WorkerAgentSpec]) -> tuple[AgentRole, ...]:
    from a3s_code.delegation.worker_roles import role_of  # few sessions have any

    return tuple(map(role_of, workers))
