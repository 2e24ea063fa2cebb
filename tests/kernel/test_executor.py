from __future__ import annotations

import asyncio
import dataclasses
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.errors import StoreError
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.actions import MAX_REWRITES
from a3s_code.kernel.artifacts import ArtifactStoreLimits
from a3s_code.kernel.events import PermissionDenied, ToolEnd, ToolOutputDelta
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.observation import MAX_OUTPUT_BYTES
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Decision, Deny, Redacting, Sink
from a3s_code.kernel.records import (
    ArtifactEvicted,
    ArtifactStored,
    CallRewritten,
    EffectIntended,
    EffectSettled,
    TraceRecorded,
)
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool
from a3s_code.kernel.workspace import Command
from kernel.bench import (
    WAIT_S,
    Bench,
    Unhooked,
    WatchedStore,
    alive,
    call,
    come,
    files,
    until,
    until_gone,
)
from kernel.probes import ECHO, Given, GivenPath, InWhole, echo, tool_of

# The path of an action


@dataclass
class Stages(Unhooked):
    """Sits in every port around an action, and writes down who was asked in which order."""

    verdict: Deny | ToolCall | None = None
    decision: Decision = field(default_factory=lambda: Ask("the rule says so"))
    seen: list[str] = field(default_factory=list[str])
    policy_version: str = "1"

    async def before_tool(self, action: Action, sink: Sink) -> Deny | ToolCall | None:
        self.seen.append("before_tool")
        verdict, self.verdict = self.verdict, None
        return verdict

    async def before_ask(self, action: Action, ask: Ask, sink: Sink) -> Deny | None:
        self.seen.append("before_ask")

    async def after_ask(self, action: Action, answer: Allow | Deny, sink: Sink) -> None:
        self.seen.append("after_ask")

    async def after_tool(
        self, action: Action, observation: Observation, seconds: float, sink: Sink
    ) -> None:
        self.seen.append(f"after_tool {observation.text}")

    def decide(self, action: Action) -> Decision:
        self.seen.append("gate")
        return self.decision

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        self.seen.append("approver")
        return Allow("confirmed")

    async def dispatch(
        self, action: Action, run: Callable[[], Awaitable[Observation]]
    ) -> Observation:
        self.seen.append("dispatcher")
        return await run()

    def redact(self, text: str) -> str:
        self.seen.append("redactor")
        return text.replace("s3cret", "[redacted]")

    def stream(self) -> Redacting:
        return InWhole(self.redact)

    def around(self, bench: Bench) -> None:
        executor = bench.executor
        executor.hooks = executor.gate = executor.approver = self
        executor.dispatcher = executor.redactor = self


async def test_an_action_passes_its_stages_in_order(tmp_path: Path) -> None:
    stages = Stages()

    async def body(args: Given, context: ToolContext) -> Observation:
        stages.seen.append(f"tool after {[type(e).__name__ for e in bench.events[-2:]]}")
        return Observation(args.text)

    bench = Bench(tmp_path, [tool_of(body)])
    stages.around(bench)

    (result,) = await bench.execute(call("probe", text="the s3cret"))

    assert stages.seen == [
        "before_tool",
        "gate",
        "before_ask",
        "approver",
        "after_ask",
        "dispatcher",
        "tool after ['ConfirmationReceived', 'EffectIntended']",
        "redactor",
        "after_tool the [redacted]",
    ]
    assert bench.names == [
        "ToolStart",
        "ConfirmationRequired",
        "ConfirmationReceived",
        "EffectIntended",
        "EffectSettled",
        "TraceRecorded",
        "ToolEnd",
    ]
    assert result.content == "the [redacted]"


async def test_the_record_says_who_allowed_an_effect_and_for_whom(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [tool_of(echo)])
    await bench.execute(call("probe"))
    await bench.directly("probe")

    session, host = bench.all(EffectIntended)
    assert session.authority == "session"
    assert session.decision
    assert host.authority == "host"
    assert session.args_sha256 == host.args_sha256


