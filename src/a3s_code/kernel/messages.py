"""Conversation values. Immutable, provider-neutral, and safe to persist."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.kernel.encoded import Encoded
from a3s_code.kernel.pinned import Pinned

JsonObject: TypeAlias = dict[str, Any]

IMAGE_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
}


class Text(msgspec.Struct, frozen=True, gc=False, tag="text"):
    text: str


class Thinking(msgspec.Struct, frozen=True, gc=False, tag="thinking"):
    """
    What the model reasoned before it spoke.

    Attributes:
        signature: Opaque proof that Anthropic wants back unchanged; empty elsewhere.
        redacted: Opaque data of a block that the provider hid from us.
    """

    text: str
    signature: str = ""
    redacted: str = ""


class Attachment(msgspec.Struct, frozen=True, gc=False, tag="image"):
    """
    An image for a model that can see.

    Attributes:
        data: The encoded image file.
        media_type: `image/jpeg`, `image/png`, `image/gif` or `image/webp`.

    Source:
        A3S Code README, "Multi-Modal Support (Vision)".
    """

    data: bytes
    media_type: str

    def __post_init__(self) -> None:
        if self.media_type not in IMAGE_TYPES.values():
            raise InvalidValue(
                f"{self.media_type!r} cannot be attached.",
                hint=f"use one of {', '.join(sorted(set(IMAGE_TYPES.values())))}",
            )

    @classmethod
    def from_file(cls, path: str | Path) -> Attachment:
        """
        Read an image file.

        Raises:
            InvalidValue: the file's suffix is none of jpg, jpeg, png, gif, webp.
            OSError: the file cannot be read.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in IMAGE_TYPES:
            raise InvalidValue(
                f"{path} is not an image that models accept.",
                hint=f"use a file ending in {', '.join(sorted(IMAGE_TYPES))}",
            )
        return cls(Path(path).read_bytes(), IMAGE_TYPES[suffix])

    @classmethod
    def png(cls, data: bytes) -> Attachment:
        return cls(data, "image/png")

    @classmethod
    def jpeg(cls, data: bytes) -> Attachment:
        return cls(data, "image/jpeg")


class ToolCall(msgspec.Struct, frozen=True, gc=False, tag="tool_use"):
    """
    What the model wants done.

    Attributes:
        malformed: The argument text as it came, when it is not a JSON object. `input` is
            then empty, and the call must not run.
    """

    id: str
    name: str
    input: JsonObject
    malformed: str | None = None


class ToolResult(msgspec.Struct, frozen=True, gc=False, tag="tool_result"):
    tool_use_id: str
    content: str
    is_error: bool = False
    images: tuple[Attachment, ...] = ()


