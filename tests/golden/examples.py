"""Records of any type, made from the types alone, so that a new one needs no code here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args

import msgspec
from msgspec import inspect

from a3s_code.kernel.events import RunId, Tagged, tag_of
from a3s_code.kernel.records import (
    DeltaBatch,
    Event,
    HistoryAppended,
    Record,
    RunStarted,
    SessionOpened,
)

RUN = RunId("run-1")
KINDS: tuple[type[Tagged], ...] = get_args(Event)
TAGS = {str(kind.__struct_config__.tag): kind for kind in KINDS}

_MEANT = {"media_type": "image/png", "role": "user", "sha256": "0" * 64}
"""Texts that a field's own checks ask for."""

_PLAIN: dict[type[inspect.Type], Any] = {
    inspect.BoolType: True,
    inspect.IntType: 7,
    inspect.FloatType: 0.5,
    inspect.BytesType: "AP8=",
    inspect.DictType: {"key": ["value", 1, None, {"inner": True}]},
}


def log_of(kinds: Iterable[type[Tagged]]) -> list[Record]:
    """Give a log with all `kinds`: each with every field said, and with its defaults."""
    begun = SessionOpened(session_id="every", workspace="/work-tree", model="p/m", created_at_ms=1)
    asked = [example for kind in kinds for example in examples(kind)]
    events: list[Any] = [begun, RunStarted(prompt="all of them"), *asked]
    return [Record(at, 1_000 + at, RUN if at else RunId(""), one) for at, one in enumerate(events)]


def examples(kind: type[Tagged]) -> Iterator[Tagged]:
    if kind is DeltaBatch:
        yield from _batches()
        return
    yield msgspec.convert(_object(kind, said=True), kind)
    if any(not field.required for field in msgspec.structs.fields(kind)):
        yield msgspec.convert(_object(kind, said=False), kind)
    if kind is HistoryAppended:
        yield from _every_block()


def _object(kind: type, *, said: bool) -> dict[str, Any]:
    fields = msgspec.structs.fields(kind)
    chosen = [field for field in fields if field.required or said]
    return {
        field.encode_name: _value(inspect.type_info(field.type), field.name) for field in chosen
    }


def _value(kind: inspect.Type, name: str) -> Any:
    match kind:
        case inspect.StrType():
            return _MEANT.get(name, f"{name} é")
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.StructType(cls=cls):
            tag = cls.__struct_config__.tag
            return {**_object(cls, said=True), **({"type": tag} if tag else {})}
        case inspect.VarTupleType() | inspect.ListType() | inspect.TupleType():
            return [_value(item, name) for item in _items(kind)]
        case inspect.UnionType(types=types):
            return _value(next(t for t in types if not isinstance(t, inspect.NoneType)), name)
        case _ if type(kind) in _PLAIN:
            texts = isinstance(kind, inspect.DictType) and type(kind.value_type) is inspect.StrType
            return {"key": f"{name} é"} if texts else _PLAIN[type(kind)]
        case _:
            raise TypeError(f"golden/examples.py has no example of {kind} for {name}")


def _items(
    kind: inspect.VarTupleType | inspect.ListType | inspect.TupleType,
) -> tuple[inspect.Type, ...]:
    return kind.item_types if isinstance(kind, inspect.TupleType) else (kind.item_type,)


def _batches() -> Iterator[DeltaBatch]:
    for tag in ("text_delta", "reasoning_delta", "tool_input_delta", "tool_output_delta"):
        yield DeltaBatch(kind=tag, text="one two", ends=(4, 7), id="call-1", name="bash")
    yield DeltaBatch(kind="text_delta", text="", ends=(0,))


def _every_block() -> Iterator[HistoryAppended]:
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "line\n\u2028 \U0001f600"},
        {"type": "thinking", "text": "so", "signature": "sig", "redacted": ""},
        {"type": "image", "data": "AP8=", "media_type": "image/png"},
        {"type": "tool_use", "id": "c", "name": "n", "input": {"b": 1, "a": [2.5, None]}},
        {"type": "tool_use", "id": "d", "name": "n", "input": {}, "malformed": "{"},
        {"type": "tool_result", "tool_use_id": "c", "content": "x", "is_error": True},
    ]
    for role, chosen in (("user", blocks[::2]), ("assistant", blocks[:5]), ("tool", blocks[5:])):
        message = {"role": role, "blocks": chosen}
        yield msgspec.convert({"message": message}, HistoryAppended)


def missing(tags: Iterable[str]) -> list[type[Tagged]]:
    """Give the types whose tag is not among `tags`."""
    seen = set(tags)
    return [kind for tag, kind in TAGS.items() if tag not in seen]


def tags_in(records: Iterable[Record]) -> set[str]:
    return {tag_of(record.event) for record in records}
