"""Bytes from one connection to another, until both have ended or nothing comes any more."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from a3s_code.workspace.proxy_request import CHUNKED, Malformed

PIECE_BYTES = 64 * 1024
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_MAX_TRAILERS = 64


@dataclass(frozen=True, slots=True)
class Peer:
    """One end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def cut(self) -> None:
        """Close without waiting for what is unsent; returns when it is closed."""
        self.writer.transport.abort()
        with suppress(OSError):  # how it ended does not matter any more
            await self.writer.wait_closed()

    async def close(self) -> None:
        """Close when what was written is sent."""
        self.writer.close()
        await self.writer.wait_closed()


class Relay:
    """
    Carries bytes between two peers.

    Args:
        idle_s: Neither side has sent or taken a byte for so long: it ends.
    """

    __slots__ = ("_client", "_deadline", "_idle_s", "_server")

    def __init__(self, client: Peer, server: Peer, idle_s: float) -> None:
        self._client, self._server, self._idle_s = client, server, idle_s
        self._deadline = asyncio.timeout(idle_s)

    async def both_ways(self) -> None:
        """
        Carry what each side sends until both have said all.

        Raises:
            TimeoutError: nothing came any more.
        """
        async with (
            self._deadline,
            _both(
                self._all(self._client, self._server), self._all(self._server, self._client)
            ) as ways,
        ):
            await asyncio.gather(*ways)

    async def request(self, body_bytes: int) -> None:
        """
        Carry one request's body there, and all that comes back.

        An answer that ends before the body was sent is the whole answer.

        Raises:
            TimeoutError: nothing came any more.
            Malformed: the body is not as long as it says.
        """
        async with (
            self._deadline,
            _both(self._body(body_bytes), self._all(self._server, self._client)) as (body, answer),
        ):
            await asyncio.wait((body, answer), return_when=asyncio.FIRST_COMPLETED)
            if body.done():
                body.result()
            await answer

    async def _body(self, body_bytes: int) -> None:
        with suppress(ConnectionError):  # it wants no more; its answer says why
            if body_bytes == CHUNKED:
                await self._chunks()
            else:
                await self._exactly(body_bytes)

    async def _all(self, source: Peer, target: Peer) -> None:
        while piece := await source.reader.read(PIECE_BYTES):
            await self._pass(piece, target)
        if target.writer.can_write_eof():
            target.writer.write_eof()

    async def _exactly(self, count: int) -> None:
        while count:
            piece = await self._client.reader.read(min(count, PIECE_BYTES))
            if not piece:
                raise Malformed("The request ended before its body did.")
            count -= len(piece)
            await self._pass(piece, self._server)

    async def _chunks(self) -> None:
        """Carry a chunked body; extensions and trailers stay behind."""
        reader = self._client.reader
        while size := await self._chunk_size():
            await self._pass(b"%x\r\n" % size, self._server)
            await self._exactly(size)
            if await reader.readexactly(2) != b"\r\n":
                raise Malformed("A chunk is longer than it says.")
            await self._pass(b"\r\n", self._server)
        for _ in range(_MAX_TRAILERS):
            if await reader.readuntil(b"\r\n") == b"\r\n":
                await self._pass(b"0\r\n\r\n", self._server)
                return
        raise Malformed("The request has too many trailers.")

    async def _chunk_size(self) -> int:
        line = _CHUNK_SIZE.fullmatch(await self._client.reader.readuntil(b"\r\n"))
        if line is None:
            raise Malformed("A chunk says no length.")
        return int(line[1], 16)

    async def _pass(self, piece: bytes, target: Peer) -> None:
        self._still_alive()
        target.writer.write(piece)
        await target.writer.drain()
        self._still_alive()

    def _still_alive(self) -> None:
        self._deadline.reschedule(asyncio.get_running_loop().time() + self._idle_s)


@asynccontextmanager
async def _both(
    one: Coroutine[None, None, None], other: Coroutine[None, None, None]
) -> AsyncGenerator[tuple[asyncio.Task[None], asyncio.Task[None]]]:
    """Run two things that end together at the latest."""
    ways = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        yield ways
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
