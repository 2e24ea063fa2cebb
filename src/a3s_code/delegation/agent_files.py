"""
The agents of a directory that the host named.

What cannot be read is a fault, and the rest is loaded. All of it is blocking work, for a thread.

Source:
    SPEC 9.2.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from a3s_code.capabilities.skills.directory import in_order, read_each, same_name
from a3s_code.capabilities.skills.tree import FileFault, Found, Tree, look
from a3s_code.delegation.agent_text import SUFFIXES, AgentSource, agent_of
from a3s_code.kernel.children import AgentRole

MAX_AGENTS = 500
"""Of one directory."""


class AgentFile(msgspec.Struct, frozen=True):
    """
    An agent, and the file that it was read from.

    Attributes:
        sha256: Of the bytes of the file, in hexadecimal.
    """

    role: AgentRole
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class LoadedAgents:
    """`faults` are in the order of their paths."""

    agents: tuple[AgentFile, ...] = ()
    faults: tuple[FileFault, ...] = ()


def look_for_agents(path: str) -> Tree:
    """List the files below a directory that may be agents; reads none of them."""
    return look(path, SUFFIXES, has_skills=False)


def load_agents(tree: Tree) -> LoadedAgents:
    """Read the agents of a tree; of two of one name the one that is listed later counts."""
    read, faults = read_each(tree, _agent)
    return together([file for _, file in read], faults)


def together(read: list[AgentFile], faults: list[FileFault]) -> LoadedAgents:
    """Put agents together; of two of one name the later one counts, which is said."""
    agents: dict[str, AgentFile] = {}
    for file in read[:MAX_AGENTS]:
        other = agents.pop(file.role.name, None)
        if other is not None:
            faults.append(same_name(other.path, file.path, file.role.name))
        agents[file.role.name] = file
    if len(read) > MAX_AGENTS:
        reason = f"There are more than {MAX_AGENTS} agents; the rest is left out."
        faults.append(FileFault(read[MAX_AGENTS].path, reason))
    return LoadedAgents(tuple(agents.values()), in_order(faults))


def agent_in(data: bytes, source: AgentSource) -> AgentFile | None:
    """
    Make an agent of the bytes of a file; None for a file that is none.

    Raises:
        InvalidValue: as `agent_of`.
    """
    role = agent_of(data, source)
    if role is None:
        return None
    return AgentFile(role, source.path, hashlib.sha256(data).hexdigest())


def _agent(found: Found, data: bytes) -> AgentFile | None:
    return agent_in(data, AgentSource(str(found.path), found.path.stem))
