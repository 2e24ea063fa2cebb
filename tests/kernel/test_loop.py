from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import ContextOverflow, LimitReached, ModelUnavailable
from a3s_code.harness.completion import CUT, GO_ON, NOTHING, Completion
from a3s_code.kernel.events import ModelRetry, TextDelta, ToolEnd, ToolStart, TurnEnd, TurnStart
from a3s_code.kernel.loop import Limits
from a3s_code.kernel.messages import (
    Message,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    user,
    with_own_ids,
)
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener
from a3s_code.kernel.records import DeltaBatch, EffectIntended
from a3s_code.testing import Call, Scripted, Turn, breaks, calls, calls_text, overflows, says
from kernel.bench import Bench, Play, WatchedStore, files, until

LS = calls("ls")
ONE_AND_TWO = (("ls", "{}"), ("bash", '{"command": "touch two"}'))


def play(
    root: Path, *turns: Turn, limits: Limits | None = None, review: Completion | None = None
) -> Play:
    return Play(Bench(root), Scripted(*turns), limits, review)


def seen(run: Play) -> list[ModelRequest]:
    assert isinstance(run.model, Scripted)
    return run.model.seen


def asked_for(run: Play) -> list[str]:
    """What we told the model in place of the user, after the prompt."""
    return [message.text for message in run.said if message.role == "user"][1:]


# The course of a run


async def test_a_run_goes_on_until_the_model_calls_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha")
    run = play(tmp_path, calls("read", file_path="a.txt"), LS, says("It says alpha."))

    answer = await run.run("what does it say?")

    assert (answer.text, answer.turns, answer.tool_calls) == ("It says alpha.", 3, 2)
    roles = [message.role for message in run.said]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    (result,) = run.said[2].blocks
    assert isinstance(result, ToolResult)
    assert "alpha" in result.content
    assert seen(run)[1].conversation.messages == tuple(run.said[:3])


async def test_the_model_sees_the_results_of_all_calls_of_a_turn_in_their_order(
    tmp_path: Path,
) -> None:
    run = play(tmp_path, LS + calls("nonesuch") + calls("glob", pattern="*"), says("Done."))
    await run.run()

    asked = run.said[1].calls
    results = [block for block in run.said[2].blocks if isinstance(block, ToolResult)]
    assert [result.tool_use_id for result in results] == [call.id for call in asked]
    assert [result.is_error for result in results] == [False, True, False]


async def test_the_tokens_of_all_turns_are_summed(tmp_path: Path) -> None:
    run = play(
        tmp_path,
        LS + says(usage=Usage(10, 1, 4)),
        says("Let me see:", usage=Usage(20, 2, 0, 5)),
        says("Done.", usage=Usage(30, 3)),
    )
    answer = await run.run()

    assert answer.usage == Usage(60, 6, 4, 5)
    assert run.bench.log.state.usage == Usage(60, 6, 4, 5)
    assert [end.usage.prompt_tokens for end in run.bench.all(TurnEnd)] == [10, 20, 30]


async def test_the_outcomes_are_durable_before_the_model_is_asked_again(tmp_path: Path) -> None:
    store = WatchedStore()
    durable: list[int] = []

    class Watching(Scripted):
        async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
            durable.append(len(store.safe(ToolEnd)))
            return await super().reply(request, listener)

    run = Play(Bench(tmp_path, store=store), Watching(LS, LS + LS, says("Done.")))
    await run.run()

    assert durable == [0, 1, 3]


async def test_a_message_that_arrives_during_a_run_is_shown_in_the_next_turn(
    tmp_path: Path,
) -> None:
    run = play(tmp_path, LS, says("Done."))
    run.mail.append(user("and be quick"))
    await run.run()

    first = [message.text for message in seen(run)[0].conversation.messages]
    assert first == ["do it", "and be quick"]


async def test_compaction_is_offered_before_every_request(tmp_path: Path) -> None:
    run = play(tmp_path, LS, says("Done."))
    await run.run()

    assert run.compacted == [1, 3]


