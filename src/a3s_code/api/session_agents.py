"""
Whom a session can delegate to: what a program adds to it while it is open.

`SessionAgents` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from a3s_code.api.agent_sources import AgentSources
from a3s_code.api.settings import Opening
from a3s_code.checks import absolute, check_needed_list, checked_path
from a3s_code.delegation.agents import AgentDefinition, WorkerAgentSpec
from a3s_code.errors import InvalidValue

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.assembly import Assembly
    from a3s_code.api.engine import Engine


class SessionAgents(ABC):
    """Gives `AsyncSession` the registration of agents."""

    __slots__ = ()

    _assembly: Assembly
    _engine: Engine | None
    _opening: Opening

    @abstractmethod
    def _check_open(self) -> None:
        """
        Raises:
            SessionClosed: the session was closed.
        """

    async def register_agent_dir(self, path: str | os.PathLike[str]) -> int:
        """
        Make the agents of a directory available to `task`, from the next turn on.

        They are `*.md`, `*.yaml` and `*.yml` files at any depth. Files that are no agents are
        left out, and `init_warning` says why. A session that was used already forgets them when
        it is resumed: register them again.

        Args:
            path: A directory, or one file; a relative one is meant from the process.

        Returns:
            How many agents there are in it.

        Raises:
            InvalidType, InvalidValue: it is no path, or nothing is there.
            SessionClosed: the session was closed.

        Source:
            SPEC 9.2.
        """
        from asyncio import to_thread

        self._check_open()
        (where,) = absolute([checked_path("path", path)])
        if not await to_thread(Path(where).exists):
            raise InvalidValue(f"There is nothing at {where}.", hint="name a directory of agents")
        loaded = await to_thread(self._assembly.agents.directory, where)
        self._check_open()
        if self._engine is not None:
            self._engine.staff.join(loaded)
        else:
            self._add(self._opening.settings.agents.with_dir(where))
        return len(loaded.agents)

    def register_worker_agent(self, worker: WorkerAgentSpec) -> AgentDefinition:
        """
        Make a disposable agent available to `task` under its name, from the next turn on.

        One of the same name is replaced, also a built-in one. A session that was used already
        forgets it when it is resumed: register it again.

        Raises:
            InvalidType, InvalidValue: something of the worker is not accepted; says what.
            UnknownModel: its model cannot answer here.
            SessionClosed: the session was closed.

        Source:
            A3S Code Python SDK, "Live registration"; SPEC 9.3.
        """
        return self.register_worker_agents([worker])[0]

    def register_worker_agents(self, workers: Sequence[WorkerAgentSpec]) -> list[AgentDefinition]:
        """
        Do as `register_worker_agent` for several; none is there when one is not accepted.

        Raises:
            InvalidType, InvalidValue, UnknownModel, SessionClosed: as `register_worker_agent`.
        """
        from a3s_code.delegation.worker_roles import role_of

        self._check_open()
        check_needed_list("workers", workers)
        roles = [role_of(worker) for worker in workers]
        for role in roles:
            self._assembly.agents.check_role(role, self._opening.settings)
        for role in roles:
            if self._engine is not None:
                self._engine.staff.hire(role)
            else:
                self._add(self._opening.settings.agents.with_worker(role))
        return [worker.validate() for worker in workers]

    def _add(self, agents: AgentSources) -> None:
        """Have the session wake with these."""
        settings = replace(self._opening.settings, agents=agents)
        self._opening = replace(self._opening, settings=settings)

    def _skipped_agents(self) -> str:
        """Name what is not there as an agent; known from the first use of the session on."""
        return self._engine.staff.warning() if self._engine is not None else ""
