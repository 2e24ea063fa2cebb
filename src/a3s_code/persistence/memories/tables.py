"""
Memories as tables, and the statements that write and read them.

    items(number, id, change, ...)   `number` never changes for an id and is never used again
    gone(change, number)             items that were forgotten
    state(name, value)               `change`: that of the last write
                                     `epoch`: another one says that what was read is not valid
                                     `imported`: what was read of an earlier layout, as JSON
    words                            FTS5 over content and tags, kept by triggers: the durable
                                     copy of what the index in memory holds, for anybody to ask

Every write of an item has the next `change`, so whoever has read up to one reads only what is
later: of this process, or of another.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any, NamedTuple, TypeAlias

import msgspec

from a3s_code.errors import StoreError
from a3s_code.kernel.memory import MemoryItem, Provenance
from a3s_code.persistence.memories.header import APPLICATION, FORMAT

SCHEMA = (
    """CREATE TABLE items (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        change INTEGER NOT NULL,
        content TEXT NOT NULL,
        timestamp_ns INTEGER NOT NULL,
        importance REAL NOT NULL,
        tags TEXT NOT NULL,
        memory_type TEXT NOT NULL,
        metadata TEXT NOT NULL,
        access_count INTEGER NOT NULL,
        last_accessed_ns INTEGER,
        provenance TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX items_by_change ON items (change)",
    "CREATE TABLE gone (change INTEGER PRIMARY KEY, number INTEGER NOT NULL) STRICT",
    "CREATE TABLE state (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO state VALUES ('change', 0), ('epoch', 0)",
    """CREATE VIRTUAL TABLE words USING fts5 (
        content, tags, content = 'items', content_rowid = 'number', columnsize = 0
    )""",
    """CREATE TRIGGER item_kept AFTER INSERT ON items BEGIN
        INSERT INTO words (rowid, content, tags) VALUES (new.number, new.content, new.tags);
    END""",
    """CREATE TRIGGER item_gone AFTER DELETE ON items BEGIN
        INSERT INTO words (words, rowid, content, tags)
            VALUES ('delete', old.number, old.content, old.tags);
    END""",
    """CREATE TRIGGER item_changed AFTER UPDATE OF content, tags ON items BEGIN
        INSERT INTO words (words, rowid, content, tags)
            VALUES ('delete', old.number, old.content, old.tags);
        INSERT INTO words (rowid, content, tags) VALUES (new.number, new.content, new.tags);
    END""",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)

MAX_GONE = 10_000
"""More of them are forgotten again, and who has not read them reads all anew."""

_FIELDS = (
    "id, content, timestamp_ns, importance, tags, memory_type, metadata, access_count, "
    "last_accessed_ns, provenance"
)
_AT_ONCE = (64, 8, 1)
"""Items that go into one statement, which lets other threads work until all of them are in."""
_MARKS = f"({', '.join('?' * 11)})"
_KEEP = {
    count: f"""INSERT INTO items (change, {_FIELDS}) VALUES {", ".join([_MARKS] * count)}
    ON CONFLICT (id) DO UPDATE SET change = excluded.change, content = excluded.content,
        timestamp_ns = excluded.timestamp_ns, importance = excluded.importance,
        tags = excluded.tags, memory_type = excluded.memory_type,
        metadata = excluded.metadata, access_count = excluded.access_count,
        last_accessed_ns = excluded.last_accessed_ns, provenance = excluded.provenance"""  # noqa: S608 - the fields above
    for count in _AT_ONCE
}
_ACCESS = """UPDATE items SET access_count = access_count + 1,
    last_accessed_ns = max(coalesce(last_accessed_ns, ?1), ?1) WHERE id = ?2"""

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode


@dataclass(frozen=True, slots=True)
class Keep:
    item: MemoryItem


@dataclass(frozen=True, slots=True)
class Access:
    ids: tuple[str, ...]
    at_ns: int


@dataclass(slots=True)
class Drop:
    """Forget items by their ids; None for all. `count` is how many there were, once it is done."""

    ids: tuple[str, ...] | None
    count: int = field(default=0, init=False)


@dataclass(frozen=True, slots=True)
class Open:
    """Only see that the file is there, and has what an earlier layout holds."""


Write: TypeAlias = Keep | Access | Drop | Open


class Mark(NamedTuple):
    """How far somebody has read."""

    epoch: int
    change: int


def write_all(connection: sqlite3.Connection, writes: Iterable[Write]) -> None:
    """Write in order; the caller has begun a transaction."""
    before = change = read_mark(connection).change
    for are_kept, neighbours in groupby(writes, lambda write: isinstance(write, Keep)):
        if are_kept:
            items = (write.item for write in neighbours if isinstance(write, Keep))
            change = _keep(connection, items, change)
        else:
            for write in neighbours:
                change = _change(connection, write, change)
    if change != before:
        connection.execute("UPDATE state SET value = ? WHERE name = 'change'", (change,))


def _keep(connection: sqlite3.Connection, items: Iterator[MemoryItem], change: int) -> int:
    """Write items, as many at once as there are; give the change of the last one."""
    while rows := list(islice(items, _AT_ONCE[0])):
        for count in _AT_ONCE:
            while len(rows) >= count:
                numbers = range(change + 1, change + count + 1)
                values = [(n, *_columns(it)) for n, it in zip(numbers, rows, strict=False)]
                connection.execute(_KEEP[count], [each for row in values for each in row])
                change += count
                del rows[:count]
    return change


