"""A script means the same in process and over both wires, through the adapters users have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest

from a3s_code.errors import ContextOverflow, ModelError, ModelRefused, ModelUnavailable
from a3s_code.kernel.events import ReasoningDelta, TextDelta, ToolInputDelta
from a3s_code.kernel.messages import Message, Text, Thinking, ToolCall, ToolResult, Usage, user
from a3s_code.kernel.ports import Model, ModelDelta, Reply
from a3s_code.llm.http import Http
from a3s_code.testing import (
    Asked,
    Fault,
    Script,
    Scripted,
    ScriptedServer,
    Turn,
    When,
    breaks,
    calls,
    calls_text,
    on,
    overflows,
    refuses,
    says,
)
from llm.asking import FakeClock, Watcher, ask, model

WAYS = ("in process", "openai", "anthropic")

Ways = Callable[..., Model]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def playing(
    way: str, serve: Callable[[Script], ScriptedServer], http: Http, clock: FakeClock
) -> Ways:
    """Make a model that plays a script in this way."""

    def play(script: Script) -> Model:
        if way == "in process":
            rules, default = script.rules, script.default
            return Scripted(*script.turns, rules=rules, default=default, ref="x/m", clock=clock)
        return model(way, serve(script).base_url, http, clock)

    return play


# Answers


class Meaning(NamedTuple):
    """What a reply says, without the ids of its calls, which differ between wires."""

    thinking: str
    text: str
    called: list[tuple[str, Any, str | None]]
    stop: str
    deltas: list[tuple[type[ModelDelta], str]]


def meaning(reply: Reply, watcher: Watcher) -> Meaning:
    called = [(call.name, call.input, call.malformed) for call in reply.message.calls]
    thinking = "".join(b.text for b in reply.message.blocks if isinstance(b, Thinking))
    return Meaning(thinking, reply.message.text, called, reply.stop, shown(watcher.deltas))


def shown(deltas: Sequence[ModelDelta]) -> list[tuple[type[ModelDelta], str]]:
    return [(type(d), d.delta if isinstance(d, ToolInputDelta) else d.text) for d in deltas]


LS = ("ls", {}, None)
ANSWERS: list[tuple[Turn, Meaning]] = [
    (says(""), Meaning("", "", [], "end", [])),
    (says("A", "", "B"), Meaning("", "AB", [], "end", [(TextDelta, "A"), (TextDelta, "B")])),
    (
        says("B", thinking="A") + calls("ls") + calls("read", file_path="a"),
        Meaning(
            "A",
            "B",
            [LS, ("read", {"file_path": "a"}, None)],
            "tool_calls",
            [
                (ReasoningDelta, "A"),
                (TextDelta, "B"),
                (ToolInputDelta, "{"),
                (ToolInputDelta, "}"),
                (ToolInputDelta, '{"file_p'),
                (ToolInputDelta, 'ath":"a"}'),
            ],
        ),
    ),
    (
        calls_text("ls", '{"path": '),
        Meaning("", "", [("ls", {}, '{"path": ')], "tool_calls", [(ToolInputDelta, '{"path": ')]),
    ),
    (
        calls_text("ls", "[1]"),
        Meaning("", "", [("ls", {}, "[1]")], "tool_calls", [(ToolInputDelta, "[1]")]),
    ),
    (calls_text("ls", ""), Meaning("", "", [LS], "tool_calls", [])),
    (calls_text("ls", "\n"), Meaning("", "", [LS], "tool_calls", [(ToolInputDelta, "\n")])),
    (
        calls_text("ls", "") + calls_text("ls", "") + says(stop="length"),
        Meaning("", "", [LS, ("ls", {}, "")], "length", []),
    ),
]


@pytest.mark.parametrize(("turn", "meant"), ANSWERS)
async def test_an_answer_means_the_same(turn: Turn, meant: Meaning, playing: Ways) -> None:
    watcher = Watcher()
    reply = await playing(Script(turn)).reply(ask(), watcher)

    assert meaning(reply, watcher) == meant


@pytest.mark.parametrize(
    ("stop", "without_calls", "with_calls"),
    [
        ("", "end", "tool_calls"),
        ("end", "end", "tool_calls"),
        ("tool_calls", "end", "tool_calls"),
        ("length", "length", "length"),
        ("refusal", "refusal", "refusal"),
        ("content_filter", "content_filter", "content_filter"),
        ("a word of tomorrow", "end", "tool_calls"),
    ],
)
async def test_a_model_stops_for_the_same_reason(
    stop: str, without_calls: str, with_calls: str, way: str, playing: Ways
) -> None:
    talker = playing(Script(says("a", stop=stop), calls("ls") + says("a", stop=stop)))
    stops = [(await talker.reply(ask(), Watcher())).stop for _ in range(2)]

    if (way, stop) == ("anthropic", "content_filter"):  # for which Messages has no word
        without_calls = with_calls = "refusal"
    assert stops == [without_calls, with_calls]


async def test_usage_is_the_same(playing: Ways) -> None:
    told = Usage(100, 7, cache_read_tokens=40)
    reply = await playing(Script(says("a", usage=told))).reply(ask(), Watcher())

    assert reply.usage == told


# Failures

FAULTS = {
    Fault.RESET: ("transport", ""),
    Fault.RESET_MID: ("truncated", "abcd"),
    Fault.TRUNCATE: ("truncated", "abcd"),
    Fault.EMPTY: ("empty", ""),
    Fault.BAD_JSON: ("protocol", ""),
    Fault.BAD_SSE: ("protocol", "abcd"),
    Fault.NO_DONE: ("truncated", "abcdefgh"),
    Fault.HANG: ("timeout", ""),
    Fault.HANG_MID: ("timeout", "abcd"),
}


async def failed(talker: Model, deadline: float | None = None) -> tuple[ModelError, Watcher]:
    watcher = Watcher()
    with pytest.raises(ModelError) as caught:
        await talker.reply(ask(deadline=deadline), watcher)
    return caught.value, watcher


@pytest.mark.parametrize("fault", Fault)
async def test_every_fault_is_the_same_error_after_the_same_deltas(
    fault: Fault, playing: Ways
) -> None:
    kind, text = FAULTS[fault]
    script = Script(default=breaks(fault, says("ab", "cd", "ef", "gh")))
    # One attempt is enough to wait for.
    error, watcher = await failed(playing(script), 0.9 if kind == "timeout" else None)

    status = 200 if fault is Fault.EMPTY else None
    assert (type(error), error.kind, error.status) == (ModelUnavailable, kind, status)
    assert watcher.text == text


REFUSALS: dict[int, tuple[type[ModelError], str]] = {
    300: (ModelRefused, "redirect"),
    307: (ModelRefused, "redirect"),
    400: (ModelRefused, "bad_request"),
    401: (ModelRefused, "auth"),
    402: (ModelRefused, "quota"),
    403: (ModelRefused, "permission"),
    404: (ModelRefused, "not_found"),
    405: (ModelRefused, "bad_request"),
    408: (ModelUnavailable, "timeout"),
    409: (ModelUnavailable, "server"),
    413: (ModelRefused, "too_large"),
    415: (ModelRefused, "bad_request"),
    422: (ModelRefused, "bad_request"),
    429: (ModelUnavailable, "rate_limit"),
    499: (ModelRefused, "bad_request"),
    500: (ModelUnavailable, "server"),
    501: (ModelRefused, "server"),
    502: (ModelUnavailable, "server"),
    503: (ModelUnavailable, "server"),
    504: (ModelUnavailable, "server"),
    505: (ModelRefused, "server"),
    520: (ModelUnavailable, "server"),
    521: (ModelUnavailable, "server"),
    522: (ModelUnavailable, "server"),
    523: (ModelUnavailable, "server"),
    524: (ModelUnavailable, "server"),
    525: (ModelRefused, "server"),
    529: (ModelUnavailable, "overloaded"),
    599: (ModelRefused, "server"),
}


@pytest.mark.parametrize("status", REFUSALS)
async def test_every_status_is_the_same_error(status: int, playing: Ways) -> None:
    error, _ = await failed(playing(Script(default=refuses(status))))

    assert (type(error), error.kind) == REFUSALS[status]
    assert error.status == status
    assert error.retry_after_s is None


@pytest.mark.parametrize(
    ("turn", "kind", "named"),
    [
        (overflows(), ContextOverflow, "context_length"),
        (refuses(413, {"error": {"code": "context_length_exceeded"}}), ContextOverflow, ""),
        (refuses(403, {"error": {"code": "context_length_exceeded"}}), ModelRefused, "permission"),
        (refuses(429, {"error": {"code": "insufficient_quota"}}), ModelRefused, "quota"),
        (refuses(500, {"error": {"code": "insufficient_quota"}}), ModelUnavailable, "server"),
        (refuses(404, "no JSON"), ModelRefused, "not_found"),
    ],
)
async def test_bodies_of_refusals_are_understood_the_same(
    turn: Turn, kind: type[ModelError], named: str, playing: Ways
) -> None:
    error, _ = await failed(playing(Script(default=turn)))

    assert (type(error), error.kind) == (kind, named or "context_length")


@pytest.mark.parametrize(("status", "told_s"), [(429, 7.0), (503, 7.0), (400, None)])
async def test_the_pause_that_is_asked_for_is_the_same(
    status: int, told_s: float | None, playing: Ways
) -> None:
    turn = refuses(status, headers={"Retry-After": "7"})
    error, _ = await failed(playing(Script(default=turn)))

    assert error.retry_after_s == told_s


# Conditions

TALK = (
    user("one"),
    Message("assistant", (Text("Looking."), ToolCall("c1", "ls", {}), ToolCall("c2", "ls", {}))),
    Message("tool", (ToolResult("c1", "a.txt\nb.txt"), ToolResult("c2", "c.txt"))),
)
SEEN = Asked(
    system="Be brief.",
    users=("one",),
    last="a.txt\nb.txt\nc.txt",
    tool_results=2,
    model="m",
    streams=True,
)


class Wiretap(When, frozen=True):
    """A condition that always holds and keeps what it was shown."""

    heard: list[Asked] = msgspec.field(default_factory=list[Asked])

    def holds(self, asked: Asked) -> bool:
        self.heard.append(msgspec.structs.replace(asked, path="", body=""))
        return True


@pytest.mark.parametrize(
    ("talk", "seen"),
    [
        (TALK, {}),
        ((*TALK, Message("assistant", (Text("Two."),)), user("next")), {"last": "next"}),
        ((*TALK, user("stop")), {"last": "stop"}),
        (TALK[:1], {"last": "one", "tool_results": 0}),
        ((Message("user", (Text("t"), Text("wo"))),), {"last": "two", "tool_results": 0}),
    ],
)
async def test_conditions_see_the_same(
    talk: tuple[Message, ...], seen: dict[str, Any], playing: Ways
) -> None:
    tap = Wiretap()
    talker = playing(Script(rules=(on(tap, says("ok")),)))
    await talker.reply(ask(*talk, system="Be brief."), Watcher())

    users = tuple(message.text for message in talk if message.role == "user")
    assert tap.heard == [msgspec.structs.replace(SEEN, users=users, **seen)]


@pytest.mark.parametrize("last", ["a.txt", "b.txt", "c.txt"])
async def test_every_result_of_the_last_turn_can_be_asked_for(last: str, playing: Ways) -> None:
    script = Script(rules=(on(When(last=last), says("seen")),), default=says("missed"))
    reply = await playing(script).reply(ask(*TALK), Watcher())

    assert reply.message.text == "seen"
