"""
Whether a provider's cache can serve what it has of the request before.

A provider reads a request from its beginning: the tools, the system prompt, the messages. What it
has read before comes from its cache up to the first byte that is another; all behind that is paid
for again. So each request is compared with the one before it, segment by segment.

Source:
    Anthropic API reference, "Prompt caching"; OpenAI API reference, "Prompt caching".
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import AnyStr

from a3s_code.kernel.encoded import Encoded
from a3s_code.kernel.measure import Measure, escaped
from a3s_code.kernel.messages import Message
from a3s_code.kernel.ports import ModelRequest
from a3s_code.kernel.prefix import Prefix, Segment

_ITEM = re.compile(r'<context source="([^"]*)".*?</context>', re.DOTALL)
_GAP = 2  # characters between two items of a system prompt


@dataclass(frozen=True, slots=True)
class Sent:
    """
    A request, as far as later ones are compared with it.

    Attributes:
        lane: Empty for the conversation of the session, else the run with a history of its own, or
            the child.
        bytes: Of its body.
        place: How many records the log had.
        tools, system, encoded: None where only the digests are known, after a resume.
        names: Of the tools, in their order.
    """

    model: str
    prefix: Prefix
    lane: str
    bytes: int
    place: int
    tools: bytes | None = None
    system: str | None = None
    encoded: Encoded[Message] | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """
    What is another than it was.

    Attributes:
        segments: In the order of `Segment`; the first one makes all behind it new.
        message: Index of the first message that is another; -1 when none is.
        again: Bytes that were sent before and are to be read again.
    """

    segments: tuple[Segment, ...]
    message: int
    again: int


def note(
    measure: Measure, request: ModelRequest, prefix: Prefix, sent: tuple[str, str, int]
) -> Sent:
    """Keep of a request what later ones are compared with; `sent`: model, lane and place."""
    model, lane, place = sent
    return Sent(
        model,
        prefix,
        lane,
        measure.total_bytes,
        place,
        measure.segment("tools"),
        request.system,
        measure.encoded,
        tuple(request.tools.by_name),
    )


def prefix_of(
    measure: Measure, request: ModelRequest, before: Sent | None, *, isolated: bool, hashed: bool
) -> Prefix:
    """
    Digest a request; what is as it was `before` is not hashed again.

    Args:
        hashed: Also the messages.
    """
    tools, system = measure.segment("tools"), request.system
    same_tools = before is not None and before.tools is tools
    same_system = before is not None and before.system == system
    return Prefix(
        identity=_digest(measure.identity),
        tools=before.prefix.tools if before and same_tools else _digest(tools),
        system=before.prefix.system if before and same_system else _digest(_bytes(system)),
        messages=measure.count,
        conversation=measure.encoded.digest() if hashed else "",
        isolated=isolated,
    )


@lru_cache(maxsize=64)
def _digest(data: bytes) -> str:
    """Digest what many conversations have alike; equal ones have one text of it."""
    return hashlib.sha256(data).hexdigest() if data else ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def compare(head: Sent, talk: Sent | None, now: Sent, measure: Measure, message: int) -> Change:
    """
    Say what is another in `now`.

    Args:
        head: The request whose tools and system prompt are compared.
        talk: The one whose messages are; None when there is none of this conversation.
        message: As in `Change`; see `first_other`.
    """
    was, new = head.prefix, now.prefix
    segments: list[Segment] = []
    if was.identity != new.identity:
        segments.append("settings")
    if was.tools != new.tools:
        segments.append("tools")
    if was.system != new.system:
        segments.append("system")
    if message >= 0:
        segments.append("messages")
    if not segments:
        return Change((), -1, 0)
    broken = "settings" in segments
    again = _part(head.tools, now.tools or b"", broken, was.tools != new.tools)
    broken = broken or "tools" in segments
    text = None if head.system is None else escaped(head.system)
    again += _part(text, measure.segment("system"), broken, was.system != new.system)
    broken = broken or "system" in segments
    return Change(tuple(segments), message, again + _messages(talk, measure, message, broken))


def _part(old: bytes | None, new: bytes, is_broken: bool, is_other: bool) -> int:
    """Count of one segment what was there before and is behind the first byte that is another."""
    if not is_other:
        return len(new) if is_broken else 0
    if old is None:
        return len(new)
    alike = 0 if is_broken else common(old, new) + 1
    return max(min(len(old), len(new)) - alike, 0)


def common(one: AnyStr, other: AnyStr) -> int:
    """Count what two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _messages(talk: Sent | None, measure: Measure, message: int, broken: bool) -> int:
    if talk is None:
        return 0
    if message < 0:
        return measure.message_bytes(0, talk.prefix.messages) if broken else 0
    before = measure.message_bytes(0, message) if broken else 0
    if talk.encoded is None:
        return before + measure.message_bytes(message, talk.prefix.messages)
    old = Counter(talk.encoded.items[message : talk.prefix.messages])
    again = 0
    for item in measure.encoded.items[message : measure.count]:
        if old[item] > 0:
            old[item] -= 1
            again += len(item)
    return before + again


def first_other(talk: Sent, measure: Measure, marks: Callable[[], Mapping[int, str]] = dict) -> int:
    """
    Give the index of the first message that is another than in `talk`; -1 when none is.

    Args:
        marks: Gives counts and digests of earlier requests. Where only the digest of `talk` is
            known, the message is the first behind those that agree, and may itself be the same.
    """
    now, was = measure.encoded, talk.prefix
    if talk.encoded is now:
        return -1
    if talk.encoded is not None:
        return _first_other(talk.encoded.items[: was.messages], now.items[: measure.count])
    if not was.conversation or now.agreed({was.messages: was.conversation}):
        return -1
    return now.agreed(marks())


def _first_other(old: list[bytes], new: list[bytes]) -> int:
    """Compare what is sent; messages that are not have no bytes and no place."""
    there = [(place, item) for place, item in enumerate(new) if item]
    sent = [item for item in old if item]
    for (place, item), was in zip(there, sent, strict=False):
        if item != was:
            return place
    return -1 if len(there) >= len(sent) else len(new)


def why_tools(old: tuple[str, ...], new: tuple[str, ...]) -> str:
    """Say in a few words what became of the tools."""
    came = [name for name in new if name not in old]
    went = [name for name in old if name not in new]
    if not old:
        return "other tools than before"
    if came and not went and new[: len(old)] == old:
        return f"tools disclosed: {', '.join(came)}"
    said = [f"tools added: {', '.join(came)}"] if came else []
    said += [f"tools removed: {', '.join(went)}"] if went else []
    return "; ".join(said) or "a tool is described differently, or stands elsewhere"


def why_system(old: str | None, new: str) -> str:
    """Name what is another in the system prompt."""
    if old is None:
        return "another system prompt than before"
    at = common(old, new)
    for text in (new, old):
        for item in _ITEM.finditer(text):
            if item.start() - _GAP <= at < item.end():
                return f"{item[1]} changed"
    return "the prompt changed"
