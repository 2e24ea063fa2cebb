"""How the secrets of a session are kept from its log, its tools and its errors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from a3s_code.api.settings import Settings
from a3s_code.harness.redaction.values import Values
from a3s_code.harness.security.environment import secrets_of, values_of
from a3s_code.harness.security.session import SessionSecurity, session_security
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import Log
from a3s_code.kernel.ports import SecurityProvider
from a3s_code.kernel.sandbox_config import SandboxConfig
from a3s_code.kernel.screen import Screen


def secure(
    log: Log,
    provider: SecurityProvider | None,
    shared: Values,
    given: Iterable[tuple[str, str]] = (),
    *,
    is_fresh: bool = True,
) -> SessionSecurity | None:
    """
    Build what keeps the secrets of a session, and put it before its log.

    Args:
        shared: The secrets of the configuration.
        given: Names and values of the session's own.
        is_fresh: It does not begin with the conversation of another session.
    """
    more = [*given]
    if provider is not None:
        more += secrets_of(os.environ)
    security = session_security(provider, shared, more, is_fresh=is_fresh and not log.records)
    if security is not None:
        log.screen = Screen(security.redactor, security.clears)
    return security


def secrets_given(settings: Settings) -> Iterator[tuple[str, str]]:
    """Give names and values of the variables that the options of a session set for commands."""
    yield from values_of(settings.command_env)
    if isinstance(settings.safety.elsewhere, SandboxConfig):
        yield from values_of(settings.safety.elsewhere.env)


def protected(executor: Executor, security: SessionSecurity | None) -> Executor:
    """Have the calls of an executor keep the secrets of its session."""
    if security is not None:
        executor.redactor, executor.guard = security.redactor, security.guard
    return executor
