"""
What every event passes before it is recorded or shown: nothing of it is secret after that.

It stands in the log, through which all goes, so no sink can be forgotten: the store, the
state that is folded from the records, and whoever watches get what comes out of here. New
events need nothing: every text of theirs is redacted, but for what `KEPT` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, cast

import msgspec

from a3s_code.kernel.events import (
    AgentEnd,
    ReasoningDelta,
    RunFailed,
    RunId,
    TextDelta,
    ToolInputDelta,
    TurnEnd,
    TurnStart,
)
from a3s_code.kernel.messages import JsonObject, Message, Thinking
from a3s_code.kernel.plain import MAX_DEPTH
from a3s_code.kernel.ports import Redacting, Redactor
from a3s_code.kernel.records import Event, HistoryAppended, RunStatusChanged

KEPT = frozenset(
    {
        "after",
        "apart",
        "args_sha256",
        "artifact_uris",
        "authority",
        "base",
        "before",
        "brings",
        "call_id",
        "child",
        "data",
        "directory",
        "durability",
        "effect",
        "evidence",
        "exit_record",
        "from_session_id",
        "id",
        "kind",
        "media_type",
        "model",
        "output_uri",
        "parent_session_id",
        "path",
        "policy_version",
        "prefix",
        "queued",
        "redacted",
        "repository",
        "resumes",
        "role",
        "session_id",
        "sha256",
        "signature",
        "status",
        "subject_sha256",
        "task_id",
        "tool_id",
        "tool_sha256",
        "tool_use_id",
        "transcript",
        "tree",
        "tree_after",
        "uri",
        "workspace",
    }
)
"""
Fields that the fold, a resume or a rewind must find as they were: ids, digests, places, and
what a provider signed. `settings` has rules in it, which must not change either; of those
only the texts of the prompt are redacted.
"""

MIN_NUMBER = 10**11
"""A smaller number is no card."""

TOO_DEEP = "[nested too deeply to be shown]"
"""In place of what a model nests in the arguments of a call deeper than any call may have it."""

MAX_WRITTEN = 16 * 1024
"""Bytes of an event that are looked at as a whole. Of a longer one the redactor has mostly seen
and remembered the texts that make it long."""

_write = msgspec.json.Encoder().encode

_Spoken: TypeAlias = TextDelta | ReasoningDelta | ToolInputDelta
_SPOKEN = frozenset({TextDelta, ReasoningDelta, ToolInputDelta})
_Key: TypeAlias = tuple[type[_Spoken], str]
_ENDS = frozenset({TurnStart, TurnEnd, AgentEnd, RunFailed, RunStatusChanged})


class Screen:
    """
    The loop's thread only, but for `text` and `json`.

    Args:
        clears: Says that the redactor would change nothing of an event, by what msgspec
            writes for it as JSON; so most events need one look, and not one for each text.

    Attributes:
        thoughts: What a model reasoned, as it was signed, by what is recorded of it; only
            where that is something else. A provider takes it back unchanged or not at all.
    """

    __slots__ = ("_clears", "_redactor", "_streams", "thoughts")

    def __init__(self, redactor: Redactor, clears: Callable[[bytes], bool] | None = None) -> None:
        self._redactor, self._clears = redactor, clears
        self._streams: dict[RunId, dict[_Key, Redacting]] = {}
        self.thoughts: dict[str, Thinking] = {}

    def text(self, text: str) -> str:
        """Give what may be shown of a text."""
        return self._redactor.redact(text)

    def json(self, given: JsonObject) -> JsonObject:
        """Give what may be shown of plain JSON."""
        return cast("JsonObject", self._value(given))

    def passed(self, event: Event, run: RunId) -> Sequence[Event]:
        """
        Give what is recorded of an event, and before it what waited until now.

        Deltas of what the model says may give nothing yet: what could still become a secret
        waits for the next one, or for the end of the block.
        """
        if type(event) in _SPOKEN:
            return self._spoken(cast("_Spoken", event), run)
        waiting = self._ended(run, ()) if run in self._streams and _ends_speech(event) else ()
        if self._is_clear(event):
            return (*waiting, event)
        return (*waiting, cast("Event", self._struct(event)))

    def _is_clear(self, event: Event) -> bool:
        if self._clears is None:
            return False
        try:
            written = _write(event)
        except Exception:  # noqa: BLE001 - values of foreign code; then every text is looked at
            return False
        return len(written) <= MAX_WRITTEN and self._clears(written)

    # What comes in pieces

    def _spoken(self, delta: _Spoken, run: RunId) -> Sequence[Event]:
        kind = type(delta)
        key: _Key = (kind, delta.id if isinstance(delta, ToolInputDelta) else "")
        streams = self._streams.setdefault(run, {})
        waiting: Sequence[Event] = ()
        if streams and (len(streams) > 1 or key not in streams):
            others = {each for each in streams if each == key or each[0] is kind is ToolInputDelta}
            waiting = self._ended(run, others)
            streams = self._streams.setdefault(run, streams)
        stream = streams.get(key)
        if stream is None:
            stream = streams[key] = self._redactor.stream()
        piece = delta.delta if isinstance(delta, ToolInputDelta) else delta.text
        shown = stream.feed(piece)
        return (*waiting, *((delta,) if shown is piece and piece else _delta(key, shown)))

    def _ended(self, run: RunId, but: Iterable[_Key]) -> list[Event]:
        """Close the streams of a run, except some, and give what still waited."""
        streams = self._streams[run]
        ended = [key for key in streams if key not in but]
        found: list[Event] = []
        for key in ended:
            found += _delta(key, streams.pop(key).close())
        if not streams:
            del self._streams[run]
        return found

    # Values

    def _struct(self, given: msgspec.Struct) -> msgspec.Struct:
        changed: dict[str, Any] = {}
        for name in _looked_at(type(given)):
            value = getattr(given, name)
            shown = self._settings(value) if name == "settings" else self._value(value)
            if shown is not value:
                changed[name] = shown
        if not changed:
            return given
        if not isinstance(given, Thinking):
            return msgspec.structs.replace(given, **changed)
        shown = msgspec.structs.replace(given, **changed, signature="")
        self.thoughts[shown.text] = given
        return shown

    def message(self, message: Message) -> Message:
        """Give a message as a model may see it, with what it has signed itself."""
        shown = cast("Message", self._struct(message))
        blocks = [
            self.thoughts.get(block.text, block) if isinstance(block, Thinking) else block
            for block in shown.blocks
        ]
        is_same = all(map(_is, blocks, shown.blocks))
        return shown if is_same else msgspec.structs.replace(shown, blocks=tuple(blocks))

    def _settings(self, settings: JsonObject) -> JsonObject:
        slots = settings.get("slots")
        shown = self._value(slots)
        return settings if shown is slots else settings | {"slots": shown}

    def _value(self, value: object, depth: int = 0) -> object:
        if isinstance(value, str):
            return self._redactor.redact(value)
        if isinstance(value, msgspec.Struct):
            return self._struct(value)
        if isinstance(value, dict | list | tuple) and depth > MAX_DEPTH:
            return TOO_DEEP
        if isinstance(value, dict):
            return self._object(cast("Mapping[object, object]", value), depth + 1)
        if isinstance(value, list | tuple):
            return self._items(cast("Sequence[object]", value), depth + 1)
        return self._number(value) if type(value) is int else value

    def _number(self, value: int) -> object:
        if abs(value) < MIN_NUMBER:
            return value
        written = str(value)
        shown = self._redactor.redact(written)
        return value if shown == written else shown

    def _object(self, given: Mapping[object, object], depth: int) -> object:
        shown = {self._value(key): self._value(item, depth) for key, item in given.items()}
        is_same = all(map(_is, shown, given)) and all(map(_is, shown.values(), given.values()))
        return given if is_same and len(shown) == len(given) else shown

    def _items(self, given: Sequence[object], depth: int) -> object:
        shown = [self._value(item, depth) for item in given]
        if all(map(_is, shown, given)):
            return given
        return tuple(shown) if isinstance(given, tuple) else shown


def _ends_speech(event: Event) -> bool:
    """
    Say that what a model says is at its end there.

    Other events of the run are of what goes on beside it, such as a child in the background; a
    secret that comes in pieces around one of them is still one.
    """
    return type(event) in _ENDS or (type(event) is HistoryAppended and not event.child)


@cache
def _looked_at(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name not in KEPT)


def _is(one: object, other: object) -> bool:
    return one is other or (isinstance(one, str) and one == other)


def _delta(key: _Key, piece: str) -> tuple[Event, ...]:
    """Give the event of a piece; none of an empty one."""
    kind, id_ = key
    if not piece:
        return ()
    if kind is ToolInputDelta:
        return (ToolInputDelta(id=id_, delta=piece),)
    return (TextDelta(text=piece) if kind is TextDelta else ReasoningDelta(text=piece),)
