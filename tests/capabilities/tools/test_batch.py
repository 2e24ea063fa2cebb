"""Calls in a batch: at the same time, each decided by itself, their results in their order."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.capabilities.tools.batch import MAX_AT_ONCE, MAX_CALLS
from a3s_code.errors import StoreError
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.events import PermissionDenied, ToolEnd, ToolStart
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.observation import MAX_OUTPUT_BYTES
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Deny, Sink
from a3s_code.kernel.records import EffectSettled
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext
from kernel.bench import WAIT_S, Bench, Unhooked, WatchedStore, call, come, files
from kernel.probes import Given, tool_of


def item(tool: str, /, **args: Any) -> JsonObject:
    return {"tool": tool, "args": args}


async def batched(bench: Bench, *items: JsonObject) -> Observation:
    """Run a batch as the model's call of the session."""
    made = ToolCall("b", "batch", {"invocations": list(items)})
    return await bench.executor.call(made, Authority.SESSION, bench.sink)


class Meeting:
    """
    A tool whose calls wait until so many of them run.

    Attributes:
        most: That have run at the same time.
    """

    def __init__(self, wanted: int) -> None:
        self.here = self.most = 0
        self._wanted, self._full = wanted, asyncio.Event()

    async def __call__(self, args: Given, context: ToolContext) -> Observation:
        """Wait for the others."""
        self.here += 1
        self.most = max(self.most, self.here)
        if self.here >= self._wanted:
            self._full.set()
        async with asyncio.timeout(WAIT_S):
            await self._full.wait()
        await asyncio.sleep(0)
        self.here -= 1
        return Observation(args.text)

    def bench(self, root: Path, **more: Any) -> Bench:
        return Bench(root, (*CORE_TOOLS, tool_of(self, "meet")), **more)


# Order, and at the same time


