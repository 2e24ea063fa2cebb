"""
The options that name sources of context.

Source:
    A3S Code README 0.9, `with_fs_context` and `with_context_provider`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from a3s_code.checks import checked_path
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.context import ContextProvider
from a3s_code.kernel.retrieval import WorkspaceProvider

GivenProvider: TypeAlias = ContextProvider | WorkspaceProvider

_HINT = "see docs/retrieval.md for what a provider is"


def fs_context_of(given: Mapping[str, Any]) -> str | None:
    """Give the directory whose files are context; empty for none, None when nothing was said."""
    said = given.get("fs_context")
    if isinstance(said, bool):
        return "." if said else ""
    return None if said is None else checked_path("fs_context", said)


def providers_of(given: Mapping[str, Any]) -> tuple[GivenProvider, ...]:
    """Give the providers of the option, which `check_providers` has looked at."""
    said: object = given.get("context_provider")
    if said is None:
        return ()
    several = isinstance(said, list | tuple)
    return tuple(cast("Sequence[GivenProvider]", said if several else (said,)))


def check_providers(said: object) -> None:
    """
    Refuse what is neither a provider nor a list of providers with names of their own.

    Raises:
        InvalidType, InvalidValue: says which is wrong, and how.
    """
    several = isinstance(said, list | tuple)
    each = cast("Sequence[object]", said) if several else (said,)
    names = [
        _checked_name(f"context_provider[{at}]" if several else "context_provider", provider)
        for at, provider in enumerate(each)
    ]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidValue(
            f"Two providers of context are named {twice!r}.", hint="give one another name"
        )


def _checked_name(what: str, provider: object) -> str:
    if isinstance(provider, type):
        raise InvalidType(
            f"{what} is the class {provider.__name__}, not a provider.", hint="make one of it"
        )
    asked = ("query", "within")
    if not any(callable(getattr(provider, method, None)) for method in asked):
        raise InvalidType(f"{what} is a {type(provider).__name__} without query.", hint=_HINT)
    name: object = getattr(provider, "name", None)
    if not isinstance(name, str) or not name.strip():
        raise InvalidType(f"{what} is a {type(provider).__name__} without a name.", hint=_HINT)
    return name
