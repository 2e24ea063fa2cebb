"""
Blocks as typed records.

A record class is the schema: its fields are the keys, and their types and `msgspec.Meta`
bounds say what is accepted. Keys match in snake_case and camelCase. Whatever does not fit
is a `ConfigError` at the place where it stands, and no message repeats a secret.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias, TypeVar, cast

import msgspec
from msgspec import inspect

from a3s_code.config.blocks import Entry, Env, Items, Node, Place, Scalar, Source, Table, brief
from a3s_code.errors import ConfigError

FILLED = ("at", "declared", "unset")
"""
Fields that are no keys but are filled by the decoder, where a record has them: its place,
the keys that were set, and the variables that its `env()` calls named and that are unset.
"""


class Secret:
    """
    Text that is never shown: not by `repr`, `str` or formatting, and no codec takes it.

    Attributes:
        variable: The environment variable it was taken from; empty when it was written
            in the configuration itself. A secret from an unset variable is empty, false,
            and still knows the name.
    """

    __slots__ = ("_text", "variable")

    def __init__(self, text: str, variable: str = "") -> None:
        self._text = text
        self.variable = variable

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Secret(env {self.variable})" if self.variable else "Secret(***)"


class Unread:
    """The value of a key that is known and that nothing reads."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Unread()"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """
    Base of what a block or an object becomes.

    A `ValueError` of `__post_init__` becomes a `ConfigError` at the record's place.

    Attributes:
        label_key: The key that a block's label stands for; empty = no label. Records
            with one have a field `at`.
        aliases: Other names of keys, in snake_case.
        inlined: Two keys: of an object whose entries are read as the record's own, and
            of the entry in it whose value becomes that of the first.
    """

    label_key: ClassVar[str] = ""
    aliases: ClassVar[Mapping[str, str]] = {}
    inlined: ClassVar[tuple[str, str]] = ("", "")


R = TypeVar("R", bound=Record)

Plain: TypeAlias = str | int | float | bool | None
Value: TypeAlias = "Plain | Secret | Unread | Record | tuple[Value, ...] | dict[str, Value]"
"""What a key's value becomes; None = it says nothing."""