async def test_results_stand_in_the_order_of_the_calls_each_under_its_header(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("alpha\n")
    bench = Bench(tmp_path)

    slow = item("bash", command="sleep 0.2; echo slow")
    shown = await batched(bench, slow, item("read", file_path="a.txt"), item("ls"))

    first, second, third = shown.text.split("--- [")[1:]
    assert first.strip() == "1: bash] ---\nslow"
    assert second.startswith("2: read] ---\n     1\talpha")
    assert third.startswith("3: ls] ---\nfile")
    assert (shown.failed, shown.exit_code, shown.error_kind) == (False, 0, None)
    assert shown.metadata is not None
    assert [row["tool"] for row in shown.metadata["results"]] == ["bash", "read", "ls"]
    assert [end.id for end in bench.all(ToolEnd)][-1] == "b"


@pytest.mark.parametrize("effect", list(set(Effect) - {Effect.CONTAINER, Effect.WRITE}))
async def test_calls_in_a_batch_really_run_at_the_same_time(effect: Effect, tmp_path: Path) -> None:
    meeting = Meeting(3)
    bench = Bench(tmp_path, (*CORE_TOOLS, tool_of(meeting, "meet", effect)))

    shown = await batched(bench, *(item("meet", text=text) for text in "abc"))

    assert not shown.failed
    assert meeting.most == 3


async def test_no_more_than_eight_run_at_the_same_time(tmp_path: Path) -> None:
    meeting = Meeting(MAX_AT_ONCE)

    shown = await batched(
        meeting.bench(tmp_path), *(item("meet", text=str(n)) for n in range(MAX_CALLS))
    )

    assert meeting.most == MAX_AT_ONCE
    heads = [line for line in shown.text.splitlines() if line.startswith("---")]
    assert heads == [f"--- [{n}: meet] ---" for n in range(1, MAX_CALLS + 1)]


async def test_changes_of_one_file_are_made_one_after_the_other_in_their_order(
    tmp_path: Path,
) -> None:
    names = [f"line {n}\n" for n in range(12)]
    bench = Bench(tmp_path)

    first = item("write", file_path="a.txt", content="end\n")
    edits = [
        item("edit", file_path="a.txt", old_string="end\n", new_string=f"{name}end\n")
        for name in names
    ]
    shown = await batched(bench, first, *edits, item("read", file_path="./a.txt"))

    assert not shown.failed, shown.text
    assert files(tmp_path) == {"a.txt": "".join([*names, "end\n"])}
    assert f"{len(names) + 1}\tend" in shown.text


async def test_changes_of_files_that_no_target_names_wait_for_all_other_changes(
    tmp_path: Path,
) -> None:
    running: list[str] = []

    async def change(args: Given, context: ToolContext) -> Observation:
        """Change something somewhere."""
        assert not running
        running.append(args.text)
        await asyncio.sleep(0.01)
        running.remove(args.text)
        return Observation("done")

    bench = Bench(tmp_path, (*CORE_TOOLS, tool_of(change, "change", Effect.WRITE)))
    shown = await batched(bench, *(item("change", text=text) for text in "abc"))

    assert not shown.failed, shown.text


# Each by itself


async def test_each_call_is_decided_by_itself_and_a_denied_one_never_runs(tmp_path: Path) -> None:
    policy = PermissionPolicy(deny=["write(secret/**)"], default_decision="allow")
    bench = Bench(tmp_path, policy=policy)

    shown = await batched(
        bench,
        item("write", file_path="a.txt", content="a"),
        item("write", file_path="secret/b.txt", content="b"),
        item("write", file_path="c.txt", content="c"),
    )

    assert files(tmp_path) == {"a.txt": "a", "c.txt": "c"}
    assert [denied.tool_id for denied in bench.all(PermissionDenied)] == ["b.2"]
    assert shown.error_kind == {"type": "partial_failure", "failed": 1, "total": 3}
    assert shown.failed
    assert shown.exit_code == 1
    assert shown.text.startswith("1 of 3 calls failed.\n\n--- [1: write] ---")
    assert shown.metadata is not None
    kinds = [row["error_kind"] for row in shown.metadata["results"]]
    assert kinds == [None, {"type": "permission_denied"}, None]


async def test_a_batch_that_may_run_gives_its_calls_no_right(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=PermissionPolicy(allow=["batch", "ls"]))

    made = call("batch", invocations=[item("bash", command="touch made"), item("ls")])
    shown = await bench.executor.call(made, Authority.HOST, bench.sink)

    assert files(tmp_path) == {}
    assert "nobody" in shown.text or "Permission denied" in shown.text
    assert shown.error_kind == {"type": "partial_failure", "failed": 1, "total": 2}


async def test_who_is_asked_is_asked_about_one_call_after_the_other(tmp_path: Path) -> None:
    class Person:
        asked: list[str] = []  # noqa: RUF012 - one for each class made here

        async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
            self.asked.append(action.subject)
            await asyncio.sleep(0)
            return Allow("yes") if action.subject != "echo b" else Deny("not that one")

    policy = PermissionPolicy(allow=["batch"])
    bench = Bench(tmp_path, policy=policy, approver=Person())
    shown = await batched(bench, *(item("bash", command=f"echo {text}") for text in "abc"))

    assert Person.asked == ["echo a", "echo b", "echo c"]
    assert shown.error_kind == {"type": "partial_failure", "failed": 1, "total": 3}
    assert "not that one" in shown.text


async def test_every_call_has_its_own_start_end_intent_and_outcome_in_the_log(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    await batched(bench, item("bash", command="exit 3"), item("bash", command="touch x"))

    assert [start.id for start in bench.all(ToolStart)] == ["b", "b.1", "b.2"]
    settled = {done.call_id: done.outcome for done in bench.all(EffectSettled)}
    assert settled == {"b.1": "failed", "b.2": "done", "b": "failed"}
    assert bench.executor.active == {}


# What does not go into a batch


async def test_nothing_that_runs_calls_goes_into_a_batch(tmp_path: Path) -> None:
    ran: list[str] = []

    async def container(args: Given, context: ToolContext) -> Observation:
        """Run others."""
        ran.append(args.text)
        return Observation("ran")

    bench = Bench(tmp_path, (*CORE_TOOLS, tool_of(container, "program", Effect.CONTAINER)))
    shown = await batched(
        bench,
        {"tool": "batch", "args": {"invocations": [item("bash", command="touch made")]}},
        item("program", text="x"),
        item("Skill", skill_name="x"),
        item("ls"),
    )

    assert (ran, files(tmp_path)) == ([], {})
    assert shown.text.count("call it by itself") == 3
    assert shown.error_kind == {"type": "partial_failure", "failed": 3, "total": 4}


async def test_a_call_that_a_hook_renames_is_no_way_into_a_batch(tmp_path: Path) -> None:
    class Renaming(Unhooked):
        async def before_tool(self, action: Action, sink: Sink) -> Deny | ToolCall | None:
            if action.tool.name != "ls":
                return None
            return call("batch", action.call.id, invocations=[item("bash", command="touch made")])

    bench = Bench(tmp_path)
    bench.executor.hooks = Renaming()
    shown = await batched(bench, item("ls"))

    assert files(tmp_path) == {}
    assert "call it by itself" in shown.text


# What models write


@pytest.mark.parametrize(
    "written",
    [
        {"name": "read", "arguments": {"file_path": "a.txt"}},
        {"name": "read", "input": {"file_path": "a.txt"}},
        {"tool": "read", "parameters": {"file_path": "a.txt"}},
        {"tool": "read", "args": '{"file_path": "a.txt"}'},
        {"type": "function", "function": {"name": "read", "arguments": '{"file_path": "a.txt"}'}},
        {"id": "7", "tool_name": "read", "params": {"file_path": "a.txt"}},
    ],
)
async def test_a_call_is_read_in_every_usual_spelling(written: JsonObject, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha\n")
    shown = await batched(Bench(tmp_path), written)

    assert not shown.failed, shown.text
    assert shown.text.startswith("--- [1: read] ---\n     1\talpha")


async def test_a_call_without_arguments_has_none(tmp_path: Path) -> None:
    assert not (await batched(Bench(tmp_path), {"tool": "ls"}, {"tool": "ls", "args": ""})).failed


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "names no tool"),
        ({"tool": 3, "args": {}}, "names no tool"),
        ({"tool": "ls", "args": ["."]}, "no JSON object"),
        ({"tool": "ls", "args": "{"}, "no JSON object"),
        ({"tool": "ls", "args": "[" * 5000}, "no JSON object"),
        ({"tool": "lss", "args": {}}, "There is no tool named 'lss'"),
        ({"tool": "ls", "args": {"pth": "."}}, "Invalid arguments for ls"),
    ],
)
async def test_a_call_that_cannot_be_meant_fails_alone(
    written: JsonObject, said: str, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("alpha\n")
    shown = await batched(Bench(tmp_path), written, item("read", file_path="a.txt"))

    assert said in shown.text
    assert "--- [2: read] ---\n     1\talpha" in shown.text
    assert shown.error_kind == {"type": "partial_failure", "failed": 1, "total": 2}


@pytest.mark.parametrize("count", [0, MAX_CALLS + 1])
async def test_a_batch_of_none_or_of_too_many_runs_nothing(count: int, tmp_path: Path) -> None:
    touch = [item("bash", command="touch made")] * count
    shown = await batched(Bench(tmp_path), *touch)

    assert shown.error_kind == {"type": "invalid_argument"}
    assert files(tmp_path) == {}


# Bounds, failures, cancellation


async def test_a_long_result_leaves_room_for_all_others(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("short and whole\n")
    bench = Bench(tmp_path)
    long = item("bash", command=f"yes é | head -c {MAX_OUTPUT_BYTES - 100}")

    shown = await batched(bench, long, long, item("read", file_path="a.txt"))

    assert len(shown.text.encode()) <= MAX_OUTPUT_BYTES
    assert "short and whole" in shown.text
    assert shown.text.count("make this call by itself to see all of it") == 2
    assert "a3s://" not in shown.text


async def test_where_the_whole_of_a_result_is_kept_stands_in_its_place(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    huge = item("bash", command=f"yes {'x' * 40} | head -c {3 * MAX_OUTPUT_BYTES}")

    shown = await batched(bench, huge, item("ls"))

    assert shown.metadata is not None
    kept = shown.metadata["results"][0]["artifact"]
    assert kept["original_bytes"] == 3 * MAX_OUTPUT_BYTES
    assert kept["artifact_uri"] in shown.text
    assert "--- [2: ls] ---" in shown.text


async def test_pictures_that_calls_show_are_shown(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + bytes(20))
    shown = await batched(Bench(tmp_path), item("ls"), item("read", file_path="a.gif"))

    assert [image.media_type for image in shown.images] == ["image/gif"]


async def test_a_tool_that_raises_ends_no_other(tmp_path: Path) -> None:
    async def broken(args: Given, context: ToolContext) -> Observation:
        """Break."""
        raise ValueError(args.text)

    bench = Bench(tmp_path, (*CORE_TOOLS, tool_of(broken, "broken")))
    shown = await batched(bench, item("broken", text="odd"), item("ls"))

    assert "broken failed: ValueError: odd" in shown.text
    assert shown.error_kind == {"type": "partial_failure", "failed": 1, "total": 2}


async def test_the_limit_of_calls_holds_for_each_and_not_for_the_batch(tmp_path: Path) -> None:
    bench = Bench(tmp_path, tool_timeout_s=0.4)
    long = item("bash", command="sleep 30")
    short = [item("bash", command="sleep 0.1")] * (2 * MAX_AT_ONCE)

    shown = await batched(bench, *short, *short[:15], long)

    assert shown.error_kind == {"type": "partial_failure", "failed": 1, "total": 32}


async def test_a_cancelled_batch_leaves_no_call_behind(tmp_path: Path) -> None:
    begun: list[str] = []
    ended: list[str] = []

    async def wait(args: Given, context: ToolContext) -> Observation:
        """Wait for ever."""
        begun.append(args.text)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(args.text)
        return Observation("")

    bench = Bench(tmp_path, (*CORE_TOOLS, tool_of(wait, "wait")))
    before = asyncio.all_tasks()
    names = [str(n) for n in range(MAX_AT_ONCE + 2)]
    task = asyncio.create_task(batched(bench, *(item("wait", text=name) for name in names)))
    await come(lambda: len(begun) == MAX_AT_ONCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert sorted(ended) == sorted(begun) == names[:MAX_AT_ONCE]
    assert asyncio.all_tasks() == before
    assert bench.executor.active == {}
    assert {end.id for end in bench.all(ToolEnd)} == {"b", *(f"b.{int(n) + 1}" for n in names)}
    assert bench.log.state.effects == {}


async def test_a_store_that_fails_ends_the_batch(tmp_path: Path) -> None:
    store = WatchedStore()
    bench = Bench(tmp_path, store=store)

    async def breaking(args: Given, context: ToolContext) -> Observation:
        """Break the store."""
        store.broken = True
        return Observation("")

    tools: tuple[Tool, ...] = (*CORE_TOOLS, tool_of(breaking, "breaking", Effect.READ))
    bench.executor.tools = {tool.name: tool for tool in tools}
    slow = [item("bash", command=f"sleep {n}; touch made") for n in (30, 30)]
    with pytest.raises(StoreError):
        await batched(bench, item("breaking"), *slow, item("bash", command="touch made"))

    assert files(tmp_path) == {}


async def test_the_schema_shows_one_spelling(tmp_path: Path) -> None:
    (batch,) = (tool for tool in CORE_TOOLS if tool.name == "batch")
    row = batch.schema["properties"]["invocations"]["items"]

    assert set(row["properties"]) == {"tool", "args"}
    assert len(json.dumps(batch.schema)) < 500
