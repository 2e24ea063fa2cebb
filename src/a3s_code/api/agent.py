"""
What a program embeds: one configuration, many sessions.

`AsyncAgent` is written here once; `Agent` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from a3s_code.api.assembly import Assembly, load_config
from a3s_code.api.options import SessionOptions, merged
from a3s_code.api.session import AsyncSession
from a3s_code.api.settings import fold
from a3s_code.errors import InvalidValue, SessionClosed

if TYPE_CHECKING:  # the configuration's own module is imported when one is read
    from a3s_code.config.schema import Config


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

    __slots__ = ("_assembly", "_closed", "_live")

    def __init__(self, config_source: str | os.PathLike[str] | Config) -> None:
        self._assembly = Assembly(load_config(config_source))
        self._closed = False
        self._live: weakref.WeakValueDictionary[str, AsyncSession] = weakref.WeakValueDictionary()

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

        Args:
            workspace: The directory; nothing outside it can be read or written.
            options: May be combined with keywords, which win.
            keywords: Any name of `SessionOptions`. A `session_id` that the session's own
                store knows goes on where it stopped.

        Raises:
            InvalidType, InvalidValue: an option does not exist or has a wrong value.
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
        opening = self._assembly.open(os.fspath(workspace), given.session_id, fold(given))
        return self._keep(AsyncSession(self._assembly, opening))

    async def resume_session(
        self,
        session_id: str,
        options: SessionOptions | None = None,
        **keywords: Any,  # noqa: ANN401 - names and types of SessionOptions
    ) -> AsyncSession:
        """
        Go on with a stored session. A session of this id that is still open is closed.

        Args:
            options: Carries the `session_store`; without one, the agent's own is used.

        Raises:
            SessionNotFound: the store has no session of this id.
            StoreError: it cannot be read.
        """
        self._check_open()
        settings = fold(merged(options, keywords))
        await self.close_session(session_id)
        records = await self._assembly.records(session_id, settings)
        opening = self._assembly.reopen(session_id, settings, records)
        return self._keep(AsyncSession(self._assembly, opening, records))

    async def list_sessions(self) -> list[str]:
        """Name the open sessions and those in the agent's own store, sorted."""
        stored = await self._assembly.default_store.sessions()
        return sorted({*self._live, *stored})

    async def close_session(self, session_id: str) -> bool:
        """Close an open session; False when none has this id."""
        session = self._live.pop(session_id, None)
        if session is None:
            return False
        await session.close()
        return True

    async def close(self) -> None:
        """Close every session and all connections; does nothing the second time."""
        self._closed = True
        for session_id in list(self._live):
            await self.close_session(session_id)
        await self._assembly.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosed("The agent is closed.", hint="make a new one")

    def _keep(self, session: AsyncSession) -> AsyncSession:
        known = self._live.get(session.session_id)
        if known is not None and not known.is_closed:
            raise InvalidValue(
                f"A session {session.session_id!r} is open already.",
                hint="close it, resume it, or choose another session_id",
            )
        self._live[session.session_id] = session
        return session
