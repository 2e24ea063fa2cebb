"""One answer of a server, as it arrives: status, headers, and the body piece by piece."""

from __future__ import annotations

import asyncio
from typing import Protocol

from a3s_code.llm.decoding import Decoder
from a3s_code.llm.faults import Fault

_FULL_BYTES = 256 * 1024


class Flow(Protocol):
    """The connection under an exchange."""

    def pause(self) -> None:
        """Read no more from the peer until `resume`."""
        ...

    def resume(self) -> None: ...

    def cut(self) -> None:
        """Close at once; nothing more is told to the exchange."""
        ...


class HttpExchange:
    """
    A request that was sent, and its answer: see `http.Exchange`.

    The methods of the first half are for who reads; those of the second, for the connection.
    """

    __slots__ = (
        "_decoder",
        "_ended",
        "_fault",
        "_flow",
        "_loop",
        "_pieces",
        "_size",
        "_waiter",
        "headers",
        "is_full",
        "status",
    )

    def __init__(self, flow: Flow, loop: asyncio.AbstractEventLoop) -> None:
        self._flow, self._loop = flow, loop
        self._pieces: list[bytes] = []
        self._size = 0
        self._decoder: Decoder | None = None
        self._fault: Fault | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self.is_full = False
        self.status = 0
        self.headers: dict[str, str] = {}

    async def answered(self) -> None:
        """
        Wait for the headers.

        Raises:
            Fault: kind `timeout` or `transport`.
        """
        while not self.status:
            await self._wait()

    async def read(self) -> bytes:
        if self._decoder is not None:
            return await self._decoder.read(self._read)
        return await self._read()

    async def drain(self, patience_s: float) -> None:
        if self._ended:
            return
        try:
            async with asyncio.timeout(patience_s):
                while await self.read():
                    pass
        except TimeoutError:
            self.close()

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            self._flow.cut()

    async def _read(self) -> bytes:
        while not self._pieces:
            if self._ended:
                return b""
            await self._wait()
        pieces, self._pieces, self._size = self._pieces, [], 0
        if self.is_full and not self._ended:
            self._flow.resume()
        self.is_full = False
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _wait(self) -> None:
        """Wait until something happens; a fault is raised once all before it was read."""
        if self._fault is not None:
            raise self._fault
        self._waiter = self._loop.create_future()
        await self._waiter

    # For the connection.

    @property
    def is_settled(self) -> bool:
        """The rest of the request is not wanted any more: it was answered, or it failed."""
        return self.status != 0 or self._fault is not None

    def start(self, status: int, headers: dict[str, str]) -> None:
        self.status, self.headers = status, headers
        encoding = headers.get("content-encoding", "")
        if encoding and encoding != "identity":
            self._decoder = Decoder(encoding)
        self._wake()

    def feed(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > _FULL_BYTES and not self.is_full:
            self.is_full = True
            self._flow.pause()
        self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    def fail(self, fault: Fault) -> None:
        """End with a fault; the one that comes first counts."""
        if not self._ended:
            self._fault = self._fault or fault
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
