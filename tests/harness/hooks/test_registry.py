from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.hooks.engine import HookEngine
from a3s_code.harness.hooks.event_names import EVENTS, FIRED, IDLE
from a3s_code.harness.hooks.firing import Blocked
from harness.hooks.hooking import answers, fire, fired

BLOCK = {"action": "block", "reason": "no"}
SKIP = {"action": "skip"}


def nothing(event: Any) -> None: ...


def test_every_event_of_the_documents_is_accepted() -> None:
    engine = HookEngine()
    for event in EVENTS:
        engine.register(event, event, handler=nothing)

    assert engine.count == len(EVENTS) == 26
    assert set(engine.idle) == IDLE
    assert not IDLE & FIRED


def test_both_forms_of_the_documents_register() -> None:
    engine = HookEngine()
    engine.register("audit", "pre_tool_use", answers(BLOCK))
    assert isinstance(fired(engine), Blocked)

    engine.register("audit", "pre_tool_use", {"tool": "write"}, {"priority": 1}, answers(BLOCK))
    assert engine.count == 1, "an equal id is replaced"
    assert not isinstance(fired(engine), Blocked)

    engine.register("audit", "pre_tool_use", {"tool": "bash"}, answers(BLOCK))
    assert isinstance(fired(engine), Blocked), "the handler is the last argument"


@pytest.mark.parametrize(
    ("arguments", "kind", "told"),
    [
        (("x", "pre_tool_usage", nothing), InvalidValue, "did you mean 'pre_tool_use'"),
        (("x", 3, nothing), InvalidType, "not its name"),
        ((3, "pre_tool_use", nothing), InvalidType, "id of a hook"),
        (("", "pre_tool_use", nothing), InvalidValue, "id of a hook"),
        (("x", "pre_tool_use"), InvalidType, "not a function"),
        (("x", "pre_tool_use", None, None, "run"), InvalidType, "not a function"),
        (("x", "pre_tool_use", nothing, None, nothing), InvalidType, "two handlers"),
        (("x", "pre_tool_use", nothing, nothing), InvalidType, "two handlers"),
        (("x", "pre_tool_use", None, {"prio": 1}, nothing), InvalidValue, "mean 'priority'"),
        (("x", "pre_tool_use", None, {"priority": "1"}, nothing), InvalidType, "not int"),
        (("x", "pre_tool_use", None, {"priority": True}, nothing), InvalidType, "not int"),
        (("x", "pre_tool_use", None, {"timeoutMs": 0}, nothing), InvalidValue, "timeout_ms"),
        (("x", "pre_tool_use", None, {"max_retries": -1}, nothing), InvalidValue, "max_retries"),
        (("x", "pre_tool_use", None, [], nothing), InvalidType, "config of a hook"),
        (
            ("x", "pre_prompt", None, {"async_execution": True}, nothing),
            InvalidValue,
            "without its answer",
        ),
    ],
)
def test_what_is_wrong_is_refused_at_once(
    arguments: tuple[Any, ...], kind: type[Exception], told: str
) -> None:
    engine = HookEngine()
    with pytest.raises(kind, match=told):
        engine.register(*arguments)
    assert engine.count == 0


def test_unregistering_says_whether_there_was_one() -> None:
    engine = HookEngine()
    engine.register("audit", "pre_tool_use", answers(BLOCK))

    assert (engine.unregister("audit"), engine.unregister("audit")) == (True, False)
    assert not isinstance(fired(engine), Blocked)


# What inherits


def test_a_child_asks_the_hooks_of_its_parent_also_later_ones() -> None:
    parent = HookEngine()
    child = parent.inherited().inherited()
    assert not isinstance(fired(child), Blocked)

    parent.register("guard", "pre_tool_use", answers(BLOCK))

    assert isinstance(fired(child), Blocked)
    assert child.count == 1


def test_a_child_can_neither_take_away_nor_hide_nor_skip_a_hook_of_its_parent() -> None:
    parent = HookEngine()
    parent.register("guard", "pre_tool_use", answers(BLOCK))
    child = parent.inherited()
    child.register("guard", "pre_tool_use", None, {"priority": 1}, answers(None))
    child.register("first", "pre_tool_use", None, {"priority": 0}, answers(SKIP))

    assert child.unregister("guard")
    assert not child.unregister("guard")
    assert isinstance(fired(child), Blocked)


def test_a_hook_of_a_child_is_none_of_its_parent() -> None:
    parent = HookEngine()
    parent.inherited().register("guard", "pre_tool_use", answers(BLOCK))

    assert parent.count == 0
    assert not isinstance(fired(parent), Blocked)


# Handlers


class Callable:
    async def __call__(self, event: Any) -> Any:
        await asyncio.sleep(0)
        return BLOCK


async def waiting(event: Any) -> Any:
    await asyncio.sleep(0)
    return BLOCK


@pytest.mark.parametrize(
    "handler",
    [
        Callable(),
        waiting,
        functools.partial(waiting),
        answers(BLOCK),
        functools.partial(answers(BLOCK)),
        lambda event: waiting(event),  # noqa: PLW0108 - what a lambda gives is only known later
    ],
)
def test_handlers_may_wait_or_not(handler: Any) -> None:
    engine = HookEngine()
    engine.register("guard", "pre_tool_use", handler)

    assert fired(engine) == Blocked("the hook 'guard' blocked this: no", "guard")


# The engine as an executor


async def test_an_engine_answers_as_an_executor_does() -> None:
    engine = HookEngine()
    event = {"event_type": "pre_tool_use", "payload": {"tool": "bash", "args": {}}}
    assert await engine.fire(event) is None

    other = {"action": "modify", "data": {"command": "true"}}
    engine.register("guard", "pre_tool_use", answers(other))
    assert await engine.fire(event) == other

    engine.register("first", "pre_tool_use", None, {"priority": 1}, answers(BLOCK))
    answer = await engine.fire(event)
    assert answer == {"action": "block", "reason": "the hook 'first' blocked this: no"}


@pytest.mark.parametrize("event", [{}, {"event_type": "pre_tool_use"}, {"event_type": "x"}])
async def test_an_engine_refuses_what_is_no_event(event: Any) -> None:
    with pytest.raises((InvalidType, InvalidValue)):
        await HookEngine().fire(event)


async def test_an_executor_is_asked_about_every_event_that_happens() -> None:
    class Executor:
        def __init__(self) -> None:
            self.seen: list[Any] = []

        async def fire(self, event: Any) -> Any:
            self.seen.append(event["event_type"])

    engine, executor = HookEngine(), Executor()
    engine.register_executor("theirs", executor)
    for event in sorted(FIRED):
        await fire(engine, event, {})

    assert executor.seen == sorted(FIRED)
    assert (engine.count, engine.idle) == (1, ())