async def test_a_redacted_text_is_the_only_one_that_is_recorded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [ECHO], artifacts=ArtifactStoreLimits(), store=WatchedStore())
    Stages(decision=Allow("yes")).around(bench)
    long = "s3cret\n" * MAX_OUTPUT_BYTES

    results = await bench.execute(call("echo", text="s3cret"), call("echo", "c2", text=long))

    assert isinstance(bench.store, WatchedStore)
    assert b"s3cret" not in msgspec.json.encode(bench.log.records)
    assert not any(b"s3cret" in blob for blob in bench.store.blobs.values())
    assert not any("s3cret" in result.content for result in results)


@pytest.mark.parametrize("sink", ["live output", "metadata", "kind of failure"])
async def test_a_redactor_reaches_every_sink(sink: str, tmp_path: Path) -> None:
    async def body(args: Given, context: ToolContext) -> Observation:
        facts: dict[str, Any] = {"type": "odd", "about": ("s3cret", ["s3cret"])}
        if sink == "live output":
            context.emit_output("s3cret")
        if sink == "metadata":
            return Observation("", metadata=facts)
        return Observation("", error_kind=facts if sink == "kind of failure" else None)

    bench = Bench(tmp_path, [tool_of(body)])
    Stages(decision=Allow("yes")).around(bench)
    await bench.execute(call("probe"))

    assert b"s3cret" not in msgspec.json.encode(bench.log.records)


class Greedy:
    """Takes everything after `token=` away, up to the next blank."""

    def redact(self, text: str) -> str:
        return re.sub(r"token=\S+", "token=[redacted]", text)

    def stream(self) -> Redacting:
        return InWhole(self.redact)


async def test_a_redactor_cannot_break_the_record_of_a_call(tmp_path: Path) -> None:
    async def body(args: Given, context: ToolContext) -> Observation:
        return Observation("token=abc", metadata={"before": "token=abc", "after": ["token=abc"]})

    bench = Bench(tmp_path, [tool_of(body)])
    bench.executor.redactor = Greedy()
    (result,) = await bench.execute(call("probe"))

    assert result.content == "token=[redacted]"
    (ended,) = bench.all(ToolEnd)
    assert ended.metadata == {"before": "token=[redacted]", "after": ["token=[redacted]"]}


