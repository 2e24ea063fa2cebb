"""
Making room in a conversation: the ends stay, the middle becomes one summary.

The first `HEAD` and the last `TAIL` messages are kept, and a cut never parts a tool call
from its result. A conversation that has no middle is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from a3s_code.harness.prompt import text
from a3s_code.kernel.messages import (
    Conversation,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    user,
)
from a3s_code.kernel.ports import Model, ModelDelta, ModelRequest
from a3s_code.kernel.tool import ToolSet

HEAD = 2
TAIL = 20
"""Source: A3S Code docs, "Architecture: Context Management"."""
MAX_SHOWN_CHARS = 2_000
"""Of each message, in what the summary is made from."""


def split(
    messages: Sequence[Message], *, head: int = HEAD, tail: int = TAIL
) -> tuple[Sequence[Message], Sequence[Message], Sequence[Message]]:
    """
    Cut a conversation into what stays, what is summarised, and what stays.

    Args:
        messages: All of it, oldest first; n messages.
        head: Messages kept at the start; one more where the results of a call follow.
        tail: Messages kept at the end; one more while the cut would part results from
            their calls, which providers reject.

    Returns:
        Three slices whose lengths add up to n. The middle one is empty when
        n <= head + tail.
    """
    start, end = min(head, len(messages)), max(0, len(messages) - tail)
    if start < len(messages) and messages[start].role == "tool":
        start += 1
    while start < end < len(messages) and messages[end].role == "tool":
        end -= 1
    end = max(start, end)
    return messages[:start], messages[start:end], messages[end:]


async def summarise(
    model: Model, middle: Sequence[Message], session_id: str, *, deadline: float | None = None
) -> tuple[Message, Usage]:
    """
    Have `model` put `middle` into notes, as one message that goes in its place.

    Args:
        deadline: As in `ModelRequest`.

    Returns:
        The message, and the tokens that making it took.

    Raises:
        ModelError: the provider failed; nothing was changed.
    """
    told = Conversation([user(f"{text('summary')}\n\n{_as_text(middle)}")])
    request = ModelRequest(
        system="You write short, exact notes.",
        conversation=told,
        tools=ToolSet(()),
        session_id=session_id,
        deadline=deadline,
    )
    reply = await model.reply(request, _Silent())
    notes = f"[Summary of {len(middle)} earlier messages]\n{reply.message.text}"
    return user(notes), reply.usage


class _Silent:
    def delta(self, delta: ModelDelta) -> None: ...

    def retry(self, attempt: int, reason: str, delay_s: float) -> None: ...


def _as_text(messages: Sequence[Message]) -> str:
    return "\n".join(f"{message.role}: {_shown(message)}" for message in messages)


def _shown(message: Message) -> str:
    parts: list[str] = []
    for block in message.blocks:
        match block:
            case Text(text=said):
                parts.append(said)
            case ToolCall(name=name, input=arguments):
                parts.append(f"[calls {name} {arguments}]")
            case ToolResult(content=content):
                parts.append(f"[result: {content}]")
            case Thinking():
                pass
            case _:
                parts.append("[image]")
    whole = " ".join(parts)
    return whole if len(whole) <= MAX_SHOWN_CHARS else f"{whole[:MAX_SHOWN_CHARS]} […]"