async def test_a_request_that_was_too_long_is_made_once_more_when_it_became_shorter(
    tmp_path: Path,
) -> None:
    run = play(tmp_path, overflows(), says("Done."))
    run.can_shorten = True
    answer = await run.run()

    assert (answer.text, answer.turns) == ("Done.", 1)
    assert run.compacted == [1, -1]


async def test_a_request_that_is_still_too_long_is_not_made_a_third_time(tmp_path: Path) -> None:
    run = play(tmp_path, overflows(), overflows(), says("Done."))
    run.can_shorten = True
    with pytest.raises(ContextOverflow):
        await run.run()

    assert len(seen(run)) == 2


async def test_what_cannot_become_shorter_says_what_to_do(tmp_path: Path) -> None:
    run = play(tmp_path, overflows(), says("Done."))
    with pytest.raises(ContextOverflow, match="larger window"):
        await run.run()

    assert len(seen(run)) == 1


# Limits


async def test_fifty_tool_rounds_are_allowed_and_the_answer_after_them(tmp_path: Path) -> None:
    rounds = [calls("glob", pattern=f"{n}") for n in range(50)]
    run = play(tmp_path, *rounds, says("Done."))

    answer = await run.run()

    assert (answer.text, answer.turns) == ("Done.", 51)


async def test_the_fifty_first_tool_round_ends_the_run_before_its_call_runs(
    tmp_path: Path,
) -> None:
    rounds = [calls("glob", pattern=f"{n}") for n in range(50)]
    run = play(tmp_path, *rounds, calls("write", file_path="late", content=""))

    with pytest.raises(LimitReached, match=r"Max tool rounds \(50\) exceeded.*max_tool_rounds"):
        await run.run()

    assert "late" not in files(tmp_path)
    assert run.bench.all(EffectIntended) == []


async def test_the_answer_after_the_last_round_is_still_accepted(tmp_path: Path) -> None:
    run = play(tmp_path, LS, says("Done."), limits=Limits(max_tool_rounds=1))

    assert (await run.run()).text == "Done."


async def test_a_turn_without_calls_is_no_tool_round(tmp_path: Path) -> None:
    run = play(tmp_path, says("Let me look:"), LS, says("Done."), limits=Limits(max_tool_rounds=1))

    assert (await run.run()).text == "Done."


BAD = calls_text("write", '{"file_path": "a"')


async def test_malformed_arguments_are_sent_back_and_the_run_goes_on(tmp_path: Path) -> None:
    run = play(tmp_path, BAD, BAD, says("I give up."))

    assert (await run.run()).text == "I give up."
    told = [b.content for m in run.said for b in m.blocks if isinstance(b, ToolResult)]
    assert len(told) == 2
    assert all("not a valid JSON object" in text for text in told)
    assert files(tmp_path) == {}


async def test_malformed_arguments_more_often_in_a_row_than_allowed_end_the_run(
    tmp_path: Path,
) -> None:
    run = play(tmp_path, BAD, BAD, BAD, limits=Limits(max_parse_retries=2))

    with pytest.raises(LimitReached, match=r"malformed tool arguments 3 times.*max_parse_retries"):
        await run.run()


async def test_a_good_call_starts_the_count_of_malformed_ones_anew(tmp_path: Path) -> None:
    run = play(tmp_path, BAD, LS, BAD, says("Done."), limits=Limits(max_parse_retries=1))

    assert (await run.run()).text == "Done."


async def test_no_malformed_call_is_forgiven_when_none_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(LimitReached):
        await play(tmp_path, BAD, limits=Limits(max_parse_retries=0)).run()


# Repetition


def append(text: str = "x") -> Turn:
    return calls("bash", command=f"printf {text} >> log")


async def test_the_third_identical_call_in_a_row_is_not_run_and_says_why(tmp_path: Path) -> None:
    run = play(tmp_path, append(), append(), append(), says("Done."))
    await run.run()

    assert files(tmp_path)["log"] == "xx"
    last = run.bench.all(ToolEnd)[-1]
    assert "call 3 of bash with the same arguments in a row" in last.output
    assert last.metadata == {
        "guard": "duplicate_tool_call",
        "duplicate_count": 3,
        "threshold": 3,
    }