class ContextText(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """
    One item of context as a model is shown it.

    Attributes:
        text: With the marks around it that say where it comes from.
        source, type, trust, why: As of the `context.ContextItem` that it was made of.
    """

    text: str
    source: str
    type: str = ""
    trust: str = ""
    why: str = ""


class Context(msgspec.Struct, frozen=True, gc=False, tag="context"):
    """What the harness put beside the words or the results of a message."""

    items: tuple[ContextText, ...]

    @property
    def text(self) -> str:
        """All of it, as it stands in a request."""
        return "\n\n".join([item.text for item in self.items])


Block: TypeAlias = Text | Thinking | Attachment | ToolCall | ToolResult | Context


class Message(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    One entry of a conversation.

    A `tool` message holds the results of all calls of the assistant message before it,
    in the order of the calls. Context stands before the words of a user, and behind results.

    Attributes:
        pinned: Of the summary of a compaction: what its text says of earlier messages, as data.
    """

    role: Literal["user", "assistant", "tool"]
    blocks: tuple[Block, ...]
    pinned: Pinned | None = None

    @property
    def text(self) -> str:
        """The words of whoever speaks, without context."""
        return "".join(block.text for block in self.blocks if isinstance(block, Text))

    @property
    def context(self) -> tuple[ContextText, ...]:
        return tuple(
            item for block in self.blocks if isinstance(block, Context) for item in block.items
        )

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple([block for block in self.blocks if type(block) is ToolCall])


def with_own_ids(message: Message, taken: Container[str] = ()) -> Message:
    """
    Give `message` with an id for each of its calls that no other call of the session has.

    Models choose the ids, some the same one again and again. Results, approvals and effects
    are found by them, so a call whose id is taken gets a number after it. A dot parts the
    id of a call from those that are made inside it, and is none of the model's.
    """
    wanted = [call.id.replace(".", "_") for call in message.calls]
    own: list[str] = []
    for id_ in wanted:
        is_free = id_ not in own and id_ not in taken
        own.append(id_ if is_free else _numbered(id_, {*own, *wanted}, taken))
    if own == [call.id for call in message.calls]:
        return message
    ids = iter(own)
    blocks = [
        msgspec.structs.replace(block, id=next(ids)) if isinstance(block, ToolCall) else block
        for block in message.blocks
    ]
    return Message(message.role, tuple(blocks))


def _numbered(id_: str, others: set[str], taken: Container[str]) -> str:
    numbered = (f"{id_}-{number}" for number in itertools.count(2))
    return next(free for free in numbered if free not in others and free not in taken)


def user(
    text: str, images: tuple[Attachment, ...] = (), context: tuple[ContextText, ...] = ()
) -> Message:
    """Make a user message; images and context stand before the words, which are the last."""
    beside = (Context(context),) if context else ()
    return Message("user", (*images, *beside, Text(text)))


MAX_COUNT = 1 << 53
"""What no count of tokens comes to; sums of a few of these still fit every reader of JSON."""


def _count(given: int) -> int:
    return min(max(given, 0), MAX_COUNT)


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens as the provider counted them. `prompt_tokens` includes the cached ones."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def plausible(self) -> Usage:
        """The same without counts that none can be: below nothing, or more cached than sent."""
        prompt, answered = _count(self.prompt_tokens), _count(self.completion_tokens)
        read = min(_count(self.cache_read_tokens), prompt)
        written = min(_count(self.cache_write_tokens), prompt - read)
        found = Usage(prompt, answered, read, written)
        return self if found == self else found

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )


class Conversation:
    """
    Messages in order, each with its encoded bytes beside it.

    A request is a join of bytes that were made once, so a long conversation costs a
    memory copy per turn and its prefix is byte-identical for a provider's cache.
    """

    __slots__ = ("_encoded", "_measured", "_messages")

    def __init__(self, messages: list[Message] | None = None) -> None:
        self._messages: list[Message] = messages if messages is not None else []
        self._encoded: dict[str, Encoded[Message]] = {}
        self._measured: dict[Callable[[Message], int], list[int]] | None = None

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(self._messages)

    @property
    def last(self) -> Message | None:
        return self._messages[-1] if self._messages else None

    def since(self, start: int) -> list[Message]:
        """Give the messages from index `start` on."""
        return self._messages[start:]

    def append(self, message: Message) -> None:
        self._messages.append(message)

    def until(self, count: int) -> Conversation:
        """Give a conversation of the first messages, with the bytes that were made of them."""
        other = Conversation(self._messages[:count])
        other._encoded = {wire: kept.until(count) for wire, kept in self._encoded.items()}
        known = self._measured or {}
        other._measured = {measure: sizes[:count] for measure, sizes in known.items()} or None
        return other

    def replace(self, messages: list[Message]) -> None:
        """Start over with `messages`; used by compaction and `/clear`."""
        self._messages = messages
        self._encoded.clear()
        self._measured = None

    def encoded(self, wire: str, encode: Callable[[Message], bytes]) -> Encoded[Message]:
        """
        Give the bytes of every message, encoding only those that are new.

        What was given before `replace` stays as it was then.

        Args:
            wire: Name of the format; one cache is kept for each.
            encode: A pure function of one message.
        """
        kept = self._encoded.get(wire)
        if kept is None:
            kept = self._encoded[wire] = Encoded()
        if len(kept.items) != len(self._messages):
            kept.grow(self._messages, encode)
        return kept

    def measured(self, measure: Callable[[Message], int]) -> list[int]:
        """
        Give `measure` of every message, asking only for those that are new.

        Args:
            measure: A pure function of one message; a list is kept for each.
        """
        if self._measured is None:
            self._measured = {}
        known = self._measured.setdefault(measure, [])
        known.extend(measure(message) for message in self._messages[len(known) :])
        return known
