"""Whom one session that is awake can delegate to, and what it says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from a3s_code.delegation.roster import Roster
from a3s_code.kernel.children import AgentRole
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.records import AgentNamed, AgentSkipped, AgentsLoaded
from a3s_code.kernel.tool import Tool
from a3s_code.kernel.visible import on_one_line

if TYPE_CHECKING:  # few sessions have agents beside the built-in ones
    from a3s_code.capabilities.skills.tree import FileFault
    from a3s_code.delegation.agent_files import LoadedAgents
    from a3s_code.delegation.workspace_agents import WorkspaceAgents

SKIPPED_AGENTS = "Not there as agents"
"""How a warning of them begins."""
MAX_RECORDED = 100
"""How many agents, and how many faults, one record has; it counts the others."""
MAX_WARNED = 3
"""How many faults a warning tells in full."""


@dataclass(frozen=True, slots=True)
class Ties:
    """
    What a staff has of its session.

    Attributes:
        record: Writes into the log.
        shown: Gives the names of all tools that the model may be shown.
        replace: Puts a tool in the place of the one of its name, from the next turn on.
    """

    executor: Executor
    record: Callable[[AgentsLoaded], None]
    shown: Callable[[], Container[str]]
    replace: Callable[[Tool], None]


@dataclass(slots=True)
class Staff:
    """
    Args:
        roles: Agents of the host.
        loaded: What was read of its directories.

    Attributes:
        faults: What is not there as an agent, and why; known as far as files were read.
    """

    ties: Ties
    roles: tuple[AgentRole, ...] = ()
    loaded: LoadedAgents | None = None
    roster: Roster = field(init=False)
    faults: list[FileFault] = field(default_factory=list["FileFault"])
    _workspace: WorkspaceAgents | None = None

    def __post_init__(self) -> None:
        self.roster = Roster(self.roles, self)

    def begin(self) -> None:
        """Record what the session woke with."""
        if self.loaded is not None:
            self._note(self.loaded)

    def join(self, loaded: LoadedAgents) -> None:
        """Take in what was read from a directory of the host, from the next turn on."""
        for file in loaded.agents:
            self.roster.add(file.role)
        self._note(loaded)
        self._list()

    def hire(self, role: AgentRole) -> None:
        """Take in one agent of the host, from the next turn on."""
        self.roster.add(role)
        digest = hashlib.sha256(canonical(role)).hexdigest()
        self.ties.record(AgentsLoaded(agents=(AgentNamed(name=role.name, sha256=digest),)))
        self._list()

    async def find(self, name: str) -> AgentRole | None:
        """Give an agent that files of the workspace describe; they are read the first time."""
        if self._workspace is None:
            from a3s_code.api.reading import withheld
            from a3s_code.delegation.workspace_agents import WorkspaceAgents

            executor = self.ties.executor
            denied = partial(withheld, executor, ())
            self._workspace = WorkspaceAgents(executor.space.files, denied, self._found)
        return await self._workspace.find(name)

    def warning(self) -> str:
        """Name what was skipped; empty when nothing was."""
        if not self.faults:
            return ""
        first = self.faults[:MAX_WARNED]
        shown = [on_one_line(f"{fault.path}: {fault.reason}") for fault in first]
        more = len(self.faults) - len(shown)
        rest = f" And {more} more; the record agents_loaded has them." if more else ""
        return f"{SKIPPED_AGENTS}: {' '.join(shown)}{rest}"

    def _found(self, loaded: LoadedAgents) -> None:
        """Record what the workspace has, without what nobody gets to by its name."""
        from a3s_code.capabilities.skills.tree import FileFault
        from a3s_code.delegation.agent_files import LoadedAgents

        taken = [file for file in loaded.agents if self.roster.is_taken(file.role.name)]
        reason = "A built-in agent or one of the host has this name, and counts."
        faults = (*loaded.faults, *(FileFault(file.path, reason) for file in taken))
        self._note(LoadedAgents(tuple(f for f in loaded.agents if f not in taken), faults))

    def _note(self, loaded: LoadedAgents) -> None:
        """Record which agents there are now besides, to the byte."""
        self.faults += loaded.faults
        if loaded.agents or loaded.faults:
            self.ties.record(_record(loaded))

    def _list(self) -> None:
        """Have the tools that start agents name them; those that the model is not shown stay so."""
        from a3s_code.api.agent_shelf import listing

        shown = self.ties.shown()
        for tool in listing(self.roster):
            if tool.name in shown:
                self.ties.replace(tool)


def _record(loaded: LoadedAgents) -> AgentsLoaded:
    agents, faults = loaded.agents, loaded.faults
    return AgentsLoaded(
        agents=tuple(
            AgentNamed(
                name=file.role.name,
                sha256=file.sha256,
                source=file.path,
                trust=file.role.role_origin.trust if file.role.role_origin else "host",
            )
            for file in agents[:MAX_RECORDED]
        ),
        skipped=tuple(AgentSkipped(each.path, each.reason) for each in faults[:MAX_RECORDED]),
        more=max(len(agents) - MAX_RECORDED, 0) + max(len(faults) - MAX_RECORDED, 0),
    )
