"""
What kinds of values options take: the border where a wrong one is refused.

None is not looked at: it means that an option was not given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

from a3s_code.api.budgeting import check_guard
from a3s_code.api.code_options import check_diagnostics, check_map_tokens
from a3s_code.api.command_env import check_command_env
from a3s_code.api.context_options import check_providers
from a3s_code.api.options import InlineSkill
from a3s_code.api.planning_options import check_planner
from a3s_code.delegation.agents import AutoDelegationConfig, WorkerAgentSpec
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.budgets.tenant import TenantBudget
from a3s_code.harness.confirm import ConfirmationPolicy
from a3s_code.harness.hooks.command import HookCommand
from a3s_code.harness.intent.styles import check_style
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.harness.prompt import SystemPromptSlots
from a3s_code.harness.tool_search import ToolIndex
from a3s_code.kernel.artifacts import ArtifactStoreLimits
from a3s_code.kernel.budget import Budget
from a3s_code.kernel.retention import SessionRetentionLimits
from a3s_code.lanes.queue import SessionQueueConfig

_BOOLS = (
    "auto_compact",
    "auto_parallel",
    "auto_save",
    "builtin_skills",
    "continuation_enabled",
    "default_security",
    "enforce_active_skill_tool_restrictions",
    "goal_tracking",
    "manual_delegation_enabled",
    "permissive",
    "planning",
    "repository_map",
    "snapshots",
)
_LEAST = {
    "budget_guard_timeout_ms": 1,
    "circuit_breaker_threshold": 1,
    "duplicate_tool_call_threshold": 2,
    "llm_api_timeout_ms": 1,
    "max_context_tokens": 1,
    "max_continuation_turns": 0,
    "max_execution_time_ms": 1,
    "max_parallel_tasks": 1,
    "max_parse_retries": 0,
    "max_tool_rounds": 1,
    "repository_map_tokens": 64,
    "thinking_budget": 1,
    "tool_timeout_ms": 1,
}
"""Whole numbers, and the least of each that is accepted."""

_LISTS: dict[str, tuple[type, ...]] = {
    "agent_dirs": (str, os.PathLike),
    "hook_commands": (HookCommand,),
    "inline_skills": (InlineSkill,),
    "skill_dirs": (str, os.PathLike),
    "worker_agents": (WorkerAgentSpec,),
}
"""Options that are lists, and what may be in them."""

_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_BOOLS, (bool,)),
    **dict.fromkeys(_LEAST, (int,)),
    **dict.fromkeys(_LISTS, (list, tuple)),
    **dict.fromkeys(("auto_compact_threshold", "temperature"), (int, float)),
    **dict.fromkeys(
        (
            "agent_style",
            "agent_template_id",
            "correlation_id",
            "extra",
            "guidelines",
            "model",
            "permission_mode",
            "planning_mode",
            "principal",
            "response_style",
            "role",
            "session_id",
            "tenant_id",
        ),
        (str,),
    ),
    **dict.fromkeys(
        ("file_memory", "file_session_store", "memory_dir", "skills_from_dir"),
        (str, os.PathLike),
    ),
    "artifact_store_limits": (ArtifactStoreLimits,),
    "auto_delegation": (AutoDelegationConfig,),
    "budget": (Budget,),
    "command_env": (Mapping,),
    "fs_context": (bool, str, os.PathLike),
    "confirmation_policy": (ConfirmationPolicy,),
    "diagnostics": (bool, list, tuple),
    "permission_policy": (PermissionPolicy,),
    "prompt_slots": (SystemPromptSlots,),
    "queue_config": (SessionQueueConfig,),
    "tenant_budget": (TenantBudget,),
    "tool_index": (ToolIndex,),
    "tools": (list, tuple),
}

_FOREIGN = {
    "skill_registry": ("register", "unregister", "get", "search", "all", "layers"),
    "session_store": (
        "append",
        "barrier",
        "load",
        "release",
        "sessions",
        "delete",
        "put_blob",
        "get_blob",
        "close",
    ),
    "llm_client": ("ref", "context_window", "reply"),
    "memory_store": (
        "durability",
        "store",
        "flush",
        "retrieve",
        "search",
        "search_by_tags",
        "get_recent",
        "get_important",
        "record_access",
        "delete",
        "clear",
        "count",
        "prune",
        "close",
    ),
    "hook_engine": ("fire",),
    "security_provider": ("sanitize_output",),
}
"""Options that take objects of the caller's own, and what these must have."""

