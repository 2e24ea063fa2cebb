"""
Records as bytes, and the chain over them.

    body = the record as JSON, fields and keys in the order they have in memory
    hash = sha256(hash of the record before + body);  32 zero bytes before the first

A record that was pruned has an empty body and keeps its hash, which the next one is linked
to. It counts only if a `records_pruned` record behind it names its sequence.

The stored bytes are what is hashed, so a reader in any language can check a log without
knowing our types. Key order is kept because models see arguments in that order again.
Lone surrogates, NaN and infinity, which strict JSON has no form for, are written as
Python's `json` module writes them and come back as they were. Any other object that a tool
put into its metadata is kept as its text (`str`), and comes back as that. The chain shows
accidents and partial edits. It is no proof against somebody who may rewrite the whole
store: DESIGN 4.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import get_args

import msgspec

from a3s_code.errors import StoreError
from a3s_code.kernel.events import SessionId, tag_of
from a3s_code.kernel.records import Event, Record, RecordsPruned, emptied

GENESIS = bytes(32)
"""The hash before the first record."""

_encoder = msgspec.json.Encoder(enc_hook=str)
_decoder = msgspec.json.Decoder(Record)
_known_types = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Event))


class _Tagged(msgspec.Struct):
    type: str = ""


class _Outline(msgspec.Struct):
    """What even a record of a later version has."""

    event: _Tagged


def encode(record: Record) -> bytes:
    """
    Give the body of `record`; `decode` gives the record back, but for objects in metadata
    that have no JSON form: these come back as their text.

    Raises:
        StoreError: the record nests too deeply, or an object in it cannot be shown as text.
    """
    try:
        return _plain(record) or _python_json(record)
    except Exception as error:  # border: `str` of objects that came from tools
        raise StoreError(
            f"Record {record.sequence} ({tag_of(record.event)}) cannot be written: {error}",
            hint="let tools return plain JSON values as metadata",
        ) from error


def _plain(record: Record) -> bytes | None:
    """Encode as strict JSON; None when that would not give the record back."""
    try:
        body = _encoder.encode(record)
        if b"null" in body and _decoder.decode(body) != record:
            return None  # NaN or infinity became null
    except (UnicodeEncodeError, msgspec.ValidationError):
        return None
    return body


def _python_json(record: Record) -> bytes:
    return json.dumps(msgspec.to_builtins(record, enc_hook=str)).encode("ascii")


def decode(body: bytes) -> Record:
    """
    Read one body.

    Raises:
        StoreError: it is no record, or one of a type that this version does not know.
    """
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        try:
            return msgspec.convert(json.loads(body), Record)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            raise _unreadable(body, error) from error


def link(previous: bytes, body: bytes) -> bytes:
    """Give the hash of a record from the one before it and its body; 32 bytes."""
    return hashlib.sha256(previous + body).digest()


def read_chain(
    session: SessionId, rows: Iterable[tuple[int, bytes, bytes]], length: int, last: bytes
) -> list[Record]:
    """
    Check and decode a log.

    Args:
        rows: Sequence, body and hash of every record, oldest first.
        length: How many there must be.
        last: The hash of the last of them.

    Raises:
        StoreError: a record is missing, changed or unreadable; names session and sequence.
    """
    records: list[Record] = []
    pruned: set[int] = set()
    head = GENESIS
    for expected, (sequence, body, stored) in enumerate(rows):
        if sequence != expected:
            raise _damaged(session, expected, "is missing")
        if not body:
            pruned.add(sequence)
            records.append(emptied(sequence))
            head = stored
            continue
        head = link(head, body)
        if head != stored:
            raise _damaged(session, sequence, "was changed after it was written")
        records.append(_decode_of(session, sequence, body))
    if pruned:
        _check_pruned(session, records, pruned)
    if len(records) != length:
        raise _damaged(session, min(len(records), length), f"does not fit a log of {length}")
    if head != last:
        raise _damaged(session, length - 1, "is not the one that was stored last")
    return records


def _check_pruned(session: SessionId, records: Sequence[Record], pruned: set[int]) -> None:
    unnamed = set(pruned)
    for record in records:
        if isinstance(record.event, RecordsPruned):
            for first, last in record.event.ranges:
                unnamed.difference_update(range(max(first, 0), min(last + 1, record.sequence)))
    if unnamed:
        raise _damaged(session, min(unnamed), "is empty, and nothing says that it was pruned")


def _decode_of(session: SessionId, sequence: int, body: bytes) -> Record:
    try:
        record = decode(body)
    except StoreError as error:
        message = f"Record {sequence} of session {session!r}: {error.message}"
        raise StoreError(message, hint=error.hint) from error
    if record.sequence != sequence:
        raise _damaged(session, sequence, f"says that it is record {record.sequence}")
    return record


def _unreadable(body: bytes, error: msgspec.MsgspecError) -> StoreError:
    try:
        kind = msgspec.json.decode(body, type=_Outline).event.type
    except msgspec.MsgspecError:
        kind = ""
    if kind and kind not in _known_types:
        return StoreError(
            f"Its type {kind!r} is unknown to this version.",
            hint="open the session with the version that wrote it, or a later one",
        )
    return StoreError(f"It cannot be decoded: {error}", hint="restore the store from a copy")


def _damaged(session: SessionId, sequence: int, what: str) -> StoreError:
    return StoreError(
        f"Record {sequence} of session {session!r} {what}.",
        hint="restore the store from a copy",
    )
