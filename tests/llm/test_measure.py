"""What a request is said to be made of is what is sent, to the byte."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.kernel.measure import escaped_bytes
from a3s_code.kernel.measured import PLAIN, measure_of
from a3s_code.kernel.messages import (
    Attachment,
    Context,
    ContextText,
    Conversation,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    user,
)
from a3s_code.kernel.ports import ModelRequest
from a3s_code.kernel.tool import Effect, Tool, ToolSet, tool
from a3s_code.llm.anthropic import AnthropicWire
from a3s_code.llm.endpoint import Endpoint
from a3s_code.llm.openai import OpenAIWire

WIRES = (OpenAIWire, AnthropicWire)
WORDS = st.text(max_size=30)  # halves of surrogate pairs, too
IMAGE = Attachment(b"\x89PNG", "image/png")

BLOCKS = st.one_of(
    WORDS.map(Text),
    st.tuples(WORDS, st.sampled_from(["", "sig"])).map(lambda it: Thinking(*it)),
    st.just(IMAGE),
    WORDS.map(lambda it: Context((ContextText(it, "file://a"),))),
)
CALLS = WORDS.map(lambda it: ToolCall(f"c{it}", "read", {"file_path": it}))
RESULTS = st.tuples(WORDS, st.booleans(), st.booleans()).map(
    lambda it: ToolResult("c1", it[0], it[1], (IMAGE,) if it[2] else ())
)
MESSAGES = st.one_of(
    st.lists(BLOCKS, max_size=3).map(lambda it: Message("user", tuple(it))),
    st.lists(st.one_of(BLOCKS, CALLS), max_size=3).map(lambda it: Message("assistant", tuple(it))),
    st.lists(RESULTS, min_size=1, max_size=2).map(lambda it: Message("tool", tuple(it))),
)


class WordsArgs(msgspec.Struct):
    path: str


@tool(WordsArgs, effect=Effect.READ)
async def words(args: WordsArgs, context: Any) -> Any:
    """Count words."""


def asked(
    messages: list[Message], system: str = "Be brief.", tools: tuple[Tool, ...] = (words,)
) -> ModelRequest:
    return ModelRequest(system, Conversation(messages), ToolSet(tools), "s", temperature=0.5)


def wire_of(kind: type[Any]) -> Any:
    return kind(Endpoint("p/m", "m", "http://h"))


@pytest.mark.parametrize("kind", WIRES)
@settings(max_examples=60, deadline=None)
@given(
    messages=st.lists(MESSAGES, max_size=5),
    system=WORDS,
    tools=st.sampled_from([(), (words,)]),
    cut=st.integers(0, 5),
)
def test_parts_add_up_to_the_body(
    kind: type[Any],
    messages: list[Message],
    system: str,
    tools: tuple[Tool, ...],
    cut: int,
) -> None:
    wire, request = wire_of(kind), asked(messages, system, tools)
    measure, body = wire.measure(request), bytes(wire.body(request))

    assert sum(part.bytes for part in measure.parts) == measure.total_bytes == len(body)
    msgspec.json.decode(body)
    assert measure.bytes_of("system") == escaped_bytes(system)
    whole = measure.message_bytes(0, len(messages))
    assert measure.message_bytes(0, cut) + measure.message_bytes(cut, 99) == whole
    assert measure.bytes_of("messages") == whole


@pytest.mark.parametrize("kind", WIRES)
def test_each_message_is_as_long_as_it_is_in_the_body(kind: type[Any]) -> None:
    wire, request = wire_of(kind), asked([user("one"), user("twö"), user("3")])
    measure, body = wire.measure(request), bytes(wire.body(request))
    sent = body.split(b'"messages":[')[1][:-2]
    own = [measure.message_bytes(at, at + 1) for at in range(3)]

    assert sent.endswith(b",".join(_cut(sent[-sum(own) - 2 :], own)))
    assert own[0] == len(wire.measure(asked([user("one"), user("")])).encoded.items[0])


def _cut(text: bytes, lengths: list[int]) -> list[bytes]:
    parts: list[bytes] = []
    for length in lengths:
        part, text = text[:length], text[length + 1 :]
        msgspec.json.decode(part)  # a whole message, and nothing else
        parts.append(part)
    return parts


@pytest.mark.parametrize("kind", WIRES)
def test_a_measure_stays_true_when_the_conversation_goes_on(kind: type[Any]) -> None:
    wire, request = wire_of(kind), asked([user("one")])
    measure, length = wire.measure(request), len(wire.body(request))
    for text in ("two", "three"):
        request.conversation.append(user(text))
        wire.body(request)
    assert measure.total_bytes == length

    request.conversation.replace([user("other and longer")])
    assert len(wire.body(request)) == wire.measure(request).total_bytes != length
    assert measure.total_bytes == length


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS)
def test_the_pieces_of_a_text_are_as_long_as_the_text(one: str, other: str) -> None:
    assert escaped_bytes(one) + escaped_bytes(other) == escaped_bytes(one + other)


class Own:
    """A model of the user's, which says what it sends or does not."""

    ref = "own/m"
    context_window = 8_000

    async def reply(self, request: Any, listener: Any) -> Any: ...


class Wrong(Own):
    def measure(self, request: Any) -> Any:
        return 17


class Broken(Own):
    def measure(self, request: Any) -> Any:
        raise RuntimeError


@pytest.mark.parametrize("model", [Own(), Wrong(), Broken()])
def test_of_a_model_that_cannot_say_it_the_canonical_json_is_measured(model: Any) -> None:
    request = asked([user("one"), user("two")], "s\n")
    measure = measure_of(model, request)

    assert measure.wire == PLAIN
    assert measure.bytes_of("system") == 3
    assert measure.bytes_of("tools") == len(request.tools.schemas())
    assert measure.message_bytes(0, 1) == len(
        b'{"blocks":[{"text":"one","type":"text"}],"role":"user"}'
    )
    assert measure.total_bytes == sum(part.bytes for part in measure.parts)


# Digests


def test_a_digest_of_messages_is_that_of_the_same_messages_said_anew() -> None:
    grown = Conversation([user("1")])
    seen = {1: grown.encoded(PLAIN, msgspec.json.encode).digest()}
    for count in range(2, 6):
        grown.append(user(str(count)))
        seen[count] = grown.encoded(PLAIN, msgspec.json.encode).digest()
    whole = Conversation([user(str(count)) for count in range(1, 6)])
    kept = whole.encoded(PLAIN, msgspec.json.encode)

    assert kept.digest() == seen[5]
    assert len(set(seen.values())) == 5
    assert kept.agreed(seen) == 5
    assert kept.agreed({3: seen[3], 4: "another", 9: "later"}) == 3
    assert kept.agreed({2: seen[3]}) == kept.agreed({}) == 0


def test_only_new_messages_are_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    monkeypatch.setattr("a3s_code.kernel.encoded._take", lambda _, item: taken.append(item))
    talk = Conversation([user("1")])
    for text in ("2", "3"):
        talk.encoded(PLAIN, lambda message: message.text.encode()).digest()
        talk.append(user(text))
    talk.encoded(PLAIN, lambda message: message.text.encode()).digest()

    assert taken == [b"1", b"2", b"3"]
    talk.replace([user("4")])
    talk.encoded(PLAIN, lambda message: message.text.encode()).digest()
    assert taken[3:] == [b"4"]
