from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from a3s_code.harness.hooks import firing
from a3s_code.harness.hooks.event_names import FIRED, GATING
from a3s_code.harness.hooks.firing import Blocked, Firing, Passed
from a3s_code.harness.hooks.handler import MAX_LEFT_BEHIND
from a3s_code.harness.hooks.registry import HookRegistry
from a3s_code.kernel.messages import JsonObject
from harness.hooks.hooking import BASH, Notes, answers, fire, fired

BLOCK = {"action": "block", "reason": "no"}
SOON = {"timeout_ms": 20}


def hooked(*handlers: Any, event: str = "pre_tool_use", **config: Any) -> HookRegistry:
    registry = HookRegistry()
    for at, handler in enumerate(handlers):
        registry.register(f"h{at}", event, None, config, handler)
    return registry


# What fails


async def never(event: Any) -> None:
    await asyncio.Event().wait()


async def stubborn(event: Any) -> None:
    try:
        await never(event)
    except asyncio.CancelledError:
        await asyncio.sleep(0)


def raising(event: Any) -> None:
    raise ValueError("guard broke")


def leaving(event: Any) -> None:
    raise SystemExit(3)


def stopping(event: Any) -> None:
    raise StopIteration


async def cancelling(event: Any) -> None:
    raise asyncio.CancelledError


class Nameless(Exception):
    def __str__(self) -> str:
        raise ValueError


def nameless(event: Any) -> None:
    raise Nameless


FAILING = [
    (never, "did not answer within 20 ms"),
    (stubborn, "did not answer within 20 ms"),
    (raising, "ValueError: guard broke"),
    (leaving, "sys.exit(3)"),
    (stopping, "StopIteration"),
    (cancelling, "was cancelled"),
    (nameless, "Nameless"),
    (answers(True), "answered with a bool"),
    (answers("block"), "answered with a str"),
    (answers({}), "no action"),
    (answers({"action": "allow"}), "'allow'"),
    (answers({"action": "blok"}), "did you mean 'block'"),
    (answers({"action": ["block"]}), "no action"),
    (answers({"action": "block", "reason": 3}), "its reason is a int"),
    (answers({"action": "modify"}), "no `data`"),
    (answers({"action": "modify", "data": [1]}), "not an object"),
    (answers({"action": "modify", "data": {}, "args": {}}), "more than one"),
    (answers({"action": "modify", "data": {"x": object()}}), "no plain JSON"),
    (answers({"action": "retry", "delay_ms": -1}), "outside of"),
    (answers({"action": "retry", "delay_ms": "1"}), "delay_ms is a str"),
    (answers({"action": "retry", "delay_ms": float("nan")}), "outside of"),
    (answers({"action": "retry", "delay_ms": 0}), "its max_retries is 0"),
]


@pytest.mark.parametrize(("handler", "why"), FAILING)
async def test_a_hook_that_fails_blocks_what_it_gates(handler: Any, why: str) -> None:
    notes = Notes()
    verdict = await fire(hooked(handler, **SOON), notes=notes)

    assert isinstance(verdict, Blocked)
    assert verdict.reason.startswith("the hook 'h0' failed, and nothing goes on without it: ")
    assert why in verdict.reason
    assert notes.said[-1].outcome == "failed"
    assert why in notes.said[-1].reason


@pytest.mark.parametrize(("handler", "why"), FAILING)
async def test_elsewhere_it_is_recorded_and_the_others_are_asked(handler: Any, why: str) -> None:
    notes = Notes()
    registry = hooked(handler, answers(None), event="post_tool_use", **SOON)

    assert await fire(registry, "post_tool_use", notes=notes) == Passed()
    assert notes.outcomes[-2:] == [("h0", "failed"), ("h1", "continue")]


@pytest.mark.parametrize("event", sorted(FIRED))
async def test_only_the_gating_events_fail_closed(event: str) -> None:
    verdict = await fire(hooked(raising, event=event), event, {})

    assert isinstance(verdict, Blocked) == (event in GATING)


async def test_a_reason_is_redacted_and_bounded_wherever_it_goes() -> None:
    notes = Notes()
    registry = hooked(answers({"action": "block", "reason": "x" * 1_997 + "s3cret" * 500}))
    asking = Firing(registry, "s", lambda text: text.replace("s3cret", "[redacted]"))

    verdict = await asking.fire("pre_tool_use", BASH, notes)

    assert isinstance(verdict, Blocked)
    assert "s3c" not in notes.said[0].reason + verdict.reason
    assert notes.said[0].reason.endswith("[4997 more characters]")


async def test_a_cancellation_stops_the_handler_and_goes_on() -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def handler(event: Any) -> None:
        begun.set()
        try:
            await never(event)
        finally:
            stopped.set()

    asking = asyncio.create_task(fire(hooked(handler)))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert stopped.is_set()


async def test_what_neither_answers_nor_stops_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes_on = asyncio.Event()

    async def deaf(event: Any) -> None:
        while not goes_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await goes_on.wait()

    monkeypatch.setattr(firing, "STOP_S", 0.01)
    assert isinstance(await fire(hooked(deaf, **SOON)), Blocked)
    goes_on.set()


# Threads


async def test_a_handler_that_does_not_wait_never_holds_up_the_loop() -> None:
    goes_on = threading.Event()
    registry = hooked(lambda _: goes_on.wait(10) or None)

    asking = asyncio.create_task(fire(registry, "pre_tool_use", BASH))
    await asyncio.sleep(0)
    goes_on.set()  # only this loop can say it

    assert isinstance(await asking, Blocked), "it answered True, which is no answer"