async def test_a_trace_says_how_large_and_how_good_a_call_was_and_not_what_it_showed(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("the content")
    bench = Bench(tmp_path)
    await bench.execute(call("read", file_path="a.txt"), call("read", "c2", file_path="none"))

    good, bad = bench.all(TraceRecorded)
    assert (good.kind, good.name, good.success, good.exit_code) == (
        "tool_execution",
        "read",
        True,
        0,
    )
    assert good.output_bytes >= len("the content")
    assert (bad.success, bad.exit_code) == (False, 1)
    assert b"the content" not in msgspec.json.encode([good, bad])


# What is refused


async def test_a_denied_call_never_runs_and_the_model_is_told_why(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=PermissionPolicy(deny=["write"], default_decision="allow"))

    (result,) = await bench.execute(call("write", file_path="a.txt", content="x"))

    assert result.is_error
    assert "Permission denied" in result.content
    assert "write" in result.content
    assert "a.txt" not in files(tmp_path)
    (denied,) = bench.all(PermissionDenied)
    assert denied.tool_name == "write"
    assert denied.args == {"file_path": "a.txt", "content": "x"}
    assert bench.all(EffectIntended) == []


async def test_a_denied_call_inside_a_group_of_others_never_runs(tmp_path: Path) -> None:
    policy = PermissionPolicy(deny=["write(secret/**)"], default_decision="allow")
    bench = Bench(tmp_path, policy=policy)

    results = await bench.execute(
        call("write", "c1", file_path="a.txt", content="a"),
        call("write", "c2", file_path="secret/b.txt", content="b"),
        call("write", "c3", file_path="c.txt", content="c"),
    )

    assert [result.is_error for result in results] == [False, True, False]
    assert files(tmp_path) == {"a.txt": "a", "c.txt": "c"}


@pytest.mark.parametrize(
    ("wanted", "told", "kind"),
    [
        (call("raed", file_path="a"), "There is no tool named 'raed'. Tools: ", "not_found"),
        (
            ToolCall("c1", "write", {}, malformed='{"file_path": "a'),
            'not a valid JSON object, so nothing was run. .* They were: {"file_path": "a',
            "invalid_argument",
        ),
        (
            call("write", content="x"),
            "Invalid arguments for write: .*file_path",
            "invalid_argument",
        ),
        (
            call("write", file_path="a", content="x", mode="w"),
            "Invalid arguments for write: .*mode",
            "invalid_argument",
        ),
        (
            call("write", file_path=["a"], content="x"),
            "Invalid arguments for write: ",
            "invalid_argument",
        ),
    ],
)
async def test_a_call_that_cannot_be_meant_runs_nothing_and_the_model_is_told(
    wanted: ToolCall, told: str, kind: str, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)

    (result,) = await bench.execute(wanted)

    assert result.is_error
    assert re.search(told, result.content)
    (ended,) = bench.all(ToolEnd)
    assert ended.error_kind == {"type": kind}
    assert bench.all(EffectIntended) == []
    assert files(tmp_path) == {}


async def test_a_long_malformed_call_is_not_sent_back_whole(tmp_path: Path) -> None:
    (result,) = await Bench(tmp_path).execute(ToolCall("c1", "write", {}, malformed="{" * 9_999))

    assert len(result.content) < 1_000


class Everything:
    """A gate that would allow anything, and notes what it was asked."""

    policy_version = "1"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def decide(self, action: Action) -> Decision:
        self.asked.append(action.subject)
        return Allow("anything")


@pytest.mark.parametrize("authority", list(Authority))
@pytest.mark.parametrize(
    "path", ["../outside.txt", "/etc/passwd", "link/outside.txt", "a\0b", "a\ud800b"]
)
async def test_a_path_outside_is_refused_before_the_gate_could_allow_it(
    path: str, authority: Authority, tmp_path: Path
) -> None:
    root = tmp_path / "ws"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    (tmp_path / "outside.txt").write_text("theirs")
    bench = Bench(root)
    bench.executor.gate = gate = Everything()

    observation = await bench.executor.call(
        call("write", file_path=path, content="ours"), authority, bench.sink
    )

    assert observation.failed
    assert gate.asked == []
    assert (tmp_path / "outside.txt").read_text() == "theirs"


async def test_a_tool_that_the_workspace_cannot_serve_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.executor.space = dataclasses.replace(bench.executor.space, processes=None)

    (result,) = await bench.execute(call("bash", command="echo hi"))

    assert result.content == "This workspace cannot run 'bash'."


# What runs together


async def test_calls_without_effects_run_together_and_answer_in_the_order_of_the_calls(
    tmp_path: Path,
) -> None:
    """The first waits for the last, so they can only end when all of them run."""
    arrived = asyncio.Event()

    async def body(args: Given, context: ToolContext) -> Observation:
        if args.text == "first":
            await arrived.wait()
        if args.text == "last":
            arrived.set()
        return Observation(args.text)

    bench = Bench(tmp_path, [tool_of(body, effect=Effect.READ)], tool_timeout_s=WAIT_S)
    calls = [call("probe", f"c{n}", text=text) for n, text in enumerate(["first", "mid", "last"])]

    results = await bench.execute(*calls)

    assert [(r.tool_use_id, r.content) for r in results] == [
        ("c0", "first"),
        ("c1", "mid"),
        ("c2", "last"),
    ]
    assert [end.id for end in bench.all(ToolEnd)][-1] == "c0"


async def test_a_command_that_only_reads_runs_together_with_other_reads(tmp_path: Path) -> None:
    """A real process reads from a pipe until the call beside it writes there."""
    os.mkfifo(tmp_path / "pipe")

    async def feed(args: Given, context: ToolContext) -> Observation:
        fd = await come(lambda: _open_for_writing(tmp_path / "pipe"))
        os.write(fd, b"met")
        os.close(fd)
        return Observation("fed")

    bench = Bench(tmp_path, [*CORE_TOOLS, tool_of(feed, "feed", Effect.READ)])
    read, fed = await bench.execute(call("bash", "c1", command="cat pipe"), call("feed", "c2"))

    assert (read.content, fed.content) == ("met", "fed")


def _open_for_writing(pipe: Path) -> int | None:
    """Open a pipe that somebody reads; None when nobody does yet."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


class Crowd:
    """Counts how many are inside at once; everybody stays for a few turns of the loop."""

    def __init__(self) -> None:
        self.inside = self.most = 0

    async def visit(self) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        for _ in range(20):
            await asyncio.sleep(0)
        self.inside -= 1


def writer(crowd: Crowd, effect: Effect = Effect.WRITE) -> Tool:
    async def body(args: GivenPath, context: ToolContext) -> Observation:
        await crowd.visit()
        return Observation(args.file_path)

    return tool(GivenPath, effect=effect, path="file_path", name="put")(body)


@pytest.mark.parametrize(
    ("paths", "most"),
    [
        (["a", "b", "c"], 3),
        (["a", "a"], 1),
        (["a", "./a"], 1),
        (["d/a", "same/a"], 1),
        (["a", "b", "a"], 2),
    ],
)
async def test_writes_run_together_unless_they_touch_the_same_file(
    paths: list[str], most: int, tmp_path: Path
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "same").symlink_to("d")
    crowd = Crowd()
    bench = Bench(tmp_path, [writer(crowd)])

    results = await bench.execute(
        *(call("put", f"c{n}", file_path=path) for n, path in enumerate(paths))
    )

    assert [result.content for result in results] == paths
    assert crowd.most == most


@pytest.mark.parametrize("effect", [Effect.EXECUTE, Effect.NETWORK, Effect.CONTAINER])
async def test_other_effects_run_one_after_the_other(effect: Effect, tmp_path: Path) -> None:
    crowd = Crowd()
    bench = Bench(tmp_path, [writer(crowd, effect)])
    await bench.execute(*(call("put", f"c{n}", file_path=f"f{n}") for n in range(3)))

    assert crowd.most == 1


async def test_a_read_sees_what_the_write_before_it_wrote(tmp_path: Path) -> None:
    results = await Bench(tmp_path).execute(
        call("write", "c1", file_path="a.txt", content="one"),
        call("read", "c2", file_path="a.txt"),
        call("write", "c3", file_path="a.txt", content="two"),
        call("read", "c4", file_path="a.txt"),
    )

    assert "one" in results[1].content
    assert "two" in results[3].content


# How calls end


async def test_a_tool_that_takes_too_long_is_stopped_and_the_model_is_told(
    tmp_path: Path,
) -> None:
    async def body(args: Given, context: ToolContext) -> Observation:
        assert context.processes is not None
        await context.processes.run(Command(("sh", "-c", "echo $$ > pid; exec sleep 600")))
        return Observation("never")

    bench = Bench(tmp_path, [tool_of(body)], tool_timeout_s=0.5)

    (result,) = await bench.execute(call("probe"))

    assert result.content == "Tool 'probe' timed out after 500ms."
    (ended,) = bench.all(ToolEnd)
    assert (ended.exit_code, ended.error_kind) == (124, {"type": "timeout"})
    await until_gone(int(await until(tmp_path / "pid")))


async def test_a_command_that_takes_too_long_keeps_what_it_printed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, tool_timeout_s=2.0)

    (result,) = await bench.execute(
        call("bash", command="echo $$ > pid; echo so far; exec sleep 600")
    )

    assert "so far" in result.content
    assert "timed out" in result.content
    assert not alive(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("file_path", ["../out", "pipe"])
async def test_a_refused_path_has_one_kind_wherever_it_is_found_out(
    file_path: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    bench = Bench(tmp_path)

    shown = await bench.directly("edit", file_path=file_path, old_string="a", new_string="b")

    assert shown.text.startswith("edit failed: ")
    assert shown.error_kind == {"type": "path_refused"}


@pytest.mark.parametrize("error", [ValueError("no good"), KeyError("k"), TimeoutError("slow net")])
async def test_a_tool_that_raises_becomes_a_failed_observation(
    error: Exception, tmp_path: Path
) -> None:
    async def body(args: Given, context: ToolContext) -> Observation:
        raise error

    bench = Bench(tmp_path, [tool_of(body)])
    (result,) = await bench.execute(call("probe"))

    assert result.is_error
    assert "probe" in result.content
    assert bench.all(EffectSettled) == [
        EffectSettled(call_id="c1", outcome="failed", exit_code=bench.all(ToolEnd)[0].exit_code)
    ]


async def test_a_tool_that_fails_does_not_stop_those_beside_it(tmp_path: Path) -> None:
    async def body(args: Given, context: ToolContext) -> Observation:
        if args.text == "bad":
            raise ValueError(args.text)
        await asyncio.sleep(0.01)
        return Observation(args.text)

    bench = Bench(tmp_path, [tool_of(body, effect=Effect.READ)])
    results = await bench.execute(call("probe", text="bad"), call("probe", "c2", text="good"))

    assert [result.is_error for result in results] == [True, False]


async def test_a_cancelled_call_is_recorded_as_stopped_and_its_process_is_gone(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    running = asyncio.create_task(
        bench.execute(call("bash", command="echo $$ > pid; exec sleep 600"))
    )
    pid = int(await until(tmp_path / "pid"))
    assert list(bench.executor.active) == ["c1"]

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert not alive(pid)
    (ended,) = bench.all(ToolEnd)
    assert (ended.exit_code, ended.error_kind) == (130, {"type": "cancelled"})
    assert [effect.outcome for effect in bench.all(EffectSettled)] == ["failed"]
    assert bench.executor.active == {}


async def test_a_call_that_waited_behind_a_cancelled_one_is_not_active_any_more(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    running = asyncio.create_task(
        bench.execute(
            call("bash", "c1", command="echo $$ > pid; exec sleep 600"),
            call("bash", "c2", command="touch never"),
        )
    )
    await until(tmp_path / "pid")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert "never" not in files(tmp_path)
    assert bench.executor.active == {}
    assert {end.id for end in bench.all(ToolEnd)} == {"c1", "c2"}


class Absent:
    """An approver who never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_call_that_is_cancelled_at_the_question_is_not_active_any_more(
    tmp_path: Path,
) -> None:
    absent = Absent()
    bench = Bench(tmp_path, policy=PermissionPolicy(ask=["bash"]), approver=absent)
    running = asyncio.create_task(bench.execute(call("bash", command="touch never")))
    await absent.asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert "never" not in files(tmp_path)
    assert bench.executor.active == {}


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_a_call_that_is_cancelled_at_the_question_holds_no_file_open(tmp_path: Path) -> None:
    absent = Absent()
    bench = Bench(tmp_path, policy=PermissionPolicy(["read"], ask=["write"]), approver=absent)
    await bench.execute(call("read", "c0", file_path="none"))
    before = open_files()
    running = asyncio.create_task(
        bench.execute(
            call("read", "c1", file_path="a"), call("write", "c2", file_path="a", content="")
        )
    )
    await absent.asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    del running

    assert open_files() == before


async def test_output_is_shown_while_a_tool_still_runs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.execute(call("bash", command="echo one; echo two >&2"))

    deltas = bench.names.index("DeltaBatch")
    assert deltas < bench.names.index("ToolEnd")
    shown: list[ToolOutputDelta] = []
    bench.sink = type(bench.sink)(bench.log, bench.sink.run, shown.append)  # pyright: ignore[reportArgumentType] - all events are collected
    await bench.execute(call("bash", "c2", command="echo three; exit 3"))
    assert [e.delta for e in shown if isinstance(e, ToolOutputDelta)] == ["three\n"]


# Artifacts


def lines(count: int) -> str:
    return "".join(f"line {n:>8}\n" for n in range(count))


async def test_a_long_output_is_shown_with_head_and_tail_and_kept_whole(tmp_path: Path) -> None:
    whole = lines(20_000)
    store = WatchedStore()
    bench = Bench(tmp_path, [ECHO], store=store)

    (result,) = await bench.execute(call("echo", text=whole))

    assert result.content.startswith("line        0\n")
    assert result.content.endswith("line    19999\n")
    assert len(result.content.encode()) < MAX_OUTPUT_BYTES + 1_000
    (stored,) = bench.all(ArtifactStored)
    assert stored.uri in result.content
    assert stored.uri == f"a3s://tool-output/echo/{stored.sha256}"
    assert store.blobs == {stored.sha256: whole.encode()}
    assert (stored.original_bytes, stored.shown_bytes) == (len(whole), MAX_OUTPUT_BYTES)
    (ended,) = bench.all(ToolEnd)
    assert ended.metadata is not None
    assert ended.metadata["artifact"]["artifact_uri"] == stored.uri


async def test_an_output_at_the_limit_is_shown_whole(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [ECHO])
    (result,) = await bench.execute(call("echo", text="x" * MAX_OUTPUT_BYTES))

    assert result.content == "x" * MAX_OUTPUT_BYTES
    assert bench.all(ArtifactStored) == []


async def test_the_oldest_artifact_goes_when_the_limits_are_reached_and_an_event_says_so(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, [ECHO], artifacts=ArtifactStoreLimits(max_artifacts=2))
    for n in range(3):
        await bench.execute(call("echo", f"c{n}", text=f"{n}\n" * MAX_OUTPUT_BYTES))

    stored = bench.all(ArtifactStored)
    uris = [each.uri for each in stored]
    assert bench.all(ArtifactEvicted) == [ArtifactEvicted(uri=uris[0])]
    found = [await bench.log.get_blob(each.sha256) is not None for each in stored]
    assert found == [False, True, True]
    assert list(bench.log.state.artifacts) == uris[1:]


async def test_the_limits_of_artifacts_hold_over_a_resume(tmp_path: Path) -> None:
    before = Bench(tmp_path, [ECHO])
    for n in range(3):
        await before.execute(call("echo", f"c{n}", text=f"{n}\n" * MAX_OUTPUT_BYTES))
    old = list(before.log.state.artifacts)
    bench = Bench(tmp_path, [ECHO], artifacts=ArtifactStoreLimits(max_artifacts=1))
    bench.resume(before.log.records)

    await bench.execute(call("echo", "c3", text="new\n" * MAX_OUTPUT_BYTES))

    assert [gone.uri for gone in bench.all(ArtifactEvicted)] == old
    (kept,) = bench.log.state.artifacts
    assert await bench.log.get_blob(kept.rpartition("/")[2]) is not None
    await bench.execute(call("echo", "c4", text="newer\n" * MAX_OUTPUT_BYTES))
    assert [gone.uri for gone in bench.all(ArtifactEvicted)] == [*old, kept]


async def test_an_output_that_was_kept_before_a_resume_is_kept_once(tmp_path: Path) -> None:
    text = "same\n" * MAX_OUTPUT_BYTES
    before = Bench(tmp_path, [ECHO])
    await before.execute(call("echo", text=text))
    bench = Bench(tmp_path, [ECHO], artifacts=ArtifactStoreLimits(max_artifacts=1))
    bench.resume(before.log.records)

    await bench.execute(call("echo", "c2", text=text))

    assert bench.all(ArtifactEvicted) == []
    assert list(bench.log.state.artifacts) == list(before.log.state.artifacts)


@pytest.mark.parametrize(
    "limits", [ArtifactStoreLimits(max_artifacts=0), ArtifactStoreLimits(max_bytes=1_000)]
)
async def test_an_output_that_cannot_be_kept_is_cut_without_an_address(
    limits: ArtifactStoreLimits, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, [ECHO], artifacts=limits)
    (result,) = await bench.execute(call("echo", text=lines(20_000)))

    assert "a3s://" not in result.content
    assert "too large to be kept" in result.content
    assert bench.all(ArtifactStored) == []


# Intent before effect


def probe_of(store: WatchedStore, effect: Effect) -> Tool:
    """Make a tool that tells which intents were durable when it ran."""

    async def body(args: Given, context: ToolContext) -> Observation:
        return Observation(",".join(intent.call_id for intent in store.safe(EffectIntended)))

    return tool_of(body, effect=effect)


@pytest.mark.parametrize("effect", [e for e in Effect if e is not Effect.READ])
async def test_the_intent_of_an_effect_is_durable_before_it_runs(
    effect: Effect, tmp_path: Path
) -> None:
    store = WatchedStore()
    bench = Bench(tmp_path, [probe_of(store, effect)], store=store)

    (result,) = await bench.execute(call("probe", "c7"))

    assert result.content == "c7"
    assert bench.all(EffectSettled) == [EffectSettled(call_id="c7", outcome="done", exit_code=0)]


async def test_a_call_that_only_reads_leaves_no_intent_and_does_not_wait_for_the_disk(
    tmp_path: Path,
) -> None:
    store = WatchedStore()
    bench = Bench(tmp_path, store=store)
    store.broken = True

    (result,) = await bench.execute(call("bash", command="ls"))

    assert not result.is_error
    assert bench.all(EffectIntended) == []
    assert bench.all(EffectSettled) == []


async def test_a_store_that_fails_stops_the_effect(tmp_path: Path) -> None:
    store = WatchedStore()
    bench = Bench(tmp_path, store=store)
    store.broken = True

    with pytest.raises(StoreError, match="disk is full"):
        await bench.execute(call("write", file_path="a.txt", content="x"))

    assert files(tmp_path) == {}


async def test_a_store_that_fails_stops_effects_that_run_together(tmp_path: Path) -> None:
    store = WatchedStore()
    bench = Bench(tmp_path, store=store)
    store.broken = True

    with pytest.raises(StoreError, match="disk is full"):
        await bench.execute(
            call("write", "c1", file_path="a.txt", content="x"),
            call("write", "c2", file_path="b.txt", content="x"),
        )
    assert files(tmp_path) == {}


# Calls inside calls


def forwarder(name: str, **args: Any) -> Tool:
    """Make a container that calls one other tool."""

    async def body(given: Given, context: ToolContext) -> Observation:
        return await context.call(name, args)

    return tool_of(body, "forward", Effect.CONTAINER)


@pytest.mark.parametrize("authority", list(Authority))
async def test_a_denied_tool_stays_denied_inside_another_whoever_calls(
    authority: Authority, tmp_path: Path
) -> None:
    tools = [*CORE_TOOLS, forwarder("bash", command="touch made")]
    bench = Bench(tmp_path, tools, PermissionPolicy(deny=["bash"], default_decision="allow"))

    observation = await bench.executor.call(call("forward"), authority, bench.sink)

    assert observation.failed
    assert "Permission denied" in observation.text
    assert "made" not in files(tmp_path)


async def test_the_host_may_call_what_the_model_may_not(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=PermissionPolicy(deny=["bash"]))

    assert not (await bench.directly("bash", command="touch made")).failed
    assert "made" in files(tmp_path)


async def test_an_inner_call_has_an_id_and_a_record_of_its_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [*CORE_TOOLS, forwarder("write", file_path="a", content="x")])

    await bench.execute(call("forward", "outer"))

    assert [intent.call_id for intent in bench.all(EffectIntended)] == ["outer", "outer.1"]
    assert [end.id for end in bench.all(ToolEnd)] == ["outer.1", "outer"]


