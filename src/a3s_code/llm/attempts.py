"""
One call to a model, with all its attempts.

A reply is returned when the provider said why it stopped; from anything less, nothing is
returned and nothing runs. What is repeated, `posting` decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from a3s_code.kernel.clock import Clock
from a3s_code.kernel.measure import Measure
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener
from a3s_code.llm.breaker import Breaker
from a3s_code.llm.http import Exchange, Http
from a3s_code.llm.intake import receive
from a3s_code.llm.posting import Post, Posting
from a3s_code.llm.retry import Backoff
from a3s_code.llm.wire import Wire

_HEADERS = {
    "content-type": "application/json",
    "accept": "text/event-stream",
    # A compressed stream arrives in lumps; servers that compress anyway are read.
    "accept-encoding": "identity",
    "user-agent": "a3s-code",
}
_NOT_IN_HEADERS = re.compile(r"[^\x20-\x7e]")


class Line:
    """
    The way to one model.

    Args:
        http: Shared by all models of an agent.
        breaker: May be shared by models of one provider.
        random: Gives numbers in [0, 1), for jitter.
    """

    __slots__ = ("_headers", "_posting", "_url", "_wire", "endpoint")

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
        self._wire, self.endpoint = wire, wire.endpoint
        self._posting = Posting(wire.endpoint, http, clock, breaker, backoff=backoff, random=random)
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

        async def read(exchange: Exchange, attempt: int) -> Reply:
            answer = self._wire.answer(request, listener)
            await receive(exchange, answer)
            return answer.reply(self._meta(exchange, attempt))

        post = Post(
            self._url, self._headers_for(request), self._wire.body(request), request.deadline
        )
        return await self._posting.send(post, read, listener.retry)

    def _headers_for(self, request: ModelRequest) -> dict[str, str]:
        name = self.endpoint.session_id_header
        if not name:
            return self._headers
        session_id = _NOT_IN_HEADERS.sub("?", request.session_id)
        return {**self._headers, name.lower(): session_id}

    def _meta(self, exchange: Exchange, attempt: int) -> dict[str, str | int]:
        meta: dict[str, str | int] = {
            "provider": self.endpoint.provider,
            "request_model": self.endpoint.model,
            "attempts": attempt,
        }
        headers = exchange.headers
        request_id = headers.get("request-id") or headers.get("x-request-id")
        return {**meta, "request_id": request_id} if request_id else meta
