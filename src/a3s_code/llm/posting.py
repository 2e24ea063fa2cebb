"""
One POST with all its attempts.

Faults are translated here, and only here is anything repeated: what was read is given when all
of it came, and from anything less, nothing.
"""

from __future__ import annotations

import asyncio
import random as randomness
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from a3s_code.errors import ModelUnavailable
from a3s_code.kernel.clock import Clock
from a3s_code.llm.body import Body
from a3s_code.llm.breaker import Breaker
from a3s_code.llm.endpoint import Endpoint
from a3s_code.llm.faults import Fault
from a3s_code.llm.http import Exchange, Http
from a3s_code.llm.refusals import of_status
from a3s_code.llm.retry import RETRY_AFTER_CAP_S, Backoff, retry_after_s

_MAX_ERROR_BODY_BYTES = 64 * 1024
_ERROR_BODY_S = 5.0
_HTTP_OK, _HTTP_REDIRECT = 200, 300

R = TypeVar("R")
Retry = Callable[[int, str, float], None]
"""Told the number of the attempt that follows (from 2), why, and after how many seconds."""


@dataclass(frozen=True, slots=True)
class Post:
    """
    What is sent.

    Attributes:
        deadline: By `Clock.monotonic()`; None for the total of the endpoint's timeouts alone.
    """

    url: str
    headers: Mapping[str, str]
    body: Body
    deadline: float | None = None


class Posting:
    """
    The way to one endpoint.

    Args:
        http: Shared by all models of an agent.
        breaker: May be shared by models of one provider.
        random: Gives numbers in [0, 1), for jitter.
    """

    __slots__ = ("_backoff", "_breaker", "_clock", "_http", "_random", "endpoint")

    def __init__(
        self,
        endpoint: Endpoint,
        http: Http,
        clock: Clock,
        breaker: Breaker,
        *,
        backoff: Backoff | None = None,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        self.endpoint, self._http, self._clock, self._breaker = endpoint, http, clock, breaker
        self._backoff, self._random = backoff or Backoff(), random

    async def send(
        self, post: Post, read: Callable[[Exchange, int], Awaitable[R]], retry: Retry
    ) -> R:
        """
        Post until `read` has taken in a good answer, and give what it gives.

        Args:
            read: Gets an answer with a status of 2xx, and the number of the attempt; raises
                `Fault` for one that is not whole.

        Raises:
            ModelRefused, ModelUnavailable, ContextOverflow: as `kernel.ports.Model.reply`.
        """
        deadline = self._clock.monotonic() + self.endpoint.timeouts.total_s
        if post.deadline is not None:
            deadline = min(deadline, post.deadline)
        with self._breaker.guard(self.endpoint.ref):
            return await self._attempts(_Call(post, read, retry, deadline))

    async def _attempts(self, call: _Call[R]) -> R:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(call, attempt)
            except Fault as caught:
                # Its traceback would keep the body alive, and this frame with it.
                fault = caught.with_traceback(None)
            pause_s = self._pause_s(fault, attempt, call.deadline)
            call.retry(attempt + 1, fault.reason(self.endpoint), pause_s)
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

    async def _attempt(self, call: _Call[R], attempt: int) -> R:
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

    async def _exchange(self, call: _Call[R], attempt: int) -> R:
        post = call.post
        exchange = await self._http.post(post.url, post.headers, post.body, self.endpoint.timeouts)
        try:
            if not _HTTP_OK <= exchange.status < _HTTP_REDIRECT:
                raise await self._refusal(exchange)
            return await call.read(exchange, attempt)
        finally:
            exchange.close()

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


@dataclass(frozen=True, slots=True)
class _Call(Generic[R]):
    post: Post
    read: Callable[[Exchange, int], Awaitable[R]]
    retry: Retry
    deadline: float
