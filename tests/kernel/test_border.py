"""Foreign values: what tools, gates and approvers give and raise never leaves as it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.border import _Unfit, fit
from a3s_code.kernel.events import PermissionDenied, ToolEnd
from a3s_code.kernel.messages import Attachment, ToolCall
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Action, Allow, Ask, Deny, Sink
from a3s_code.kernel.records import EffectIntended
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool
from a3s_code.persistence import codec
from kernel.bench import Bench, Unhooked, call, files
from kernel.probes import ECHO, Given, GivenAny, GivenPath, tool_of

LONE = "\ud800"


def storable(bench: Bench) -> None:
    """Check that every record can be written and read back as it was."""
    for record in bench.log.records:
        assert codec.decode(codec.encode(record)) == record


# Arguments


@pytest.mark.parametrize("effect", [Effect.READ, Effect.EXECUTE])
async def test_half_a_surrogate_pair_in_arguments_is_no_reason_to_fail(
    effect: Effect, tmp_path: Path
) -> None:
    async def body(args: Given, context: ToolContext) -> Observation:
        return Observation(f"{len(args.text)} character")

    bench = Bench(tmp_path, [tool_of(body, effect=effect)])
    (result,) = await bench.execute(call("probe", text=LONE))

    assert result.content == "1 character"
    storable(bench)


async def test_half_a_surrogate_pair_in_a_denied_call_is_recorded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [ECHO], PermissionPolicy(default_decision="deny"))
    (result,) = await bench.execute(call("echo", text=LONE))

    assert result.content.startswith("Permission denied")
    (denied,) = bench.all(PermissionDenied)
    assert denied.args == {"text": LONE}
    storable(bench)


@pytest.mark.parametrize("file_path", [LONE, "a\0b", "a" * 5_000])
@pytest.mark.parametrize("name", ["read", "write", "edit", "ls"])
async def test_a_path_that_cannot_be_is_told_to_the_model(
    name: str, file_path: str, tmp_path: Path
) -> None:
    field = "path" if name == "ls" else "file_path"
    more = {"write": {"content": "x"}, "edit": {"old_string": "a", "new_string": "b"}}
    (result,) = await Bench(tmp_path).execute(
        ToolCall("c1", name, {field: file_path, **more.get(name, {})})
    )

    assert result.is_error
    assert files(tmp_path) == {}


class Opaque:
    """No JSON, and without a text of its own."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def endless() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["value"] = value
    return value


@pytest.mark.parametrize(
    "args", [{"value": Opaque()}, endless(), {"value": {(1, 2): 3}}, [], None, 3, Opaque()]
)
async def test_arguments_of_the_host_that_are_no_json_are_a_failure(
    args: Any, tmp_path: Path
) -> None:
    async def body(given: GivenAny, context: ToolContext) -> Observation:
        return Observation("ran")

    bench = Bench(tmp_path, [tool(GivenAny, effect=Effect.EXECUTE, name="probe")(body)])
    outer = tool_of(_forward(args), "forward", Effect.CONTAINER)
    bench.executor.tools = {**bench.executor.tools, "forward": outer}

    shown = await bench.directly("forward")

    assert shown.text.startswith("Invalid arguments for probe: ")
    assert shown.error_kind == {"type": "invalid_argument"}
    storable(bench)


def _forward(args: Any) -> Callable[[Given, ToolContext], Any]:
    async def forward(given: Given, context: ToolContext) -> Observation:
        return await context.call("probe", args)

    return forward


# What a call is about


def raising(_: object) -> Any:
    raise KeyError("no subject")


def probe_about(root: Path, **about: Any) -> Tool:
    async def put(args: GivenPath, context: ToolContext) -> Observation:
        (root / "made").write_text("")
        return Observation("put")

    return tool(GivenPath, effect=Effect.WRITE, path="file_path", name="put", **about)(put)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"subject": raising}, "put failed: KeyError: 'no subject'"),
        ({"subject": lambda _: 3}, "put failed: TypeError: its subject is a int, not a str"),
        ({"effect_of": raising}, "put failed: KeyError: 'no subject'"),
        ({"effect_of": lambda _: "read"}, "put failed: TypeError: its effect is a str"),
    ],
)
async def test_a_tool_that_cannot_say_what_a_call_is_about_does_not_run_and_holds_no_file(
    about: dict[str, Any], told: str, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, [probe_about(tmp_path, **about)])
    await bench.execute(call("put", file_path="d/a"))
    before = open_files()

    (result,) = await bench.execute(call("put", "c2", file_path="d/a"))

    assert result.content.startswith(told)
    assert files(tmp_path) == {}
    assert open_files() == before
    assert bench.executor.active == {}


