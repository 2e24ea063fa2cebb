"""A model server on loopback that plays a script of good and broken answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

import msgspec


@dataclass(frozen=True)
class Seen:
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Peer:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def request(self) -> Seen:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        parted = (line.partition(": ") for line in lines if line)
        fields = {name.lower(): value for name, _, value in parted}
        body = await self.reader.readexactly(int(fields.get("content-length", "0")))
        return Seen(first.split(" ")[1], fields, body)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self, status: int, headers: dict[str, str], body: bytes, *, keep: bool = False
    ) -> None:
        """Send an answer that ends where the connection does, or by its length (`keep`)."""
        fields = {**headers, "connection": "keep-alive" if keep else "close"}
        if keep:
            fields["content-length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.send(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode("latin-1", "replace"))
        await self.send(body)

    def reset(self) -> None:
        """Close with RST, as a crashed peer does."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_closed(self) -> None:
        """Wait until the client has closed its side, however it did."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


Play: TypeAlias = Callable[[Peer], Awaitable[None]]


@dataclass
class FaultServer:
    """
    Plays `plays` in order, one a request; the last one repeats.

    A play gets the peer after its request was read, and the connection is closed when it
    returns, unless it answered with `keep`.
    """

    plays: list[Play]
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    tls: ssl.SSLContext | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = listening.getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        await self.serve(listening)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def serve(self, listening: socket.socket) -> None:
        """Start to answer on a socket that listens."""
        self._server = await asyncio.start_server(self._serve, sock=listening, ssl=self.tls)

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._tasks)

    async def until_idle(self) -> None:
        """Wait until every connection is closed."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections += 1
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        peer = Peer(reader, writer)
        try:
            while True:
                request = await peer.request()
                play = self.plays[min(len(self.seen), len(self.plays) - 1)]
                self.seen.append(request)
                await play(peer)
                if play not in _KEEPS:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            pass  # The test is over; asyncio's server would log the cancellation.
        finally:
            writer.close()


_KEEPS: list[Play] = []


def kept(play: Play) -> Play:
    """Mark a play after which the connection stays open."""
    _KEEPS.append(play)
    return play


def answers(
    body: bytes,
    *,
    status: int = 200,
    content_type: str = "text/event-stream",
    keep: bool = False,
    **headers: str,
) -> Play:
    """Answer with `body`; header names are written with `_` for `-`."""
    fields = {"content-type": content_type}
    fields.update((name.replace("_", "-"), value) for name, value in headers.items())

    async def play(peer: Peer) -> None:
        await peer.answer(status, fields, body, keep=keep)

    return kept(play) if keep else play


def refuses(status: int, message: str = "x", kind: str = "", **headers: str) -> Play:
    body = msgspec.json.encode({"error": {"type": kind, "message": message}})
    return answers(body, status=status, content_type="application/json", **headers)


def breaks_off(body: bytes) -> Play:
    """Send the start of a stream and reset the connection."""

    async def play(peer: Peer) -> None:
        await peer.answer(200, {"content-type": "text/event-stream"}, body)
        await asyncio.sleep(0.02)
        peer.reset()

    return play


def stalls(body: bytes = b"") -> Play:
    """Send the start of a stream (nothing, not even headers, without `body`) and hang."""

    async def play(peer: Peer) -> None:
        if body:
            await peer.answer(200, {"content-type": "text/event-stream"}, body)
        await peer.until_closed()

    return play
