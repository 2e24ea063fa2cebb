"""Plain JSON: its one canonical form, and the values that have one."""

from __future__ import annotations

import json
from typing import Any

import msgspec


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
