"""
How the errors of the decoder are worded.

What stands where text is accepted may be a secret, so only wrong numbers, flags and words
of a fixed choice are repeated.
"""

from __future__ import annotations

import difflib
from typing import cast

from msgspec import inspect

from a3s_code.config.blocks import Entry, Env, Items, Node, Scalar, Source, Table, brief
from a3s_code.config.fitting import bare_type, is_record, without_none
from a3s_code.config.record import Record, keys_of, snake_case
from a3s_code.errors import ConfigError

_SHOWN = (inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.LiteralType)


def unknown(source: Source, entry: Entry, cls: type[Record]) -> ConfigError:
    """Say that a record has no such key, and which one may be meant."""
    if snake_case(entry.key) in cls.options:
        name = snake_case(entry.key)
        hint = f"it is an option of a session: agent.session(..., {name}=...)"
        return source.error(f"{brief(entry.key)} is no key of a configuration", entry.at, hint)
    known = sorted({*keys_of(cls), *cls.aliases})
    near = difflib.get_close_matches(brief(snake_case(entry.key)).lower(), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    return source.error(f"{brief(entry.key)} is unknown", entry.at, hint)


def mismatch(source: Source, kind: inspect.Type, node: Node, key: Entry) -> ConfigError:
    """Say what a key's type accepts and what stands there."""
    there = _found(node, showing=isinstance(bare_type(kind), _SHOWN))
    return source.error(f"{brief(key.key)}: expected {expected(kind)}, found {there}", node.at)


def expected(kind: inspect.Type) -> str:
    """Say what a type accepts, in the words of its `Meta` where it has some."""
    said = "text in quotes"
    match without_none(kind):
        case inspect.Metadata(type=inner) as annotated:
            said = _own_words(annotated) or expected(inner)
        case inspect.BoolType():
            said = "true or false"
        case inspect.IntType(ge=ge, le=le):
            said = f"a whole number{_bounds(ge, le)}"
        case inspect.FloatType(ge=ge, le=le):
            said = f"a number{_bounds(ge, le)}"
        case inspect.LiteralType(values=values):
            said = " or ".join(f'"{value}"' for value in values)
        case inspect.VarTupleType(item_type=item):
            said = "a list of objects, or blocks" if is_record(item) else "a list of text"
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
