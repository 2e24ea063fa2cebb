"""Content encodings of an answer's body, undone piece by piece in bounded steps."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable

from a3s_code.llm.faults import Fault

_STEP_BYTES = 256 * 1024
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_ZLIB_METHOD, _METHOD_BITS = 8, 0x0F


class Decoder:
    """Undoes `content-encoding: gzip` or `deflate`. Several gzip members are one body."""

    __slots__ = ("_coding", "_inflate", "_left")

    def __init__(self, encoding: str) -> None:
        self._coding = encoding.strip().lower()
        self._inflate = None if self._coding == "deflate" else zlib.decompressobj(_GZIP)
        self._left = b""

    async def read(self, source: Callable[[], Awaitable[bytes]]) -> bytes:
        """
        Give the next bytes, at most 256 KiB; b"" at the end.

        Args:
            source: Gives the next encoded bytes; b"" at the end.

        Raises:
            Fault: kind `protocol` for an encoding that is neither, `truncated` for bytes
                that are no such encoding or break off.
        """
        if self._coding not in {"gzip", "x-gzip", "deflate"}:
            detail = f"the answer is encoded as {self._coding!r}, which was not asked for"
            raise Fault("protocol", detail, again=False)
        piece = b""
        while not piece:
            self._left = self._left or await source()
            if not self._left:
                self._finish()
                return b""
            piece = self._step()
        return piece

    def _step(self) -> bytes:
        if self._inflate is None:
            # Servers send "deflate" with and without the header of zlib.
            has_header = self._left[0] & _METHOD_BITS == _ZLIB_METHOD
            self._inflate = zlib.decompressobj(_ZLIB if has_header else _RAW)
        elif self._inflate.eof:
            self._inflate = zlib.decompressobj(_GZIP)
        try:
            piece = self._inflate.decompress(self._left, _STEP_BYTES)
        except zlib.error as error:
            raise Fault("truncated", f"not {self._coding}: {error}", again=True) from None
        self._left = self._inflate.unconsumed_tail or self._inflate.unused_data
        return piece

    def _finish(self) -> None:
        if self._inflate is not None and not self._inflate.eof:
            raise Fault("truncated", f"the {self._coding} data breaks off", again=True)