class Broken:
    """Raises whatever it is asked, or answers with what is no decision."""

    policy_version = "1"

    def __init__(self, error: BaseException | None, answer: Any = None) -> None:
        self.error, self.answer = error, answer

    def decide(self, action: Action) -> Any:
        if self.error is not None:
            raise self.error
        return self.answer

    async def approve(self, action: Action, ask: Ask) -> Any:
        return self.decide(action)


@pytest.mark.parametrize("who", ["approver", "gate"])
@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (Broken(KeyError("k")), "failed: KeyError: 'k'"),
        (Broken(None, Opaque()), "answered with a Opaque"),
        (Broken(None, True), "answered with a bool"),
    ],
)
async def test_who_cannot_decide_denies(
    who: str, broken: Broken, told: str, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, policy=PermissionPolicy(ask=["write"]))
    setattr(bench.executor, who, broken)
    await bench.execute(call("write", "c0", file_path="a", content="x"))
    before = open_files()

    (result,) = await bench.execute(call("write", file_path="a", content="x"))

    assert result.content.startswith("Permission denied: the ")
    assert told in result.content
    assert files(tmp_path) == {}
    assert open_files() == before
    storable(bench)


async def test_an_approver_that_exits_denies(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=PermissionPolicy(ask=["write"]), approver=Broken(SystemExit(3)))
    (result,) = await bench.execute(call("write", file_path="a", content="x"))

    assert "the approver failed: EndedItself: it called sys.exit(3)" in result.content


@pytest.mark.parametrize("decision", [Allow(None), Deny(None)])  # type: ignore[arg-type]
async def test_a_reason_that_is_no_text_is_recorded_as_one(
    decision: Allow | Deny, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, policy=PermissionPolicy(ask=["write"]), approver=Broken(None, decision))
    await bench.execute(call("write", file_path="a", content="x"))

    reasons = [denied.reason for denied in bench.all(PermissionDenied)]
    reasons += [intent.decision for intent in bench.all(EffectIntended)]
    assert reasons == ["None"]
    storable(bench)


# What a tool gives


class Fancy(str):
    __slots__ = ()


