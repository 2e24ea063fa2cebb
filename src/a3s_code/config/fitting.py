"""Which values a key's type takes, and what it makes of them."""

from __future__ import annotations

import re

from msgspec import inspect

from a3s_code.config.record import Plain, Record, Secret, Value


def without_none(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.UnionType):
        return next(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return kind


def bare_type(kind: inspect.Type) -> inspect.Type:
    """Take the bounds' wrapper and the `| None` off."""
    kind = without_none(kind)
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def is_record(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.StructType)


def record_class(kind: inspect.Type) -> type[Record]:
    assert isinstance(kind, inspect.StructType)
    assert issubclass(kind.cls, Record)
    return kind.cls


def repeats(kind: inspect.Type) -> bool:
    """Tell whether several blocks may fill a key of this type together."""
    bare = bare_type(kind)
    if isinstance(bare, inspect.VarTupleType):
        return is_record(bare.item_type)
    return isinstance(bare, inspect.DictType | inspect.CustomType)


def fit(kind: inspect.Type, value: Plain) -> Value:
    """Give the value as the type has it, or None when it does not fit."""
    bare = bare_type(kind)
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
