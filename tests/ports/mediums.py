"""
Where stores keep sessions, and for every check of mediums one that breaks just that promise.

`Shelf` is a medium in memory that keeps all of them: each store on it has the same logs.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from a3s_code.errors import StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Record
from a3s_code.persistence.memory import MemorySessionStore
from a3s_code.persistence.sqlite import FileSessionStore
from a3s_code.testing import Medium, MediumCheck
from a3s_code.testing import medium_conformance as suite

S = SessionId


class Directory:
    """A directory with a file store."""

    def __init__(self, base: Path) -> None:
        self.base, self.crashes = base, 0

    @property
    def place(self) -> Path:
        return self.base / f"after-{self.crashes}-crashes"

    def open(self) -> FileSessionStore:
        return FileSessionStore(self.place)

    def tear(self) -> None:
        """Take what is on the disk now, as a kill leaves it, without the end of the WAL."""
        before = self.place
        self.crashes += 1
        self.place.mkdir()
        shutil.copy(before / "sessions.db", self.place)
        wal = (before / "sessions.db-wal").read_bytes()
        (self.place / "sessions.db-wal").write_bytes(wal[: len(wal) * 2 // 3])

    def outdate(self) -> None:
        with closing(sqlite3.connect(self.place / "sessions.db")) as connection:
            connection.execute("PRAGMA user_version = 2")


class OnShelf(MemorySessionStore):
    """A store whose logs stay when it is closed."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self.shelf = shelf
        self._logs, self._blobs, self._owners = shelf.logs, shelf.blobs, shelf.owners
        self._at_work, self._heads = shelf.at_work, shelf.heads

    def append(self, session: S, record: Record, owner: str = "") -> None:
        self.shelf.check()
        super().append(session, record, owner)

    async def load(self, session: S, owner: str | None = "") -> Sequence[Record]:
        self.shelf.check()
        return await super().load(session, owner)

    async def close(self) -> None:
        for session, owner in list(self._at_work.items()):
            self.release(session, owner)


class Shelf:
    store: type[OnShelf] = OnShelf

    def __init__(self) -> None:
        self.logs: dict[S, list[Record]] = {}
        self.blobs: dict[S, dict[str, bytes]] = {}
        self.owners: dict[S, str] = {}
        self.at_work: dict[S, str] = {}
        self.heads: dict[S, tuple[int, bytes]] = {}
        self.is_later = False

    def open(self) -> OnShelf:
        return self.store(self)

    def tear(self) -> None:
        for session, log in self.logs.items():
            self.logs[session] = log[:-1]
        self.at_work.clear()

    def outdate(self) -> None:
        self.is_later = True

    def check(self) -> None:
        if self.is_later:
            raise StoreError("A later version wrote this.")


class Forgets(Shelf):
    def open(self) -> OnShelf:
        self.logs.clear()
        return super().open()


class UndoesPruning(OnShelf):
    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf)
        self.whole: dict[S, list[Record]] = {}

    def prune(self, session: S, *rest: object) -> None:
        self.whole[session] = list(self.shelf.logs[session])
        super().prune(session, *rest)

    async def close(self) -> None:
        self.shelf.logs.update(self.whole)
        await super().close()


class PrunesWhileOpenOnly(Shelf):
    store = UndoesPruning


class KeepsTornRecords(Shelf):
    def tear(self) -> None:
        super().tear()
        for log in self.logs.values():
            log[3] = log[4]


class Unlocked(OnShelf):
    async def load(self, session: S, owner: str | None = "") -> Sequence[Record]:
        self._at_work.clear()
        return await super().load(session, owner)


class LetsEverybodyIn(Shelf):
    store = Unlocked


class ReadsAnyFormat(Shelf):
    def check(self) -> None: ...


class NeverSweeps(OnShelf):
    def release(self, session: S, owner: str = "") -> None:
        self._at_work.pop(session, None)


class KeepsOrphans(Shelf):
    store = NeverSweeps


BROKEN: Mapping[MediumCheck, Callable[[], Medium]] = {
    suite.the_next_store_has_what_was_stored: Forgets,
    suite.the_next_store_has_nothing_of_what_was_pruned: PrunesWhileOpenOnly,
    suite.a_torn_tail_leaves_the_records_before_it: KeepsTornRecords,
    suite.a_store_beside_is_kept_out_and_then_takes_over: LetsEverybodyIn,
    suite.a_later_format_is_refused: ReadsAnyFormat,
    suite.a_blob_that_never_got_a_session_does_not_stay: KeepsOrphans,
}
