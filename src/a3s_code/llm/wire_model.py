"""What models behind an HTTP wire have in common: all but the format."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from typing import ClassVar

from a3s_code.kernel.clock import Clock
from a3s_code.kernel.measure import Measure
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener
from a3s_code.llm.attempts import Line
from a3s_code.llm.breaker import Breaker
from a3s_code.llm.endpoint import Endpoint
from a3s_code.llm.http import Http
from a3s_code.llm.retry import Backoff
from a3s_code.llm.wire import Wire


class WireModel:
    """
    A model behind an HTTP wire; see `kernel.ports.Model`. A provider's class names its wire.

    Args:
        http: Shared by all models of an agent.
        breaker: May be shared by models of one provider.
        random: Gives numbers in [0, 1), for the jitter of pauses.
    """

    __slots__ = ("_line",)

    wire: ClassVar[Callable[[Endpoint], Wire]]

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
        wire = type(self).wire(endpoint)
        self._line = Line(wire, http, clock, breaker, backoff=backoff, random=random)

    @property
    def ref(self) -> str:
        return self._line.endpoint.ref

    @property
    def context_window(self) -> int:
        return self._line.endpoint.context_window

    @property
    def max_output_tokens(self) -> int | None:
        """The most that an answer is, where that is known."""
        return self._line.endpoint.max_output_tokens

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        return await self._line.ask(request, listener)

    def measure(self, request: ModelRequest) -> Measure:
        """See `kernel.ports.Measured`."""
        return self._line.measure(request)
