"""
What the options of a session mean: flat names folded into small frozen records.

Synonyms of older documents are resolved here, values are checked here, and names whose
feature this build does not have are found here: an option that keeps somebody safe is
refused, any other is announced and has no effect (DESIGN 6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from a3s_code.api.options import SessionOptions
from a3s_code.errors import CapabilityMissing, InvalidType, InvalidValue
from a3s_code.harness.confirm import ConfirmationPolicy
from a3s_code.harness.policy import CompiledPolicy, PermissionPolicy
from a3s_code.harness.prompt import SystemPromptSlots
from a3s_code.kernel.artifacts import ArtifactStoreLimits
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.ports import Approver, Model, Store
from a3s_code.kernel.tool import Tool
from a3s_code.lanes.queue import SessionQueueConfig

MAX_TEMPERATURE = 2

_SYNONYMS = {
    "circuit_breaker": "circuit_breaker_threshold",
    "parse_retries": "max_parse_retries",
    "tool_timeout": "tool_timeout_ms",
    "permission_checker": "permission_policy",
    "context_threshold": "auto_compact_threshold",
}

_SAFETY = {
    "confirmation_policy": "confirmations",
    "security_provider": "the security provider",
    "default_security": "the security provider",
    "sandbox": "the sandbox",
    "budget_guard": "budgets",
    "hook_engine": "hooks",
}
"""Options that keep somebody safe, and the feature they need."""

_FOREIGN = {
    "session_store": ("append", "barrier", "load", "sessions", "delete", "put_blob", "get_blob"),
    "llm_client": ("ref", "context_window", "reply"),
    "confirmation_manager": ("approve",),
}
"""Options that take objects of the caller's own, and what these must have."""

_TO_COME = frozenset(
    {
        "ahp_executor",
        "ahp_transport",
        "agent_dirs",
        "auto_compact",
        "auto_compact_threshold",
        "auto_delegation",
        "auto_parallel",
        "budget_guard_timeout_ms",
        "builtin_skills",
        "command_env",
        "context_provider",
        "enforce_active_skill_tool_restrictions",
        "file_memory",
        "fs_context",
        "goal_tracking",
        "host_env",
        "inline_skills",
        "manual_delegation_enabled",
        "max_context_tokens",
        "max_parallel_tasks",
        "memory_dir",
        "memory_store",
        "queue_config",
        "remote_git",
        "retention_limits",
        "retry_config",
        "search_config",
        "skill_dirs",
        "skill_registry",
        "skills_from_dir",
        "worker_agents",
    }
)


class Limits(msgspec.Struct, frozen=True):
    """None = the configuration's value, or our default. Times in milliseconds."""

    max_tool_rounds: int | None = None
    max_parse_retries: int | None = None
    duplicate_threshold: int | None = None
    max_execution_ms: int | None = None
    tool_timeout_ms: int | None = None
    llm_timeout_ms: int | None = None
    breaker_threshold: int | None = None
    continuations: int | None = None


class Sampling(msgspec.Struct, frozen=True):
    temperature: float | None = None
    thinking_budget: int | None = None


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """Labels of the embedding product; recorded with the session, never sent to a model."""

    tenant_id: str | None = None
    principal: str | None = None
    agent_template_id: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Safety:
    """`policy` is None for the default policy; `approver` is None when nobody can be asked."""

    policy: CompiledPolicy | None = None
    approver: Approver | None = None