def _change(connection: sqlite3.Connection, write: Write, change: int) -> int:
    match write:
        case Access(ids, at_ns):
            connection.executemany(_ACCESS, [(at_ns, each) for each in ids])
        case Drop(None):
            write.count = _drop_all(connection)
            return change + 1
        case Drop(ids):
            return _drop(connection, write, ids or (), change)
        case _:
            pass
    return change


def _columns(item: MemoryItem) -> tuple[Any, ...]:
    return (
        item.id,
        item.content,
        item.timestamp_ns,
        item.importance,
        _encode(item.tags).decode(),
        item.memory_type,
        _encode(item.metadata).decode(),
        item.access_count,
        item.last_accessed_ns,
        _encode(item.provenance).decode(),
    )


def _drop(connection: sqlite3.Connection, write: Drop, ids: Sequence[str], change: int) -> int:
    for each in ids:
        found = connection.execute("DELETE FROM items WHERE id = ? RETURNING number", (each,))
        for (number,) in found.fetchall():
            change += 1
            write.count += 1
            connection.execute("INSERT INTO gone VALUES (?, ?)", (change, number))
    if write.count and connection.execute("SELECT count(*) FROM gone").fetchone()[0] > MAX_GONE:
        _begin_epoch(connection)
    return change


def _drop_all(connection: sqlite3.Connection) -> int:
    count = connection.execute("SELECT count(*) FROM items").fetchone()[0]
    connection.execute("DROP TRIGGER item_gone")  # one by one it would write each word again
    connection.execute("DELETE FROM items")
    connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
    connection.execute(next(each for each in SCHEMA if "TRIGGER item_gone" in each))
    _begin_epoch(connection)
    return count


def _begin_epoch(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM gone")
    connection.execute("UPDATE state SET value = value + 1 WHERE name = 'epoch'")


# Reading


def read_mark(connection: sqlite3.Connection) -> Mark:
    found = dict(connection.execute("SELECT name, value FROM state").fetchall())
    return Mark(found["epoch"], found["change"])


class Row(NamedTuple):
    """What an index holds of an item."""

    number: int
    content: str
    importance: float
    timestamp_ns: int
    tags: tuple[str, ...]


def read_since(connection: sqlite3.Connection, change: int) -> Iterator[Row]:
    """Give what was written after `change`, oldest first."""
    known: dict[str, tuple[str, ...]] = {}
    rows = connection.execute(
        "SELECT number, content, importance, timestamp_ns, tags FROM items WHERE change > ? "
        "ORDER BY change",
        (change,),
    )
    for number, content, importance, timestamp_ns, written in rows:
        tags = known.get(written)
        if tags is None:
            tags = known[written] = _decode_tags(written)
        yield Row(number, content, importance, timestamp_ns, tags)


def read_gone(connection: sqlite3.Connection, change: int) -> list[int]:
    """Number what was forgotten after `change`."""
    rows = connection.execute("SELECT number FROM gone WHERE change > ?", (change,))
    return [number for (number,) in rows]


def read_items(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[MemoryItem]:
    """Give items by their numbers, in that order; what is not there is left out."""
    question = f"SELECT {_FIELDS} FROM items WHERE number = ?"  # noqa: S608 - the fields above
    rows = (connection.execute(question, (number,)).fetchone() for number in numbers)
    return [_item(row) for row in rows if row is not None]


def read_item(connection: sqlite3.Connection, item_id: str) -> MemoryItem | None:
    question = f"SELECT {_FIELDS} FROM items WHERE id = ?"  # noqa: S608 - the fields above
    row = connection.execute(question, (item_id,)).fetchone()
    return None if row is None else _item(row)


def count_items(connection: sqlite3.Connection) -> int:
    return connection.execute("SELECT count(*) FROM items").fetchone()[0]


def _item(row: tuple[Any, ...]) -> MemoryItem:
    """
    Raises:
        StoreError: what stands there is no item.
    """
    item_id, content, timestamp_ns, importance, tags, kind, metadata, count, last, origin = row
    try:
        written: dict[str, Any] = {
            "id": item_id,
            "content": content,
            "timestamp_ns": timestamp_ns,
            "importance": importance,
            "tags": _decode_tags(tags),
            "memory_type": kind,
            "metadata": msgspec.json.decode(metadata),
            "access_count": count,
            "last_accessed_ns": last,
            "provenance": msgspec.json.decode(origin, type=Provenance),
        }
        return msgspec.convert(written, MemoryItem)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(
            f"The memory {item_id!r} cannot be read: {error}.",
            hint="restore the memory store from a copy",
        ) from error


# What was there before


def read_import(connection: sqlite3.Connection) -> str | None:
    """Give what was noted when an earlier layout was read; None when none was."""
    row = connection.execute("SELECT value FROM state WHERE name = 'imported'").fetchone()
    return None if row is None else str(row[0])


def note_import(connection: sqlite3.Connection, noted: str) -> None:
    connection.execute("INSERT OR REPLACE INTO state VALUES ('imported', ?)", (noted,))
