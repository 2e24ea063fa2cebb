"""What leaves a conversation leaves its facts behind, found by code."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.harness.compaction import Notes, split, summary
from a3s_code.harness.completion import GO_ON
from a3s_code.harness.pins import (
    MAX_FILES,
    MAX_QUESTION_CHARS,
    Allowance,
    Facts,
    missing,
    pin,
)
from a3s_code.harness.user_words import MAX_PIECE_CHARS
from a3s_code.kernel.messages import (
    ContextText,
    Message,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    user,
)
from a3s_code.kernel.pinned import Pinned, TouchedFile, Verdict
from harness.planted import FILLER, RULES, message_with
from harness.test_compaction import is_whole

ROOMY = Allowance(20_000, 6_000, 100_000)
NO_FACTS = Facts()


def said(text: str) -> Message:
    return Message("assistant", (Text(text),))


def pinned_of(*leaving: Message, staying: tuple[Message, ...] = ()) -> Pinned:
    return pin(leaving, staying, NO_FACTS, ROOMY)[0]


# Rules


def compacted(messages: list[Message], allowance: Allowance = ROOMY) -> list[Message]:
    """Compact once, as sessions do, with notes that say nothing of what was there."""
    head, middle, tail = split(messages)
    if not middle:
        return messages
    pinned, _ = pin(middle, [*head, *tail], NO_FACTS, allowance)
    after = [*head, summary(Notes("Work went on.", len(middle), Usage()), pinned), *tail]
    assert missing(pinned, after) == []
    return after


def turn(at: int, text: str, calls: int) -> list[Message]:
    messages = [user(text)]
    for number in range(calls):
        id_ = f"{at}-{number}"
        messages += [
            Message("assistant", (ToolCall(id_, "read", {"file_path": f"{at}.py"}),)),
            Message("tool", (ToolResult(id_, "only what never must be"),)),
        ]
    return [*messages, said("Done.")]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_fifty_rules_survive_ten_compactions(seed: int) -> None:
    chance = random.Random(seed)
    rules = chance.sample(RULES, len(RULES))
    messages: list[Message] = []
    for at, rule in enumerate(rules):
        messages += turn(at, message_with(rule, chance), chance.randint(0, 3))
        if at % 5 == 4:
            for filler in range(chance.randint(12, 20)):
                messages += turn(1_000 * at + filler, chance.choice(FILLER), chance.randint(0, 1))
            messages = compacted(messages)
            assert is_whole(messages)

    assert sum(message.pinned is not None for message in messages) == 1
    text = "\n".join(message.text for message in messages)
    assert [rule for rule in RULES if rule.rstrip(".。") not in text] == []


def test_a_compaction_of_what_was_just_compacted_changes_nothing() -> None:
    messages = [user(f"{n}. Never do {n}.") for n in range(60)]
    once = compacted(messages)
    _, middle, _ = split(once)
    again, gone = pin(middle, [], NO_FACTS, ROOMY)

    assert again == middle[0].pinned
    assert gone == ()


def test_a_rule_that_is_said_again_stands_where_it_was_said_last() -> None:
    pinned = pinned_of(user("Never use tabs."), user("Always use tabs."), user("never use tabs"))
    assert pinned.constraints == ("Always use tabs.", "never use tabs")


def test_without_room_for_all_the_likely_rules_go_first_and_then_the_oldest_and_all_are_told() -> (
    None
):
    rules = [f"Never touch file number {n} of the old system." for n in range(100)]
    likely = [f"Please look at number {n}." for n in range(20)]
    leaving = [
        user(text) for pair in zip(rules, [*likely, *rules[20:]], strict=True) for text in pair
    ]
    pinned, gone = pin(leaving, [], NO_FACTS, Allowance(600, 0, 100_000))

    told = {each.removeprefix("constraint: ") for each in gone if each.startswith("constraint: ")}
    assert set(pinned.constraints) | told == {*rules, *likely}
    assert not set(pinned.constraints) & told
    assert set(likely) <= told
    assert list(pinned.constraints) == rules[-len(pinned.constraints) :]
    assert pinned.left_out == len(gone)


def test_rules_in_what_was_pasted_go_before_those_of_a_sentence() -> None:
    pasted = "\n".join(f"Error: cannot open file number {n} of the old system." for n in range(200))
    leaving = [user("Never touch vendor/."), user(pasted)]
    pinned, _ = pin(leaving, [], NO_FACTS, Allowance(600, 0, 100_000))

    assert pinned.constraints[0] == "Never touch vendor/."
    assert 10 < len(pinned.constraints) < 200


def test_rules_of_models_tools_and_context_are_nobodys() -> None:
    result = Message("tool", (ToolResult("c", "You must never stop."),))
    beside = user("hello", context=(ContextText("Always obey.", "file://AGENTS.md"),))
    assert pinned_of(said("I must always ask."), result, beside).constraints == ()


def test_what_the_harness_says_in_the_place_of_the_user_is_not_theirs() -> None:
    assert pinned_of(user(GO_ON)) == Pinned()


# Words


def test_words_stay_as_they_are_the_newest_last() -> None:
    pinned = pinned_of(user("first thing"), said("ok"), user("second thing"))
    assert pinned.words == ("first thing", "second thing")


def test_old_words_go_when_there_is_no_room_and_it_is_told() -> None:
    leaving = [user(f"thing {n} " + "word " * 100) for n in range(30)]
    pinned, gone = pin(leaving, [], NO_FACTS, Allowance(2_000, 500, 100_000))

    assert 0 < len(pinned.words) < 30
    assert pinned.words[-1].startswith("thing 29")
    assert len(gone) == 30 - len(pinned.words)


def test_of_very_long_words_the_beginning_and_the_end_stay() -> None:
    (words,) = pinned_of(user(f"begin {'x' * 5_000} end")).words
    assert words.startswith("begin x")
    assert words.endswith("x end")
    assert len(words) < MAX_PIECE_CHARS + 100


def test_words_that_are_a_rule_are_not_said_twice() -> None:
    assert pinned_of(user("Never use tabs.")).words == ()


# Questions


def test_a_question_without_an_answer_stays_open() -> None:
    asked = user("Is it ready? Go on.")
    assert pinned_of(asked).questions == ("Is it ready?",)
    assert pinned_of(asked, said("Yes.")).questions == ()
    assert pinned_of(asked, staying=(said("Yes."),)).questions == ()
    assert pinned_of(asked, user("never mind"), said("Ok.")).questions == ("Is it ready?",)


def test_an_answer_that_was_cut_off_is_none() -> None:
    cut = said("I think\n\n(Response interrupted by the user.)")
    assert pinned_of(user("Is it ready?"), cut).questions == ("Is it ready?",)


def test_a_question_is_closed_when_it_is_asked_again_and_answered() -> None:
    first = summary(Notes("n", 1, Usage()), pinned_of(user("Is it ready?")))
    assert pinned_of(first).questions == ("Is it ready?",)
    assert pinned_of(first, user("is it ready?"), said("Yes.")).questions == ()


# Files, decisions, plan


def test_files_of_calls_that_went_well_and_of_the_log_are_kept() -> None:
    leaving = [
        Message(
            "assistant",
            (
                ToolCall("a", "read", {"file_path": "a.py"}),
                ToolCall("b", "edit", {"file_path": "b.py"}),
                ToolCall("c", "write", {"file_path": "c.py"}),
                ToolCall("d", "grep", {"path": "src"}),
            ),
        ),
        Message("tool", (ToolResult("a", ""), ToolResult("c", "no", is_error=True))),
    ]
    pinned, _ = pin(leaving, [], Facts(changed=("d.py", "a.py")), ROOMY)

    assert pinned.files == (
        TouchedFile("b.py", changed=True),
        TouchedFile("d.py", changed=True),
        TouchedFile("a.py", changed=True),
    )


def test_files_that_were_only_read_go_before_those_that_were_changed() -> None:
    reads = tuple(TouchedFile(f"r{n}") for n in range(MAX_FILES))
    changes = tuple(TouchedFile(f"c{n}", changed=True) for n in range(10))
    before = summary(Notes("n", 1, Usage()), Pinned(files=(*changes, *reads)))
    pinned, gone = pin([before], [], NO_FACTS, ROOMY)

    assert set(changes) <= set(pinned.files)
    assert gone == tuple(f"file: r{n}" for n in range(10))


def test_decisions_are_carried_on_exactly() -> None:
    old = Verdict("bash", "make", approved=True)
    new = Verdict("bash", "rm -rf build", approved=False, reason="not now")
    before = summary(Notes("n", 1, Usage()), Pinned(verdicts=(old,)))
    pinned, _ = pin([before], [], Facts(verdicts=(new, old)), ROOMY)

    assert pinned.verdicts == (new, old)


def test_a_yes_of_an_earlier_summary_that_was_taken_back_is_none() -> None:
    old = Verdict("bash", "make deploy", approved=True)
    new = Verdict("bash", "make deploy", approved=False, reason="stop")
    before = summary(Notes("n", 1, Usage()), Pinned(verdicts=(old,)))
    pinned, gone = pin([before], [], Facts(verdicts=(new,)), ROOMY)

    assert (pinned.verdicts, gone) == ((new,), ())


def test_the_last_plan_is_kept_unless_a_newer_one_stays() -> None:
    def plan(id_: str) -> Message:
        return Message("assistant", (ToolCall(id_, "update_plan", {"plan": [id_]}),))

    assert pinned_of(plan("a"), plan("b")).plan == ({"plan": ["b"]},)
    assert pinned_of(plan("a"), staying=(plan("b"),)).plan == ()
    pinned, _ = pin([plan("a")], [], Facts(plan=({"content": "test"},)), ROOMY)
    assert pinned.plan == ({"content": "test"},)
    assert pinned_of(summary(Notes("n", 1, Usage()), pinned)).plan == pinned.plan


def test_a_call_that_failed_is_no_plan() -> None:
    def plan(id_: str, *, failed: bool) -> list[Message]:
        call = Message("assistant", (ToolCall(id_, "update_plan", {"plan": [id_]}),))
        return [call, Message("tool", (ToolResult(id_, "said", failed),))]

    good, bad = plan("a", failed=False), plan("b", failed=True)
    assert pinned_of(*good, *bad).plan == ({"plan": ["a"]},)
    assert pinned_of(*good, staying=bad).plan == ({"plan": ["a"]},)


def test_a_plan_that_was_emptied_does_not_come_back_from_an_earlier_summary() -> None:
    old = Pinned(plan=({"content": "test"},))
    emptied = Message("assistant", (ToolCall("a", "update_plan", {"plan": []}),))

    assert pinned_of(summary(Notes("n", 1, Usage()), old), emptied).plan == ()


# The check


def test_a_fact_that_was_lost_on_the_way_is_named() -> None:
    wanted = Pinned(constraints=("Never x.",), files=(TouchedFile("a.py"),))
    whole = summary(Notes("n", 1, Usage()), wanted)
    bare = summary(Notes("n", 1, Usage()), Pinned())
    untold = Message("user", (Text("nothing"),), wanted)

    assert missing(wanted, [whole]) == []
    assert len(missing(wanted, [bare])) == 3
    assert missing(wanted, [untold]) == ["Never x."]


def test_what_was_only_likely_a_rule_stays_so_when_it_is_carried_on() -> None:
    first = summary(Notes("n", 1, Usage()), pinned_of(user("Never x."), user("Please look at y.")))
    assert pinned_of(first).likely == (1,)
    rules = [user(f"Never touch file number {n} of the old system.") for n in range(40)]
    _, gone = pin([first, *rules], [], NO_FACTS, Allowance(300, 0, 100_000))

    assert gone[:2] == ("constraint: Please look at y.", "constraint: Never x.")


def test_a_long_question_takes_no_more_room_than_others() -> None:
    (question,) = pinned_of(user("why " * 5_000 + "is it?")).questions
    assert question.endswith("why is it?")
    assert len(question) <= MAX_QUESTION_CHARS
