"""
A record as bytes, and the chain that binds it to all before it.

`hash = sha256(previous hash + body)`; the first record of a session follows 32 zero bytes.
"""

from __future__ import annotations

import hashlib

import msgspec

from a3s_code.errors import StoreError
from a3s_code.kernel.events import Record, SessionId

GENESIS = bytes(32)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    return _encoder.encode(record)


def decode(session: SessionId, sequence: int, body: bytes) -> Record:
    """
    Read one record back.

    Raises:
        StoreError: it is no record, or its event is of a type that this version does not
            know, as a later one may have written.
    """
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"Record {sequence} of session {session!r} cannot be read: {error}.",
            hint="it may come from a later version of a3s-code",
        ) from error


def link(previous: bytes, body: bytes) -> bytes:
    """Give the hash of a record from that of the one before it."""
    return hashlib.sha256(previous + body).digest()
