"""Whoever answers may be an object or a function, and may take its time."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from a3s_code.harness.confirmer import approver_of
from a3s_code.kernel.border import EndedItself, answer_of
from a3s_code.kernel.ports import Action, Allow, Ask, Deny
from api.house import arrive
from harness.test_inheritance import action

ASK = Ask("why")


async def yes_later(action: Action, ask: Ask) -> bool:
    await asyncio.sleep(0)
    return True


def yes(action: Action, ask: Ask) -> bool:
    return True


def decided(action: Action, ask: Ask) -> Allow:
    return Allow(f"{ask.reason}: {action.subject}")


class Sync:
    def approve(self, action: Action, ask: Ask) -> Allow:
        return Allow("sync")


class Async:
    async def approve(self, action: Action, ask: Ask) -> Allow:
        return Allow("async")


class Called:
    async def __call__(self, action: Action, ask: Ask) -> Allow:
        return Allow("called")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (yes, "the host said yes"),
        (yes_later, "the host said yes"),
        (decided, "why: make test"),
        (Sync(), "sync"),
        (Async(), "async"),
        (Called(), "called"),
        (Async().approve, "async"),
        (functools.partial(decided), "why: make test"),
        (lambda what, _: yes_later(what, ASK), "the host said yes"),
    ],
)
async def test_every_form_of_a_confirmer_answers(given: Any, reason: str) -> None:
    assert await approver_of(given).approve(action(), ASK) == Allow(reason)


@pytest.mark.parametrize("no", [lambda *_: False, lambda *_: Deny("not in this house")])
async def test_a_function_may_say_no(no: Callable[..., Any]) -> None:
    assert isinstance(await approver_of(no).approve(action(), ASK), Deny)


async def test_a_confirmer_that_blocks_does_not_hold_up_the_loop() -> None:
    asked, answer = threading.Event(), threading.Event()

    def block(action: Action, ask: Ask) -> bool:
        asked.set()
        return answer.wait(10)

    waiting = asyncio.create_task(approver_of(block).approve(action(), ASK))
    await arrive(asked.is_set)
    assert not waiting.done()
    answer.set()

    assert await waiting == Allow("the host said yes")


async def test_nobody_waits_for_a_thread_whose_question_is_over() -> None:
    answer, done = threading.Event(), threading.Event()

    def block(action: Action, ask: Ask) -> bool:
        answer.wait(10)
        done.set()
        return True

    waiting = asyncio.create_task(approver_of(block).approve(action(), ASK))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    answer.set()
    assert done.wait(10), "what it says then counts for nothing, and harms nothing"


class Odd(BaseException):
    """An exception that is no Exception."""


@pytest.mark.parametrize("error", [ValueError("x"), StopIteration(), KeyboardInterrupt(), Odd()])
async def test_whatever_a_thread_raises_is_an_error_of_the_confirmer(
    error: BaseException,
) -> None:
    def fail(action: Action, ask: Ask) -> bool:
        raise error

    with pytest.raises(Exception) as caught:
        await answer_of(approver_of(fail).approve(action(), ASK))
    assert not isinstance(caught.value, EndedItself | asyncio.CancelledError)


async def test_a_thread_that_exits_ends_nothing() -> None:
    with pytest.raises(RuntimeError, match=r"called sys\.exit\(3\)"):
        await approver_of(lambda *_: sys.exit(3)).approve(action(), ASK)
