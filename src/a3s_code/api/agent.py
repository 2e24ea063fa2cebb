"""
What a program embeds: one configuration, many sessions.

`AsyncAgent` is written here once; `Agent` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakValueDictionary

from a3s_code.api.assembly import Assembly, load_config, new_id
from a3s_code.api.closing import close_all
from a3s_code.api.live import Live
from a3s_code.api.options import SessionOptions, merged
from a3s_code.api.session import AsyncSession
from a3s_code.api.settings import Opening, Settings, fold
from a3s_code.checks import check_text, checked_path
from a3s_code.delegation.agents import WorkerAgentSpec
from a3s_code.errors import InvalidType, InvalidValue, SessionClosed, StoreError
from a3s_code.kernel.store import only_sessions

if TYPE_CHECKING:  # the configuration's own module is imported when one is read
    from asyncio import Lock

    from a3s_code.config.schema import Config
    from a3s_code.kernel.records import Record


class AsyncAgent:
    """
    One configuration and what its sessions share: connections, stores, prompts.

    Args:
        config_source: Path of an `.acl` or `.hcl` file, the text itself, or a typed
            configuration.

    Raises:
        ConfigError: it cannot be read; says file, line and column.

    Source:
        A3S Code README, "Agent"; the Python SDK README, "Quick Start".
    """

    __slots__ = ("_assembly", "_closed", "_live", "_turns")

    def __init__(self, config_source: str | os.PathLike[str] | Config) -> None:
        self._assembly = Assembly(load_config(config_source))
        self._closed = False
        self._live: Live[AsyncSession] = Live()
        self._turns: WeakValueDictionary[str | None, Lock] = WeakValueDictionary()

    @staticmethod
    def create(config_source: str | os.PathLike[str]) -> AsyncAgent:
        """
        Make an agent from a file or from configuration text.

        Raises:
            ConfigError: it cannot be read; says file, line and column.
        """
        return AsyncAgent(config_source)

    @staticmethod
    def from_config(config: Config) -> AsyncAgent:
        """Make an agent from a configuration that is already typed."""
        return AsyncAgent(config)

    @property
    def is_closed(self) -> bool:
        return self._closed

    def session(
        self,
        workspace: str | os.PathLike[str],
        options: SessionOptions | None = None,
        model: str | None = None,
        builtin_skills: bool | None = None,
        skill_dirs: Sequence[str | Path] | None = None,
        agent_dirs: Sequence[str | Path] | None = None,
        **keywords: Any,  # noqa: ANN401 - names and types of SessionOptions
    ) -> AsyncSession:
        """
        Begin a conversation in a directory.

        With `sandbox` this runs one program to see that it works, which takes some 20 ms the
        first time in a process and 10 s at most; for an image by name, a container, which
        takes 20 s at most with each engine. Call it in a thread where a loop must not wait.

        Args:
            workspace: The directory; nothing outside it can be read or written.
            options: May be combined with keywords, which win.
            keywords: Any name of `SessionOptions`. A `session_id` that the session's own
                store knows goes on where it stopped, with the options that
                `resume_session` would keep.

        Raises:
            InvalidType, InvalidValue: an option does not exist or has a wrong value, or there is
                no such directory.
            UnknownModel, ConfigError: no model of the configuration can answer.
            CapabilityMissing: an option that keeps somebody safe has no effect here.
            SessionClosed: the agent was closed.
        """
        self._check_open()
        named = {
            "model": model,
            "builtin_skills": builtin_skills,
            "skill_dirs": skill_dirs,
            "agent_dirs": agent_dirs,
        }
        given = merged(options, {**named, **keywords})
        return self._opened(workspace, given, fold(given))

    def session_for_agent(
        self,
        workspace: str | os.PathLike[str],
        agent_name: str,
        agent_dirs: Sequence[str | Path] | None = None,
        options: SessionOptions | None = None,
        **keywords: Any,  # noqa: ANN401 - names and types of SessionOptions
    ) -> AsyncSession:
        """
        Begin a conversation whose role, rights and tool rounds are those of an agent.

        It may do what both the agent and the options allow. Its model is the agent's, unless the
        options name one; of both limits of tool rounds the lower one counts. What is asked goes to
        who answers for the session. It is kept with the session: a resume has the same agent.

        This reads the directories of agents that are named. Call it in a thread where a loop must
        not wait.

        Args:
            agent_name: A built-in agent (explore, general, plan, verification, review) or one of
                `agent_dirs`, of `options`, or of the configuration. One that only
                `.a3s/agents` of the workspace has is found when that directory is named.
            agent_dirs: Takes the place of those in `options`.

        Raises:
            InvalidValue: there is no such agent, or a `role` was given as well.
            InvalidType, InvalidValue, UnknownModel, ConfigError, CapabilityMissing,
                SessionClosed: as `session`.

        Source:
            Python SDK 3.1, "Full API"; SPEC 1.10, 9.2.
        """
        self._check_open()
        check_text("agent_name", agent_name)
        third: object = agent_dirs
        if isinstance(third, SessionOptions):
            raise InvalidType("agent_dirs is a SessionOptions.", hint="give them as options=...")
        given = merged(options, {"agent_dirs": agent_dirs, **keywords})
        settings = self._assembly.as_agent(fold(given), agent_name)
        return self._opened(workspace, given, settings)

    def session_for_worker(
        self,
        workspace: str | os.PathLike[str],
        worker: WorkerAgentSpec,
        options: SessionOptions | None = None,
        **keywords: Any,  # noqa: ANN401 - names and types of SessionOptions
    ) -> AsyncSession:
        """
        Begin a conversation whose role, rights and tool rounds are those of a worker.

        As `session_for_agent`. The worker's `confirmation_inheritance` is about its runs as a
        child; here questions go to who answers for the session, and `deny_on_ask` refuses them.

        Raises:
            InvalidType, InvalidValue: something of the worker is not accepted; says what.
            InvalidType, InvalidValue, UnknownModel, ConfigError, CapabilityMissing,
                SessionClosed: as `session`.

        Source:
            Python SDK 3.1, "Live registration and top-level worker sessions"; SPEC 9.3.
        """
        self._check_open()
        given = merged(options, keywords)
        settings = self._assembly.as_worker(fold(given), worker)
        return self._opened(workspace, given, settings)

    def _opened(
        self, workspace: str | os.PathLike[str], given: SessionOptions, settings: Settings
    ) -> AsyncSession:
        opening = self._assembly.open(
            checked_path("workspace", workspace), given.session_id, settings
        )
        return self._live.take(opening.session_id, partial(self._begun, opening))

    async def resume_session(
        self,
        session_id: str,
        options: SessionOptions | None = None,
        **keywords: Any,  # noqa: ANN401 - names and types of SessionOptions
    ) -> AsyncSession:
        """
        Go on with a stored session, in its directory and with its model.

        A session of this id that is still open is closed when the store has it, and goes
        on otherwise. Resuming one id several times at once gives each caller a session,
        one after the other; the last one stays open.

        Limits, sampling, labels, the texts of the prompt and the permission rules are as
        they were, except for what is given again; so without a policy the session is as
        strict as before, and `permissive=False` takes a `permissive=True` back. Objects
        (tools, `llm_client`, `confirmation_manager`) and `command_env`, whose values are secrets,
        are not stored and must be given again.

        Args:
            options: Carries the `session_store`; without one, the agent's own is used.

        Raises:
            SessionNotFound: the store has no session of this id.
            SessionInUse: another process, or another agent, runs something in it now.
            StoreError: it cannot be read.
            InvalidType, InvalidValue, CapabilityMissing: as `session`, or
                `workspace_backend` is another directory than the session's.
            UnknownModel, ConfigError: the session's model cannot answer any more.
            SessionClosed: the agent was closed, also while this waited.
        """
        self._check_open()
        check_text("session_id", session_id)
        settings = fold(merged(options, keywords))
        async with self._turn(session_id):
            known = self._live.get(session_id)
            if known is not None and not known.is_closed:
                await self._stored(session_id, settings, None)  # it stays open when this fails
            await self.close_session(session_id)
            owner = new_id("")
            opening, records = await self._stored(session_id, settings, owner)
            await self._assembly.try_levels(opening, records)
            self._check_open()
            made = partial(AsyncSession, self._assembly, self._live, opening, records, owner)
            session = self._live.take(session_id, made)
            await session.save()
            return session

    async def list_sessions(self) -> list[str]:
        """Name the open sessions and those in the agent's own store, sorted."""
        stored = await self._assembly.default_store.sessions()
        live = [session.session_id for session in self._live.all() if not session.is_closed]
        return sorted({*live, *only_sessions(stored)})

    async def close_session(self, session_id: str) -> bool:
        """
        Close an open session; False when none has this id.

        Returns when it is closed, also when somebody else has begun to close it.

        Raises:
            UsageError, StoreError: as `AsyncSession.close`.
        """
        session = self._live.get(session_id)
        if session is None:
            return False
        was_open = not session.is_closed
        await session.close()
        return was_open

    async def close(self) -> None:
        """
        Close every session and all connections; does nothing the second time.

        All of them are closed, also when some fail; the first failure is raised then. A
        second caller waits for the first one.

        Raises:
            UsageError: something in a session did not stop in time; says what.
            StoreError: what a session recorded last could not be made durable.
        """
        self._closed = True
        async with self._turn(None):
            sessions = self._live.all()
            await close_all([session.close for session in sessions], [self._assembly.close])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosed("The agent is closed.", hint="make a new one")

    @asynccontextmanager
    async def _turn(self, session_id: str | None) -> AsyncGenerator[None]:
        """Let one caller at a time resume a session, or with None close the agent."""
        from asyncio import Lock  # a session is made without asyncio; DESIGN 7

        turn = self._turns.setdefault(session_id, Lock())
        async with turn:
            yield

    def _begun(self, opening: Opening) -> AsyncSession:
        self._refuse_resuming(opening.session_id)
        return AsyncSession(self._assembly, self._live, opening)

    def _refuse_resuming(self, session_id: str) -> None:
        turn = self._turns.get(session_id)
        if turn is not None and turn.locked():
            raise InvalidValue(
                f"Session {session_id!r} is being resumed.",
                hint="use the session that resume_session gives, or another session_id",
            )

    async def _stored(
        self, session_id: str, settings: Settings, owner: str | None
    ) -> tuple[Opening, Sequence[Record]]:
        """Read a session and check that it can go on; the agent may be closed meanwhile."""
        try:
            records = await self._assembly.records(session_id, settings, owner)
        except StoreError:
            self._check_open()
            raise
        self._check_open()
        return self._assembly.reopen(session_id, settings, records), records
