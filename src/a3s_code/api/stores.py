"""The stores of an agent: where each of its sessions is kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from a3s_code.api.closing import close_all
from a3s_code.api.settings import Opening, Settings
from a3s_code.errors import A3SError, InvalidValue, SessionClosed, SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Dropped, Record, SessionOpened
from a3s_code.kernel.store import Store

if TYPE_CHECKING:
    from a3s_code.config.schema import Config


class Stores:
    """
    One store for each directory, and one in memory. Nothing is opened before it is used.

    A session has a store of its own when it was given one, or a directory, or when the
    configuration says `storage_backend = "file"` and `sessions_dir`; what it does is then
    durable at once. All others are kept in memory, from `save()` on.

    Source:
        SPEC 1.4, `storage_backend`; DESIGN 6, "no session store".
    """

    __slots__ = ("_closed", "_config", "_directories", "_memory")

    def __init__(self, config: Config) -> None:
        self._config = config
        self._directories: dict[str, Store] = {}
        self._memory: Store | None = None
        self._closed = False

    @property
    def default(self) -> Store:
        """
        Where sessions are saved that have no store of their own.

        Raises:
            SessionClosed: the agent was closed.
        """
        configured = self._configured
        return self._in_memory() if configured is None else self._in_directory(configured)

    def own(self, settings: Settings) -> Store | None:
        """
        Give the store that the session has from the start; None when it has none.

        Raises:
            SessionClosed: the agent was closed.
        """
        storage = settings.storage
        if storage.store is not None:
            return storage.store
        directory = self._configured if storage.directory is None else storage.directory
        return None if directory is None else self._in_directory(directory)

    def of(self, opening: Opening, *, goes_on: bool) -> Store | None:
        """Give the store that a session which wakes writes to; None for none yet."""
        store = self.own(opening.settings)
        if store is None and (goes_on or opening.settings.storage.auto_save):
            return self.default
        return store

    def idle_keys(self, settings: Settings) -> tuple[str, ...]:
        """Name the keys of the configuration that ask for a store and give the session none."""
        storage, config = settings.storage, self._config
        if storage.store is not None or storage.directory is not None:
            return ()
        nowhere = config.storage_backend == "file" and not config.sessions_dir
        asked = "storage_backend" in config.declared
        idle = config.storage_backend == "custom" or (nowhere and asked)
        return ("storage_backend",) if idle else ()

    @property
    def _configured(self) -> str | None:
        config = self._config
        return (config.sessions_dir or None) if config.storage_backend == "file" else None

    def _in_directory(self, directory: str | os.PathLike[str]) -> Store:
        self._check_open()
        place = os.path.abspath(directory)  # noqa: PTH100 - a name, not a look-up
        if place not in self._directories:
            self._directories[place] = file_store(place)
        return self._directories[place]

    def _in_memory(self) -> Store:
        from a3s_code.persistence.memory import MemorySessionStore

        self._check_open()
        self._memory = self._memory or MemorySessionStore()
        return self._memory

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosed("The agent is closed.", hint="make a new one")

    # Reading

    async def records(
        self, session_id: str, settings: Settings, owner: str | None
    ) -> Sequence[Record]:
        """
        Read a session from its own store, or from the agent's.

        Args:
            owner: Who will write it; None to read only.

        Raises:
            SessionNotFound: there is none of this id.
            SessionInUse: another owner is at work.
            StoreError: it cannot be read.
        """
        return await _load(self.own(settings) or self.default, session_id, owner)

    async def knows(self, opening: Opening) -> bool:
        """
        Say whether the session's own store has one of its id.

        Raises:
            StoreError: it cannot be read.
        """
        store = self.own(opening.settings)
        try:
            return store is not None and bool(await _load(store, opening.session_id, None))
        except SessionNotFound:
            return False

    async def stored(self, opening: Opening, owner: str) -> Sequence[Record] | None:
        """
        Read what the session's own store knows of it; None for a session that is new.

        Raises:
            SessionInUse: another owner than `owner` is at work.
            StoreError: it cannot be read.
            InvalidValue: it worked in another directory.
        """
        store = None if opening.is_new else self.own(opening.settings)
        if store is None:
            return None
        try:
            records = await _load(store, opening.session_id, owner)
        except SessionNotFound:
            return None
        if first_of(records).workspace != opening.workspace:
            raise InvalidValue(
                f"Session {opening.session_id!r} is stored for {first_of(records).workspace}.",
                hint="use resume_session, or another session_id",
            )
        return records

    async def close(self) -> None:
        """Close every store that was opened here, also when some fail; raises the first error."""
        self._closed = True
        opened = [*self._directories.values(), *([self._memory] if self._memory else [])]
        self._directories.clear()
        self._memory = None
        await close_all([store.close for store in opened])


async def _load(store: Store, session_id: str, owner: str | None) -> Sequence[Record]:
    try:
        records = await store.load(SessionId(session_id), owner)
        _check_name(records, session_id)
    except A3SError:
        raise
    except Exception as error:  # border: a store is foreign code
        raise StoreError(
            f"The store could not load session {session_id!r}: {type(error).__name__}: {error}."
        ) from error
    return records


def _check_name(records: Sequence[Record], session_id: str) -> None:
    if first_of(records).session_id != session_id:
        raise StoreError(
            f"What is stored under {session_id!r} is another session's log.",
            hint="restore the store from a copy",
        )


def first_of(records: Sequence[Record]) -> SessionOpened:
    """
    Give what every log begins with.

    Raises:
        StoreError: this one does not.
    """
    opened = records[0].event if records else None
    if not isinstance(opened, SessionOpened):
        raise StoreError("The log of the session has no beginning.", hint="restore the store")
    return opened


def place_of(store: Store | None) -> Path | None:
    """Give the directory that a store has on the local disk; None for any other."""
    try:
        said: object = getattr(store, "directory", None)
    except Exception:  # noqa: BLE001 - a store is foreign code, and this is no promise of it
        return None
    return said if isinstance(said, Path) and said.is_absolute() else None


def own_files(place: Path) -> list[Path]:
    """Name a store's directory and what a store keeps in it: no snapshot is to take them."""
    from a3s_code.persistence.store_directory import OWN

    return [place, *(place / name for name in OWN)]


