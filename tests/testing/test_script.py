from __future__ import annotations

import re

import pytest

from a3s_code.errors import UsageError
from a3s_code.kernel.messages import Usage
from a3s_code.testing import ONLY_TOOL, Asked, Playback, Script, Turn, When, calls, on, says

ASKED = Asked(
    system="You are a planner.",
    users=("first words", "last words"),
    last="a result",
    tools=("read", "bash"),
    forced_tool="bash",
    tool_results=1,
    model="m1",
    streams=True,
    path="/v1/messages",
    body='{"temperature":0.5}',
)


def texts(script: Script, requests: int, asked: Asked = ASKED) -> list[str]:
    playing = Playback(script)
    return [playing.answer(asked).text for _ in range(requests)]


def test_turns_are_played_in_order() -> None:
    assert texts(Script(says("one"), says("two")), 2) == ["one", "two"]


def test_the_default_answers_when_the_turns_are_used_up() -> None:
    assert texts(Script(says("one"), default=says("…")), 3) == ["one", "…", "…"]


def test_without_a_default_the_end_is_an_error_that_counts_the_requests() -> None:
    playing = Playback(Script(says("one")))
    playing.answer(ASKED)

    with pytest.raises(UsageError, match="over after 1 requests"):
        playing.answer(ASKED)


def test_a_rule_that_fits_comes_before_the_turns_and_uses_none_up() -> None:
    rule = on(When(system="planner"), says("a plan"), times=1)

    assert texts(Script(says("one"), rules=(rule,)), 2) == ["a plan", "one"]


def test_a_rule_plays_its_turns_in_order_and_repeats_the_last() -> None:
    rule = on(When(), says("a"), says("b"))

    assert texts(Script(rules=(rule,)), 3) == ["a", "b", "b"]


def test_a_rule_that_is_used_up_leaves_the_request_to_the_next_rule() -> None:
    rules = (on(When(), says("once"), times=1), on(When(), says("then")))

    assert texts(Script(rules=rules), 3) == ["once", "then", "then"]


def test_a_rule_without_turns_is_refused() -> None:
    with pytest.raises(UsageError):
        on(When())


def test_playings_of_one_script_do_not_know_each_other() -> None:
    script = Script(says("one"), rules=(on(When(), says("first"), times=1),))

    assert texts(script, 2) == texts(script, 2) == ["first", "one"]


@pytest.mark.parametrize(
    ("holds", "fails"),
    [
        (When(system="planner"), When(system="reviewer")),
        (When(system=re.compile("^You.*r\\.$")), When(system=re.compile("^a planner"))),
        (When(user="first"), When(user="middle")),
        (When(first_user="first"), When(first_user="last")),
        (When(last_user="last"), When(last_user="first")),
        (When(last="result"), When(last="words")),
        (When(body='"temperature":0.5'), When(body="top_p")),
        (When(not_body="top_p"), When(not_body="temperature")),
        (When(model="m1"), When(model="m2")),
        (When(path="/messages"), When(path="/chat")),
        (When(tool="bash"), When(tool="write")),
        (When(without_tool="write"), When(without_tool="bash")),
        (When(any_tool=True), When(any_tool=False)),
        (When(forced_tool="bash"), When(forced_tool="read")),
        (When(tool_results=1), When(tool_results=0)),
        (When(streams=True), When(streams=False)),
    ],
)
def test_every_condition_looks_at_its_own_part(holds: When, fails: When) -> None:
    assert holds.holds(ASKED)
    assert not fails.holds(ASKED)


def test_all_parts_of_a_condition_have_to_hold() -> None:
    assert not When(tool="bash", tool_results=2).holds(ASKED)


def test_calls_without_ids_are_numbered_through_the_whole_playing() -> None:
    playing = Playback(Script(calls("ls") + calls("glob"), calls("ls")))
    ids = [call.id for _ in range(2) for call in playing.answer(ASKED, id_prefix="c").calls]

    assert ids == ["c1", "c2", "c3"]


def test_a_turn_without_a_usage_reports_that_of_the_script() -> None:
    playing = Playback(Script(says("a"), says("b", usage=Usage(7, 8)), usage=Usage(1, 2)))

    assert [playing.answer(ASKED).usage for _ in range(2)] == [Usage(1, 2), Usage(7, 8)]


@pytest.mark.parametrize(
    ("asked", "called"),
    [
        (Asked(tools=("plan", "ls"), forced_tool="plan"), "plan"),
        (Asked(tools=("only",)), "only"),
    ],
)
def test_a_call_of_the_only_tool_calls_the_forced_or_the_single_one(
    asked: Asked, called: str
) -> None:
    turn = Playback(Script(calls(ONLY_TOOL, n=1))).answer(asked)

    assert [(call.name, call.arguments) for call in turn.calls] == [(called, '{"n":1}')]


def test_without_such_a_tool_its_arguments_are_said() -> None:
    turn = Playback(Script(calls(ONLY_TOOL, n=1))).answer(Asked(tools=("a", "b")))

    assert turn.text == '{"n":1}'
    assert turn.calls == ()
    assert turn.stopped_by == Turn().stopped_by
