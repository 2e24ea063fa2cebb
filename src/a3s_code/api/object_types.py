"""
Types of Python as schemas, and JSON as their values.

msgspec describes and reads structs, dataclasses, TypedDicts, NamedTuples, enums, `Literal`, unions
and the builtin types; pydantic its own models, and whatever has one inside. It is never imported
here: a type of it exists only where the program has imported it.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast, get_args, get_type_hints, is_typeddict

import msgspec

from a3s_code.errors import InvalidType
from a3s_code.kernel.messages import JsonObject

T = TypeVar("T")

_HINT = (
    "give a msgspec struct, a dataclass, a TypedDict, a pydantic model, or a type made of such and "
    "of builtin types"
)
MAX_WRONG_CHARS = 2_000
"""Of what a type says about a value that is none of it."""


@dataclass(frozen=True, slots=True)
class ObjectType(Generic[T]):
    """
    Attributes:
        name: Letters, digits and `_`.
        schema: JSON Schema of its values, as they are read; its objects take no other
            properties, where the type does not say that they do.
        decode: Gives the value of a JSON text, strictly; raises ValueError.
    """

    name: str
    schema: JsonObject
    decode: Callable[[bytes], T]

    def wrong(self, data: bytes) -> str:
        """Say why a JSON text is no value of the type; nothing when it is one."""
        try:
            self.decode(data)
        except Exception as error:  # noqa: BLE001 - validators of the caller's type are foreign code
            said = str(error) or type(error).__name__
            return f"a value of the type {self.name}: {said}"[:MAX_WRONG_CHARS]
        return ""


def object_type(of: type[T]) -> ObjectType[T]:
    """
    Take a type.

    Raises:
        InvalidType: nobody can make a schema of it; says why.
    """
    if cast("object", of) is None:
        raise InvalidType("No schema can be made of None: there is one value of it.", hint=_HINT)
    name = getattr(of, "__name__", None) or "value"
    try:
        schema, decode = _by_pydantic(of) if _has_pydantic(of) else _by_msgspec(of)
    except Exception as error:
        raise InvalidType(f"No schema can be made of {of!r}: {error}", hint=_HINT) from error
    return ObjectType(name, _closed(schema), decode)


def _by_msgspec(of: type[T]) -> tuple[JsonObject, Callable[[bytes], T]]:
    try:
        schema = msgspec.json.schema(of, ref_template="#/$defs/{name}")
    except TypeError as error:  # before its last line msgspec says what its own callers could do
        raise TypeError(str(error).rpartition("\n")[2]) from error
    return schema, msgspec.json.Decoder(of).decode


def _by_pydantic(of: type[T]) -> tuple[JsonObject, Callable[[bytes], T]]:
    adapter = sys.modules["pydantic"].TypeAdapter(of)

    def decode(data: bytes) -> T:
        return cast("T", adapter.validate_json(data, strict=True))

    return adapter.json_schema(), decode


def _has_pydantic(of: object) -> bool:
    """Say whether a type is pydantic's, or has one of its types inside."""
    if "pydantic" not in sys.modules:
        return False
    seen: set[int] = set()
    waiting: list[object] = [of]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if _is_of_pydantic(each):
            return True
        waiting += _inside(each)
    return False


def _is_of_pydantic(of: object) -> bool:
    marks = ("__pydantic_validator__", "__get_pydantic_core_schema__")
    return any(hasattr(of, mark) for mark in marks) or type(of).__module__.startswith("pydantic")


def _inside(of: Any) -> Iterator[object]:  # noqa: ANN401 - any annotation
    yield from get_args(of)
    if dataclasses.is_dataclass(of) or is_typeddict(of):
        try:
            yield from get_type_hints(of).values()
        except (NameError, TypeError):  # whoever reads the type says what is wrong
            return


def _closed(schema: JsonObject) -> JsonObject:
    """Let every object of a type have the properties that it names, and no others."""
    made: JsonObject = msgspec.json.decode(msgspec.json.encode(schema))
    waiting: list[Any] = [made]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += cast("list[Any]", each)
        elif isinstance(each, dict):
            held = cast("JsonObject", each)
            if held.get("type") == "object" and isinstance(held.get("properties"), dict):
                held.setdefault("additionalProperties", False)
            waiting += held.values()
    return made
