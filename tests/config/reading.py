"""Configurations that are read, and the errors of those that are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import inspect

from a3s_code.config.record import Record
from a3s_code.config.schema import Config, load
from a3s_code.errors import ConfigError


def read(text: str, **env: str) -> Config:
    """Read a text, or a path, with no other environment than `env`."""
    return load(text, env=env)


def refusal(text: str, reader: Callable[..., object] = read, **env: str) -> ConfigError | None:
    """Give the error of reading a text; None when it was read."""
    try:
        reader(text, **env)
    except ConfigError as error:
        return error
    return None


def fault(text: str, reader: Callable[..., object] = read, **env: str) -> ConfigError:
    """Give the error of reading a text, and fail when it was read."""
    error = refusal(text, reader, **env)
    assert error is not None, "it was read"
    return error


def records(cls: type[Record]) -> list[type[Record]]:
    """Give every record class that a record of this class is made of, itself first."""
    found: list[type[Record]] = []
    waiting: list[Any] = [inspect.type_info(cls)]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, inspect.StructType) and issubclass(kind.cls, Record):
            found.append(kind.cls)
            waiting.extend(field.type for field in kind.fields)
        for part in ("types", "type", "item_type", "value_type"):
            inner = getattr(kind, part, ())
            waiting.extend(inner if isinstance(inner, tuple) else [inner])
    return list(dict.fromkeys(found))


def assert_points_into(error: ConfigError, text: str) -> None:
    lines = text.removeprefix("\ufeff").split("\n")
    assert error.line == 0 or 1 <= error.line <= len(lines)
    assert error.line == 0 or 1 <= error.column <= len(lines[error.line - 1]) + 1