WRONG: list[tuple[Any, str]] = [
    ("text", "a str, not an Observation"),
    (None, "a NoneType, not an Observation"),
    (Observation(b"x"), "whose text is a bytes"),  # type: ignore[arg-type]
    (Observation(None), "whose text is a NoneType"),  # type: ignore[arg-type]
    (Observation("x", exit_code="1"), "whose exit_code is a str"),  # type: ignore[arg-type]
    (Observation("x", metadata={"a": Opaque()}), "whose metadata is no plain JSON: TypeError"),
    (Observation("x", metadata={(1, 2): 3}), "whose metadata is no plain JSON: TypeError"),
    (Observation("x", metadata=endless()), "whose metadata is no plain JSON: RecursionError"),
    (Observation("x", metadata=["a"]), "whose metadata is a list, not a dict"),  # type: ignore[arg-type]
    (Observation("x", error_kind={"code": 3}), "whose error_kind has no text as its `type`"),
    (Observation("x", error_kind={"type": 3}), "whose error_kind has no text as its `type`"),
    (Observation("x", error_kind="timeout"), "whose error_kind is a str"),  # type: ignore[arg-type]
    (Observation("x", images=("cat.png",)), "whose images are not all Attachments"),  # type: ignore[arg-type]
    (Observation("x", images=None), "whose images are not all Attachments"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("value", "wrong"), WRONG)
async def test_what_cannot_be_shown_or_recorded_is_a_failure_of_the_tool(
    value: Any, wrong: str, tmp_path: Path
) -> None:
    async def body(args: Given, context: ToolContext) -> Observation:
        return value

    bench = Bench(tmp_path, [tool_of(body)])
    (result,) = await bench.execute(call("probe"))

    assert result.is_error
    assert result.content.startswith("probe failed: it returned ")
    assert wrong in result.content
    assert len(bench.all(ToolEnd)) == 1
    storable(bench)


async def test_metadata_is_recorded_as_it_was_when_the_tool_returned(tmp_path: Path) -> None:
    facts: dict[Any, Any] = {"seen": ["a"], 3: (1, 2), "name": Fancy("b"), "half": LONE}

    async def body(args: Given, context: ToolContext) -> Observation:
        return Observation(Fancy("shown"), metadata=facts)

    bench = Bench(tmp_path, [tool_of(body)])
    shown = await bench.directly("probe")
    facts["seen"].append("b")

    assert shown.metadata == {"seen": ["a"], "3": (1, 2), "name": "b", "half": LONE}
    (ended,) = bench.all(ToolEnd)
    assert ended.metadata == shown.metadata
    assert type(ended.output) is str


foreign = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.builds(object),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


@given(foreign, foreign, foreign, foreign, foreign, foreign)
def test_whatever_a_tool_returns_is_refused_or_can_be_recorded(
    text: Any, failed: Any, exit_code: Any, metadata: Any, error_kind: Any, images: Any
) -> None:
    given_ = Observation(text, failed, exit_code, metadata, error_kind, images)
    with contextlib.suppress(_Unfit):
        seen = fit(given_)
        assert isinstance(seen.text, str)
        assert isinstance(seen.failed, bool)
        canonical([seen.exit_code, seen.metadata, seen.error_kind])
        assert all(isinstance(image, Attachment) for image in seen.images)


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Speechless(), "probe failed: Speechless"),
        (SystemExit(3), "probe failed: EndedItself: it called sys.exit(3)"),
        (ValueError(LONE), f"probe failed: ValueError: {LONE}"),
        (BaseExceptionGroup("both", [ValueError("a")]), "probe failed: ExceptionGroup"),
    ],
)
async def test_whatever_a_tool_raises_is_its_failure(
    error: BaseException, told: str, tmp_path: Path
) -> None:
    async def body(args: Given, context: ToolContext) -> Observation:
        raise error

    bench = Bench(tmp_path, [tool_of(body)])
    (result,) = await bench.execute(call("probe"))

    assert result.content.startswith(told)
    storable(bench)


async def test_a_tool_that_is_no_coroutine_fails(tmp_path: Path) -> None:
    def body(args: Given, context: ToolContext) -> Any:
        return Observation("at once")

    (result,) = await Bench(tmp_path, [tool_of(body)]).execute(call("probe"))

    assert result.content.startswith("probe failed: TypeError")


class Rewriting(Unhooked):
    """A hook that replaces the first call by another."""

    def __init__(self, verdict: ToolCall) -> None:
        self.verdict: ToolCall | None = verdict

    async def before_tool(self, action: Action, sink: Sink) -> Deny | ToolCall | None:
        await asyncio.sleep(0)
        verdict, self.verdict = self.verdict, None
        return verdict


async def test_a_call_keeps_its_id_when_a_hook_rewrites_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [tool_of(_echo), ECHO])
    bench.executor.hooks = Rewriting(ToolCall("other", "echo", {"text": "rewritten"}))

    (result,) = await bench.execute(call("probe"))

    assert (result.tool_use_id, result.content) == ("c1", "rewritten")
    assert [end.id for end in bench.all(ToolEnd)] == ["c1"]
    assert bench.executor.active == {}


async def _echo(args: Given, context: ToolContext) -> Observation:
    return Observation(args.text)


@pytest.mark.parametrize("args", [None, [], {"text": Opaque()}])
async def test_a_hook_that_rewrites_a_call_into_nonsense_ends_in_a_failure(
    args: Any, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, [ECHO])
    bench.executor.hooks = Rewriting(ToolCall("c1", "echo", args))

    (result,) = await bench.execute(call("echo"))

    assert result.content.startswith("Invalid arguments for echo: ")
    storable(bench)


def test_the_canonical_form_is_ascii_where_it_must_be() -> None:
    assert canonical({"b": LONE, "a": 1}) == b'{"a":1,"b":"\\ud800"}'
    assert msgspec.json.decode(canonical({"b": "ä", "a": 1})) == {"a": 1, "b": "ä"}