async def test_the_fourth_identical_call_ends_the_run(tmp_path: Path) -> None:
    run = play(tmp_path, append(), append(), append(), append())

    with pytest.raises(LimitReached, match="repeated the same call of bash 4 times"):
        await run.run()
    assert files(tmp_path)["log"] == "xx"


async def test_a_different_call_in_between_starts_the_count_anew(tmp_path: Path) -> None:
    run = play(tmp_path, append(), append(), append("y"), append(), append(), says("Done."))
    await run.run()

    assert files(tmp_path)["log"] == "xxyxx"


async def test_identical_calls_of_one_turn_count_too(tmp_path: Path) -> None:
    run = play(tmp_path, append() + append() + append(), says("Done."))
    await run.run()

    assert files(tmp_path)["log"] == "xx"


def sharing(id_: str, *commands: str) -> Turn:
    """Call bash once for each command, all calls with one id, as some models do."""
    arguments = [msgspec.json.encode({"command": command}).decode() for command in commands]
    return Turn(calls=tuple(Call("bash", each, id_) for each in arguments))


async def test_identical_calls_with_one_id_are_counted_one_by_one(tmp_path: Path) -> None:
    run = play(tmp_path, sharing("c", *["printf x >> log"] * 3), says("Done."))
    await run.run()

    assert files(tmp_path)["log"] == "xx"
    codes = {end.id: end.exit_code for end in run.bench.all(ToolEnd)}
    assert codes == {"c": 0, "c-2": 0, "c-3": 1}


async def test_calls_with_one_id_each_have_their_own_result_and_record(tmp_path: Path) -> None:
    run = play(tmp_path, sharing("c", "echo one", "echo two >> log", "echo three"), says("Done."))
    await run.run()

    (asked, answered) = run.said[1:3]
    results = [block for block in answered.blocks if isinstance(block, ToolResult)]
    assert [call.id for call in asked.calls] == ["c", "c-2", "c-3"]
    assert [(r.tool_use_id, r.content) for r in results] == [
        ("c", "one\n"),
        ("c-2", ""),
        ("c-3", "three\n"),
    ]
    assert [end.id for end in run.bench.all(ToolEnd)] == ["c", "c-2", "c-3"]
    assert [intent.call_id for intent in run.bench.all(EffectIntended)] == ["c-2"]
    assert seen(run)[1].conversation.messages[1] == asked


async def test_a_call_that_was_cut_short_does_not_get_the_result_of_one_with_its_id(
    tmp_path: Path,
) -> None:
    run = play(tmp_path, sharing("c", "touch one", "echo here > two; exec sleep 600"))
    running = asyncio.create_task(run.run())
    await until(tmp_path / "two")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    run.transcript.settle(run.loop.results)

    results = [block for block in run.said[-1].blocks if isinstance(block, ToolResult)]
    assert [(r.tool_use_id, r.is_error) for r in results] == [("c", False), ("c-2", True)]


ids = st.lists(st.sampled_from(["", "a", "a-2", "a-3", "b"]), max_size=8)


@given(ids)
def test_every_call_of_an_answer_gets_an_id_of_its_own_and_the_first_keeps_its(
    given_: list[str],
) -> None:
    blocks = (Text("I will."), *(ToolCall(id_, "ls", {"n": n}) for n, id_ in enumerate(given_)))
    message = with_own_ids(Message("assistant", blocks))

    own = [call.id for call in message.calls]
    assert len(set(own)) == len(own)
    assert all(own[given_.index(id_)] == id_ for id_ in given_)
    assert [call.input for call in message.calls] == [{"n": n} for n in range(len(given_))]
    assert message.text == "I will."
    assert with_own_ids(message) is message


@given(ids, st.sets(st.sampled_from(["a", "a-2", "b", "c_1"])))
def test_a_call_never_has_the_id_of_an_earlier_one_or_of_one_inside_another(
    given_: list[str], taken: set[str]
) -> None:
    blocks = tuple(ToolCall(id_, "ls", {}) for id_ in [*given_, "c.1"])
    own = [call.id for call in with_own_ids(Message("assistant", blocks), taken).calls]

    assert not taken & set(own)
    assert len(set(own)) == len(own)
    assert not any("." in id_ for id_ in own)


