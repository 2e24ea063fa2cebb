"""
What the decoder fills: records with typed keys, and the values that are not plain.

A record class is the schema: its fields are the keys, and their types and `msgspec.Meta`
bounds say what is accepted.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import ClassVar, NoReturn, TypeAlias, TypeVar

import msgspec
from msgspec import inspect

from a3s_code.errors import InvalidType

FILLED = ("at", "declared", "unset", "sha256")
"""
Fields that are no keys but are filled in, where a record has them: its place, the keys that
were set, the variables that its `env()` calls named and that are unset, and the digest of
the whole text, which `schema.load` knows.
"""


class Secret:
    """
    Text that is never shown: not by `repr`, `str` or formatting, and no codec takes it, nor
    does pickle.

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

    def __reduce__(self) -> NoReturn:
        raise InvalidType("A Secret cannot be pickled.", hint="write what reveal() gives")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

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
        options: What is none of its keys, but may be taken for one: options of a session.
        inlined: Two keys: of an object whose entries are read as the record's own, and
            of the entry in it whose value becomes that of the first.
    """

    label_key: ClassVar[str] = ""
    aliases: ClassVar[Mapping[str, str]] = {}
    options: ClassVar[frozenset[str]] = frozenset()
    inlined: ClassVar[tuple[str, str]] = ("", "")


R = TypeVar("R", bound=Record)

Plain: TypeAlias = str | int | float | bool | None
Value: TypeAlias = "Plain | Secret | Unread | Record | tuple[Value, ...] | dict[str, Value]"
"""What a key's value becomes; None = it says nothing."""


@functools.cache
def keys_of(cls: type[Record]) -> Mapping[str, inspect.Field]:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return {key.name: key for key in info.fields if key.name not in FILLED}


def snake_case(key: str) -> str:
    """Give camelCase as snake_case, and anything else as it is."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]+", lambda match: f"_{match[0].lower()}", key)
