"""
Code intelligence of a session that is awake: its map, and what language servers say.

Both are made when the first run or call asks for them. What they read passes the gate of the
session as a `read` of the model would: a file for which the model would have to be asked, or
which is denied, is never opened for them.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from a3s_code.api.code_options import CodeOptions
from a3s_code.api.outlet import Outlet
from a3s_code.api.reading import may_read
from a3s_code.capabilities.code_map.code_map import CodeMap
from a3s_code.capabilities.code_map.outlines import Outlines
from a3s_code.capabilities.code_map.ranking import Interest
from a3s_code.capabilities.code_map.repository_map import MAX_TOKENS, RepositoryMap
from a3s_code.capabilities.language_server.diagnostics import Changed, Diagnostics
from a3s_code.capabilities.language_server.running import RunningServers
from a3s_code.capabilities.language_server.servers import SERVERS, named
from a3s_code.errors import A3SError, CapabilityMissing
from a3s_code.kernel.confinement import Confinement
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import Log
from a3s_code.kernel.records import FileChanging, ProgramClosed, ProgramOpened
from a3s_code.kernel.state import is_within
from a3s_code.kernel.workspace import Processes, Resolved

MAX_FILE_BYTES = 1024 * 1024
"""A larger file is shown to no server."""

LOOKED_BACK = 200
"""Messages, and changes, in which files are looked for that the session has touched."""

Place = Callable[[], Awaitable[tuple[Processes, Confinement]]]


class Awake(Protocol):
    """What this uses of the session that it belongs to."""

    @property
    def log(self) -> Log: ...
    @property
    def executor(self) -> Executor: ...
    @property
    def new_id(self) -> Callable[[str], str]: ...
    def outlet(self) -> Outlet: ...


class ReadingGate:
    """Whether the model may read a file unasked."""

    __slots__ = ("_executor",)

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @property
    def version(self) -> str:
        return self._executor.gate.policy_version

    def allows(self, target: Resolved) -> bool:
        """See `reading.may_read`."""
        return may_read(self._executor, target)


class CodeIntelligence:
    """
    Args:
        session: That it belongs to.
        outlines: Shared with other sessions.
        place: Where language servers are started, and how they are held.
        working: Of the agent: this is in it while a server of it runs, also when nobody has the
            session any more, so that the agent can end it.
    """

    __slots__ = (
        *("_code_map", "_diagnostics", "_executor", "_gate", "_log", "_open"),
        *("_options", "_outlines", "_place", "_session", "_working"),
    )

    def __init__(
        self,
        options: CodeOptions,
        session: Awake,
        outlines: Outlines,
        place: Place,
        working: set[CodeIntelligence],
    ) -> None:
        self._options, self._session = options, session
        self._log, self._executor = session.log, session.executor
        self._outlines, self._place, self._working = outlines, place, working
        self._open: set[str] = set()
        self._gate = ReadingGate(session.executor)
        self._code_map: CodeMap | None = None
        self._diagnostics: Diagnostics | None = None

    # The map

    def provider(self) -> RepositoryMap | None:
        """Give the map as a source of context; None when it is off, or nothing can be searched."""
        if not self._options.map or self._executor.space.search is None:
            return None
        tokens = self._options.map_tokens or MAX_TOKENS
        return RepositoryMap(self._map(), tokens, self.touched)

    async def repository_map(self, query: str, max_tokens: int) -> str:
        """
        Give the map for a query of the host; it takes as long as it needs, up to a minute.

        Raises:
            CapabilityMissing: nothing can be searched in this workspace, or a file needs a
                grammar that is not installed and nothing else is there.
        """
        made = await self._map().text(Interest(query, self.touched()), max_tokens, seconds=60.0)
        if not made.text and made.missing:
            raise CapabilityMissing(
                f"The files of this workspace need {', '.join(made.missing)}.",
                hint="pip install 'a3s-code[code]'",
            )
        return self._log.shown(made.text)

    def _map(self) -> CodeMap:
        space = self._executor.space
        if space.search is None:
            raise CapabilityMissing("Nothing can be searched in this workspace.")
        if self._code_map is None:
            self._code_map = CodeMap(space.files, space.search, self._gate, self._outlines)
        return self._code_map

    def touched(self) -> frozenset[str]:
        """Name the files that the session has read or changed lately."""
        state, root = self._log.state, self._executor.space.root
        found = {change.what.path for change in state.changes[-LOOKED_BACK:]}
        for message in state.conversation.messages[-LOOKED_BACK:]:
            for call in message.calls:
                tool = self._executor.tools.get(call.name)
                given = call.input.get(tool.path) if tool is not None and tool.path else None
                if isinstance(given, str) and given:
                    found.add(posixpath.normpath(given.removeprefix(f"{root}/")))
        return frozenset(found)

    # Diagnostics

    def companion(self) -> Diagnostics | None:
        """Give the diagnostics as a source of context; None when they are off."""
        wanted = self._options.diagnostics
        if not wanted:
            return None
        servers = SERVERS if isinstance(wanted, bool) else named(wanted)
        running = RunningServers(
            servers,
            os.path.realpath(self._executor.space.root),
            self._place,
            self._record,
            self._session.new_id,
            every=not isinstance(wanted, bool),
        )
        self._diagnostics = Diagnostics(running, self._changes)
        return self._diagnostics

    async def close(self) -> None:
        """End the language servers; how each ended is recorded."""
        if self._diagnostics is not None:
            await self._diagnostics.close()

    async def _record(self, event: ProgramOpened | ProgramClosed) -> None:
        sink = self._session.outlet()
        sink.emit(event)
        if isinstance(event, ProgramOpened):
            self._open.add(event.id)
            self._working.add(self)
            await sink.barrier()
            return
        self._open.discard(event.id)
        if not self._open:
            self._working.discard(self)

    async def _changes(self, calls: Sequence[str]) -> list[Changed]:
        first: dict[str, FileChanging] = {}
        for change in reversed(self._log.state.changes[-LOOKED_BACK:]):
            if is_within(change.what.call_id, calls):
                first[change.what.path] = change.what
        found = [await self._changed(first[path]) for path in sorted(first)]
        return [one for one in found if one is not None]

    async def _changed(self, change: FileChanging) -> Changed | None:
        """Give both texts; None where one is no text, not kept, or not to be read."""
        before = change.before
        if before.sha256 and not before.is_kept:
            return None
        old = await self._log.get_blob(before.sha256) if before.sha256 else b""
        new = await self._now(change.path)
        if old is None or new is None:
            return None
        try:
            return Changed(change.path, old.decode(), new.decode())
        except UnicodeDecodeError:
            return None

    async def _now(self, path: str) -> bytes | None:
        files = self._executor.space.files
        try:
            target = files.resolve(path)
        except A3SError:
            return None
        try:
            if not self._gate.allows(target):
                return None
            data = await files.read(target, limit=MAX_FILE_BYTES + 1)
        except (OSError, A3SError):
            return None
        finally:
            target.close()
        return data if len(data) <= MAX_FILE_BYTES else None