def file_store(directory: str | Path) -> Store:
    """Give the store that keeps sessions in `directory`; nothing is opened yet."""
    from a3s_code.persistence.sqlite import FileSessionStore

    return FileSessionStore(directory)


# Records as bytes


async def bodies_of(store: Store, session: SessionId) -> Sequence[tuple[bytes, bytes]]:
    """
    Give the body and the hash of every record, oldest first; a body that was pruned is empty.

    A store with `bodies` gives what it keeps, byte for byte. What another one gives is
    encoded again, and must have the head that it says it has.

    Raises:
        SessionNotFound: there is none of this id.
        StoreError: the log is damaged, or cannot be given as it was written.
    """
    own = getattr(store, "bodies", None)
    try:
        return await own(session) if own is not None else await _encoded_again(store, session)
    except A3SError:
        raise
    except Exception as error:  # border: a store is foreign code
        raise StoreError(
            f"The store could not give session {session!r}: {type(error).__name__}: {error}."
        ) from error


async def _encoded_again(store: Store, session: SessionId) -> Sequence[tuple[bytes, bytes]]:
    from a3s_code.persistence.codec import GENESIS, encode, link

    records = await store.load(session, None)
    if any(type(record.event) is Dropped for record in records):
        raise StoreError(
            f"Session {session!r} was pruned, and its store does not give the hashes.",
            hint="keep sessions that are exported in a FileSessionStore",
        )
    head, rows = GENESIS, list[tuple[bytes, bytes]]()
    for body in map(encode, records):
        head = link(head, body)
        rows.append((body, head))
    ask = getattr(store, "head", None)
    if ask is not None and await ask(session) != (len(rows), head.hex()):
        raise StoreError(
            f"Session {session!r} is not what its store says it wrote.",
            hint="export it when nobody writes it; or restore the store from a copy",
        )
    return rows


def linked(previous: bytes | None, body: bytes) -> bytes:
    """Give the hash of a record from the one before it (None before the first) and its body."""
    from a3s_code.persistence.codec import GENESIS, link

    return link(GENESIS if previous is None else previous, body)


def decoded(body: bytes) -> Record:
    """
    Read the body of a record.

    Raises:
        StoreError: it is none, or one that this version does not know.
    """
    from a3s_code.persistence.codec import decode

    return decode(body)
