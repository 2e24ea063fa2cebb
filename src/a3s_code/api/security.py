"""The security provider among the options of a session: which one, and what a resume keeps."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.ports import SecurityProvider

DEFAULT, CUSTOM = "default", "custom"


def provider_of(given: Mapping[str, Any]) -> SecurityProvider | None:
    """
    Give the provider that options ask for; `security_provider` goes before `default_security`.

    Raises:
        InvalidType: what it is called by is no function.
    """
    provider: SecurityProvider | None = given.get("security_provider")
    if provider is None:
        return _default() if given.get("default_security") else None
    for name in ("sanitize_output", "taint_input", "wipe", "register_hooks", "teardown"):
        method = getattr(provider, name, None)
        if method is None and name != "sanitize_output":
            continue
        if not callable(method):
            raise InvalidType(f"security_provider.{name} is a {type(method).__name__}.")
        if inspect.iscoroutinefunction(method):
            hint = "make it a plain function; it is called from any thread"
            raise InvalidType(f"security_provider.{name} is async.", hint=hint)
    if isinstance(provider, type):
        hint = f"give {provider.__name__}()"
        raise InvalidType("security_provider is a class, not an object of it.", hint=hint)
    return provider


def _default() -> SecurityProvider:
    from a3s_code.harness.security.provider import DefaultSecurityProvider  # compiles shapes, 20 ms

    return DefaultSecurityProvider()


def kind_of(provider: SecurityProvider | None) -> str:
    """Give what the log keeps of a provider."""
    if provider is None:
        return ""
    from a3s_code.harness.security.provider import DefaultSecurityProvider

    is_plain = type(provider) is DefaultSecurityProvider and not provider.finder.custom
    return DEFAULT if is_plain else CUSTOM


def kept_provider(given: SecurityProvider | None, kept: str) -> SecurityProvider | None:
    """
    Give the provider of a session that goes on, which is never less than it had.

    Raises:
        InvalidValue: it had one of its own, which has to be given again.
    """
    if given is not None or not kept:
        return given
    if kept == DEFAULT:
        return _default()
    raise InvalidValue(
        "This session had a security_provider of its own, and none was given now.",
        hint="give it again, or another one, or default_security=True",
    )