@dataclass(slots=True)
class Decoder:
    """
    Reads the blocks of one source.

    Attributes:
        unset: Variables that were named and are not set, in the record being read.
    """

    source: Source
    env: Mapping[str, str]
    unset: set[str] = field(default_factory=set[str])

    def record(self, table: Table, cls: type[R], at: int, labels: tuple[str, ...] = ()) -> R:
        """
        Make a record of a block's body.

        Args:
            at: Offset to blame for what is missing.

        Raises:
            ConfigError: a key is unknown, doubled or missing, or has a wrong value.
        """
        outer, self.unset = self.unset, set()
        values = self._values(table, cls)
        self._apply_label(values, cls, labels, at)
        self._require(values, cls, at)
        filled = (self.source.place(at), frozenset(values), frozenset(self.unset))
        fields = dict(zip(FILLED, filled, strict=True))
        values |= {name: fields[name] for name in FILLED if name in cls.__struct_fields__}
        try:
            record = cls(**values)
        except ValueError as error:
            raise self.source.error(str(error), at, self._unset_hint()) from None
        outer |= self.unset
        self.unset = outer
        return record

    def _values(self, table: Table, cls: type[Record]) -> dict[str, Value]:
        """Read every key that says something."""
        values: dict[str, Value] = {}
        for name, entries in self._gathered(_inlined(table, cls), cls).items():
            value = self._field(_keys(cls)[name].type, entries)
            if value is not None:
                values[name] = value
        return values

    def _gathered(self, entries: tuple[Entry, ...], cls: type[Record]) -> dict[str, list[Entry]]:
        """Sort entries under the fields they fill."""
        gathered: dict[str, list[Entry]] = {}
        for entry in entries:
            name = snake_case(entry.key)
            name = cls.aliases.get(name, name)
            key = _keys(cls).get(name)
            if key is None:
                raise self._unknown(entry, cls)
            others = gathered.setdefault(name, [])
            if others and not (entry.is_block and others[0].is_block and _repeats(key.type)):
                hint = f"it is set first in line {self.source.place(others[0].at).line}"
                raise self.source.error(f"{brief(entry.key)} is set twice", entry.at, hint)
            others.append(entry)
        return gathered

    def _apply_label(
        self, values: dict[str, Value], cls: type[Record], labels: tuple[str, ...], at: int
    ) -> None:
        if not labels:
            return
        label, *others = labels
        if not cls.label_key or others:
            accepted = "one label" if cls.label_key else "no label"
            raise self.source.error(f"this block takes {accepted}", at)
        if values.setdefault(cls.label_key, label) != label:
            raise self.source.error(
                f"the label and the {cls.label_key} of this block differ", at, "keep one of them"
            )

    def _require(self, values: Mapping[str, Value], cls: type[Record], at: int) -> None:
        for name, key in _keys(cls).items():
            if key.required and not values.get(name):
                hint = f'label the block, or write {name} = "…"' if name == cls.label_key else ""
                raise self.source.error(f"{name} is missing", at, self._unset_hint() or hint)

    def _unset_hint(self) -> str:
        named = ", ".join(brief(variable) for variable in sorted(self.unset))
        return f"environment variable {named} is not set" if named else ""

    def _field(self, kind: inspect.Type, entries: list[Entry]) -> Value:
        """Read all entries of one key."""
        bare, first = _bare(kind), entries[0]
        if isinstance(bare, inspect.CustomType) and bare.cls is Unread:
            return Unread()
        if not first.is_block:
            return self._value(kind, first.value, first)
        if isinstance(bare, inspect.VarTupleType) and _is_record(bare.item_type):
            return _distinct(tuple(self._block(bare.item_type, entry) for entry in entries))
        if isinstance(bare, inspect.DictType):
            return self._mapping(bare, [e for entry in entries for e in _named(entry)], first)
        if _is_record(bare):
            return self._block(bare, first)
        raise self._mismatch(kind, first.value, first)

    def _block(self, kind: inspect.Type, entry: Entry) -> Record:
        assert isinstance(entry.value, Table)
        return self.record(entry.value, _record_class(kind), entry.at, entry.labels)

    def _value(self, kind: inspect.Type, node: Node, key: Entry) -> Value:
        match node:
            case Scalar(None):
                return None
            case Scalar(value):
                return self._plain(kind, value, node, key)
            case Env():
                return self._variable(kind, node, key)
            case _:
                return self._nested(kind, node, key)

    def _variable(self, kind: inspect.Type, node: Env, key: Entry) -> Value:
        """Look a variable up. One that is not set is as good as no entry, but remembered."""
        value = self.env.get(node.variable)
        is_secret = isinstance(_bare(kind), inspect.CustomType)
        if value is None:
            self.unset.add(node.variable)
            return Secret("", node.variable) if is_secret else None
        plain = self._plain(kind, value, node, key)
        return Secret(value, node.variable) if is_secret else plain

    def _plain(self, kind: inspect.Type, value: Plain, node: Node, key: Entry) -> Value:
        fitting = _fit(kind, value)
        if fitting is None:
            raise self._mismatch(kind, node, key)
        return fitting

    def _nested(self, kind: inspect.Type, node: Items | Table, key: Entry) -> Value:
        bare = _bare(kind)
        if isinstance(node, Table) and _is_record(bare):
            return self.record(node, _record_class(bare), node.at)
        if isinstance(node, Table) and isinstance(bare, inspect.DictType):
            return self._mapping(bare, list(node.entries), key)
        if isinstance(node, Items) and isinstance(bare, inspect.VarTupleType):
            return self._items(bare.item_type, node, key)
        raise self._mismatch(kind, node, key)

    def _items(self, kind: inspect.Type, node: Items, key: Entry) -> tuple[Value, ...]:
        """Read a list. An unset variable is no item; a null has no place in one."""
        for item in node.values:
            if isinstance(item, Scalar) and item.value is None:
                raise self._mismatch(kind, item, key)
        values = (self._value(kind, item, key) for item in node.values)
        return _distinct(tuple(value for value in values if value is not None))

    def _mapping(
        self, kind: inspect.DictType, entries: list[Entry], key: Entry
    ) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for entry in entries:
            name = _fit(kind.key_type, entry.key)
            if not isinstance(name, str):
                message = f"{brief(entry.key)} is unknown in {brief(key.key)}"
                raise self.source.error(message, entry.at, f"use {_expected(kind.key_type)}")
            if name in values:
                raise self.source.error(f"{brief(entry.key)} is set twice", entry.at)
            value = self._field(kind.value_type, [entry])
            if value is None or (isinstance(value, Secret) and value.variable in self.unset):
                continue
            values[name] = value
        return values

    def _unknown(self, entry: Entry, cls: type[Record]) -> ConfigError:
        known = sorted({*_keys(cls), *cls.aliases})
        near = difflib.get_close_matches(brief(snake_case(entry.key)).lower(), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return self.source.error(f"{brief(entry.key)} is unknown", entry.at, hint)

    def _mismatch(self, kind: inspect.Type, node: Node, key: Entry) -> ConfigError:
        found = _found(node, showing=isinstance(_bare(kind), _SHOWN))
        return self.source.error(
            f"{brief(key.key)}: expected {_expected(kind)}, found {found}", node.at
        )


_SHOWN = (inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.LiteralType)
"""Types whose wrong values may be repeated; what stands for others may be a secret."""


@functools.cache
def _keys(cls: type[Record]) -> Mapping[str, inspect.Field]:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return {key.name: key for key in info.fields if key.name not in FILLED}


def snake_case(key: str) -> str:
    """Give camelCase as snake_case, and anything else as it is."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]+", lambda match: f"_{match[0].lower()}", key)


def _inlined(table: Table, cls: type[Record]) -> tuple[Entry, ...]:
    """Give the entries of a body, those of its inlined object among them."""
    outer, inner = cls.inlined
    entries: list[Entry] = []
    for entry in table.entries:
        if snake_case(entry.key) != outer or not isinstance(entry.value, Table) or entry.labels:
            entries.append(entry)
            continue
        for nested in entry.value.entries:
            key = outer if snake_case(nested.key) == inner else nested.key
            entries.append(Entry(key, nested.value, nested.at, nested.labels, nested.is_block))
    return tuple(entries)


def _named(entry: Entry) -> tuple[Entry, ...]:
    """Give the entries a block adds to a mapping: its own, or itself under its label."""
    assert isinstance(entry.value, Table)
    if not entry.labels:
        return entry.value.entries
    label, *rest = entry.labels
    return (Entry(label, entry.value, entry.at, tuple(rest), is_block=True),)


def _distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Give the values back when the labels of those that are records tell them apart."""
    first: dict[str, Place] = {}
    for record in values:
        if not isinstance(record, Record):
            continue
        name: str = getattr(record, record.label_key)
        at: Place = getattr(record, FILLED[0])
        if first.setdefault(name, at) is not at:
            hint = f"it is first in line {first[name].line}"
            raise at.error(f"{brief(name)} is configured twice", hint)
    return values


def _without_none(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.UnionType):
        return next(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return kind


def _bare(kind: inspect.Type) -> inspect.Type:
    """Take the bounds' wrapper and the `| None` off."""
    kind = _without_none(kind)
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _is_record(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.StructType)


def _record_class(kind: inspect.Type) -> type[Record]:
    assert isinstance(kind, inspect.StructType)
    assert issubclass(kind.cls, Record)
    return kind.cls


def _repeats(kind: inspect.Type) -> bool:
    """Tell whether several blocks may fill a key of this type together."""
    bare = _bare(kind)
    if isinstance(bare, inspect.VarTupleType):
        return _is_record(bare.item_type)
    return isinstance(bare, inspect.DictType | inspect.CustomType)


def _fit(kind: inspect.Type, value: Plain) -> Value:
    """Give the value as the type has it, or None when it does not fit."""
    bare = _bare(kind)
    if isinstance(bare, inspect.BoolType):
        return value if isinstance(value, bool) else None
    if isinstance(bare, inspect.IntType | inspect.FloatType):
        return _number(bare, value)
    if not isinstance(value, str):
        return None
    if isinstance(bare, inspect.LiteralType):
        word = value.strip().lower().replace("-", "_")
        return next((each for each in bare.values if str(each).replace("-", "_") == word), None)
    if isinstance(bare, inspect.StrType):
        return value if re.search(bare.pattern or "", value) else None
    return Secret(value) if isinstance(bare, inspect.CustomType) else None


def _number(kind: inspect.IntType | inspect.FloatType, value: Plain) -> int | float | None:
    if isinstance(value, bool | str) or value is None or abs(value) >= 2**63:
        return None
    if (kind.ge is not None and value < kind.ge) or (kind.le is not None and value > kind.le):
        return None
    if isinstance(kind, inspect.FloatType):
        return float(value)
    return int(value) if value == int(value) else None


def _expected(kind: inspect.Type) -> str:
    """Say what a type accepts, in the words of its `Meta` where it has some."""
    said = "text in quotes"
    match _without_none(kind):
        case inspect.Metadata(type=inner) as annotated:
            said = _own_words(annotated) or _expected(inner)
        case inspect.BoolType():
            said = "true or false"
        case inspect.IntType(ge=ge, le=le):
            said = f"a whole number{_bounds(ge, le)}"
        case inspect.FloatType(ge=ge, le=le):
            said = f"a number{_bounds(ge, le)}"
        case inspect.LiteralType(values=values):
            said = " or ".join(f'"{value}"' for value in values)
        case inspect.VarTupleType(item_type=item):
            said = "a list of objects, or blocks" if _is_record(item) else "a list of text"
        case inspect.StructType() | inspect.DictType():
            said = "an object or a block"
        case _:
            pass
    return said


def _own_words(kind: inspect.Metadata) -> str:
    # msgspec declares `extra` as a bare dict.
    extra = cast("dict[str, str] | None", kind.extra)  # pyright: ignore[reportUnknownMemberType]
    return extra["expected"] if extra else ""


def _bounds(ge: float | None, le: float | None) -> str:
    if ge is not None and le is not None:
        return f" from {ge} to {le}"
    return f" of at least {ge}" if ge is not None else ""


def _found(node: Node, *, showing: bool) -> str:
    match node:
        case Env(variable):
            said = f"the text of env({brief(variable)})"
        case Items():
            said = "a list"
        case Table():
            said = "an object"
        case Scalar(bool() | None as value):
            said = {None: "null", True: "true", False: "false"}[value]
        case Scalar(str() as value):
            said = f'"{brief(value)}"' if showing else "text"
        case Scalar(value):
            said = f"{value}" if showing else "a number"
    return said
