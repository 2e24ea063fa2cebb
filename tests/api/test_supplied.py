"""A history that is supplied again and again is encoded once."""

from __future__ import annotations

from typing import Any

import pytest

from a3s_code.api.supplied import Supplied, agreed
from a3s_code.kernel.messages import Conversation, Message, Text, user
from a3s_code.testing import says
from api.house import WIRES, House


def talk(*texts: str) -> list[Message]:
    return [user(text) for text in texts]


def encoded(conversation: Conversation) -> list[str]:
    made: list[str] = []

    def encode(message: Message) -> bytes:
        made.append(message.text)
        return message.text.encode()

    kept = conversation.encoded("w", encode)
    assert kept.items == [message.text.encode() for message in conversation.messages]
    assert kept.ends[-1] == sum(map(len, kept.items))
    return made


def test_only_what_is_new_in_a_history_is_encoded() -> None:
    supplied = Supplied()
    first = supplied.conversation(talk("a", "b"))
    assert encoded(first) == ["a", "b"]
    first.append(user("asked"))
    first.append(Message("assistant", (Text("said"),)))
    assert encoded(first) == ["asked", "said"]

    again = supplied.conversation(talk("a", "b"))
    again.append(user("other"))
    assert encoded(again) == ["other"]
    longer = supplied.conversation([*again.messages, *talk("c")])
    assert encoded(longer) == ["c"]
    another = supplied.conversation(talk("a", "x", "c"))
    assert encoded(another) == ["x", "c"]
    assert encoded(supplied.conversation(talk("y"))) == ["y"]
    assert [message.text for message in again.messages] == ["a", "b", "other"]


def test_what_goes_on_otherwise_has_the_digest_of_what_it_is() -> None:
    supplied = Supplied()
    for texts in (("a", "b", "c"), ("a", "b"), ("a", "", "d"), ("a",)):
        kept = supplied.conversation(talk(*texts)).encoded("w", lambda each: each.text.encode())
        fresh = Conversation(talk(*texts)).encoded("w", lambda each: each.text.encode())
        assert kept.digest() == fresh.digest()
        assert kept.filled(len(texts)) == fresh.filled(len(texts))


@pytest.mark.parametrize(
    ("one", "other", "count"), [("", "", 0), ("abc", "abd", 2), ("abc", "ab", 2), ("a", "b", 0)]
)
def test_rows_agree_as_far_as_they_are_the_same(one: str, other: str, count: int) -> None:
    assert agreed(list(one), tuple(other)) == agreed(tuple(other), list(one)) == count


@pytest.mark.parametrize("kind", WIRES)
def test_what_is_sent_of_a_history_is_what_was_given(kind: str, house: House) -> None:
    session = house.session(default=says("Fine."), kind=kind)
    one: list[Any] = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
    two = [*one, {"role": "user", "content": "more"}, {"role": "assistant", "content": "yes"}]
    for history in (one, one, two, one, two[:1]):
        session.send("now", history=history)
        sent = [row for row in house.bodies[-1]["messages"] if row["role"] != "system"]
        texts = [str(row["content"]) for row in sent]
        assert len(texts) == len(history) + 1
        pairs = zip(texts, [*history, {"content": "now"}], strict=True)
        assert all(given["content"] in text for text, given in pairs)
