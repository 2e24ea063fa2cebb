"""The ends of a conversation stay, its middle becomes one summary."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import ModelRefused
from a3s_code.harness.compaction import HEAD, MAX_SHOWN_CHARS, TAIL, split, summarise
from a3s_code.kernel.messages import (
    Attachment,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    user,
)
from a3s_code.testing import Scripted, refuses, says

USAGE = Usage(prompt_tokens=300, completion_tokens=20)


def said(text: str) -> Message:
    return Message("assistant", (Text(text),))


def called(id_: str) -> list[Message]:
    """Give a call and its result, which belong together."""
    return [
        Message("assistant", (ToolCall(id_, "read", {"file_path": f"{id_}.py"}),)),
        Message("tool", (ToolResult(id_, f"content of {id_}"),)),
    ]


def conversation(shape: Sequence[int]) -> list[Message]:
    """Make prompts, each answered after so many calls."""
    messages: list[Message] = []
    for turn, count in enumerate(shape):
        messages.append(user(f"prompt {turn}"))
        for number in range(count):
            messages += called(f"{turn}-{number}")
        messages.append(said(f"answer {turn}"))
    return messages


def is_whole(messages: Sequence[Message]) -> bool:
    """Tell whether every call has its result right behind it, and every result its call."""
    open_calls: list[str] = []
    for message in messages:
        results = [b.tool_use_id for b in message.blocks if isinstance(b, ToolResult)]
        if results != open_calls:
            return False
        open_calls = [call.id for call in message.calls]
    return not open_calls


@pytest.mark.parametrize("count", range(HEAD + TAIL + 1))
def test_a_conversation_without_a_middle_is_left_as_it_is(count: int) -> None:
    messages = [user(str(number)) for number in range(count)]

    assert split(messages)[1] == []


def test_the_first_two_and_the_last_twenty_messages_stay() -> None:
    messages = [user(str(number)) for number in range(50)]
    head, middle, tail = split(messages)

    assert (head, middle, tail) == (messages[:2], messages[2:30], messages[30:])


def test_the_head_takes_the_results_of_its_last_call_along() -> None:
    messages = [user("go"), *called("a"), *(user(str(number)) for number in range(30))]

    assert split(messages)[0] == messages[:3]


def test_the_tail_takes_the_call_of_its_first_results_along() -> None:
    messages = [*(user(str(number)) for number in range(30)), *called("a"), *([user("x")] * 19)]

    assert split(messages)[2] == messages[30:]


@given(
    st.lists(st.integers(0, 6), max_size=20),
    st.integers(0, 6),
    st.integers(1, 25),
)
def test_no_cut_parts_a_call_from_its_result_and_nothing_is_lost(
    shape: list[int], head: int, tail: int
) -> None:
    messages = conversation(shape)
    parts = split(messages, head=head, tail=tail)

    assert [message for part in parts for message in part] == messages
    assert all(is_whole(part) for part in parts)
    if len(messages) <= head + tail:
        assert not parts[1]


def test_no_tail_at_all_may_be_asked_for() -> None:
    messages = conversation([1, 0])

    assert split(messages, head=1, tail=0) == (messages[:1], messages[1:], [])


async def test_the_summary_is_made_from_what_was_said_and_done_there() -> None:
    model = Scripted(says("They read a.py.", usage=USAGE))
    middle = [
        user("read a", (Attachment.png(b"png"),)),
        Message("assistant", (Thinking("in secret"), Text("Sure."))),
        *called("a"),
    ]
    summary, usage = await summarise(model, middle, "s1")

    assert summary == user("[Summary of 4 earlier messages]\nThey read a.py.")
    assert usage == USAGE
    (request,) = model.seen
    (told,) = request.conversation.messages
    assert request.tools.tools == ()
    for part in ("user: [image] read a", "assistant: Sure.", "[calls read", "content of a"):
        assert part in told.text
    assert "in secret" not in told.text


async def test_a_huge_message_does_not_make_a_huge_request() -> None:
    model = Scripted(says("Much."))
    await summarise(model, [user("x" * 1_000_000)], "s1")

    (request,) = model.seen
    assert len(request.conversation.messages[0].text) < 2 * MAX_SHOWN_CHARS


async def test_a_model_that_fails_makes_no_summary() -> None:
    with pytest.raises(ModelRefused):
        await summarise(Scripted(refuses(401)), [user("a")], "s1")
