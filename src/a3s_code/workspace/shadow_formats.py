"""What git is told, and what it says, as values: ids, rows of an index, differences, packs."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from a3s_code.errors import InvalidValue, SnapshotLost
from a3s_code.workspace.location import shown
from a3s_code.workspace.snapshot_files import MODES, check_path

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

PUT = ("--add", "--replace", "-z", "--index-info")
"""Options of `git update-index` that read what `row` makes."""

_ID = re.compile(r"[0-9a-f]{40}")
_NOTHING = "0" * 40
_BLOB = 3
_INDEX_HEAD, _ENTRY_HEAD = 12, 62
_ENTRY = struct.Struct(">I20xI12x20s")
"""Of an entry: the second of its change (ctime), its mode and its blob."""
_COMPRESSION = 1


class State(NamedTuple):
    """One file of a tree."""

    mode: int
    id: str


class Change(NamedTuple):
    """A path and what two trees have there; None for nothing."""

    path: str
    before: State | None
    after: State | None


def named(state: State | None) -> str:
    """Give `mode blob` of a file; empty for none."""
    return f"{state.mode:o} {state.id}" if state is not None else ""


def row(path: str, state: State | None) -> bytes:
    """Make one row for `git update-index --index-info`; None takes the path out."""
    mode, name = state or (0, _NOTHING)
    return b"%o %b 0\t%b\0" % (mode, name.encode(), os.fsencode(path))


def rows_since(index: bytes, since_s: int) -> list[bytes]:
    """
    Give rows, as `row` makes them, of the files in an index that changed in or after a second.

    Args:
        index: An index file of version 2; see gitformat-index(5).
        since_s: In which the file, or what the system says of it, was changed.
    """
    rows: list[bytes] = []
    at = _INDEX_HEAD
    for _ in range(int.from_bytes(index[8:_INDEX_HEAD], "big")):
        end = index.index(b"\0", at + _ENTRY_HEAD)
        changed_s, mode, blob = _ENTRY.unpack_from(index, at)
        if changed_s >= since_s:
            name = index[at + _ENTRY_HEAD : end]
            rows.append(b"%o %b 0\t%b\0" % (mode, blob.hex().encode(), name))
        at += (end - at + 8) & ~7
    return rows


def check_id(tree: str) -> str:
    """
    Give back the id of a tree.

    Raises:
        InvalidValue: it cannot be one.
    """
    if not _ID.fullmatch(tree):
        raise InvalidValue(
            f"{shown(tree)!r} is no id of a snapshot.", hint="use the `id` that taking one gave"
        )
    return tree


def parse_changes(out: bytes) -> list[Change]:
    """
    Read `git diff-tree --raw -z`.

    Raises:
        SnapshotLost: it names what no snapshot holds.
    """
    words = out.split(b"\0")
    changes = [_change(*pair) for pair in zip(words[::2], words[1::2], strict=False)]
    return [change for change in changes if change.before != change.after]


def _change(facts: bytes, name: bytes) -> Change:
    modes, path = facts.decode().lstrip(":").split(), os.fsdecode(name)
    try:
        check_path(path)
    except InvalidValue as error:
        raise SnapshotLost(f"The tree was not made by a snapshot: {error.message}") from error
    return Change(path, _state(path, modes[0], modes[2]), _state(path, modes[1], modes[3]))


def _state(path: str, mode: str, name: str) -> State | None:
    number = int(mode, 8)
    if number and number not in MODES:
        raise SnapshotLost(
            f"The tree was not made by a snapshot: {shown(path)} has the mode {mode}."
        )
    return State(number, name) if number else None


def pack_of(blobs: Mapping[str, bytes]) -> bytes:
    """Make a pack; see gitformat-pack(5)."""
    pieces = [b"PACK" + struct.pack(">II", 2, len(blobs))]
    for data in blobs.values():
        first, rest = _BLOB << 4 | len(data) & 0x0F, len(data) >> 4
        head = bytearray()
        while rest:
            head.append(first | 0x80)
            first, rest = rest & 0x7F, rest >> 7
        head.append(first)
        pieces += (bytes(head), zlib.compress(data, _COMPRESSION))
    pack = b"".join(pieces)
    return pack + hashlib.sha1(pack, usedforsecurity=False).digest()
