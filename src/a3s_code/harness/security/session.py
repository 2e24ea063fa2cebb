"""What keeps the secrets of one session: built when it wakes, gone with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from a3s_code.harness.redaction.finder import Finder, label_of
from a3s_code.harness.redaction.placeholders import Placeholders
from a3s_code.harness.redaction.values import Values
from a3s_code.harness.security.guard import SecretsGuard
from a3s_code.harness.security.provider import DefaultSecurityProvider
from a3s_code.harness.security.redactor import FoundRedactor, ProvidedRedactor
from a3s_code.kernel.ports import Guard, Redactor, SecurityProvider


@dataclass(frozen=True, slots=True)
class SessionSecurity:
    """
    Attributes:
        redactor: For all that is recorded, and what tools bring.
        provider: What the session was given; None when only known values are redacted.
        clears: Says that `redactor` would change nothing of an event, by what msgspec writes
            for it as JSON; None where only `redactor` can say.
    """

    redactor: Redactor
    guard: Guard
    provider: SecurityProvider | None
    clears: Callable[[bytes], bool] | None = None


def session_security(
    provider: SecurityProvider | None,
    shared: Values,
    more: Sequence[tuple[str, str]] = (),
    *,
    is_fresh: bool,
) -> SessionSecurity | None:
    """
    Put together what keeps the secrets of a session; None when there is nothing to keep.

    Args:
        shared: Secrets of the harness itself, the same for all sessions of an agent.
        more: Names and values of others, which only this session has.
        is_fresh: The conversation of the session begins now.
    """
    if provider is None and not shared and not more:
        return None
    labels = shared.labels if provider is None and not more else None
    placeholders = Placeholders(is_fresh=is_fresh, labels=labels)
    redactor: Redactor
    clears: Callable[[bytes], bool] | None = None
    if isinstance(provider, DefaultSecurityProvider):
        own = provider.finder
        values = (own.values, shared, values_of(more, but=shared))
        finder = Finder(values, by_shape=own.by_shape, custom=own.custom)
        redactor = FoundRedactor(finder, placeholders)
        guard = SecretsGuard(
            placeholders,
            finder,
            values,
            tracks=provider.enable_taint_tracking,
            asks=provider.on_leak == "ask",
            advises=provider.enable_injection_detection,
        )
    else:
        values = (shared, values_of(more, but=shared)) if more else (shared,)
        finder = Finder(values, by_shape=False)
        redactor = FoundRedactor(finder, placeholders)
        clears = redactor.clears if provider is None else None
        guard = SecretsGuard(placeholders, finder, values)
    if provider is not None and not is_default(provider):
        redactor = ProvidedRedactor(provider, redactor)
    return SessionSecurity(redactor, guard, provider, clears)


def values_of(given: Iterable[tuple[str, str]], *, but: Values | None = None) -> Values:
    """Give what to look for by its value, by names and values; `but` is looked for already."""
    values = Values()
    for name, value in given:
        if but is None or value not in but:
            values.add(value, label_of(name))
    return values


def is_default(provider: SecurityProvider) -> bool:
    """Say that a provider redacts as ours does, so that we can do it in its place."""
    ours = DefaultSecurityProvider.sanitize_output
    return isinstance(provider, DefaultSecurityProvider) and type(provider).sanitize_output is ours