@dataclass(frozen=True, slots=True)
class Storage:
    """`directory` is where sessions are kept when there is no `store`; None = the agent's."""

    store: Store | None = None
    directory: str | Path | None = None
    auto_save: bool = False
    artifacts: ArtifactStoreLimits | None = None
    backend: Any = None


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Attributes:
        missing: Names of options that are accepted and have no effect in this build.
    """

    model: str | None
    llm_client: Model | None
    sampling: Sampling
    limits: Limits
    slots: SystemPromptSlots
    safety: Safety
    storage: Storage
    identity: Identity
    tools: tuple[Tool | Callable[..., Any], ...]
    missing: tuple[str, ...]

    def recorded(self) -> JsonObject:
        """Give what the first record of the log keeps of them; plain JSON, no secrets."""
        return {
            "sampling": msgspec.to_builtins(self.sampling),
            "limits": msgspec.to_builtins(self.limits),
            "identity": msgspec.to_builtins(self.identity),
        }


@dataclass(frozen=True, slots=True)
class Opening:
    """All that a session is until it is first used."""

    session_id: str
    workspace: str
    model: str
    settings: Settings


_NO_LIMITS, _NO_SAMPLING, _NO_IDENTITY = Limits(), Sampling(), Identity()
_NO_SLOTS, _NO_SAFETY, _NO_STORAGE = SystemPromptSlots(), Safety(), Storage()


def fold(options: SessionOptions) -> Settings:
    """
    Give meaning to options.

    Raises:
        InvalidValue, InvalidType: a value is not accepted; says which and what is.
        CapabilityMissing: an option that keeps somebody safe needs a feature that this
            build does not have.
    """
    given = _without_synonyms(options.given())
    _validate(given)
    _refuse_unsafe(given)
    return Settings(
        model=_checked(given, "model", str),
        llm_client=given.get("llm_client"),
        sampling=_sampling(given),
        limits=_limits(given),
        slots=_slots(given),
        safety=_safety(given),
        storage=_storage(given),
        identity=_identity(given),
        tools=_tools(given),
        missing=_missing(given),
    )


def _without_synonyms(given: dict[str, Any]) -> dict[str, Any]:
    for old, name in _SYNONYMS.items():
        if old in given:
            value = given.pop(old)
            given.setdefault(name, value)
    return given


def _validate(given: dict[str, Any]) -> None:
    """Refuse wrong values of options whose feature may still be to come."""
    for name, kind in (
        ("confirmation_policy", ConfirmationPolicy),
        ("queue_config", SessionQueueConfig),
    ):
        value = _checked(given, name, kind)
        if value is not None:
            value.validate()
    for worker in given.get("worker_agents") or ():
        worker.validate()
    for name, methods in _FOREIGN.items():
        value = given.get(name)
        absent = [method for method in methods if not hasattr(value, method)]
        if value is not None and absent:
            raise InvalidType(
                f"{name} is a {type(value).__name__} without {', '.join(absent)}.",
                hint="see docs/extension-points.md for its port",
            )


def _refuse_unsafe(given: dict[str, Any]) -> None:
    for name, feature in _SAFETY.items():
        if given.get(name) not in (None, False):
            raise CapabilityMissing(
                f"{name} was set, and this build has no {feature.removeprefix('the ')}.",
                hint=f"leave {name} out; permission_policy with ask=['*'] and a "
                "confirmation_manager sees every call of the model",
            )


def _missing(given: dict[str, Any]) -> tuple[str, ...]:
    names = [name for name in given if name in _TO_COME and given[name] not in (None, False)]
    planned = given.get("planning_mode") or {True: "enabled"}.get(given.get("planning", False))
    return tuple(sorted([*names, *(["planning"] if planned == "enabled" else [])]))


def _sampling(given: dict[str, Any]) -> Sampling:
    if "temperature" not in given and "thinking_budget" not in given:
        return _NO_SAMPLING
    temperature = given.get("temperature")
    if temperature is not None and not isinstance(temperature, int | float):
        raise InvalidType(f"temperature is a {type(temperature).__name__}, not a number.")
    if temperature is not None and not 0 <= float(temperature) <= MAX_TEMPERATURE:
        hint = f"give a number from 0 to {MAX_TEMPERATURE}"
        raise InvalidValue(f"temperature is {temperature}.", hint=hint)
    budget = _positive(given, "thinking_budget")
    return Sampling(None if temperature is None else float(temperature), budget)


def _limits(given: dict[str, Any]) -> Limits:
    continuations = _positive(given, "max_continuation_turns", least=0)
    if given.get("continuation_enabled") is False:
        continuations = 0
    limits = Limits(
        max_tool_rounds=_positive(given, "max_tool_rounds"),
        max_parse_retries=_positive(given, "max_parse_retries", least=0),
        duplicate_threshold=_positive(given, "duplicate_tool_call_threshold", least=2),
        max_execution_ms=_positive(given, "max_execution_time_ms"),
        tool_timeout_ms=_positive(given, "tool_timeout_ms"),
        llm_timeout_ms=_positive(given, "llm_api_timeout_ms"),
        breaker_threshold=_positive(given, "circuit_breaker_threshold"),
        continuations=continuations,
    )
    return _NO_LIMITS if limits == _NO_LIMITS else limits


def _slots(given: dict[str, Any]) -> SystemPromptSlots:
    base = given.get("prompt_slots") or _NO_SLOTS
    flat = {
        name: given[name]
        for name in ("role", "guidelines", "response_style", "extra")
        if given.get(name) is not None
    }
    return msgspec.structs.replace(base, **flat) if flat else base


def _safety(given: dict[str, Any]) -> Safety:
    policy = given.get("permission_policy")
    approver = given.get("confirmation_manager")
    if given.get("permissive"):
        if policy is not None:
            raise InvalidValue(
                "permissive and permission_policy were both set.", hint="choose one of them"
            )
        policy = PermissionPolicy(allow=["*"], default_decision="allow")
    if policy is None and approver is None:
        return _NO_SAFETY
    if policy is not None and not isinstance(policy, PermissionPolicy):
        kind = type(policy).__name__
        raise InvalidType(f"permission_policy is a {kind}.", hint="pass a PermissionPolicy")
    return Safety(policy.compile() if policy is not None else None, approver)


def _storage(given: dict[str, Any]) -> Storage:
    names = {"session_store", "file_session_store", "auto_save", "artifact_store_limits"}
    if not (names | {"workspace_backend"}) & given.keys():
        return _NO_STORAGE
    return Storage(
        store=given.get("session_store"),
        directory=given.get("file_session_store"),
        auto_save=bool(given.get("auto_save")),
        artifacts=_checked(given, "artifact_store_limits", ArtifactStoreLimits),
        backend=given.get("workspace_backend"),
    )


def _identity(given: dict[str, Any]) -> Identity:
    labels = {name: given[name] for name in Identity.__struct_fields__ if given.get(name)}
    return Identity(**labels) if labels else _NO_IDENTITY


def _tools(given: dict[str, Any]) -> tuple[Tool | Callable[..., Any], ...]:
    tools = given.get("tools") or ()
    if not isinstance(tools, list | tuple):
        raise InvalidType(f"tools is a {type(tools).__name__}, not a list.")
    return tuple(cast("Sequence[Any]", tools))


def _checked(given: dict[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - checked here
    value = given.get(name)
    if value is not None and not isinstance(value, kind):
        raise InvalidType(f"{name} is a {type(value).__name__}, not {kind.__name__}.")
    return value


def _positive(given: dict[str, Any], name: str, *, least: int = 1) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidType(f"{name} is a {type(value).__name__}, not an int.")
    if value < least:
        raise InvalidValue(f"{name} is {value}.", hint=f"give at least {least}")
    return value


def warning(missing: Sequence[str]) -> str | None:
    """Put the names that have no effect into one sentence; None when there are none."""
    if not missing:
        return None
    return f"These settings are accepted and have no effect yet: {', '.join(missing)}."
