"""One connection of a client, as far as HTTP/1.1 is needed to answer it well or badly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

HANG_S = 600.0
"""A client that never goes away is left after this time."""

_BEFORE_RESET_S = 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Incoming(NamedTuple):
    """A request as it came in; names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Connection:
    __slots__ = ("_reader", "_writer")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        # With no mark to stay under, `drain` waits until the kernel has everything.
        writer.transport.set_write_buffer_limits(high=0)

    async def receive(self) -> Incoming | None:
        """Wait for the next request; None when the client has closed."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            method, path, _ = first.split(" ", 2)
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return None
        except ValueError:  # This is not HTTP, so no answer would be understood.
            return None
        return Incoming(method, path, headers, body)

    async def answer(
        self,
        status: int,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        sent_bytes: int | None = None,
    ) -> None:
        """Send an answer; with `sent_bytes` only so much of a body that is announced whole."""
        fields = {
            "content-type": "application/json",
            **{name.lower(): value for name, value in (headers or {}).items()},
            "content-length": str(len(body)),
        }
        await self._send(_head(status, fields) + body[:sent_bytes])

    async def open_stream(self) -> None:
        fields = {
            "content-type": "text/event-stream",
            "cache-control": "no-cache",
            "transfer-encoding": "chunked",
        }
        await self._send(_head(HTTPStatus.OK, fields))

    async def send_events(self, events: Iterable[bytes]) -> None:
        """Send events, each a chunk of its own, in as few segments as they fit into."""
        await self._send(b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events))

    async def end_stream(self) -> None:
        await self._send(b"0\r\n\r\n")

    async def reset(self) -> None:
        """Close with RST, as a peer does that crashed."""
        # Outside of Linux a reset takes back what the client has not read yet.
        await asyncio.sleep(_BEFORE_RESET_S)
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()

    async def until_left(self) -> None:
        """Wait until the client closes, at most `HANG_S`."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(HANG_S):
                while await self._reader.read(65_536):
                    pass

    def close(self) -> None:
        self._writer.close()

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


def _head(status: int, fields: Mapping[str, str]) -> bytes:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Scripted"
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("latin-1")
