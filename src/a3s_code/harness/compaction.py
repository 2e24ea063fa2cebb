"""
Making room in a conversation: old outputs become markers, and the middle becomes one summary.

The first `HEAD` and the last `TAIL` messages are kept, and a cut never parts a tool call
from its result. A conversation that has no middle is left as it is. What must survive stands
beside the summary as data; see `pins`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from a3s_code.errors import A3SError, ModelRefused
from a3s_code.harness.pins_text import as_fact, as_text, escaped
from a3s_code.harness.prompt import text
from a3s_code.harness.tokens import estimate, of_message
from a3s_code.kernel.border import described
from a3s_code.kernel.loop import fit
from a3s_code.kernel.messages import (
    Attachment,
    Conversation,
    Message,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    user,
)
from a3s_code.kernel.pinned import Pinned
from a3s_code.kernel.ports import Model, ModelDelta, ModelRequest
from a3s_code.kernel.tool import ToolSet

HEAD = 2
TAIL = 20
"""Source: A3S Code docs, "Architecture: Context Management"."""
MAX_SHOWN_CHARS = 2_000
"""Of each message, in what the summary is made from."""
MIN_SHOWN_CHARS = 160
"""Of each message where there are very many."""
SHOWN_SHARE = 0.5
"""Of the window, for what the summary is made from; 3 characters a token."""
OVERHEAD_TOKENS = 400
"""What marks and facts beside a summary may add where very little was replaced."""

SYSTEM = "You write short, exact notes."

_WITHHELD = frozenset({"refusal", "content_filter"})


class NoSummary(Exception):
    """What the model wrote cannot take the place of the messages; says why."""


@dataclass(frozen=True, slots=True)
class Notes:
    """`text` is what the model wrote about `count` messages, for `usage` tokens."""

    text: str
    count: int
    usage: Usage


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


def is_worth_it(middle: Sequence[Message]) -> bool:
    """Say whether a summary can be shorter: there is more in it than an earlier one."""
    new = [message for message in middle if message.pinned is None]
    return bool(new) and (len(middle) > 1 or of_message(new[0]) > 2 * OVERHEAD_TOKENS)


def summary_request(
    middle: Sequence[Message],
    pinned: Pinned,
    *,
    window: int,
    session_id: str,
    deadline: float | None = None,
) -> ModelRequest:
    """
    Ask for notes about `middle`.

    Args:
        pinned: What stands beside the notes, and is not repeated in them.
        window: Tokens of the model's window.
        deadline: As in `ModelRequest`.
    """
    material = _as_text(middle, int(window * SHOWN_SHARE * 3))
    asked = "\n\n".join(part for part in (text("summary"), as_text(pinned), material) if part)
    return ModelRequest(
        system=SYSTEM,
        conversation=Conversation([user(asked)]),
        tools=ToolSet(()),
        session_id=session_id,
        deadline=deadline,
    )


async def summarise(model: Model, request: ModelRequest, count: int) -> Notes:
    """
    Have `model` put `count` messages into notes, as `request` says.

    Raises:
        ModelError: the provider failed; nothing was changed.
        NoSummary: the model, which may be the host's own, raised what is no error of ours.
    """
    try:
        reply = fit(await model.reply(request, _Silent()))
    except A3SError:
        raise
    except Exception as error:  # border: a model may be foreign code
        raise NoSummary(f"the model failed: {described(error)}") from error
    if reply.stop in _WITHHELD:
        raise ModelRefused("The model would not summarise the conversation.", kind=reply.stop)
    return Notes(reply.message.text.strip(), count, reply.usage)


def summary(notes: Notes, pinned: Pinned) -> Message:
    """
    Give the message that stands for those that left.

    Notes are a model's words about what it was shown, so they can write no marks: neither a fact
    of the user nor a text of the host begins in them.
    """
    heading = f"[Summary of {notes.count} earlier messages]"
    parts = [heading, as_text(pinned), escaped(notes.text)]
    said = "\n".join(part for part in parts if part)
    return Message("user", (Text(said),), pinned)


def check(
    before: Sequence[Message], middle: Sequence[Message], after: Sequence[Message], notes: Notes
) -> None:
    """
    See that a conversation has become shorter.

    Raises:
        NoSummary: it has not, or there is nothing where the middle was.
    """
    if not notes.text:
        raise NoSummary("the summary is empty")
    replaced = sum(map(of_message, middle))
    if estimate(notes.text) >= replaced:
        raise NoSummary("the summary is longer than what it replaces")
    grown = sum(map(of_message, after)) - sum(map(of_message, before))
    if grown > (OVERHEAD_TOKENS if len(after) < len(before) else 0):
        raise NoSummary("the facts to be kept are longer than what they are taken from")


class _Silent:
    def delta(self, delta: ModelDelta) -> None: ...

    def retry(self, attempt: int, reason: str, delay_s: float) -> None: ...


def _as_text(messages: Sequence[Message], room_chars: int) -> str:
    """
    Write messages down, each as long as there is room; the oldest go where there is none.

    Only a message begins a line, so what one quotes is nobody else's.
    """
    each = min(MAX_SHOWN_CHARS, max(MIN_SHOWN_CHARS, room_chars // max(len(messages), 1)))
    shown = [f"{message.role}: {as_fact(_shown(message, each))}" for message in messages]
    left_out = 0
    size = sum(map(len, shown))
    while size > max(room_chars, 2 * MAX_SHOWN_CHARS) and left_out < len(shown) - 1:
        size -= len(shown[left_out])
        left_out += 1
    notice = [f"[{left_out} older messages are not shown]"] if left_out else []
    return "\n".join([*notice, *shown[left_out:]])


def _shown(message: Message, limit_chars: int) -> str:
    parts: list[str] = []
    for block in message.blocks:
        match block:
            case Text(text=said):
                parts.append(said)
            case ToolCall(name=name, input=arguments):
                parts.append(f"[calls {name} {arguments}]")
            case ToolResult(content=content):
                parts.append(f"[result: {content}]")
            case Attachment():
                parts.append("[image]")
            case _:  # its thoughts, and context that goes with the message
                pass
    whole = " ".join(parts)
    if len(whole) <= limit_chars:
        return whole
    return f"{whole[: limit_chars * 2 // 3]} […] {whole[-limit_chars // 3 :]}"