async def test_an_id_that_the_model_uses_again_in_a_later_turn_is_another_one(
    tmp_path: Path,
) -> None:
    run = play(tmp_path, sharing("c", "touch one"), sharing("c", "touch two"), says("Done."))
    await run.run()

    assert [event.id for event in run.bench.all(ToolStart)] == ["c", "c-2"]


async def test_the_order_of_arguments_does_not_make_a_call_different(tmp_path: Path) -> None:
    one = calls("write", file_path="a", content="x")
    other = calls("write", content="x", file_path="a")
    run = play(tmp_path, one, other, one, says("Done."))
    await run.run()

    assert run.bench.all(ToolEnd)[-1].metadata is not None
    assert "guard" in (run.bench.all(ToolEnd)[-1].metadata or {})


async def test_another_threshold_is_kept(tmp_path: Path) -> None:
    run = play(tmp_path, *[append()] * 5, says("Done."), limits=Limits(duplicate_threshold=5))
    await run.run()

    assert files(tmp_path)["log"] == "xxxx"


# Continuation


@pytest.mark.parametrize(
    ("turn", "asked"),
    [
        (says("I have read it. Let me fix the bug."), GO_ON),
        (says("Here is the plan:"), GO_ON),
        (says(""), NOTHING),
        (says("  \n"), NOTHING),
        (says("The first half", stop="length"), CUT),
    ],
)
async def test_an_unfinished_answer_is_asked_to_go_on(
    turn: Turn, asked: str, tmp_path: Path
) -> None:
    run = play(tmp_path, turn, says("Done."))
    answer = await run.run()

    assert answer.text.endswith("Done.")
    assert asked_for(run) == [asked]


async def test_an_answer_cut_by_its_length_is_joined(tmp_path: Path) -> None:
    run = play(tmp_path, says("one, ", stop="length"), says("two, ", stop="length"), says("three."))

    assert (await run.run()).text == "one, two, three."


async def test_what_was_only_announced_is_not_part_of_the_answer(tmp_path: Path) -> None:
    run = play(tmp_path, says("Let me check."), LS, says("Two files."))

    assert (await run.run()).text == "Two files."


async def test_an_answer_is_asked_to_go_on_three_times_at_most(tmp_path: Path) -> None:
    run = play(tmp_path, *[says(f"Let me do {n}:") for n in range(5)])

    assert (await run.run()).text == "Let me do 3:"
    assert len(asked_for(run)) == 3


async def test_the_same_unfinished_text_is_not_asked_twice(tmp_path: Path) -> None:
    run = play(tmp_path, *[says("Let me do it:")] * 3)

    assert (await run.run()).text == "Let me do it:"
    assert len(asked_for(run)) == 1


@pytest.mark.parametrize("stop", ["refusal", "content_filter"])
async def test_a_refusal_stands(stop: str, tmp_path: Path) -> None:
    run = play(tmp_path, says("I will not:", stop=stop))

    assert (await run.run()).text == "I will not:"
    assert asked_for(run) == []


async def test_continuation_can_be_turned_off(tmp_path: Path) -> None:
    run = play(tmp_path, says("Let me do it:"), review=Completion(enabled=False))

    assert (await run.run()).text == "Let me do it:"


# What is seen of an answer


class Twice:
    """A model whose answer breaks in the middle and comes again."""

    ref, context_window = "p/m", 1_000

    def __init__(self, *, shows_first: bool) -> None:
        self.shows_first = shows_first

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        if self.shows_first:
            listener.delta(TextDelta(text="The ans"))
        listener.retry(2, "connection reset", 1.5)
        listener.delta(TextDelta(text="The answer."))
        return Reply(Message("assistant", (Text("The answer."),)), Usage(1, 1))


