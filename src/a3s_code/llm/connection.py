"""
One HTTP/1.1 connection: a request goes out, its answer comes in, then the next.

The grammar of answers is httptools' (llhttp). What is here is when to read, when to wait
and when to give up. An answer's faults are `transport` before its headers have come,
`truncated` within its body, and `timeout` at any point.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import cast

import httptools

from a3s_code.llm.body import Body
from a3s_code.llm.exchange import HttpExchange
from a3s_code.llm.faults import Fault

MAX_HEAD_BYTES = 64 * 1024
"""Of the status line and the headers of an answer, and of what follows its body."""

IDLE_CONNECTION_S = 30.0
"""A connection that carried nothing for so long is closed."""

_NO_LINGER = struct.pack("ii", 1, 0)
_HTTP_OK = 200


class Connection(asyncio.Protocol):
    """
    Made by a loop's `create_connection`.

    Args:
        changed: Called when an exchange is over and when the connection is lost.
    """

    __slots__ = (
        "_changed",
        "_exchange",
        "_head_bytes",
        "_headers",
        "_idle_s",
        "_last",
        "_loop",
        "_parser",
        "_sent",
        "_timer",
        "_transport",
        "_until_close",
        "_writable",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, changed: Callable[[Connection], None]
    ) -> None:
        self._loop, self._changed = loop, changed
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._exchange: HttpExchange | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._sent = True
        self._until_close = False
        self._writable: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle_s = IDLE_CONNECTION_S
        self._last = loop.time()

    @property
    def is_usable(self) -> bool:
        """Open, between two exchanges, and not idle for too long."""
        return (
            self._transport is not None
            and not self._transport.is_closing()
            and self._exchange is None
            and self._loop.time() - self._last < IDLE_CONNECTION_S
        )

    async def exchange(self, head: bytes, body: Body, idle_s: float) -> HttpExchange:
        """
        Send a request and return when the headers of its answer have come.

        Args:
            head: Request line and headers, with the empty line after them.
            idle_s: How long the peer may neither take nor send a byte, until the end.

        Raises:
            Fault: kind `timeout` or `transport`. Then, and when this is cancelled, the
                connection is cut without waiting for the peer to take what is unsent.
        """
        exchange = self._begin(idle_s)
        try:
            await self._send(exchange, head, body)
            await exchange.answered()
        except BaseException:
            self._reset()
            raise
        return exchange

    def close(self) -> None:
        """Close at once; a running exchange ends with a fault."""
        self._fail("the connection was closed")

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._finish()

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._last = self._loop.time()
            self._transport.resume_reading()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )

    def data_received(self, data: bytes) -> None:
        self._last = self._loop.time()
        if self._exchange is None or self._parser is None:
            self.cut()  # Nobody asked.
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not an HTTP answer: {error}" if self._is_in_head else str(error))
        except httptools.HttpParserUpgrade:
            self._fail("not an HTTP answer: the server switches protocols", again=False)
        if self._has_too_long_a_head:
            detail = f"headers of more than {MAX_HEAD_BYTES:,} bytes"
            self._fail(f"not an HTTP answer: {detail}", again=False)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._exchange is not None:
            if self._until_close and exc is None:
                self._exchange.end()
                self._finish()
            else:
                self._fail(str(exc or "the server closed the connection"))
        self._stop_waiting_to_write()
        self._parser = self._transport = self._timer = None
        self._changed(self)

    def pause_writing(self) -> None:
        self._writable = self._writable or self._loop.create_future()

    def resume_writing(self) -> None:
        self._last = self._loop.time()
        self._stop_waiting_to_write()
        self._writable = None

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._exchange is None:
            self.cut()  # More than one answer to one request.

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:  # not in the trailers of a body
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._exchange is None or self._parser is None:
            return
        status, headers = self._parser.get_status_code(), _joined(self._headers)
        self._headers = []
        if status < _HTTP_OK:
            return  # One that only says that the answer is on its way.
        self._until_close = "content-length" not in headers and "transfer-encoding" not in headers
        self._exchange.start(status, headers)
        self._stop_waiting_to_write()

    def on_body(self, piece: bytes) -> None:
        self._head_bytes = 0
        if self._exchange is not None:
            self._exchange.feed(piece)

    def on_message_complete(self) -> None:
        exchange = self._exchange
        if exchange is None or self._parser is None or not exchange.status:
            return
        exchange.end()
        if self._sent and self._parser.should_keep_alive():
            if exchange.is_full:
                self.resume()
            self._finish()
        else:
            self.cut()

    # Inside.

    @property
    def _has_too_long_a_head(self) -> bool:
        return self._exchange is not None and self._head_bytes > MAX_HEAD_BYTES

    @property
    def _is_in_head(self) -> bool:
        return self._exchange is not None and not self._exchange.status

    def _begin(self, idle_s: float) -> HttpExchange:
        exchange = HttpExchange(self, self._loop)
        self._exchange, self._idle_s, self._headers = exchange, idle_s, []
        self._sent, self._until_close, self._head_bytes = False, False, 0
        self._last = self._loop.time()
        self._arm(idle_s)
        if self._transport is None:
            self._fail("the connection was closed")
        return exchange

    async def _send(self, exchange: HttpExchange, head: bytes, body: Body) -> None:
        """Hand a large body over in parts, so that a slow peer holds no second copy of it."""
        for piece in body.pieces(head):
            if self._writable is not None:
                await self._writable
            if exchange.is_settled:
                return
            self._write(piece)
        self._sent = True

    def _write(self, data: bytes | memoryview) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _stop_waiting_to_write(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def _fail(self, detail: str, *, again: bool = True, kind: str = "") -> None:
        if self._exchange is not None:
            kind = kind or ("transport" if self._is_in_head else "truncated")
            self._exchange.fail(Fault(kind, detail, again=again))
        self._stop_waiting_to_write()
        self.cut()

    def _finish(self) -> None:
        if self._exchange is not None:
            self._exchange = None
            self._changed(self)

    def _reset(self) -> None:
        """
        Close in the middle of a request. Without a reset, asyncio and then the operating
        system would wait for the peer to take the rest of it.
        """
        transport = self._transport
        connected = transport.get_extra_info("socket") if transport is not None else None
        if connected is not None:
            with contextlib.suppress(OSError):  # It may be closed already.
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.cut()

    def _arm(self, wait_s: float) -> None:
        """Look whether the peer is silent, in `wait_s` or earlier; one timer serves them all."""
        due = self._loop.time() + min(wait_s, IDLE_CONNECTION_S)
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        exchange, now = self._exchange, self._loop.time()
        if exchange is not None and exchange.is_full:
            self._last = now  # It is we who let the peer wait.
        patience_s = IDLE_CONNECTION_S if exchange is None else self._idle_s
        left_s = self._last + patience_s - now
        if left_s > 0:
            self._arm(left_s)
        elif exchange is None:
            self.cut()
        else:
            self._fail(f"no byte for {self._idle_s:g} s", kind="timeout")


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Give headers by name in lower case; values of one name are joined by commas."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
