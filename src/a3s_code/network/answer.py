"""
An HTTP answer that cannot be too much: head, body and time are bounded.

The body is bounded as it is after decompression, and what a bound cut off is said rather
than raised: the beginning of a page is often enough.

Source: INVARIANTS 18 and 22.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import httptools

from a3s_code.errors import AddressRefused

_PIECE_BYTES = 16 * 1024
_GZIP_OR_ZLIB = 47
"""`wbits` of a stream that says itself which of the two it is."""


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """
    Attributes:
        max_body_bytes: Of the body as it was sent, and again after decompression.
        deadline_s: From the first byte waited for to the last.
    """

    max_head_bytes: int = 64 * 1024
    max_headers: int = 200
    max_body_bytes: int = 5 * 1024 * 1024
    deadline_s: float = 30.0


class CappedAnswer:
    """
    Takes an answer in pieces as they come.

    Attributes:
        status: 0 until the head has come.
        headers: Names in lower case.
        body: Decompressed.
        capped: Which bound cut it off: `head`, `body` or `deadline`; empty when none did.
    """

    __slots__ = (
        "_decompress",
        "_limits",
        "_parser",
        "_taken",
        "body",
        "capped",
        "headers",
        "status",
    )

    def __init__(self, limits: AnswerLimits | None = None) -> None:
        self._limits = limits or AnswerLimits()
        self._parser = httptools.HttpResponseParser(
            SimpleNamespace(
                on_header=self._add_header,
                on_headers_complete=self._begin_body,
                on_body=self._add_body,
                on_message_complete=self._end,
            )
        )
        self._decompress: Callable[[bytes, int], bytes] | None = None
        self._taken = 0
        self.status, self.capped = 0, ""
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()

    async def read(self, reader: asyncio.StreamReader) -> None:
        """
        Read until the end of the answer, the end of the stream, or a bound.

        Raises:
            AddressRefused: it is no HTTP answer, or compressed in a way that is not known.
        """
        try:
            async with asyncio.timeout(self._limits.deadline_s):
                while piece := await reader.read(_PIECE_BYTES):
                    if self.feed(piece):
                        return
        except TimeoutError:
            self.capped = "deadline"

    def feed(self, data: bytes) -> bool:
        """
        Take a piece; True when no more is wanted.

        Raises:
            AddressRefused: as `read`.
        """
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            self._taken += len(piece)
            try:
                self._parser.feed_data(piece)
            except _Enough:
                return True
            except httptools.HttpParserError as error:
                if isinstance(error.__context__, _Enough):
                    return True
                if isinstance(error.__context__, AddressRefused):
                    raise error.__context__ from None
                raise AddressRefused("The answer is no HTTP.") from None
            if not self.status and self._taken > self._limits.max_head_bytes:
                self.capped = "head"
                return True
        return False

    def header(self, name: str) -> str:
        """Give the first value of a header; empty when there is none."""
        return next((value for known, value in self.headers if known == name), "")

    def _add_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= self._limits.max_headers:
            self.capped = "head"
            raise _Enough
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def _begin_body(self) -> None:
        self.status, self._taken = self._parser.get_status_code(), 0
        encoding = self.header("content-encoding").strip().lower()
        if encoding in {"gzip", "x-gzip", "deflate"}:
            self._decompress = zlib.decompressobj(_GZIP_OR_ZLIB).decompress
        elif encoding not in {"", "identity"}:
            raise AddressRefused("The answer is compressed in a way that is not known.")

    def _add_body(self, data: bytes) -> None:
        room = self._limits.max_body_bytes - len(self.body)
        try:
            plain = self._decompress(data, room + 1) if self._decompress else data
        except zlib.error:
            raise AddressRefused("The answer is not compressed as it says.") from None
        self.body += plain[:room]
        if len(plain) > room or self._taken > self._limits.max_body_bytes:
            self.capped = "body"
            raise _Enough

    @staticmethod
    def _end() -> None:
        raise _Enough


class _Enough(Exception):
    """No more of this answer is wanted."""
