"""Who was told to stop stops, whatever a tool makes of it; and nobody stops for a tool's sake."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.events import ToolEnd
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Deny, Sink
from a3s_code.kernel.records import EffectIntended, EffectSettled
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext
from a3s_code.testing import Scripted, calls, says
from kernel.bench import Bench, Play, Unhooked, call, files
from kernel.probes import Given, tool_of

SLEEP_S = 600.0


class Stubborn:
    """
    A tool that goes on when it is told to stop.

    Attributes:
        begun: It has started to wait.
        after: What it does then.
    """

    def __init__(self, after: Callable[[ToolContext], Awaitable[Observation]]) -> None:
        self.begun = asyncio.Event()
        self.after = after

    async def __call__(self, args: Given, context: ToolContext) -> Observation:
        self.begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(SLEEP_S)
        return await self.after(context)


async def return_as_if_nothing_had_been(context: ToolContext) -> Observation:
    return Observation("all good")


async def fail(context: ToolContext) -> Observation:
    raise ValueError("no good")


async def leave(context: ToolContext) -> Observation:
    raise SystemExit(3)


async def call_another(context: ToolContext) -> Observation:
    return await context.call("put", {"text": "made"})


AFTER = [return_as_if_nothing_had_been, fail, leave, call_another]


def putter(root: Path) -> Tool:
    """Make a tool that leaves a file behind."""

    async def put(args: Given, context: ToolContext) -> Observation:
        (root / args.text).write_text("")
        return Observation("put")

    return tool_of(put, "put")


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("effect", [Effect.READ, Effect.EXECUTE])
async def test_a_cancelled_run_does_not_go_on_after_a_tool_that_would(
    after: Callable[[ToolContext], Awaitable[Observation]], effect: Effect, tmp_path: Path
) -> None:
    stubborn = Stubborn(after)
    bench = Bench(tmp_path, [tool_of(stubborn, effect=effect), putter(tmp_path)])
    run = Play(bench, Scripted(calls("probe"), calls("put", text="next"), says("Done.")))

    running = asyncio.create_task(run.run())
    await stubborn.begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert files(tmp_path) == {}
    (ended,) = bench.all(ToolEnd)
    assert (ended.exit_code, ended.error_kind) == (130, {"type": "cancelled"})
    settled = [effect.exit_code for effect in bench.all(EffectSettled)]
    assert settled == ([130] if effect is Effect.EXECUTE else [])
    assert bench.executor.active == {}


@pytest.mark.parametrize("after", AFTER)
async def test_a_time_limit_of_the_run_holds_against_a_tool_that_would_go_on(
    after: Callable[[ToolContext], Awaitable[Observation]], tmp_path: Path
) -> None:
    bench = Bench(tmp_path, [tool_of(Stubborn(after)), putter(tmp_path)])
    run = Play(bench, Scripted(calls("probe"), calls("put", text="next"), says("Done.")))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await run.run()

    assert files(tmp_path) == {}


@pytest.mark.parametrize("after", AFTER)
async def test_a_tool_that_goes_on_after_its_own_limit_is_late_and_the_run_goes_on(
    after: Callable[[ToolContext], Awaitable[Observation]], tmp_path: Path
) -> None:
    bench = Bench(tmp_path, [tool_of(Stubborn(after)), putter(tmp_path)], tool_timeout_s=0.05)
    run = Play(bench, Scripted(calls("probe"), calls("put", text="next"), says("Done.")))

    answer = await run.run()

    assert answer.text == "Done."
    assert files(tmp_path) == {"next": ""}
    late, _ = bench.all(ToolEnd)
    assert (late.exit_code, late.error_kind) == (124, {"type": "timeout"})
    assert late.output == "Tool 'probe' timed out after 50ms."


async def test_tools_that_run_together_all_stop_when_they_are_told_to(tmp_path: Path) -> None:
    stubborn = [Stubborn(return_as_if_nothing_had_been) for _ in range(3)]
    names = ["one", "two", "three"]
    tools = [tool_of(s, name, Effect.READ) for s, name in zip(stubborn, names, strict=True)]
    bench = Bench(tmp_path, tools)

    running = asyncio.create_task(bench.execute(*(call(name, name) for name in names)))
    for each in stubborn:
        await each.begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert {(end.id, end.exit_code) for end in bench.all(ToolEnd)} == {(n, 130) for n in names}


async def test_a_direct_call_that_is_cancelled_stops_whatever_its_tool_does(
    tmp_path: Path,
) -> None:
    stubborn = Stubborn(call_another)
    bench = Bench(tmp_path, [tool_of(stubborn), putter(tmp_path)])

    running = asyncio.create_task(bench.directly("probe"))
    await stubborn.begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert files(tmp_path) == {}
    assert [intent.tool for intent in bench.all(EffectIntended)] == ["probe"]


async def end_itself(args: Given, context: ToolContext) -> Observation:
    raise asyncio.CancelledError


async def wait_for_what_was_cancelled(args: Given, context: ToolContext) -> Observation:
    future: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
    future.cancel()
    return await future


@pytest.mark.parametrize("body", [end_itself, wait_for_what_was_cancelled])
@pytest.mark.parametrize("tool_timeout_s", [None, 60.0])
async def test_a_cancellation_that_nobody_asked_for_is_a_failure_of_the_tool(
    body: Callable[[Given, ToolContext], Awaitable[Observation]],
    tool_timeout_s: float | None,
    tmp_path: Path,
) -> None:
    tools = [tool_of(body, effect=Effect.READ), putter(tmp_path)]
    bench = Bench(tmp_path, tools, tool_timeout_s=tool_timeout_s)
    run = Play(bench, Scripted(calls("probe") + calls("probe"), says("Done.")))

    assert (await run.run()).text == "Done."

    shown = [(end.exit_code, end.output) for end in bench.all(ToolEnd)]
    failed = "probe failed: EndedItself: something that it waited for was cancelled"
    assert shown == [(1, failed)] * 2
    assert (await bench.directly("probe")).text == failed


class Asked(Unhooked):
    """A hook and an approver that swallow a cancellation, or make one up."""

    def __init__(self, *, swallows: bool) -> None:
        self.swallows = swallows
        self.begun = asyncio.Event()

    async def before_tool(self, action: Action, sink: Sink) -> Deny | ToolCall | None:
        await self._wait()
        return None

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        await self._wait()
        return Allow("never mind")

    async def _wait(self) -> None:
        self.begun.set()
        if not self.swallows:
            raise asyncio.CancelledError
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(SLEEP_S)


def asking(root: Path, asked: Asked, who: str) -> Bench:
    bench = Bench(root, [putter(root)], PermissionPolicy(ask=["put"]))
    if who == "hook":
        bench.executor.hooks = asked
    bench.executor.approver = asked
    return bench


@pytest.mark.parametrize("who", ["hook", "approver"])
async def test_nothing_runs_when_the_cancellation_came_at_the_question(
    who: str, tmp_path: Path
) -> None:
    asked = Asked(swallows=True)
    bench = asking(tmp_path, asked, who)

    running = asyncio.create_task(bench.execute(call("put", text="made")))
    await asked.begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert files(tmp_path) == {}
    assert bench.all(EffectIntended) == []
    assert [end.exit_code for end in bench.all(ToolEnd)] == [130]


@pytest.mark.parametrize("who", ["hook", "approver"])
async def test_who_is_asked_and_cancels_itself_denies(who: str, tmp_path: Path) -> None:
    bench = asking(tmp_path, Asked(swallows=False), who)

    (result,) = await bench.execute(call("put", text="made"))

    assert result.content.startswith(f"Permission denied: {'a' if who == 'hook' else 'the'} {who}")
    assert files(tmp_path) == {}


async def test_a_call_does_not_begin_in_a_task_that_was_told_to_stop(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [putter(tmp_path)])

    async def cleaning_up() -> None:
        try:
            await asyncio.sleep(SLEEP_S)
        finally:
            await bench.executor.call(call("put", text="made"), Authority.HOST, bench.sink)

    running = asyncio.create_task(cleaning_up())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert files(tmp_path) == {}
    assert bench.all(ToolEnd) == []
