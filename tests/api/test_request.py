from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.api.request import history_rows, parse
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.messages import (
    Attachment,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    user,
)

PIXEL = Attachment.png(b"\x89PNG")


def test_a_text_is_a_prompt() -> None:
    request = parse("hi")

    assert (request.prompt, request.history, request.attachments) == ("hi", None, ())


def test_an_object_may_carry_a_history_and_attachments() -> None:
    request = parse(
        {
            "prompt": "hi",
            "history": [
                {"role": "user", "content": [{"type": "text", "text": "one"}]},
                {"role": "assistant", "content": "two"},
            ],
            "attachments": [PIXEL, {"data": bytearray(b"x"), "media_type": "image/webp"}],
        }
    )

    assert request.history == [user("one"), Message("assistant", (Text("two"),))]
    assert request.attachments == (PIXEL, Attachment(b"x", "image/webp"))


def test_arguments_win_over_the_object() -> None:
    request = parse({"prompt": "hi", "history": [{"role": "user", "content": "one"}]}, [], [PIXEL])

    assert (request.history, request.attachments) == ([], (PIXEL,))


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        (3, InvalidType),
        (None, InvalidType),
        (b"hi", InvalidType),
        (["hi"], InvalidType),
        ({}, InvalidValue),
        ({"prompt": 3}, InvalidType),
        ({"promt": "hi"}, InvalidValue),
        ({"prompt": "hi", "images": []}, InvalidValue),
        ({"prompt": "hi", "history": "hi"}, InvalidType),
        ({"prompt": "hi", "history": {"role": "user"}}, InvalidType),
        ({"prompt": "hi", "history": ["hi"]}, InvalidType),
        ({"prompt": "hi", "history": [{"content": "hi"}]}, InvalidType),
        ({"prompt": "hi", "history": [{"role": "system", "content": "hi"}]}, InvalidType),
        ({"prompt": "hi", "history": [{"role": "user"}]}, InvalidType),
        ({"prompt": "hi", "history": [{"role": "user", "content": ["hi"]}]}, InvalidType),
        ({"prompt": "hi", "history": [{"role": "user", "content": [{"type": "x"}]}]}, InvalidType),
        ({"prompt": "hi", "attachments": [{"data": b"x"}]}, InvalidValue),
    ],
)
def test_another_shape_is_refused_and_the_place_is_named(
    prompt: Any, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        parse(prompt)
    assert str(caught.value)
    assert isinstance(caught.value, TypeError | ValueError)


def test_the_place_of_a_wrong_block_is_said() -> None:
    blocks = [{"type": "text", "text": "fine"}, {"type": "text"}]
    with pytest.raises(InvalidType, match=r"history: .*\[1\]\.content\[1\]"):
        parse("hi", [{"role": "user", "content": "a"}, {"role": "user", "content": blocks}])


@pytest.mark.parametrize("attachments", ["text", b"bytes", 3, {"data": b"x"}])
def test_attachments_that_are_no_list_are_refused(attachments: Any) -> None:
    with pytest.raises((InvalidType, InvalidValue)):
        parse("hi", None, attachments)


def test_an_image_that_is_not_base64_is_refused() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "!!"}
    with pytest.raises(InvalidValue, match="base64"):
        parse("hi", [{"role": "user", "content": [{"type": "image", "source": source}]}])


def test_results_may_come_as_blocks_of_text() -> None:
    block = {
        "type": "tool_result",
        "tool_use_id": "c1",
        "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
    }
    history = parse("hi", [{"role": "user", "content": [block]}]).history

    assert history == [Message("tool", (ToolResult("c1", "one\ntwo"),))]


texts = st.builds(Text, st.text())
pictures = st.builds(Attachment, st.binary(max_size=9), st.just("image/png"))
callings = st.builds(ToolCall, st.text(), st.text(), st.dictionaries(st.text(), st.integers()))
results = st.builds(ToolResult, st.text(), st.text(), st.booleans())
messages = st.one_of(
    st.builds(Message, st.just("user"), st.lists(texts | pictures, max_size=3).map(tuple)),
    st.builds(
        Message,
        st.just("assistant"),
        st.lists(texts | callings | st.builds(Thinking, st.text(), st.text()), max_size=3).map(
            tuple
        ),
    ),
    st.builds(Message, st.just("tool"), st.lists(results, min_size=1, max_size=3).map(tuple)),
)


@given(st.lists(messages))
def test_a_history_that_was_given_out_can_be_given_back(said: list[Message]) -> None:
    assert parse("hi", history_rows(said)).history == said


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(
            Message("assistant", (Thinking("", redacted="opaque"), Text("a"))), id="redacted"
        ),
        pytest.param(
            Message("tool", (ToolResult("c1", "a picture", images=(PIXEL,)),)), id="images"
        ),
        pytest.param(
            Message("assistant", (ToolCall("c1", "write", {}, malformed='{"a'),)), id="malformed"
        ),
    ],
)
def test_no_part_of_a_message_is_lost_on_the_way(message: Message) -> None:
    assert parse("hi", history_rows([message])).history == [message]


def test_a_row_is_plain_json() -> None:
    (row,) = history_rows([user("look", (PIXEL,))])

    data = base64.b64encode(PIXEL.data).decode()
    assert row == {
        "role": "user",
        "content": [
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": data},
            },
            {"type": "text", "text": "look"},
        ],
    }
