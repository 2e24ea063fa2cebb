"""How the secrets of a session are kept from its log, its tools and its errors."""

from __future__ import annotations

import os

from a3s_code.harness.redaction.values import Values
from a3s_code.harness.security.environment import secrets_of
from a3s_code.harness.security.provider import SecurityProvider
from a3s_code.harness.security.session import SessionSecurity, session_security
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import Log
from a3s_code.kernel.screen import Screen


def secure(
    log: Log,
    provider: SecurityProvider | None,
    shared: Values,
    *,
    is_fresh: bool = True,
) -> SessionSecurity | None:
    """
    Build what keeps the secrets of a session, and put it before its log.

    Args:
        shared: The secrets of the configuration.
        is_fresh: It does not begin with the conversation of another session.
    """
    more = secrets_of(os.environ) if provider is not None else ()
    security = session_security(provider, shared, more, is_fresh=is_fresh and not log.records)
    if security is not None:
        log.screen = Screen(security.redactor, security.clears)
    return security


def protected(executor: Executor, security: SessionSecurity | None) -> Executor:
    """Have the calls of an executor keep the secrets of its session."""
    if security is not None:
        executor.redactor, executor.guard = security.outside, security.guard
    return executor
