"""How the secrets of a session are kept from its log, its tools and its errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from a3s_code.harness.security.environment import secrets_of
from a3s_code.harness.security.provider import SecurityProvider
from a3s_code.harness.security.session import SessionSecurity, session_security
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import Log
from a3s_code.kernel.screen import Screen

if TYPE_CHECKING:
    from a3s_code.config.schema import Config

MIN_KEY_CHARS = 8
"""A shorter key of a configuration is a sample."""


def secure(log: Log, provider: SecurityProvider | None, config: Config) -> SessionSecurity | None:
    """Build what keeps the secrets of a session, and put it before its log."""
    known = [*_keys(config)]
    if provider is not None:
        known += secrets_of(os.environ)
    security = session_security(provider, known, is_fresh=not log.records)
    if security is not None:
        log.screen = Screen(security.redactor)
    return security


def protected(executor: Executor, security: SessionSecurity | None) -> Executor:
    """Have the calls of an executor keep the secrets of its session."""
    if security is not None:
        executor.redactor, executor.guard = security.outside, security.guard
    return executor


def _keys(config: Config) -> Iterator[tuple[str, str]]:
    """Give the keys and headers of all providers, under the names that become their labels."""
    for provider in config.providers:
        for owner in (provider, *provider.models):
            secrets = [
                ("API_KEY", owner.api_key),
                *(("HEADER", it) for it in owner.headers.values()),
            ]
            for name, secret in secrets:
                text = secret.reveal() if secret is not None else ""
                if len(text) >= MIN_KEY_CHARS:
                    yield name, text
