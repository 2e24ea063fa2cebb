"""
Messages of the base protocol: headers, an empty line, and as many bytes of JSON as they say.

Source: Language Server Protocol 3.17, "Base Protocol".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from a3s_code.kernel.messages import JsonObject

MAX_HEADER_BYTES = 8 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*([0-9]{1,12})[ \t]*\r?$")


class Malformed(Exception):
    """What came is no message; nothing that follows could be told apart."""


def frame(message: JsonObject) -> bytes:
    """Write a message with its header."""
    body = msgspec.json.encode({"jsonrpc": "2.0", **message})
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Frames:
    """Takes a stream in pieces of any size, and gives its messages."""

    __slots__ = ("_kept", "_wanted")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._wanted = -1

    def feed(self, piece: bytes) -> Iterator[JsonObject]:
        """
        Give the messages that are whole now.

        Raises:
            Malformed: this is no such stream, or more than the bounds of this module.
        """
        self._kept += piece
        while True:
            if self._wanted < 0 and not self._has_header():
                return
            if len(self._kept) < self._wanted:
                return
            body = bytes(self._kept[: self._wanted])
            del self._kept[: self._wanted]
            self._wanted = -1
            yield _message(body)

    def _has_header(self) -> bool:
        end = self._kept.find(_END, 0, MAX_HEADER_BYTES)
        if end < 0:
            if len(self._kept) >= MAX_HEADER_BYTES:
                raise Malformed("a header that does not end")
            return False
        found = _LENGTH.search(bytes(self._kept[: end + 2]))
        if found is None:
            raise Malformed("a header without Content-Length")
        self._wanted = int(found[1])
        if self._wanted > MAX_BODY_BYTES:
            raise Malformed(f"a message of {self._wanted} bytes")
        del self._kept[: end + len(_END)]
        return True


def _message(body: bytes) -> JsonObject:
    try:
        message = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("a message that is no JSON") from None
    except RecursionError:
        raise Malformed("a message that nests too deeply") from None
    if not isinstance(message, dict):
        raise Malformed("a message that is no object")
    return message  # pyright: ignore[reportUnknownVariableType] - any JSON object
