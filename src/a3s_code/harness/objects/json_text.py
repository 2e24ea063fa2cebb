"""
JSON as models write it, read as strictly as RFC 8259 has it.

A key that stands twice, `NaN`, a number that no float holds, a comma before a bracket and text
behind the value are refused: with each of them two readers may see two values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

MAX_JSON_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 64
"""Objects and arrays inside each other, the outermost counted."""


class NotJson(ValueError):
    """A text is no JSON that is accepted; says what is wrong, and where."""


def read(text: str) -> Any:  # noqa: ANN401 - JSON
    """
    Read one value, which is all of `text` but for white space.

    Raises:
        NotJson: it is none, or beyond `MAX_JSON_BYTES` or `MAX_JSON_DEPTH`.
    """
    import jiter  # most sessions never read an object

    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise NotJson("it holds half of a surrogate pair") from error
    if len(data) > MAX_JSON_BYTES:
        raise NotJson(f"it is longer than {MAX_JSON_BYTES // 1024} KiB")
    try:
        value = jiter.from_json(
            data, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys"
        )
    except ValueError as error:
        raise NotJson(str(error)) from error
    check(value)
    return value


def read_part(data: bytes) -> Any:  # noqa: ANN401 - JSON
    """
    Read the beginning of a value that is still coming in, up to where it breaks off.

    Raises:
        NotJson: there is nothing of one yet, or it is none.
    """
    import jiter

    try:
        return jiter.from_json(
            data, allow_inf_nan=False, partial_mode="trailing-strings", cache_mode="keys"
        )
    except ValueError as error:
        raise NotJson(str(error)) from error


def check(value: object) -> None:
    """
    Look whether plain JSON nests too deeply, or holds a number that JSON cannot.

    Raises:
        NotJson: says which.
    """
    level: list[object] = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    if any(isinstance(each, dict | list) for each in level):
        raise NotJson(f"it nests deeper than {MAX_JSON_DEPTH}")


def _inside(value: object) -> Sequence[object]:
    if isinstance(value, dict):
        return list(cast("dict[str, object]", value).values())
    if isinstance(value, list):
        return cast("list[object]", value)
    if isinstance(value, float) and not math.isfinite(value):
        raise NotJson("a number is too large")
    return ()
