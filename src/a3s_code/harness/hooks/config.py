"""How a hook is asked: when, for how long, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.hooks.event_names import GATING, nearest

MAX_TIMEOUT_MS = 600_000
MAX_RETRIES = 100

_CAMEL = {
    "asyncExecution": "async_execution",
    "maxRetries": "max_retries",
    "timeoutMs": "timeout_ms",
}


class HookConfig(msgspec.Struct, frozen=True):
    """
    How a hook is asked; its defaults are those of SPEC 7.

    Attributes:
        priority: Lower ones are asked first. 1 is meant for security, 2 to 9 for what is
            critical, 10 to 49 for what is usual, and 50 and more for the rest.
        timeout_ms: For one question; what is late counts as failed.
        async_execution: Ask in the background and wait for no answer. Not for events that a
            hook gates, where nothing may go on without one.
        max_retries: How often it may ask to be asked once more about one event.
    """

    priority: int = 100
    timeout_ms: int = 30_000
    async_execution: bool = False
    max_retries: int = 0


_KINDS: dict[str, type] = {
    "priority": int,
    "timeout_ms": int,
    "async_execution": bool,
    "max_retries": int,
}


def config_of(given: object, event: str) -> HookConfig:
    """
    Check a configuration: None, an object of its names, or a `HookConfig`.

    Raises:
        InvalidType: it is something else, or a value is of a wrong kind.
        InvalidValue: there is no such name, or a value is outside what is accepted.
    """
    if given is None:
        return _USUAL
    if isinstance(given, HookConfig):
        given = msgspec.to_builtins(given)
    if not isinstance(given, Mapping):
        raise InvalidType(
            f"The config of a hook is a {type(given).__name__}.",
            hint=f"give an object of {', '.join(_KINDS)}",
        )
    pairs = cast("Mapping[object, object]", given).items()
    named = {_checked_name(name): value for name, value in pairs if value is not None}
    for name, value in named.items():
        if type(value) is not _KINDS[name]:
            kind = _KINDS[name].__name__
            raise InvalidType(f"{name} of a hook is a {type(value).__name__}, not {kind}.")
    return _within_bounds(msgspec.convert(named, HookConfig), event)


def _checked_name(given: object) -> str:
    name = _CAMEL.get(str(given), str(given))
    if name not in _KINDS:
        hint = nearest(str(given), frozenset(_KINDS))
        raise InvalidValue(f"The config of a hook has no {given!r}.", hint=hint)
    return name


def _within_bounds(config: HookConfig, event: str) -> HookConfig:
    if not 1 <= config.timeout_ms <= MAX_TIMEOUT_MS:
        raise InvalidValue(
            f"timeout_ms of a hook is {config.timeout_ms}.", hint=f"give 1 to {MAX_TIMEOUT_MS}"
        )
    if not 0 <= config.max_retries <= MAX_RETRIES:
        raise InvalidValue(
            f"max_retries of a hook is {config.max_retries}.", hint=f"give 0 to {MAX_RETRIES}"
        )
    if config.async_execution and event in GATING:
        raise InvalidValue(
            f"A hook of {event} decides, so nobody can go on without its answer.",
            hint="leave async_execution out, or hook an event that comes after",
        )
    return config


_USUAL = HookConfig()
