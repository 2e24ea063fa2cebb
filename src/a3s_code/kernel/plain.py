"""Plain JSON: its one canonical form, and the values that have one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec

_SURROGATES = re.compile("[\ud800-\udfff]")


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """
    Give a copy of `value` in which there are only the types of JSON, keys being texts.

    Raises:
        TypeError: something in it has no form in JSON.
        RecursionError: it nests too deeply, or holds itself.
    """
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_builtin)


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
