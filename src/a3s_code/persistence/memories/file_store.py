"""
Memories in a directory, as one SQLite file.

    <dir>/memories.db     every item; tables.py has the format
    <dir>/index.json, <dir>/items/    of A3S Code 3: read when the file is made, never written

What is stored goes to a thread that makes the writes of all sessions durable together. What is
asked is answered on another thread, from an index that is read at the first question; each
later one first reads what this or another process has written since. Neither sqlite3 nor
asyncio is imported, and nothing on the disk is touched, before the store is first used.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from a3s_code.checks import checked_path
from a3s_code.errors import InvalidValue, StoreError
from a3s_code.kernel.memory import DEFAULT_RELEVANCE, MemoryItem, Pruning, Relevance
from a3s_code.persistence.memories.header import DATABASE, WHAT, check_directory

if TYPE_CHECKING:
    from sqlite3 import Connection

    from a3s_code.persistence.group_commit import GroupCommit
    from a3s_code.persistence.memories.file import Writer
    from a3s_code.persistence.memories.shelf import Shelf
    from a3s_code.persistence.memories.tables import Write

T = TypeVar("T")

DURABILITIES = ("full", "normal")


class FileMemoryStore:
    """
    Keeps memories on disk, for the option `memory_store`.

    An item is durable at the next commit, 50 ms after `store` at the latest when the disk keeps
    up; `flush` waits for it. What was stored with one object is seen by every question to it at
    once, and by other stores of the directory, in this process or another, after that commit.
    Any failure of the file (no space, no permission, damage) is final for this object: nothing
    more is taken, and every call says why.

    Args:
        dir: Made at the first write, for its owner alone; on a local disk. One that holds
            `index.json` and `items/` of A3S Code 3 is read once, and these files stay as they
            are; `notes` then says how many items came and which files could not be read.
        synchronous: `full`: what `flush` acknowledged survives a power cut. `normal`: a crash
            of the process.

    Attributes:
        dir: As it was given.

    Raises:
        InvalidType: `dir` is no path.
        InvalidValue: `dir` is empty, or `synchronous` is something else.

    Source:
        Document 002, "Memory"; SPEC 11.1.
    """

    __slots__ = (
        "__weakref__",
        "_commits",
        "_durability",
        "_first_use",
        "_is_open",
        "_path",
        "_reading",
        "_shelf",
        "dir",
        "notes",
    )

    def __init__(
        self,
        dir: str | os.PathLike[str],  # noqa: A002 - the documents' name
        synchronous: str = "full",
    ) -> None:
        if synchronous not in DURABILITIES:
            raise InvalidValue(
                f"synchronous is {synchronous!r}.", hint="give 'full' or 'normal', in lower case"
            )
        checked = checked_path("dir of a FileMemoryStore", dir)
        self.dir, self._durability = dir, synchronous
        self._path = Path(checked).absolute() / DATABASE  # also after a chdir
        self._first_use, self._reading = threading.Lock(), threading.Lock()
        self._commits: GroupCommit[Writer, Write] | None = None
        self._is_open = False
        self._shelf: Shelf | None = None
        self.notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"FileMemoryStore({os.fspath(self.dir)!r})"

    @property
    def durability(self) -> str:
        return self._durability

    @property
    def directory(self) -> Path:
        """Where it is, absolute: as `dir` was when the store was made."""
        return self._path.parent

    @property
    def failure(self) -> StoreError | None:
        """Why nothing is taken any more; None as long as all is well."""
        return self._commits.failure if self._commits is not None else None

    def check(self) -> None:
        """
        Look whether memories can be kept here, as far as is known or quickly told.

        Raises:
            StoreError: they cannot; says why.
        """
        self._raise_failure()
        check_directory(self.directory)

    # Writing

    async def store(self, item: MemoryItem) -> None:
        """
        Queue an item and return at once; only the first one waits until the file is open.

        Raises:
            StoreError: the store was closed, or its file cannot be opened, or has failed.
        """
        from a3s_code.persistence.memories.tables import Keep

        if not self._is_open:
            await self._open()
        self._add(Keep(item))

    async def record_access(self, item_ids: Sequence[str], at_ns: int) -> None:
        """
        Queue that items were recalled. No question waits for it.

        Raises:
            StoreError: as `store`.
        """
        from a3s_code.persistence.memories.tables import Access

        if item_ids:
            self._add(Access(tuple(item_ids), at_ns), about="accesses")

    async def delete(self, item_id: str) -> bool:
        """
        Forget an item and return when that is durable.

        Raises:
            StoreError: it is not, and never will be.
        """
        return await self._drop((item_id,)) > 0

    async def clear(self) -> int:
        """
        Forget all and return when that is durable.

        Raises:
            StoreError: it is not, and never will be.
        """
        return await self._drop(None)

    async def prune(self, pruning: Pruning, relevance: Relevance = DEFAULT_RELEVANCE) -> int:
        """
        Forget what `pruning` says, durably.

        Raises:
            StoreError: the file cannot be read or written.
        """
        now_ns = time.time_ns()
        ids = await self._ask(
            lambda connection, shelf: shelf.prunable(connection, pruning, relevance, now_ns)
        )
        return await self._drop(tuple(ids)) if ids else 0

    async def _drop(self, ids: tuple[str, ...] | None) -> int:
        from a3s_code.persistence.memories.tables import Drop

        if not await self._is_there():
            return 0
        dropped = Drop(ids)
        self._add(dropped)
        await self.flush()
        return dropped.count

    async def flush(self) -> None:
        """
        Return when all that was queued before is durable.

        Raises:
            StoreError: it is not, and never will be.
        """
        if self._commits is not None:
            for about in ("items", "accesses"):
                await self._commits.durable(_writer(about))

    async def close(self) -> None:
        """
        Write what is queued, and let go of the file.

        Raises:
            StoreError: it could not be written.
        """
        self._shelf = None
        try:
            await self._writing.close()
        except StoreError:
            if self._is_open:  # else nothing was taken that could be lost
                raise

    # Questions

    async def retrieve(self, item_id: str) -> MemoryItem | None:
        """
        Give one item; None for an unknown id.

        Raises:
            StoreError: the file cannot be read.
        """
        from a3s_code.persistence.memories.tables import read_item

        return await self._read(lambda connection: read_item(connection, item_id))

    async def search(
        self, query: str, limit: int, relevance: Relevance = DEFAULT_RELEVANCE
    ) -> Sequence[MemoryItem]:
        """
        Give what fits `query`, best first; see `MemoryStore`.

        Raises:
            StoreError: the file cannot be read.
        """
        return await self._ask(
            lambda connection, shelf: shelf.search(connection, query, limit, relevance)
        )

    async def search_by_tags(
        self, tags: Sequence[str], limit: int, relevance: Relevance = DEFAULT_RELEVANCE
    ) -> Sequence[MemoryItem]:
        """
        Give what has one of `tags`, by rank.

        Raises:
            StoreError: the file cannot be read.
        """
        asked = tuple(tags)
        return await self._ask(
            lambda connection, shelf: shelf.by_tags(connection, asked, limit, relevance)
        )

    async def get_recent(self, limit: int) -> Sequence[MemoryItem]:
        """
        Give the newest, newest first.

        Raises:
            StoreError: the file cannot be read.
        """
        return await self._ask(lambda connection, shelf: shelf.recent(connection, limit))

    async def get_important(self, threshold: float, limit: int) -> Sequence[MemoryItem]:
        """
        Give what is at least as important, the most important first.

        Raises:
            StoreError: the file cannot be read.
        """
        return await self._ask(
            lambda connection, shelf: shelf.important(connection, threshold, limit)
        )

    async def count(self) -> int:
        """
        Count the items.

        Raises:
            StoreError: the file cannot be read.
        """
        from a3s_code.persistence.memories.tables import count_items

        return await self._read(count_items) or 0

    async def rebuild_index(self) -> int:
        """
        Read all items anew, for an index that is made afresh; says how many there are.

        Raises:
            StoreError: the file cannot be read.

        Source:
            SPEC 11.1.
        """
        self._shelf = None
        return await self._ask(lambda _connection, shelf: shelf.count) or 0

    async def _ask(self, question: Callable[[Connection, Shelf], Any]) -> Any:  # noqa: ANN401 - whatever the question gives
        """Ask the index, one question at a time; nothing where nothing was ever stored."""
        from a3s_code.persistence.memories.shelf import Shelf

        def ask(connection: Connection) -> Any:  # noqa: ANN401 - as above
            with self._reading:
                shelf = self._shelf = self._shelf or Shelf()
                shelf.catch_up(connection)
                return question(connection, shelf)

        found = await self._read(ask)
        return () if found is None else found

    async def _read(self, question: Callable[[Connection], T]) -> T | None:
        """Ask on a thread, when all that was stored before is in the file."""
        from asyncio import to_thread

        from a3s_code.persistence.memories.file import read

        return await to_thread(read, self._path, question) if await self._is_there() else None

    async def _is_there(self) -> bool:
        """Wait for what was queued, and see that there is a file, also of an earlier layout."""
        from asyncio import to_thread

        from a3s_code.persistence.memories.file import look

        if self._commits is not None:
            await self._commits.durable(_writer("items"))
        if self._is_open:
            return True
        seen = await to_thread(look, self._path)
        if seen.is_earlier:
            await self._open()
        elif seen.note:
            self.notes = (seen.note,)
        return seen.is_there

    async def _open(self) -> None:
        """Have the file opened by its writer, which also reads what an earlier layout holds."""
        from a3s_code.persistence.memories.tables import Open

        self._add(Open(), at_once=True)
        await self._writing.durable(_writer("items"))
        self._is_open = True

    # The writer

    def _add(self, write: Write, about: str = "items", *, at_once: bool = False) -> None:
        self._raise_failure()
        self._writing.add(_writer(about), write, at_once=at_once)

    def _raise_failure(self) -> None:
        failure = self.failure
        if failure is not None:
            raise StoreError(failure.message, hint=failure.hint) from failure

    @property
    def _writing(self) -> GroupCommit[Writer, Write]:
        if self._commits is None:
            with self._first_use:
                self._commits = self._commits or self._start()
        return self._commits

    def _start(self) -> GroupCommit[Writer, Write]:
        from a3s_code.persistence.group_commit import GroupCommit
        from a3s_code.persistence.memories.file import MemoryWriter

        def open_file() -> MemoryWriter:
            writer = MemoryWriter(self._path, self._durability.upper())
            if writer.note:
                self.notes = (writer.note,)
            return writer

        commits = GroupCommit(open_file, f"a3s-code memory {self.dir}", WHAT)
        weakref.finalize(self, commits.end)
        return commits


@cache
def _writer(about: str) -> Writer:
    from a3s_code.kernel.events import SessionId
    from a3s_code.persistence.memories.file import Writer

    return Writer(SessionId(about))
