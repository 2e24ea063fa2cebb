"""
Memories as A3S Code 3 left them: JSON files, read once and never written.

    <dir>/index.json         a row for each item, for searching; not needed here
    <dir>/items/<id>.json    an item each: id, content, timestamp (RFC 3339, up to
                             nanoseconds), importance, tags, memory_type, metadata,
                             access_count, last_accessed

A file that is no item is named, and left out; it stays where it is, as all of them do.
Source: SPEC 11.1.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from a3s_code.errors import A3SError, StoreError
from a3s_code.kernel.memory import MEMORY_TYPES, MemoryItem, Provenance, remembered

INDEX, ITEMS = "index.json", "items"
MAX_FILE_BYTES = 16 * 1024 * 1024
_NAMED = 10

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)")


class _Stored(msgspec.Struct, frozen=True):
    id: str
    content: str
    timestamp: str
    importance: float = 0.5
    tags: tuple[str, ...] = ()
    memory_type: str = "episodic"
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    access_count: int = 0
    last_accessed: str | None = None


class Imported(msgspec.Struct, frozen=True):
    """
    What was read of an earlier layout.

    Attributes:
        broken: Why which files were left out, a sentence each.
    """

    count: int
    broken: tuple[str, ...] = ()

    def note(self, directory: Path) -> str:
        """Say it to a person."""
        said = (
            f"{self.count} memories were read from {directory / ITEMS}, which stays as it is "
            "and is not written any more."
        )
        if not self.broken:
            return said
        more = len(self.broken) - _NAMED
        rest = f" and {more} more" if more > 0 else ""
        named = "; ".join(self.broken[:_NAMED])
        return f"{said} {len(self.broken)} files were left out: {named}{rest}."


def holds_earlier_memories(directory: Path) -> bool:
    """
    Say whether `directory` has the layout of A3S Code 3.

    Raises:
        OSError: it cannot be read.
    """
    return (directory / ITEMS).is_dir() or (directory / INDEX).is_file()


def read_earlier(directory: Path, broken: list[str]) -> Iterator[MemoryItem]:
    """
    Give the items of an earlier layout, in the order of their files' names.

    Args:
        broken: Filled with what could not be read.

    Raises:
        OSError: the directory cannot be read.
    """
    items = directory / ITEMS
    for file in sorted(items.glob("*.json")) if items.is_dir() else ():
        try:
            yield _read(file)
        except (OSError, StoreError) as error:
            broken.append(f"{ITEMS}/{file.name}: {str(error).rstrip('.')}")


def _read(file: Path) -> MemoryItem:
    if file.is_symlink() or not file.is_file():
        raise StoreError("it is no regular file")
    if file.stat().st_size > MAX_FILE_BYTES:
        raise StoreError(f"it is larger than {MAX_FILE_BYTES} bytes")
    try:
        return _item(msgspec.json.decode(file.read_bytes(), type=_Stored))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise StoreError(error.message if isinstance(error, A3SError) else str(error)) from error


def _item(stored: _Stored) -> MemoryItem:
    kind = stored.memory_type.lower()
    made = remembered(
        stored.content,
        memory_type=kind if kind in MEMORY_TYPES else "episodic",
        importance=stored.importance,
        tags=stored.tags,
        metadata=stored.metadata,
        provenance=Provenance(stored_by="earlier"),
    )
    last = stored.last_accessed
    return msgspec.structs.replace(
        made,
        id=stored.id,
        timestamp_ns=unix_ns(stored.timestamp),
        access_count=max(0, stored.access_count),
        last_accessed_ns=None if last is None else unix_ns(last),
    )


def unix_ns(written: str) -> int:
    """
    Read RFC 3339 as Unix time in nanoseconds; finer digits are dropped.

    Raises:
        StoreError: it is none.
    """
    found = _TIME.fullmatch(written.strip())
    if found is None:
        raise StoreError(f"{written[:40]!r} is no time")
    day, clock, fraction, zone = found.groups()
    offset = "+00:00" if zone in "Zz" else zone
    try:
        at = datetime.fromisoformat(f"{day}T{clock.replace(':60', ':59')}{offset}")
        seconds = timegm(at.astimezone(UTC).timetuple())
    except (ValueError, OverflowError) as error:
        raise StoreError(f"{written[:40]!r} is no time: {error}") from error
    return seconds * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))