async def test_a_handler_may_be_asked_by_many_at_once() -> None:
    many = 2 * MAX_LEFT_BEHIND
    together = threading.Barrier(many)

    def meeting(event: Any) -> None:
        together.wait(10)  # each call waits for all the others

    registry = hooked(meeting)

    assert await asyncio.gather(*(fire(registry) for _ in range(many))) == [Passed()] * many


async def test_threads_that_do_not_come_back_are_bounded() -> None:
    goes_on, calls = threading.Event(), []

    def hanging(event: Any) -> None:
        calls.append(event)
        goes_on.wait(30)

    registry, notes = hooked(hanging, timeout_ms=1), Notes()
    try:
        for _ in range(MAX_LEFT_BEHIND + 2):
            assert isinstance(await fire(registry, notes=notes), Blocked)
        assert len(calls) == MAX_LEFT_BEHIND
        assert "have not come back" in notes.said[-1].reason
    finally:
        goes_on.set()


# Payloads


async def test_what_a_handler_does_to_its_payload_changes_nothing() -> None:
    seen: list[Any] = []

    def changing(event: JsonObject) -> None:
        seen.append(str(event))
        event["payload"]["args"]["command"] = "rm -rf /"
        event.clear()

    payload: JsonObject = {"tool": "bash", "args": {"command": "ls"}}
    await fire(hooked(changing, changing), payload=payload)

    assert payload == {"tool": "bash", "args": {"command": "ls"}}
    assert seen[0] == seen[1]


# Retries


async def test_a_hook_is_asked_once_more_as_often_as_it_may_be() -> None:
    asked: list[int] = []

    def later(event: Any) -> Any:
        asked.append(1)
        return {"action": "retry", "delay_ms": 0} if len(asked) < 3 else None

    notes = Notes()
    assert await fire(hooked(later, max_retries=2), notes=notes) == Passed()
    assert [outcome for _, outcome in notes.outcomes] == ["retry", "retry", "continue"]


# In the background


async def test_what_is_asked_in_the_background_stops_nothing_and_is_recorded() -> None:
    goes_on, notes = asyncio.Event(), Notes()

    async def slow(event: Any) -> Any:
        await goes_on.wait()
        return BLOCK

    registry = hooked(slow, event="post_tool_use", async_execution=True)
    registry.register("last", "post_tool_use", answers(None))
    asking = Firing(registry, "s")

    assert await asking.fire("post_tool_use", BASH, notes) == Passed()
    assert notes.outcomes == [("last", "continue")]
    goes_on.set()
    await asking.close()
    assert notes.outcomes[-1] == ("h0", "block")


# Order


@dataclass(frozen=True)
class Model:
    """One hook, as the rules know it."""

    id: str
    priority: int
    depth: int
    at: int
    answer: str


ANSWERS: dict[str, Any] = {
    "continue": None,
    "block": BLOCK,
    "skip": {"action": "skip"},
    "modify": {"action": "modify", "data": {"command": "x"}},
    "failed": "nonsense",
}


def expected(hooks: list[Model]) -> tuple[list[tuple[str, str]], str, str]:
    """Say who is asked, what comes of it and whose arguments count, in the words of SPEC 7."""
    said: list[tuple[str, str]] = []
    modified, skipping = "", 99
    for hook in sorted(hooks, key=lambda each: (each.priority, each.depth, each.at)):
        if hook.depth >= skipping:
            continue
        said.append((hook.id, hook.answer))
        if hook.answer in ("block", "failed"):
            return said, "blocked", ""
        if hook.answer == "skip":
            skipping = min(skipping, hook.depth)
        if hook.answer == "modify":
            modified = hook.id
    return said, "passed", modified


class Registrations(RuleBasedStateMachine):
    """Hooks come and go in an engine and in one that inherits from it."""

    @initialize()
    def begin(self) -> None:
        self.engines = [HookRegistry()]
        self.engines.append(self.engines[0].inherited())
        self.hooks: dict[tuple[int, str], Model] = {}
        self.at = 0

    @rule(
        depth=st.integers(0, 1),
        id_=st.sampled_from("abc"),
        priority=st.sampled_from([1, 50, 100]),
        answer=st.sampled_from(sorted(ANSWERS)),
    )
    def register(self, depth: int, id_: str, priority: int, answer: str) -> None:
        self.at += 1
        given = ANSWERS[answer]
        if answer == "modify":
            given = {"action": "modify", "data": {"command": f"{id_}{depth}"}}
        config = {"priority": priority}
        self.engines[depth].register(id_, "pre_tool_use", None, config, answers(given))
        self.hooks[depth, id_] = Model(id_, priority, depth, self.at, answer)

    @rule(depth=st.integers(0, 1), id_=st.sampled_from("abc"))
    def unregister(self, depth: int, id_: str) -> None:
        known = self.hooks.pop((depth, id_), None)
        assert self.engines[depth].unregister(id_) == (known is not None)

    @invariant()
    def asked_in_order(self) -> None:
        for depth, engine in enumerate(getattr(self, "engines", [])):
            asked = [hook for hook in self.hooks.values() if hook.depth <= depth]
            said, outcome, modified = expected(asked)
            notes = Notes()
            verdict = fired(engine, notes)
            assert notes.outcomes == said
            assert isinstance(verdict, Blocked) == (outcome == "blocked")
            if isinstance(verdict, Passed):
                args = verdict.args or {"command": ""}
                assert str(args["command"])[:1] == modified
            assert engine.count == len(asked)


TestRegistrations = Registrations.TestCase
TestRegistrations.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


async def test_a_handler_that_cancels_its_own_task_has_failed() -> None:
    async def gone(event: JsonObject) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    verdict = await fire(hooked(gone))

    assert isinstance(verdict, Blocked)
    assert "it cancelled itself" in verdict.reason
