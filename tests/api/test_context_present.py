"""What context a conversation has is known at any time, however it grew or was replaced."""

from __future__ import annotations

from a3s_code.api.context import Present
from a3s_code.kernel.messages import Context, ContextText, Conversation, Message, ToolResult, user


def given(source: str) -> Message:
    result = ToolResult("c1", "ok")
    return Message("tool", (result, Context((ContextText("text", source),))))


def sources(present: Present) -> list[str]:
    return [item.source for item in present]


def test_it_is_what_the_messages_of_now_hold_and_can_be_gone_through_again() -> None:
    conversation = Conversation()
    present = Present(conversation)
    assert sources(present) == []
    for message in (user("go"), given("a"), given("b")):
        conversation.append(message)
    assert sources(present) == sources(present) == ["a", "b"]
    conversation.append(given("c"))
    assert sources(present) == ["a", "b", "c"]
    conversation.replace([user("summary"), given("c")])
    assert sources(present) == ["c"]