async def test_an_inner_call_cannot_leave_the_workspace(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    root.mkdir()
    bench = Bench(root, [*CORE_TOOLS, forwarder("write", file_path="../out", content="x")])

    assert (await bench.directly("forward")).failed
    assert "out" not in files(tmp_path)


# Hooks


@dataclass
class HookOf(Unhooked):
    """Answers every call with what `verdict` makes of it."""

    verdict: Callable[[Action], Deny | ToolCall | None]
    seen: list[Action] = field(default_factory=list[Action])

    async def before_tool(self, action: Action, sink: Sink) -> Deny | ToolCall | None:
        self.seen.append(action)
        return self.verdict(action)


async def test_a_hook_can_deny_what_the_policy_allows(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.executor.hooks = HookOf(lambda _: Deny("not on a Friday"))

    (result,) = await bench.execute(call("write", file_path="a", content="x"))

    assert result.content == "Permission denied: not on a Friday"
    assert files(tmp_path) == {}


async def test_a_hook_that_fails_afterwards_changes_nothing_and_is_recorded(tmp_path: Path) -> None:
    class Late(HookOf):
        async def after_tool(
            self, action: Action, observation: Observation, seconds: float, sink: Sink
        ) -> None:
            raise ValueError("late")

    bench = Bench(tmp_path)
    bench.executor.hooks = Late(lambda _: None)
    (result,) = await bench.execute(call("write", file_path="a", content="x"))

    assert not result.is_error
    assert files(tmp_path) == {"a": "x"}
    traced = [record.event for record in bench.log.records]
    assert "after_tool write: ValueError" in [getattr(event, "name", "") for event in traced]


async def test_a_hook_that_fails_before_it_waits_is_recorded_like_any_other(tmp_path: Path) -> None:
    class Abrupt(HookOf):
        def after_tool(self, *_: Any) -> Any:
            raise ValueError("at once")

    bench = Bench(tmp_path)
    bench.executor.hooks = Abrupt(lambda _: None)
    (result,) = await bench.execute(call("write", file_path="a", content="x"))

    assert not result.is_error
    traced = [record.event for record in bench.log.records]
    assert "after_tool write: ValueError" in [getattr(event, "name", "") for event in traced]


async def test_a_call_that_a_hook_rewrote_is_what_runs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    def rewrite(action: Action) -> ToolCall | None:
        if action.subject == "b":
            return None
        return ToolCall(action.call.id, "write", {"file_path": "b", "content": "y"})

    bench.executor.hooks = HookOf(rewrite)
    await bench.execute(call("write", file_path="a", content="x"))

    assert files(tmp_path) == {"b": "y"}


async def test_the_log_shows_both_forms_of_a_rewritten_call_redacted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.executor.redactor = Stages()
    made = ToolCall("c1", "write", {"file_path": "b", "content": "s3cret"})
    bench.executor.hooks = HookOf(lambda action: made if action.subject == "a" else None)
    await bench.execute(call("write", file_path="a", content="the s3cret"))

    (rewritten,) = bench.all(CallRewritten)
    assert rewritten.asked == {"file_path": "a", "content": "the [redacted]"}
    assert rewritten.args == {"file_path": "b", "content": "[redacted]"}
    assert files(tmp_path) == {"b": "s3cret"}


@pytest.mark.parametrize(
    ("rewritten", "told"),
    [
        ({"file_path": "secret", "content": "y"}, "Permission denied"),
        ({"file_path": "../out", "content": "y"}, "outside"),
        ({"file_path": 3}, "Invalid arguments"),
    ],
)
async def test_a_call_that_a_hook_rewrote_is_decoded_and_gated_again(
    rewritten: dict[str, Any], told: str, tmp_path: Path
) -> None:
    root = tmp_path / "ws"
    root.mkdir()
    bench = Bench(root, policy=PermissionPolicy(deny=["write(secret)"], default_decision="allow"))
    bench.executor.hooks = HookOf(
        lambda action: (
            ToolCall(action.call.id, "write", rewritten) if action.subject == "a" else None
        )
    )

    (result,) = await bench.execute(call("write", file_path="a", content="x"))

    assert result.is_error
    assert told in result.content
    assert files(tmp_path) == {}


async def test_hooks_that_never_stop_rewriting_end_in_a_denial(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.executor.hooks = hook = HookOf(lambda action: action.call)

    (result,) = await bench.execute(call("write", file_path="a", content="x"))

    assert "kept rewriting" in result.content
    assert len(hook.seen) == MAX_REWRITES
    assert files(tmp_path) == {}


async def test_a_dispatcher_decides_when_a_call_runs(tmp_path: Path) -> None:
    @dataclass
    class Never:
        async def dispatch(
            self, action: Action, run: Callable[[], Awaitable[Observation]]
        ) -> Observation:
            return Observation(f"{action.tool.name} is queued")

    bench = Bench(tmp_path)
    bench.executor.dispatcher = Never()

    (result,) = await bench.execute(call("write", file_path="a", content="x"))

    assert result.content == "write is queued"
    assert files(tmp_path) == {}


async def test_an_approver_settles_what_the_policy_asks(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=PermissionPolicy(ask=["write"]))
    (unattended,) = await bench.execute(call("write", file_path="a", content="x"))
    bench.executor.approver = Stages()
    (approved,) = await bench.execute(call("write", "c2", file_path="b", content="x"))

    assert "nobody is there" in unattended.content
    assert "write(a)" in unattended.content
    assert not approved.is_error
    assert files(tmp_path) == {"b": "x"}