MAX_TEMPERATURE = 2


def check(given: Mapping[str, Any]) -> None:
    """
    Refuse values of a wrong kind, or outside what is accepted.

    Args:
        given: Options by their newest names.

    Raises:
        InvalidType, InvalidValue: names the option, and what it takes.
    """
    for name, value in given.items():
        if value is None:
            continue
        kinds = _KINDS.get(name)
        if kinds is not None and not _is(value, kinds):
            raise _wrong(name, value, kinds)
        if name in _LEAST and value < _LEAST[name]:
            raise InvalidValue(f"{name} is {value}.", hint=f"give at least {_LEAST[name]}")
        if name in _LISTS:
            _check_items(name, value)
        if name in _FOREIGN:
            check_foreign(name, value)
        if name in _ALONE:
            _ALONE[name](value)


def _is(value: object, kinds: tuple[type, ...]) -> bool:
    """Say whether a value is of one of these kinds; True and False are no numbers."""
    return isinstance(value, kinds) and (type(value) is not bool or bool in kinds)


def _check_items(name: str, items: list[object] | tuple[object, ...]) -> None:
    for at, item in enumerate(items):
        if not _is(item, _LISTS[name]):
            raise _wrong(f"{name}[{at}]", item, _LISTS[name])
    if name == "worker_agents":
        for worker in cast("tuple[WorkerAgentSpec, ...]", items):
            worker.validate()


def check_foreign(name: str, value: object) -> None:
    """
    Refuse an object of the caller's own that lacks something of its port.

    Args:
        name: The option that takes such objects.

    Raises:
        InvalidType: says what is missing, or that a class was given where one of it is meant.
    """
    if isinstance(value, type):
        raise InvalidType(
            f"{name} is the class {value.__name__}, not one that was made of it.",
            hint=f"give {value.__name__}(...)",
        )
    absent = [method for method in _FOREIGN[name] if not hasattr(value, method)]
    if absent:
        raise InvalidType(
            f"{name} is a {type(value).__name__} without {', '.join(absent)}.",
            hint="see docs/extension-points.md for its port",
        )


def _check_temperature(value: float) -> None:
    if not 0 <= value <= MAX_TEMPERATURE:
        hint = f"give a number from 0 to {MAX_TEMPERATURE}"
        raise InvalidValue(f"temperature is {value}.", hint=hint)


def _check_threshold(value: float) -> None:
    if not 0 < value <= 1:
        hint = "give a share of the window, such as 0.8"
        raise InvalidValue(f"auto_compact_threshold is {value}.", hint=hint)


def _check_confirmer(given: object) -> None:
    if not callable(getattr(given, "approve", given)):
        raise InvalidType(
            f"confirmation_manager is a {type(given).__name__} without approve, and no function.",
            hint="give an Approver, or a function of (action, ask); see docs/extension-points.md",
        )


def _check_slots(slots: SystemPromptSlots) -> None:
    for field in slots.__struct_fields__:
        text: object = getattr(slots, field)
        if text is not None and not isinstance(text, str):
            raise _wrong(f"prompt_slots.{field}", text, (str,))


_ALONE = {
    "agent_style": check_style,
    "auto_compact_threshold": _check_threshold,
    "budget_guard": check_guard,
    "command_env": check_command_env,
    "confirmation_manager": _check_confirmer,
    "context_provider": check_providers,
    "confirmation_policy": ConfirmationPolicy.validate,
    "diagnostics": check_diagnostics,
    "planner": check_planner,
    "prompt_slots": _check_slots,
    "queue_config": SessionQueueConfig.validate,
    "repository_map_tokens": check_map_tokens,
    "retention_limits": SessionRetentionLimits.of,
    "temperature": _check_temperature,
}
"""Options with a check of their own."""


def _wrong(name: str, value: object, kinds: tuple[type, ...]) -> InvalidType:
    wanted = " or ".join(kind.__name__ for kind in kinds)
    return InvalidType(f"{name} is a {type(value).__name__}, not {wanted}.")
