"""What keeps the secrets of one session: built when it wakes, gone with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from a3s_code.harness.redaction.finder import Finder, label_of
from a3s_code.harness.redaction.placeholders import Placeholders
from a3s_code.harness.redaction.values import Values
from a3s_code.harness.security.guard import SecretsGuard
from a3s_code.harness.security.provider import DefaultSecurityProvider, SecurityProvider
from a3s_code.harness.security.redactor import FoundRedactor, ProvidedRedactor
from a3s_code.kernel.ports import Guard, Redactor


@dataclass(frozen=True, slots=True)
class SessionSecurity:
    """
    Attributes:
        redactor: For all that is recorded, and what tools bring.
        provider: What the session was given; None when only known values are redacted.
    """

    redactor: Redactor
    guard: Guard
    provider: SecurityProvider | None


def session_security(
    provider: SecurityProvider | None, known: Iterable[tuple[str, str]], *, is_fresh: bool
) -> SessionSecurity | None:
    """
    Put together what keeps the secrets of a session; None when there is nothing to keep.

    Args:
        known: Names and values of secrets that the harness was given.
        is_fresh: The conversation of the session begins now.
    """
    values, given = Values(), tuple(known)
    for name, value in given:
        values.add(value, label_of(name))
    if provider is None and not values:
        return None
    labels = frozenset(label_of(name) for name, _ in given) if provider is None else None
    placeholders = Placeholders(is_fresh=is_fresh, labels=labels)
    redactor: Redactor
    if isinstance(provider, DefaultSecurityProvider):
        own = provider.finder
        finder = Finder((own.values, values), by_shape=own.by_shape, custom=own.custom)
        redactor = FoundRedactor(finder, placeholders)
        guard = SecretsGuard(
            placeholders,
            (own.values, values),
            tracks=provider.enable_taint_tracking,
            asks=provider.on_leak == "ask",
            advises=provider.enable_injection_detection,
        )
    else:
        redactor = FoundRedactor(Finder((values,), by_shape=False), placeholders)
        guard = SecretsGuard(placeholders, (values,))
    if provider is not None and not is_default(provider):
        redactor = ProvidedRedactor(provider, redactor)
    return SessionSecurity(redactor, guard, provider)


def is_default(provider: SecurityProvider) -> bool:
    """Say that a provider redacts as ours does, so that we can do it in its place."""
    ours = DefaultSecurityProvider.sanitize_output
    return isinstance(provider, DefaultSecurityProvider) and type(provider).sanitize_output is ours
