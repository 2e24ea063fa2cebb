"""What a tool shows while it runs: in order, on the loop's thread, whole, and not without end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from a3s_code.api.outlet import Outlet, Seal
from a3s_code.capabilities.function_tool import function_tool
from a3s_code.errors import SessionClosed
from a3s_code.kernel.events import RunEvent, ToolEnd, ToolOutputDelta
from a3s_code.kernel.fold import run_events
from a3s_code.kernel.live import MAX_LIVE_CHARS, NO_MORE
from a3s_code.kernel.log import RunSink
from a3s_code.kernel.ports import Redacting
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext
from kernel.bench import RUN, WAIT_S, Bench, call, come
from kernel.probes import Given, InWhole, tool_of


class Watcher:
    """Who watches a run: what was shown, and on which threads."""

    def __init__(self, bench: Bench) -> None:
        self.events: list[RunEvent] = []
        self.threads: set[int] = set()
        bench.sink = RunSink(bench.log, RUN, self._see)

    def _see(self, event: RunEvent) -> None:
        self.events.append(event)
        self.threads.add(threading.get_ident())

    @property
    def shown(self) -> list[str]:
        return [event.delta for event in self.events if isinstance(event, ToolOutputDelta)]


def sync_tool(show: Callable[[ToolContext], None]) -> Tool:
    """Make a tool that runs in a thread of its own."""

    def probe(context: ToolContext) -> str:
        show(context)
        return "done"

    return function_tool(probe)


def watched(root: Path, tool: Tool, **options: float) -> tuple[Bench, Watcher]:
    bench = Bench(root, [tool], **options)  # pyright: ignore[reportArgumentType] - limits only
    return bench, Watcher(bench)


async def test_what_a_thread_shows_arrives_whole_in_order_and_before_the_end(
    tmp_path: Path,
) -> None:
    pieces = [f"{number} " for number in range(3_000)]

    def show(context: ToolContext) -> None:
        for piece in pieces:
            context.emit_output(piece)

    bench, watcher = watched(tmp_path, sync_tool(show))
    await bench.execute(call("probe"))

    assert watcher.shown == pieces
    assert watcher.threads == {threading.get_ident()}
    assert isinstance(watcher.events[-1], ToolEnd)
    recorded = [row.event for row in run_events(bench.log.records, RUN)]
    assert [event.delta for event in recorded if isinstance(event, ToolOutputDelta)] == pieces


async def test_what_a_thread_shows_is_seen_while_it_still_runs(tmp_path: Path) -> None:
    seen = threading.Event()

    def show(context: ToolContext) -> None:
        context.emit_output("now")
        assert seen.wait(WAIT_S)

    bench, watcher = watched(tmp_path, sync_tool(show))
    running = asyncio.create_task(bench.execute(call("probe")))
    await come(lambda: watcher.shown)
    assert bench.all(ToolEnd) == []
    seen.set()
    await running

    assert watcher.shown == ["now"]


async def test_threads_of_one_call_that_show_at_once_lose_nothing(tmp_path: Path) -> None:
    def show(context: ToolContext) -> None:
        def many(letter: str) -> None:
            for number in range(500):
                context.emit_output(f"{letter}{number} ")

        threads = [threading.Thread(target=many, args=(letter,)) for letter in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    bench, watcher = watched(tmp_path, sync_tool(show))
    await bench.execute(call("probe"))

    for letter in "abc":
        mine = [piece for piece in watcher.shown if piece.startswith(letter)]
        assert mine == [f"{letter}{number} " for number in range(500)]


async def test_the_loop_and_a_thread_keep_the_order_between_them(tmp_path: Path) -> None:
    async def body(args: Given, context: ToolContext) -> Observation:
        for number in range(0, 100, 2):
            await asyncio.to_thread(context.emit_output, f"{number}")
            context.emit_output(f"{number + 1}")
        return Observation("done")

    bench, watcher = watched(tmp_path, tool_of(body))
    await bench.execute(call("probe"))

    assert watcher.shown == [str(number) for number in range(100)]


async def test_a_thread_that_goes_on_after_its_call_shows_nothing_more(tmp_path: Path) -> None:
    late, done = threading.Event(), threading.Event()

    def show(context: ToolContext) -> None:
        context.emit_output("in time")
        late.wait(WAIT_S)
        context.emit_output("too late")
        done.set()

    bench, watcher = watched(tmp_path, sync_tool(show), tool_timeout_s=0.2)
    await bench.execute(call("probe"))
    late.set()
    await come(done.is_set)
    await asyncio.sleep(0)

    assert watcher.shown == ["in time"]
    assert isinstance(watcher.events[-1], ToolEnd)


@pytest.mark.parametrize("pieces", [1, 20, 7_919])
async def test_what_one_call_shows_is_bounded(pieces: int, tmp_path: Path) -> None:
    size = 20_000_000 // pieces

    def show(context: ToolContext) -> None:
        for _ in range(pieces):
            context.emit_output("x" * size)

    bench, watcher = watched(tmp_path, sync_tool(show))
    (result,) = await bench.execute(call("probe"))

    assert "".join(watcher.shown) == "x" * MAX_LIVE_CHARS + NO_MORE
    assert result.content == "done"


async def test_output_at_the_limit_is_shown_whole(tmp_path: Path) -> None:
    def show(context: ToolContext) -> None:
        context.emit_output("x" * MAX_LIVE_CHARS)
        context.emit_output("")

    bench, watcher = watched(tmp_path, sync_tool(show))
    await bench.execute(call("probe"))

    assert watcher.shown == ["x" * MAX_LIVE_CHARS]


async def test_each_call_has_a_limit_of_its_own(tmp_path: Path) -> None:
    def show(context: ToolContext) -> None:
        context.emit_output("x" * MAX_LIVE_CHARS)

    bench, watcher = watched(tmp_path, sync_tool(show))
    await bench.execute(call("probe", "c1"), call("probe", "c2"))

    assert [len(piece) for piece in watcher.shown] == [MAX_LIVE_CHARS] * 2


async def test_a_thread_that_shows_more_after_the_session_was_closed_disturbs_nobody(
    tmp_path: Path,
) -> None:
    closed, done = threading.Event(), threading.Event()
    loud: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: loud.append(context))

    def show(context: ToolContext) -> None:
        closed.wait(WAIT_S)
        for _ in range(3):
            context.emit_output("more")
        done.set()

    bench = Bench(tmp_path, [sync_tool(show)])
    seal = Seal()
    running = asyncio.create_task(bench.executor.execute([call("probe")], Outlet(bench.log, seal)))
    await come(lambda: bench.executor.active)
    seal.set()
    closed.set()
    with pytest.raises(SessionClosed):
        await running
    await come(done.is_set)

    assert loud == []


class Masking:
    def redact(self, text: str) -> str:
        return text.replace("s3cret", "*")

    def stream(self) -> Redacting:
        return InWhole(self.redact)


async def test_a_secret_is_gone_before_the_output_is_cut(tmp_path: Path) -> None:
    def show(context: ToolContext) -> None:
        context.emit_output("x" * (MAX_LIVE_CHARS - 3) + "s3cret")

    bench, watcher = watched(tmp_path, sync_tool(show))
    bench.executor.redactor = Masking()
    await bench.execute(call("probe"))

    assert "".join(watcher.shown) == "x" * (MAX_LIVE_CHARS - 3) + "*"


@pytest.mark.parametrize("wrong", [b"bytes", None, 3])
async def test_output_that_is_no_text_is_an_error_of_the_tool(wrong: str, tmp_path: Path) -> None:
    async def body(args: Given, context: ToolContext) -> Observation:
        context.emit_output(wrong)
        return Observation("done")

    bench, watcher = watched(tmp_path, tool_of(body, effect=Effect.READ))
    (result,) = await bench.execute(call("probe"))

    assert result.content.startswith("probe failed: emit_output was given a")
    assert watcher.shown == []
