"""
The port to HTTP: one POST, an answer that is read piece by piece.

Nothing outside the files that it imports knows how bytes travel.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Protocol
from weakref import WeakKeyDictionary

from a3s_code.llm.body import Body
from a3s_code.llm.endpoint import Timeouts
from a3s_code.llm.pool import Pool

_CLOSE_S = 2.0


class Exchange(Protocol):
    """An answer whose headers have arrived. `close` must be called."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names are in lower case."""
        ...

    async def read(self) -> bytes:
        """
        Give the next bytes as soon as there are any, decompressed; b"" at the end.

        Raises:
            Fault: kind `timeout`, `transport` or `truncated`.
        """
        ...

    async def drain(self, patience_s: float) -> None:
        """
        Read what is left of a finished answer, so that its connection is used again.

        When that takes longer than `patience_s`, the connection is cut instead.

        Raises:
            Fault: as `read`.
        """
        ...

    def close(self) -> None:
        """Cut the connection, unless the answer was read to its end. May be called twice."""
        ...


class Http:
    """
    Connection pools, one for each running event loop, made when first needed.

    Shared by all models of an agent. Proxies are taken from the environment
    (`https_proxy`, `no_proxy`, …), never for loopback addresses. Redirects are not
    followed, and cookies are not kept.
    """

    __slots__ = ("_pools",)

    def __init__(self) -> None:
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = WeakKeyDictionary()

    async def post(
        self, url: str, headers: Mapping[str, str], body: Body, timeouts: Timeouts
    ) -> Exchange:
        """
        Send `body` and return when the headers of the answer have come.

        Raises:
            Fault: kind `timeout` or `transport`. Cancelling cuts the connection.
        """
        pool = self._pools.get(asyncio.get_running_loop()) or self._open()
        return await pool.post(url, headers, body, timeouts)

    async def close(self) -> None:
        """Close every connection, those of other loops too. Later requests open new ones."""
        pools = [self._pools.popitem() for _ in range(len(self._pools))]
        running = asyncio.get_running_loop()
        for loop, pool in pools:
            if loop is running:
                await pool.close()
            elif loop.is_running():
                closing = asyncio.run_coroutine_threadsafe(pool.close(), loop)
                # A loop that hangs keeps its connections; the others are closed anyway.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_CLOSE_S):
                        await asyncio.wrap_future(closing)

    def _open(self) -> Pool:
        for loop in [loop for loop in self._pools if loop.is_closed()]:
            del self._pools[loop]
        pool = self._pools[asyncio.get_running_loop()] = Pool()
        return pool
