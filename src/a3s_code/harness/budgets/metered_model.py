"""
A model that is asked only when what it may use up is reserved.

    fitted   bounds the answer by what is left, before the receipt is written
    reply    asks the guards, reserves, asks, and books what was used

Reserved is the most that a request may take: its estimate, times what the provider has counted for
an estimated token so far (at first `MARGIN`), and the longest answer that it allows. What is only
reserved by others is waited for, since they may not need it. An answer that was cut off is booked
with what was sent and what came of it, as far as it was seen; each attempt that was shown counts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import msgspec

from a3s_code.errors import BudgetExhausted, ModelError
from a3s_code.harness.budgets.guarding import usage_row
from a3s_code.harness.budgets.meter import Meter
from a3s_code.harness.budgets.scope import NOTHING, Amount, Hold, Mark, Scope
from a3s_code.harness.foreign_model import ask
from a3s_code.harness.tokens import estimate, of_conversation, of_message
from a3s_code.kernel.events import ToolInputDelta
from a3s_code.kernel.loop import fit
from a3s_code.kernel.measure import Measure
from a3s_code.kernel.measured import measure_of
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Model, ModelDelta, ModelRequest, Reply, ReplyListener

MARGIN = 1.35
"""Newer models count up to a third more tokens than the estimate; see `harness.tokens`."""
SLACK = 1.1
"""On what a provider counted for an estimated token the last time."""
USUAL_OUTPUT = 16_384
"""Tokens of an answer, where neither request nor model bounds it."""
LEAST_OUTPUT = 256
"""Less room than this for an answer, and nothing is asked; a thinking budget comes on top."""
MAX_WAIT_S = 300.0
"""For what is reserved by others; a request has the time of its deadline."""
_UNBILLED = frozenset(
    {
        *("auth", "permission", "not_found", "bad_request", "too_large", "quota", "redirect"),
        *("context_length", "rate_limit", "server", "overloaded", "breaker_open", "transport"),
    }
)
"""Failures before an answer began: kinds of `ModelError`."""


class Size(NamedTuple):
    """
    Tokens of one request.

    Attributes:
        sent: Reserved for what is sent; `estimated` is without a margin.
        answer: The most that comes back.
    """

    sent: int
    estimated: int
    answer: int


class MeteredModel:
    """
    A model in the session of a meter; see `kernel.ports.Model`.

    Which scope pays is told at each request: that of the task that asks.
    """

    __slots__ = ("_meter", "_model")

    def __init__(self, model: Model, meter: Meter) -> None:
        self._model, self._meter = model, meter

    @property
    def ref(self) -> str:
        return self._model.ref

    @property
    def context_window(self) -> int:
        return self._model.context_window

    def measure(self, request: ModelRequest) -> Measure:
        return measure_of(self._model, request)

    # Before

    async def fitted(self, request: ModelRequest) -> ModelRequest:
        """
        Bound the answer by what is not used up; what is only reserved by others is waited for.

        A request that leaves too little room for an answer is refused when it is made.
        """
        scope = self._meter.here
        if scope.room() == (None, None):
            return request
        until = self._until(request)
        while True:
            size = self._size(request)  # anew: what others were told counts in it
            room = self._room(size, scope)
            if room < _least(request, size.answer):
                return request
            wanted = self._wanted(size._replace(answer=room), scope)
            missing = scope.missing(wanted)
            if missing is None or not missing.is_passing:
                return replace(request, max_output_tokens=room)
            freed = asyncio.Event()
            missing = scope.missing(wanted, _waking(freed))
            waits = missing is not None and missing.is_passing
            if waits and not await self._freed(freed, until):
                return replace(request, max_output_tokens=room)

    def _room(self, size: Size, scope: Scope) -> int:
        """Give the tokens of an answer that there is room for, whatever others have reserved."""
        tokens, nano = scope.room()
        room = size.answer
        if tokens is not None:
            room = min(room, tokens - size.sent)
        if nano is not None:
            room = min(room, self._affordable(size, nano))
        return room

    def _until(self, request: ModelRequest) -> float:
        until = self._meter.clock.monotonic() + MAX_WAIT_S
        return until if request.deadline is None else min(until, request.deadline)

    async def _freed(self, freed: asyncio.Event, until: float) -> bool:
        """Wait for something to be settled; say whether it was in time."""
        try:
            async with asyncio.timeout(until - self._meter.clock.monotonic()):
                await freed.wait()
        except TimeoutError:
            return False
        return True

    def _affordable(self, size: Size, nano: int) -> int:
        """Give the tokens of an answer that a sum pays for."""
        sent = self._cost(size.sent, 0)
        more = self._cost(size.sent, 1_000_000)
        if sent is None or more is None:
            return 0
        each = (more - sent) / 1_000_000
        return size.answer if each <= 0 else int((nano - sent) / each)

    def _size(self, request: ModelRequest) -> Size:
        form = request.form
        estimated = (
            _estimate(request.system)
            + (_estimate(request.tools.schemas()) if request.tools.tools else 0)
            + of_conversation(request.conversation)
            + (estimate(canonical(msgspec.to_builtins(form))) if form is not None else 0)
        )
        ratio = self._meter.ratios.get(self.ref, MARGIN)
        own: object = getattr(self._model, "max_output_tokens", None)
        most = request.max_output_tokens or (own if type(own) is int and own > 0 else USUAL_OUTPUT)
        thinking = request.thinking_budget or 0
        return Size(math.ceil(estimated * ratio), estimated, most + thinking * (most <= thinking))

    def _wanted(self, size: Size, scope: Scope) -> Amount:
        cost = self._cost(size.sent, size.answer) if scope.has_usd else None
        return Amount(size.sent + size.answer, cost or 0)

    def _cost(self, sent: int, answer: int) -> int | None:
        """Give what a request costs at most: all of it new in the cache, or none of it there."""
        plain = self._meter.nano(self.ref, Usage(sent, answer))
        written = self._meter.nano(self.ref, Usage(sent, answer, 0, sent))
        return None if plain is None or written is None else max(plain, written)

    # The request

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        """
        Ask once what it may take is reserved, and book what it took.

        Raises:
            BudgetExhausted: there is not enough left, or a guard says no; nothing was asked.
            ModelError: as the model says.
        """
        meter, scope = self._meter, self._meter.here
        size = self._size(request)
        await meter.admit_request(scope, size.sent + size.answer)
        wanted = self._wanted(size, scope)
        if scope.has_usd and not wanted.nano_usd and self._cost(1, 1) is None:
            raise _unpriced(self.ref)
        attempts = _Attempts(self, listener, scope, size, wanted)
        attempts.hold = await self._reserved(scope, wanted, request)
        if request.max_output_tokens is None and scope.room() != (None, None):
            request = replace(request, max_output_tokens=size.answer)
        try:
            reply = fit(await ask(self._model, request, attempts))
        except BaseException as error:
            attempts.cut(error)
            raise
        await self._book(reply, attempts)
        return reply

    async def _reserved(self, scope: Scope, wanted: Amount, request: ModelRequest) -> Hold:
        """
        Raises:
            BudgetExhausted: it is used up, or stays reserved by others for too long.
        """
        until = self._until(request)
        found = scope.reserve(wanted)
        while isinstance(found, Mark):
            if not found.is_passing:
                raise self._meter.refused(found)
            freed = asyncio.Event()
            found = scope.reserve(wanted, _waking(freed))
            if isinstance(found, Mark) and found.is_passing and not await self._freed(freed, until):
                raise self._meter.refused(found)
        self._meter.tell_crossed(found.crossed)
        return found

    # What was used

    async def _book(self, reply: Reply, attempts: _Attempts) -> None:
        meter, size, told = self._meter, attempts.size, reply.usage
        counted = max(told.prompt_tokens, 0)
        if counted and size.estimated:
            meter.ratios[self.ref] = max(1.0, counted / size.estimated * SLACK)
        answered = max(told.completion_tokens, 0) or of_message(reply.message)
        usage = msgspec.structs.replace(
            told, prompt_tokens=counted or size.estimated, completion_tokens=answered
        )
        attempts.settle(usage)
        for guard in meter.guards():
            lost = await guard.record(meter.session_id, usage_row(usage))
            if lost:
                meter.tell_lost(lost)

    def lost(self, usage: Usage) -> Amount:
        """Give what an answer comes to that nobody counted, and have the guards told of it."""
        for guard in self._meter.guards():
            guard.owe(self._meter.session_id, usage_row(usage, estimated=True))
        return self.amount(usage)

    def amount(self, usage: Usage) -> Amount:
        return Amount(usage.total_tokens, self._meter.nano(self.ref, usage) or 0)

    def tell(self, marks: tuple[Mark, ...]) -> None:
        self._meter.tell_crossed(marks)

    def refused(self, mark: Mark) -> BudgetExhausted:
        return self._meter.refused(mark)


class _Attempts:
    """Listens to the attempts of one request, and books each that was shown."""

    __slots__ = ("_listener", "_model", "_scope", "_seen", "_wanted", "hold", "size")

    hold: Hold

    def __init__(
        self, model: MeteredModel, listener: ReplyListener, scope: Scope, size: Size, wanted: Amount
    ) -> None:
        self._model, self._listener, self._scope = model, listener, scope
        self.size, self._wanted = size, wanted
        self._seen: list[str] = []

    def delta(self, delta: ModelDelta) -> None:
        self._listener.delta(delta)  # refuses what is no text
        self._seen.append(delta.delta if isinstance(delta, ToolInputDelta) else delta.text)

    def retry(self, attempt: int, reason: str, delay_s: float) -> None:
        """
        Book the attempt that was shown, and reserve for the next one.

        Raises:
            BudgetExhausted: there is not enough left for another one.
        """
        if self._seen:
            self._model.tell(self.hold.settle(self._model.lost(self._so_far())))
            found = self._scope.reserve(self._wanted)
            if isinstance(found, Mark):
                raise self._model.refused(found)
            self.hold = found
            self._model.tell(found.crossed)
            self._seen.clear()
        self._listener.retry(attempt, reason, delay_s)

    def cut(self, error: BaseException) -> None:
        """Book what came before an answer was cut off."""
        unbilled = isinstance(error, ModelError) and error.kind in _UNBILLED
        if not self.hold.is_open or (unbilled and not self._seen):
            self.hold.settle(NOTHING)
            return
        self._model.tell(self.hold.settle(self._model.lost(self._so_far())))

    def settle(self, usage: Usage) -> None:
        if not self.hold.is_open:  # a model that went on although there was nothing left for it
            free = self._scope.reserve(NOTHING)
            assert isinstance(free, Hold), "nothing is always there"
            self.hold = free
        self._model.tell(self.hold.settle(self._model.amount(usage)))

    def _so_far(self) -> Usage:
        answered = estimate("".join(self._seen))
        return Usage(self.size.estimated, min(answered, self.size.answer))


@lru_cache(maxsize=64)
def _estimate(given: str | bytes) -> int:
    """Estimate what stands in every request of a run, and in many sessions."""
    return estimate(given)


def _least(request: ModelRequest, most: int) -> int:
    return min(LEAST_OUTPUT + (request.thinking_budget or 0), most)


def _waking(freed: asyncio.Event) -> Callable[[], None]:
    """Give what wakes a task of this loop from any thread."""
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(freed.set)

    return wake


def _unpriced(ref: str) -> BudgetExhausted:
    return BudgetExhausted(
        f"Budget exhausted: nobody knows the price of {ref}, so it cannot be held within usd.",
        resource="usd",
        hint="state its cost in the configuration, or bound tokens instead",
    )
