"""Each message of a conversation is read once, and another conversation is noticed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.reader import Reader
from a3s_code.kernel.messages import Message, user


def test_what_is_read_for_the_first_time_is_new_as_a_whole() -> None:
    reader = Reader()

    assert reader.is_new
    assert reader.news([user("one")]) is None
    assert not reader.is_new


def test_a_conversation_that_was_cut_or_replaced_is_another_one() -> None:
    one, two, three = user("one"), user("two"), user("two")
    reader = Reader()
    reader.news([one, two])

    assert reader.news([one]) is None
    assert reader.news([one, two]) == [two]
    assert reader.news([one, three]) is None, "equal words are not the same message"
    assert reader.news([]) is None


@given(st.lists(st.integers(0, 3), max_size=8))
def test_however_it_grows_every_message_is_read_once_and_in_order(steps: list[int]) -> None:
    reader, messages = Reader(), [user("first")]
    read: list[Message] = list(messages)
    reader.news(messages)
    for step in steps:
        messages += [user(str(n)) for n in range(step)]
        read += reader.news(messages) or ()

    assert [id(message) for message in read] == [id(message) for message in messages]
