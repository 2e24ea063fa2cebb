"""Checks of what a host hands in, for the values of every layer that it can make itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import cast

from a3s_code.errors import InvalidType, InvalidValue


def check_positive(name: str, value: float) -> None:
    """
    Raises:
        InvalidType: the value is no number.
        InvalidValue: it is not above 0; says which it was.
    """
    _check_number(name, value)
    if not value > 0:
        raise InvalidValue(f"{name} is {value}.", hint="give a number above 0")


def check_count(name: str, value: object) -> None:
    """
    Raises:
        InvalidType: the value is no whole number.
        InvalidValue: it is not above 0; says which it was.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidType(f"{name} is a {type(value).__name__}, not int.")
    check_positive(name, value)


def check_limits(whose: str, **limits: float | None) -> None:
    """
    Check limits by their names; None leaves one to its default.

    Raises:
        InvalidType: one of them is no number; says which.
        InvalidValue: one of them is not above 0; says which.
    """
    for name, limit in limits.items():
        if limit is None:
            continue
        _check_number(f"{name} of {whose}", limit)
        if not limit > 0:
            raise InvalidValue(
                f"{name} of {whose} is {limit}.", hint="give a number above 0, or leave it out"
            )


def check_share(name: str, value: float) -> None:
    """
    Raises:
        InvalidType: the value is no number.
        InvalidValue: it is outside of 0 to 1.
    """
    _check_number(name, value)
    if not 0 <= value <= 1:
        raise InvalidValue(f"{name} is {value}, outside of 0 to 1.", hint="give a share of 1")


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidType(f"{name} is a {type(value).__name__}, not a number.")


def check_bool(name: str, value: object) -> None:
    """
    Refuse what merely counts as one: a text such as "no" would be a yes.

    Raises:
        InvalidType: it is neither True nor False.
    """
    if not isinstance(value, bool):
        raise InvalidType(f"{name} is {value!r}, not True or False.")


def check_list(name: str, value: object) -> None:
    """
    Raises:
        InvalidType: the value is one text, which would be taken for a list of its characters,
            or nothing that could be a list. None is one that was not given.
    """
    if isinstance(value, str):
        raise InvalidType(f"`{name}` is a single text.", hint=f"write {name}=[...]")
    if value is not None and not isinstance(value, Iterable):
        raise InvalidType(
            f"`{name}` is a {type(value).__name__}, not a list.", hint=f"write {name}=[...]"
        )


def check_needed_list(name: str, value: object) -> None:
    """
    Raises:
        InvalidType: as `check_list`; and the value is None, or an object of names and values.
    """
    if value is None or isinstance(value, Mapping):
        kind = type(cast("object", value)).__name__
        raise InvalidType(f"`{name}` is a {kind}, not a list.", hint=f"write {name}=[...]")
    check_list(name, value)


def check_text(name: str, value: object) -> None:
    """
    Raises:
        InvalidType: the value is no text.
    """
    if not isinstance(value, str):
        raise InvalidType(f"{name} is a {type(value).__name__}, not str.")


def checked_path(name: str, value: object) -> str:
    """
    Give the text of a path.

    Raises:
        InvalidType: it is neither a text nor an `os.PathLike` of one.
        InvalidValue: it is empty, or holds a NUL.
    """
    text = os.fspath(cast("str", value)) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        kind = type(cast("object", value)).__name__
        raise InvalidType(f"{name} is a {kind}, not a path.", hint="give a text")
    if not text or "\0" in text:
        raise InvalidValue(f"{name} is {text!r}.", hint="give a path")
    return text


def check_address(name: str, url: str, schemes: tuple[str, ...], example: str) -> None:
    """
    Check for a host and one of `schemes`; the error never repeats an address, which may
    carry a password.

    Raises:
        InvalidValue: `url` is no such address; names it by `name` and gives `example`.
    """
    from urllib.parse import urlsplit  # 2 ms, and few hosts give an address

    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        raise InvalidValue(
            f"{name} is no {' or '.join(schemes)} address.", hint=f"write it like {example}"
        )


def absolute(paths: Iterable[str], base: str = "") -> tuple[str, ...]:
    """Give paths from `base`, or from the directory of the process; `~` is the home directory."""
    expanded = (os.path.expanduser(path) for path in paths)  # noqa: PTH111 - Path's raises
    return tuple(
        os.path.abspath(os.path.join(base, path))  # noqa: PTH100, PTH118 - names, not look-ups
        for path in expanded
    )
