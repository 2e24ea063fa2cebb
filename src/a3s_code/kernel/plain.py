"""Plain JSON: its one canonical form, and the values that have one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec

MAX_DEPTH = 128
"""Of objects and lists in one another, so that whoever walks through them has frames enough."""

_SURROGATES = re.compile("[\ud800-\udfff]")


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """
    Give a copy of `value` in which there are only the types of JSON, keys being texts.

    Raises:
        TypeError: something in it has no form in JSON.
        RecursionError: it nests deeper than `MAX_DEPTH`, or holds itself.
    """
    made = msgspec.to_builtins(value, str_keys=True, enc_hook=_builtin)
    if depth(made) > MAX_DEPTH:
        raise RecursionError(f"it nests deeper than {MAX_DEPTH}")
    return made


def depth(value: object) -> int:
    """Count how many objects and lists stand in one another; `MAX_DEPTH` + 1 for all that more."""
    level = _nesting([value])
    for counted in range(MAX_DEPTH + 1):
        if not level:
            return counted
        level = [item for each in level for item in _items(each)]
    return MAX_DEPTH + 1


def _items(value: object) -> list[object]:
    """Give what is in an object or a list, as far as anything can be in that."""
    if isinstance(value, dict):
        return _nesting(cast("dict[str, object]", value).values())
    return _nesting(cast("Sequence[object]", value))


def _nesting(values: Iterable[object]) -> list[object]:
    return [each for each in values if isinstance(each, dict | list | tuple)]


def _builtin(value: object) -> object:
    """Turn a value of a derived type, such as numpy's `float64`, into one of the type itself."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def canonical(value: object) -> bytes:
    """Give the JSON of `value` with sorted keys; halves of surrogate pairs are escaped."""
    try:
        return msgspec.json.encode(value, order="sorted")
    except UnicodeEncodeError:
        sorted_ = msgspec.to_builtins(value, order="sorted")
        return json.dumps(sorted_, separators=(",", ":"), sort_keys=True).encode("ascii")


def escaped(value: object) -> bytes:
    """Give the JSON of `value`; halves of surrogate pairs are escaped, so nothing is lost."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode("ascii")


def sendable(value: object) -> bytes:
    """
    Encode plain JSON. Halves of surrogate pairs, which UTF-8 cannot carry, become U+FFFD.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(value))


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value)
        return {_without_surrogates(k): _without_surrogates(v) for k, v in entries.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in cast("Sequence[object]", value)]
    return value
