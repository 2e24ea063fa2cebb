"""A model that is asked only when what it may take is reserved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from a3s_code.errors import BudgetExhausted, ModelRefused, ModelUnavailable
from a3s_code.harness.budgets.meter import Meter
from a3s_code.harness.budgets.metered_model import MeteredModel
from a3s_code.harness.budgets.scope import NOTHING, Scope
from a3s_code.kernel.budget import Budget
from a3s_code.kernel.clock import SystemClock
from a3s_code.kernel.events import BudgetThresholdHit, TextDelta
from a3s_code.kernel.messages import Conversation, Message, Text, Usage, user
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener
from a3s_code.kernel.tool import ToolSet

ANSWER = Message("assistant", (Text("ok"),))


class Silent:
    def delta(self, delta: object) -> None: ...
    def retry(self, attempt: int, reason: str, delay_s: float) -> None: ...


class Told:
    def __init__(self) -> None:
        self.events: list[Any] = []

    def emit(self, event: object) -> None:
        self.events.append(event)


class Scripted:
    """Answers as `work` does, with at most 1,000 tokens."""

    ref, context_window, max_output_tokens = "here/m", 100_000, 1_000

    def __init__(self, work: Callable[[ModelRequest, ReplyListener], Any]) -> None:
        self.work = work
        self.bounds: list[int | None] = []

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        self.bounds.append(request.max_output_tokens)
        usage = await self.work(request, listener)
        return Reply(ANSWER, usage)


def metered(limits: Budget, model: Any) -> tuple[MeteredModel, Scope, Told]:
    told, scope = Told(), Scope("session", "s", limits)
    meter = Meter("s", SystemClock(), lambda _, __: None, scope, lambda: told)  # type: ignore[arg-type, return-value]
    return MeteredModel(model, meter), scope, told


async def ask(model: MeteredModel) -> Reply:
    request = ModelRequest("Be brief.", Conversation([user("hello")]), ToolSet(()), "s")
    return await model.reply(await model.fitted(request), Silent())


async def test_what_others_only_reserve_is_waited_for() -> None:
    async def slowly(_: object, __: object) -> Usage:
        await asyncio.sleep(0.01)
        return Usage(10, 90)

    own = Scripted(slowly)
    model, scope, told = metered(Budget(tokens=1_100), own)

    answers = await asyncio.gather(*(ask(model) for _ in range(6)))

    assert len(answers) == 6
    assert own.bounds[0] == 1_000
    assert own.bounds == sorted(own.bounds, reverse=True), "less is left each time"
    assert (scope.used.tokens, scope.reserved) == (600, NOTHING)
    assert [each.kind for each in told.events] == ["soft"]


async def test_whoever_waits_is_refused_when_it_was_used_up_after_all() -> None:
    async def all_of_it(request: ModelRequest, _: object) -> Usage:
        await asyncio.sleep(0.01)
        return Usage(10, request.max_output_tokens or 0)

    model, scope, told = metered(Budget(tokens=1_100), Scripted(all_of_it))

    answers = await asyncio.gather(*(ask(model) for _ in range(3)), return_exceptions=True)

    assert [type(each) for each in answers] == [Reply, BudgetExhausted, BudgetExhausted]
    assert scope.used.tokens <= 1_100
    assert scope.reserved == NOTHING
    assert [each.kind for each in told.events] == ["soft", "hard"]
    assert all(isinstance(each, BudgetThresholdHit) for each in told.events)


async def test_another_attempt_is_made_only_when_there_is_enough_for_it() -> None:
    async def cut(_: object, listener: ReplyListener) -> Usage:
        listener.delta(TextDelta(text="words that were seen " * 40))
        listener.retry(2, "the answer was cut off", 0.0)
        return Usage(10, 10)

    model, scope, _ = metered(Budget(tokens=1_100), Scripted(cut))
    with pytest.raises(BudgetExhausted):
        await ask(model)
    assert 100 < scope.used.tokens < 400
    assert scope.reserved == NOTHING

    roomy, plenty, _ = metered(Budget(tokens=10_000), Scripted(cut))
    await ask(roomy)
    assert plenty.used.tokens == scope.used.tokens + 20


async def test_a_model_that_goes_on_with_nothing_left_is_booked() -> None:
    async def stubborn(_: object, listener: ReplyListener) -> Usage:
        listener.delta(TextDelta(text="words that were seen " * 40))
        try:
            listener.retry(2, "cut", 0.0)
        except BudgetExhausted:
            return Usage(10, 5_000)
        raise AssertionError("unreachable")

    model, scope, _ = metered(Budget(tokens=1_100), Scripted(stubborn))
    await ask(model)

    assert scope.used.tokens > 5_010
    assert scope.reserved == NOTHING


@pytest.mark.parametrize("kind", ["timeout", "rate_limit"])
async def test_only_what_a_provider_began_to_answer_is_booked(kind: str) -> None:
    async def fails(_: object, __: object) -> Usage:
        raise ModelUnavailable("no", kind=kind)

    model, scope, _ = metered(Budget(tokens=1_100), Scripted(fails))
    with pytest.raises(ModelUnavailable):
        await ask(model)

    assert (scope.used.tokens > 0) == (kind == "timeout")
    assert scope.reserved == NOTHING


async def test_a_model_that_is_none_leaves_nothing_reserved() -> None:
    class Sudden(Scripted):
        def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:  # type: ignore[override]
            return Reply(ANSWER, Usage())

    model, scope, _ = metered(Budget(tokens=1_100), Sudden(lambda _, __: None))
    with pytest.raises(ModelRefused, match="at once"):
        await ask(model)
    assert scope.reserved == NOTHING
