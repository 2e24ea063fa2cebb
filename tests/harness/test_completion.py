"""An answer that only announces more is asked to go on, a bounded number of times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.completion import CUT, GO_ON, NOTHING, Completion
from a3s_code.kernel.messages import Conversation, Message, Text, Usage
from a3s_code.kernel.ports import Reply


async def asked(review: Completion, text: str, stop: str = "end") -> str | None:
    """Give what the model is told to go on with, or None when its answer stands."""
    reply = Reply(Message("assistant", (Text(text),)), Usage(), stop)
    note = await review(Conversation(), reply)
    return note.text if note is not None else None


@pytest.mark.parametrize(
    "text",
    [
        "I'll run the tests now.",
        "i will look at the file",
        "Let me check the configuration:",
        "I need to read more first.",
        "I should look at the tests.",
        "I'm going to fix this.",
        "Now I'll do the rest.",
        "Next, I will write it.",
        "First, let me look.",
        "Let's start with the tests.",
        "Let's begin.",
        "The bug is in a.py. Let me fix it.",
        "Found it!\nI'll mend it now…",
        "It is in auth.py. Let me look at auth.py, line 3:",
        "I'll look at Cargo.toml now.",
        "Here is the plan:",
        "Reading...",
        "Working…",
        "Well,",
    ],
)
async def test_an_answer_that_announces_more_is_asked_to_go_on(text: str) -> None:
    assert await asked(Completion(), text) == GO_ON


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 4.",
        "Done. All tests pass.",
        "Let me know if you need more.",
        "All tests pass. I will not touch the docs.",
        "Done. I'll be happy to help further!",
        "Fixed the parser. I'll leave the version bump to you.",
        "That was all. I should not change more.",
        "It is mended. I'll wait for your review.",
        "Both are done.\nI'll let you decide about the third.",
        "If you need more, let me know.",
        "I said that I will not do it, and I did not. It is done.",
        "I'll be brief. The login is in auth.py.",
        "You could say: I will.\nIt is a matter of taste.",
        "The steps are these, and each of them was done and was checked in its turn, as you asked:",
        "Files:\na.py\nb.py,",
    ],
)
async def test_an_answer_that_is_one_stands(text: str) -> None:
    assert await asked(Completion(), text) is None


@pytest.mark.parametrize("text", ["", " ", "\n\t\n"])
async def test_an_empty_answer_is_asked_for_one(text: str) -> None:
    assert await asked(Completion(), text) == NOTHING


@pytest.mark.parametrize("text", ["The answer is 4 and", "", "Done."])
async def test_an_answer_that_the_length_limit_cut_is_asked_for_the_rest(text: str) -> None:
    assert await asked(Completion(), text, "length") == CUT


@pytest.mark.parametrize("stop", ["refusal", "content_filter"])
@pytest.mark.parametrize("text", ["", "I'll look."])
async def test_a_model_that_refuses_is_not_pressed(stop: str, text: str) -> None:
    assert await asked(Completion(), text, stop) is None


async def test_it_asks_no_more_than_it_may() -> None:
    review = Completion(max_turns=2)
    notes = [await asked(review, f"I'll do step {number}.") for number in range(4)]

    assert notes == [GO_ON, GO_ON, None, None]


async def test_the_same_text_again_stands() -> None:
    review = Completion()

    assert await asked(review, "I'll do it.") == GO_ON
    assert await asked(review, "I'll do it.") is None
    assert await asked(review, "I'll do something else.") == GO_ON


async def test_texts_that_take_turns_are_asked_about_once_each() -> None:
    review = Completion(max_turns=9)
    notes = [await asked(review, text) for text in ("I'll do A.", "I'll do B.") * 3]

    assert notes == [GO_ON, GO_ON, None, None, None, None]


async def test_two_empty_answers_are_enough() -> None:
    review = Completion()

    assert [await asked(review, "") for _ in range(2)] == [NOTHING, None]


@pytest.mark.parametrize("review", [Completion(enabled=False), Completion(max_turns=0)])
async def test_it_can_be_turned_off(review: Completion) -> None:
    assert await asked(review, "I'll do it.") is None
    assert await asked(review, "") is None
    assert await asked(review, "cut", "length") is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "I'll do it.", "Let me look:", "Done."]),
            st.sampled_from(["end", "length", "refusal"]),
        ),
        max_size=30,
    ),
    st.integers(0, 5),
)
async def test_a_run_is_never_prolonged_more_often_than_allowed(
    answers: list[tuple[str, str]], most: int
) -> None:
    review = Completion(max_turns=most)
    notes = [await asked(review, text, stop) for text, stop in answers]

    assert sum(note is not None for note in notes) <= most


@pytest.mark.parametrize(
    "filler", ["I'll ", "now " * 5, "\n", "i need to", ". let me", ":", "…", ". ", " ", ":…."]
)
async def test_no_answer_makes_its_review_run_away(filler: str) -> None:
    long = "I'll " + filler * (200_000 // len(filler))

    assert await asked(Completion(), f"{long}\nIt is done") is None
    assert await asked(Completion(), f"{long}\nLet me go on") == GO_ON
