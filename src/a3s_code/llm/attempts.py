"""
One call to a model, with all its attempts.

Faults are translated here, and only here is anything repeated. A reply is returned when
the provider said why it stopped; from anything less, nothing is returned and nothing runs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import msgspec

from a3s_code.errors import ModelUnavailable
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.measure import Measure
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener
from a3s_code.llm.breaker import Breaker
from a3s_code.llm.faults import Fault
from a3s_code.llm.http import Exchange, Http
from a3s_code.llm.intake import receive
from a3s_code.llm.refusals import of_status
from a3s_code.llm.retry import RETRY_AFTER_CAP_S, Backoff, retry_after_s
from a3s_code.llm.wire import Wire

_MAX_ERROR_BODY_BYTES = 64 * 1024
_ERROR_BODY_S = 5.0
_HEADERS = {
    "content-type": "application/json",
    "accept": "text/event-stream",
    # A compressed stream arrives in lumps; servers that compress anyway are read.
    "accept-encoding": "identity",
    "user-agent": "a3s-code",
}
_NOT_IN_HEADERS = re.compile(r"[^\x20-\x7e]")
_HTTP_OK, _HTTP_REDIRECT = 200, 300


class Line:
    """
    The way to one model.

    Args:
        http: Shared by all models of an agent.
        breaker: May be shared by models of one provider.
        random: Gives numbers in [0, 1), for jitter.
    """

    __slots__ = (
        "_backoff",
        "_breaker",
        "_clock",
        "_headers",
        "_http",
        "_random",
        "_url",
        "_wire",
        "endpoint",
    )

    def __init__(
        self,
        wire: Wire,
        http: Http,
        clock: Clock,
        breaker: Breaker,
        *,
        backoff: Backoff | None,
        random: Callable[[], float],
    ) -> None:
        self._wire, self._http, self._clock, self._breaker = wire, http, clock, breaker
        self._backoff, self._random = backoff or Backoff(), random
        self.endpoint = wire.endpoint
        self._url = self.endpoint.url(wire.path)
        own = ((name.lower(), value) for name, value in self.endpoint.headers)
        self._headers = {**_HEADERS, **wire.headers(), **dict(own)}

    def measure(self, request: ModelRequest) -> Measure:
        return self._wire.measure(request)

    async def ask(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        """
        Ask until there is a complete answer; see `Model.reply`.

        `listener.retry` gets the number of the attempt that follows, from 2.
        """
        deadline = self._clock.monotonic() + self.endpoint.timeouts.total_s
        if request.deadline is not None:
            deadline = min(deadline, request.deadline)
        with self._breaker.guard(self.endpoint.ref):
            call = _Call(request, listener, self._wire.body(request), deadline)
            return await self._attempts(call)

    async def _attempts(self, call: _Call) -> Reply:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(call, attempt)
            except Fault as caught:
                # Its traceback would keep the body alive, and this frame with it.
                fault = caught.with_traceback(None)
            pause_s = self._pause_s(fault, attempt, call.deadline)
            call.listener.retry(attempt + 1, fault.reason(self.endpoint), pause_s)
            await self._clock.sleep(pause_s)

    def _pause_s(self, fault: Fault, attempt: int, deadline: float) -> float:
        """Give the pause before the next attempt, or raise when there is none."""
        if not fault.again or attempt > self._backoff.max_retries:
            raise fault.error(self.endpoint, attempts=attempt)
        pause_s = self._backoff.pause_s(attempt, self._random)
        if fault.retry_after_s is not None:
            pause_s = fault.retry_after_s
            if pause_s > RETRY_AFTER_CAP_S:
                note = f"the server wants a pause of {pause_s:,.0f} s"
                raise fault.error(self.endpoint, attempts=attempt, note=note)
        if self._clock.monotonic() + pause_s >= deadline:
            note = "the deadline leaves no time for another attempt"
            raise fault.error(self.endpoint, attempts=attempt, note=note)
        return pause_s

    async def _attempt(self, call: _Call, attempt: int) -> Reply:
        left_s = call.deadline - self._clock.monotonic()
        if left_s <= 0:
            raise ModelUnavailable(
                f"{self.endpoint.ref}: not asked, since the deadline has passed.",
                kind="timeout",
                attempts=attempt - 1,
                hint="allow more time",
            )
        limit = asyncio.timeout(left_s)
        try:
            async with limit:
                return await self._exchange(call, attempt)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Fault("timeout", "the deadline of the call has passed", again=True) from None

    async def _exchange(self, call: _Call, attempt: int) -> Reply:
        headers = self._headers_for(call.request)
        exchange = await self._http.post(self._url, headers, call.body, self.endpoint.timeouts)
        try:
            if not _HTTP_OK <= exchange.status < _HTTP_REDIRECT:
                raise await self._refusal(exchange)
            answer = self._wire.answer(call.request, call.listener)
            await receive(exchange, answer)
            return answer.reply(self._meta(exchange, attempt))
        finally:
            exchange.close()

    def _headers_for(self, request: ModelRequest) -> dict[str, str]:
        name = self.endpoint.session_id_header
        if not name:
            return self._headers
        session_id = _NOT_IN_HEADERS.sub("?", request.session_id)
        return {**self._headers, name.lower(): session_id}

    async def _refusal(self, exchange: Exchange) -> Fault:
        wait_s = retry_after_s(exchange.headers, self._clock.now_ms() / 1000.0)
        body = b""
        try:
            async with asyncio.timeout(_ERROR_BODY_S):
                while len(body) < _MAX_ERROR_BODY_BYTES and (piece := await exchange.read()):
                    body += piece
        except (Fault, TimeoutError):
            pass  # The status alone says enough.
        return of_status(exchange.status, body, wait_s)

    def _meta(self, exchange: Exchange, attempt: int) -> dict[str, str | int]:
        meta: dict[str, str | int] = {
            "provider": self.endpoint.provider,
            "request_model": self.endpoint.model,
            "attempts": attempt,
        }
        headers = exchange.headers
        request_id = headers.get("request-id") or headers.get("x-request-id")
        return {**meta, "request_id": request_id} if request_id else meta


class _Call(msgspec.Struct, frozen=True):
    request: ModelRequest
    listener: ReplyListener
    body: bytes
    deadline: float
