"""
Blocks as typed records.

Keys match in snake_case and camelCase. Whatever does not fit is a `ConfigError` at the place
where it stands, and no message repeats a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import inspect

from a3s_code.config.blocks import Entry, Env, Items, Node, Place, Scalar, Source, Table, brief
from a3s_code.config.faults import expected, mismatch, unknown
from a3s_code.config.fitting import bare_type, fit, is_record, record_class, repeats
from a3s_code.config.record import (
    FILLED,
    Plain,
    R,
    Record,
    Secret,
    Unread,
    Value,
    keys_of,
    snake_case,
)


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
        filled = (self.source.place(at), frozenset(values), frozenset(self.unset), "")
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
            value = self._field(keys_of(cls)[name].type, entries)
            if value is not None:
                values[name] = value
        return values

    def _gathered(self, entries: tuple[Entry, ...], cls: type[Record]) -> dict[str, list[Entry]]:
        """Sort entries under the fields they fill."""
        gathered: dict[str, list[Entry]] = {}
        for entry in entries:
            name = snake_case(entry.key)
            name = cls.aliases.get(name, name)
            key = keys_of(cls).get(name)
            if key is None:
                raise unknown(self.source, entry, cls)
            others = gathered.setdefault(name, [])
            if others and not (entry.is_block and others[0].is_block and repeats(key.type)):
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
        for name, key in keys_of(cls).items():
            if key.required and not values.get(name):
                hint = f'label the block, or write {name} = "…"' if name == cls.label_key else ""
                raise self.source.error(f"{name} is missing", at, self._unset_hint() or hint)

    def _unset_hint(self) -> str:
        named = ", ".join(brief(variable) for variable in sorted(self.unset))
        return f"environment variable {named} is not set" if named else ""

    def _field(self, kind: inspect.Type, entries: list[Entry]) -> Value:
        """Read all entries of one key."""
        bare, first = bare_type(kind), entries[0]
        if isinstance(bare, inspect.CustomType) and bare.cls is Unread:
            return Unread()
        if not first.is_block:
            return self._value(kind, first.value, first)
        if isinstance(bare, inspect.VarTupleType) and is_record(bare.item_type):
            return _distinct(tuple(self._block(bare.item_type, entry) for entry in entries))
        if isinstance(bare, inspect.DictType):
            return self._mapping(bare, [e for entry in entries for e in _named(entry)], first)
        if is_record(bare):
            return self._block(bare, first)
        raise mismatch(self.source, kind, first.value, first)

    def _block(self, kind: inspect.Type, entry: Entry) -> Record:
        assert isinstance(entry.value, Table)
        return self.record(entry.value, record_class(kind), entry.at, entry.labels)

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
        is_secret = isinstance(bare_type(kind), inspect.CustomType)
        if value is None:
            self.unset.add(node.variable)
            return Secret("", node.variable) if is_secret else None
        plain = self._plain(kind, value, node, key)
        return Secret(value, node.variable) if is_secret else plain

    def _plain(self, kind: inspect.Type, value: Plain, node: Node, key: Entry) -> Value:
        fitting = fit(kind, value)
        if fitting is None:
            raise mismatch(self.source, kind, node, key)
        return fitting

    def _nested(self, kind: inspect.Type, node: Items | Table, key: Entry) -> Value:
        bare = bare_type(kind)
        if isinstance(node, Table) and is_record(bare):
            return self.record(node, record_class(bare), node.at)
        if isinstance(node, Table) and isinstance(bare, inspect.DictType):
            return self._mapping(bare, list(node.entries), key)
        if isinstance(node, Items) and isinstance(bare, inspect.VarTupleType):
            return self._items(bare.item_type, node, key)
        raise mismatch(self.source, kind, node, key)

    def _items(self, kind: inspect.Type, node: Items, key: Entry) -> tuple[Value, ...]:
        """Read a list. An unset variable is no item; a null has no place in one."""
        for item in node.values:
            if isinstance(item, Scalar) and item.value is None:
                raise mismatch(self.source, kind, item, key)
        values = (self._value(kind, item, key) for item in node.values)
        return _distinct(tuple(value for value in values if value is not None))

    def _mapping(
        self, kind: inspect.DictType, entries: list[Entry], key: Entry
    ) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for entry in entries:
            name = fit(kind.key_type, entry.key)
            if not isinstance(name, str):
                message = f"{brief(entry.key)} is unknown in {brief(key.key)}"
                raise self.source.error(message, entry.at, f"use {expected(kind.key_type)}")
            if name in values:
                raise self.source.error(f"{brief(entry.key)} is set twice", entry.at)
            value = self._field(kind.value_type, [entry])
            if value is None or (isinstance(value, Secret) and value.variable in self.unset):
                continue
            values[name] = value
        return values


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
