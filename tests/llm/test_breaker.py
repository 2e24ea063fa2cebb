from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from a3s_code.errors import ModelError, ModelRefused, ModelUnavailable
from a3s_code.llm.breaker import Breaker
from llm.asking import FakeClock


def down() -> ModelUnavailable:
    return ModelUnavailable("down", kind="server")


def refused() -> ModelRefused:
    return ModelRefused("no", kind="auth")


def call(breaker: Breaker, error: BaseException | None = None) -> None:
    with breaker.guard("p/m"):
        if error is not None:
            raise error


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ModelUnavailable):
            call(breaker, down())


def is_open(breaker: Breaker) -> bool:
    try:
        call(breaker, asyncio.CancelledError())
    except ModelUnavailable as error:
        return error.kind == "breaker_open"
    except asyncio.CancelledError:
        return False
    return False


def test_it_opens_after_three_failed_calls_in_a_row_and_says_when_to_come_back(
    clock: FakeClock,
) -> None:
    breaker = Breaker(clock)
    fail(breaker, 3)
    clock.now_s = 10.0

    with pytest.raises(ModelUnavailable) as caught:
        call(breaker)

    assert caught.value.kind == "breaker_open"
    assert caught.value.attempts == 0
    assert caught.value.retry_after_s == 20.0


@pytest.mark.parametrize("answer", [None, refused()])
def test_an_answer_starts_the_count_again(clock: FakeClock, answer: ModelError | None) -> None:
    breaker = Breaker(clock)
    fail(breaker, 2)
    with suppress(ModelRefused):
        call(breaker, answer)
    fail(breaker, 2)

    assert not is_open(breaker)


def test_a_cancelled_call_says_nothing(clock: FakeClock) -> None:
    breaker = Breaker(clock)
    fail(breaker, 2)
    with pytest.raises(asyncio.CancelledError):
        call(breaker, asyncio.CancelledError())
    fail(breaker, 1)

    assert is_open(breaker)


def test_half_open_lets_exactly_one_probe_through_at_a_time(clock: FakeClock) -> None:
    breaker = Breaker(clock)
    fail(breaker, 3)
    clock.now_s = 30.0

    with breaker.guard("p/m"), pytest.raises(ModelUnavailable) as caught:
        call(breaker)

    assert caught.value.kind == "breaker_open"
    assert not is_open(breaker)


def test_a_probe_that_fails_opens_it_again_and_one_that_is_cancelled_does_not(
    clock: FakeClock,
) -> None:
    breaker = Breaker(clock)
    fail(breaker, 3)
    clock.now_s = 30.0
    assert not is_open(breaker)
    fail(breaker, 1)
    clock.now_s = 59.0

    assert is_open(breaker)


def test_a_threshold_of_zero_never_opens(clock: FakeClock) -> None:
    breaker = Breaker(clock, threshold=0)
    fail(breaker, 50)

    assert not is_open(breaker)


class BreakerAgainstItsDescription(RuleBasedStateMachine):
    """Any order of calls, answers and time, compared with the words of the docstring."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.breaker = Breaker(self.clock, threshold=2, open_s=30.0)
        self.failures = 0
        self.opened_at: float | None = None

    @property
    def may_call(self) -> bool:
        return self.opened_at is None or self.clock.now_s >= self.opened_at + 30.0

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.clock.now_s += seconds

    @rule(refuses=st.booleans())
    @precondition(lambda self: self.may_call)
    def is_answered(self, *, refuses: bool) -> None:
        with suppress(ModelRefused):
            call(self.breaker, refused() if refuses else None)
        self.failures, self.opened_at = 0, None

    @rule()
    @precondition(lambda self: self.may_call)
    def fails(self) -> None:
        fail(self.breaker, 1)
        self.failures += 1
        if self.failures >= 2:
            self.opened_at = self.clock.now_s

    @invariant()
    def is_open_when_it_should_be(self) -> None:
        assert is_open(self.breaker) is not self.may_call


TestBreakerAgainstItsDescription = BreakerAgainstItsDescription.TestCase