async def test_an_answer_that_starts_over_says_turn_start_again_with_the_same_number(
    tmp_path: Path,
) -> None:
    run = Play(Bench(tmp_path), Twice(shows_first=True))
    answer = await run.run()

    assert answer.text == "The answer."
    assert run.bench.names == [
        "HistoryAppended",
        "TurnStart",
        "DeltaBatch",
        "ModelRetry",
        "TurnStart",
        "DeltaBatch",
        "TurnEnd",
        "HistoryAppended",
    ]
    assert [start.turn for start in run.bench.all(TurnStart)] == [1, 1]
    assert run.bench.all(ModelRetry) == [
        ModelRetry(attempt=2, reason="connection reset", delay_ms=1_500)
    ]


async def test_a_retry_before_anything_was_shown_voids_nothing(tmp_path: Path) -> None:
    run = Play(Bench(tmp_path), Twice(shows_first=False))
    await run.run()

    assert len(run.bench.all(TurnStart)) == 1


async def test_deltas_are_what_the_model_said(tmp_path: Path) -> None:
    run = play(tmp_path, says("It ", "works", ".", thinking="hm"))
    await run.run()

    shown = {batch.kind: batch.text for batch in run.bench.all(DeltaBatch)}
    assert shown == {"reasoning_delta": "hm", "text_delta": "It works."}


# A run that was cut short leaves a conversation that can go on


async def test_a_provider_that_fails_ends_the_run_with_its_error(tmp_path: Path) -> None:
    run = play(tmp_path, breaks("reset_mid", says("half of an answer")))

    with pytest.raises(ModelUnavailable):
        await run.run()
    assert "".join(run.loop.spoken)
    assert "half of an answer".startswith("".join(run.loop.spoken))


async def test_every_call_has_a_result_after_a_run_was_stopped(tmp_path: Path) -> None:
    run = play(
        tmp_path,
        calls("bash", command="echo $$ > pid; exec sleep 600") + calls("write", file_path="b"),
    )
    task = asyncio.create_task(run.run())
    await until(tmp_path / "pid")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    run.transcript.settle()

    asked = [block.id for block in run.said[1].blocks if isinstance(block, ToolCall)]
    results = [block for block in run.said[2].blocks if isinstance(block, ToolResult)]
    assert [result.tool_use_id for result in results] == asked
    assert all(result.is_error for result in results)


async def test_what_was_being_said_is_kept_and_marked(tmp_path: Path) -> None:
    run = play(tmp_path, LS, says("Done."))
    run.transcript.add(user("go"))
    run.loop.spoken.append("Half of it")
    run.loop.leave(run.transcript, "the user")

    assert run.said[-1].role == "assistant"
    assert run.said[-1].text == "Half of it\n\n(Response interrupted by the user.)"


async def test_nothing_is_added_to_a_conversation_that_is_whole(tmp_path: Path) -> None:
    run = play(tmp_path, says("Done."))
    await run.run()
    before = run.said
    run.transcript.settle()

    assert run.said == before


async def test_a_call_that_was_done_before_the_stop_is_not_told_to_be_unfinished(
    tmp_path: Path,
) -> None:
    run = play(
        tmp_path,
        calls("write", file_path="a.txt", content="x")
        + calls("bash", command="echo $$ > pid; exec sleep 600"),
    )
    task = asyncio.create_task(run.run())
    await until(tmp_path / "pid")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    run.transcript.settle(run.loop.results)

    assert "a.txt" in files(tmp_path)
    first = run.said[2].blocks[0]
    assert isinstance(first, ToolResult)
    assert not first.is_error


async def test_a_result_is_never_taken_for_that_of_a_later_call_with_the_same_id(
    tmp_path: Path,
) -> None:
    same = [Turn(calls=(Call(name, arguments, id="call_0"),)) for name, arguments in ONE_AND_TWO]
    run = play(tmp_path, *same, limits=Limits(max_tool_rounds=1))
    with pytest.raises(LimitReached):
        await run.run()
    run.transcript.settle(run.loop.results)

    (last,) = run.said[-1].blocks
    assert isinstance(last, ToolResult)
    assert last.is_error
