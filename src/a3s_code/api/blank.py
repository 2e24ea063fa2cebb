"""
What leaves a session besides its log, without secrets: errors; and what its provider is told.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from a3s_code.kernel.ports import SecurityProvider

MAX_CHAIN = 16
"""Errors that are looked at, from one to what it came from."""


def blank(error: BaseException, shown: Callable[[str], str]) -> None:
    """
    Redact the texts of an error and of what it came from, in place.

    They are its arguments and its attributes. What it quotes of local variables is not ours.
    """
    left: list[BaseException | None] = [error]
    seen: set[int] = set()
    while left and len(seen) < MAX_CHAIN:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        _blank(one, shown)
        left += [one.__cause__, one.__context__]


def _blank(error: BaseException, shown: Callable[[str], str]) -> None:
    with suppress(Exception):  # border: attributes of foreign errors may be anything
        error.args = tuple(_text(each, shown) for each in error.args)
        for name, value in vars(error).items():
            if isinstance(value, str):
                setattr(error, name, shown(value))
        notes: list[object] = getattr(error, "__notes__", [])
        notes[:] = [_text(note, shown) for note in notes]


def _text(value: object, shown: Callable[[str], str]) -> object:
    return shown(value) if isinstance(value, str) else value


def taint(provider: SecurityProvider | None, prompt: str) -> None:
    """
    Tell a provider of the caller's own what came in.

    Ours is not told: it takes what it is given for a secret as a whole, and finds those in
    a prompt when it is recorded.
    """
    _tell(provider, "taint_input", prompt)


def tear_down(provider: SecurityProvider | None) -> None:
    """Tell a provider of the caller's own that its last session has ended."""
    _tell(provider, "wipe")
    _tell(provider, "teardown")


def _tell(provider: SecurityProvider | None, name: str, *given: str) -> None:
    """Tell what was said above, but not what is a `DefaultSecurityProvider`'s own."""
    method = getattr(provider, name, None)
    if method is None:
        return
    from a3s_code.harness.security.provider import DefaultSecurityProvider  # compiles shapes

    if getattr(method, "__func__", None) is not getattr(DefaultSecurityProvider, name):
        with suppress(Exception):  # border: foreign code; what it shows is withheld, if anything
            method(*given)
