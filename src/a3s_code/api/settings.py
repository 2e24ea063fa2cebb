"""
What the options of a session mean: flat names folded into small frozen records.

Synonyms of older documents are resolved here, values are checked here, and names whose
feature this build does not have are found here: they are announced and have no effect
(DESIGN 6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from a3s_code.api.agent_sources import NO_AGENTS, AgentSources, agents_of
from a3s_code.api.budgeting import NO_TERMS, BudgetTerms, terms_of
from a3s_code.api.code_options import NO_CODE, CodeOptions, code_options
from a3s_code.api.command_env import CommandEnv, command_env_of
from a3s_code.api.context_options import GivenProvider, fs_context_of, providers_of
from a3s_code.api.delegation_options import (
    NO_DELEGATION,
    DelegationOptions,
    delegation_options,
)
from a3s_code.api.elsewhere import sandbox_of
from a3s_code.api.memory_choice import NO_CHOICE, MemoryChoice
from a3s_code.api.option_types import check
from a3s_code.api.options import SessionOptions
from a3s_code.api.planning_options import NO_PLANNING, PlanningOptions, planning_options
from a3s_code.api.security import provider_of
from a3s_code.api.skill_sources import NO_SOURCES, SkillSources, sources_of
from a3s_code.errors import InvalidValue
from a3s_code.harness.confirm import ConfirmationPolicy, Confirmations, Confirmer
from a3s_code.harness.hooks.command import HookCommand
from a3s_code.harness.hooks.registry import HookRegistry
from a3s_code.harness.modes import Mode, mode_of
from a3s_code.harness.policy import CompiledPolicy, PermissionPolicy
from a3s_code.harness.prompt import SystemPromptSlots
from a3s_code.harness.tool_search import ToolIndex
from a3s_code.harness.verification.required import Verification, verification_of
from a3s_code.kernel.artifacts import ArtifactStoreLimits
from a3s_code.kernel.bash_sandbox import Elsewhere
from a3s_code.kernel.confinement import SandboxPolicy
from a3s_code.kernel.context import Origin
from a3s_code.kernel.messages import JsonObject, Message
from a3s_code.kernel.ports import Approver, HookExecutor, Model, SecurityProvider
from a3s_code.kernel.records import ArtifactStored, ParentLog
from a3s_code.kernel.retention import SessionRetentionLimits
from a3s_code.kernel.state import OpenEffect
from a3s_code.kernel.store import Store
from a3s_code.kernel.tool import Tool

if TYPE_CHECKING:  # loaded by hosts that make one
    from a3s_code.capabilities.skills.registry import SkillRegistry
    from a3s_code.harness.planning.planner import GivenPlanner

CONTINUATIONS = 3
"""How often an unfinished answer is asked to go on, unless something else is said."""

_SYNONYMS = {
    "circuit_breaker": "circuit_breaker_threshold",
    "parse_retries": "max_parse_retries",
    "tool_timeout": "tool_timeout_ms",
    "permission_checker": "permission_policy",
    "context_threshold": "auto_compact_threshold",
}

_TO_COME = frozenset(
    {
        "ahp_executor",
        "ahp_transport",
        "host_env",
        "queue_config",
        "remote_git",
        "retry_config",
        "search_config",
    }
)


_STORAGE = frozenset(
    {
        "artifact_store_limits",
        "auto_save",
        "file_session_store",
        "retention_limits",
        "session_store",
        "snapshots",
        "workspace_backend",
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
    max_parallel_tasks: int | None = None


class Sampling(msgspec.Struct, frozen=True):
    temperature: float | None = None
    thinking_budget: int | None = None


class Compaction(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    When room is made in a conversation; None = only on demand, 0.8, and the model's own window.

    Attributes:
        threshold: Share of the window, over 0 and up to 1.
        max_tokens: The window, where it is to be smaller than the model's.
    """

    auto: bool | None = None
    threshold: float | None = None
    max_tokens: int | None = None


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """Labels of the embedding product; recorded with the session, never sent to a model."""

    tenant_id: str | None = None
    principal: str | None = None
    agent_template_id: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Safety:
    """
    Attributes:
        policy: None for the default policy.
        approver: None when the host gave nobody who can be asked.
        confirmations: None when nothing was said of how questions are put.
        hooks, hook_commands: What is asked about the events of the session besides the hooks
            that are registered on it.
        sandbox: What was asked for; None for the default level.
        elsewhere: Where command lines run instead of on this machine's own system.
        never_permissive: `permissive=False` was said, and not just left alone; a resumed
            session then does not go on allowing everything.
        mode: None when none was given, which is `default`.
        security: None when only secrets that the harness was given are redacted.
    """

    policy: CompiledPolicy | None = None
    approver: Approver | None = None
    confirmations: Confirmations | None = None
    sandbox: SandboxPolicy | None = None
    elsewhere: Elsewhere | None = None
    never_permissive: bool = False
    mode: Mode | None = None
    hooks: HookExecutor | None = None
    hook_commands: tuple[HookCommand, ...] = ()
    security: SecurityProvider | None = None


@dataclass(frozen=True, slots=True)
class Storage:
    """
    Attributes:
        directory: Where sessions are kept when there is no `store`; None = the agent's.
        snapshots: The workspace is taken before commands and at the end of runs, where the
            store has a directory for it.
        retention: None = all is kept.
    """

    store: Store | None = None
    directory: str | Path | None = None
    auto_save: bool = False
    snapshots: bool = True
    artifacts: ArtifactStoreLimits | None = None
    retention: SessionRetentionLimits | None = None
    backend: Any = None


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Attributes:
        tool_index: By which some of the tools are found; None = all are shown.
        missing: Names of options that are accepted and have no effect in this build.
        fs_context: The directory whose files are context; empty for none, None when nothing was
            said of it.
        providers: What is asked for context besides it.
        command_env: Added to the environment of commands; its values are secrets, for whoever
            redacts to know by value.
        skills: Where its skills come from, beside the host's `skill_registry`.
        role_origin: Whose words the role of `slots` is; None = the option says it.
        agent_style: `auto`, or the name of a style.
        verification: What has to pass before a run that changed files is done; None = nothing.
        agents: Whom it can delegate to beside the built-in agents, and which one it is itself.
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
    tool_index: ToolIndex | None
    missing: tuple[str, ...]
    command_env: CommandEnv = field(repr=False)
    compaction: Compaction = field(default_factory=Compaction)
    skills: SkillSources = NO_SOURCES
    skill_registry: SkillRegistry | None = None
    fs_context: str | None = None
    providers: tuple[GivenProvider, ...] = ()
    code: CodeOptions = NO_CODE
    memory: MemoryChoice = NO_CHOICE
    planning: PlanningOptions = NO_PLANNING
    planner: GivenPlanner | None = None
    delegation: DelegationOptions = NO_DELEGATION
    role_origin: Origin | None = None
    agent_style: str | None = None
    verification: Verification | None = None
    budgets: BudgetTerms = NO_TERMS
    agents: AgentSources = NO_AGENTS


@dataclass(frozen=True, slots=True)
class Parting:
    """
    What a fork begins with.

    Attributes:
        history: The conversation there; every call in it has a result.
        in_doubt: Effects of which nobody can tell whether they came about.
        artifacts: Complete outputs that the conversation names, each with its content.
        tasks: Rows of the list of tasks there.
    """

    parent: ParentLog
    history: tuple[Message, ...]
    in_doubt: tuple[OpenEffect, ...]
    artifacts: tuple[tuple[ArtifactStored, bytes], ...]
    tasks: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """
    All that a session is until it is first used.

    Attributes:
        is_new: Its id was made for it, so no store can know it.
        parting: Where it parts from another session; None for one of its own.
        hooks: Those of the session, which inherit from those that its options name.
    """

    session_id: str
    workspace: str
    model: str
    settings: Settings
    is_new: bool = False
    parting: Parting | None = None
    hooks: HookRegistry = field(default_factory=HookRegistry, compare=False)


_NO_LIMITS, _NO_SAMPLING, _NO_IDENTITY = Limits(), Sampling(), Identity()
_NO_COMPACTION = Compaction()
_NO_SLOTS, _NO_SAFETY, _NO_STORAGE = SystemPromptSlots(), Safety(), Storage()


def fold(options: SessionOptions) -> Settings:
    """
    Give meaning to options.

    Raises:
        InvalidValue, InvalidType: a value is not accepted; says which and what is.
    """
    given = _renamed(options.given())
    check(given)
    return Settings(
        model=given.get("model"),
        llm_client=given.get("llm_client"),
        sampling=_sampling(given),
        limits=_limits(given),
        slots=_slots(given),
        safety=_safety(given),
        storage=_storage(given),
        identity=_identity(given),
        tools=tuple(given.get("tools", ())),
        tool_index=given.get("tool_index"),
        missing=_missing(given),
        command_env=command_env_of(given.get("command_env")),
        compaction=_compaction(given),
        skills=sources_of(given),
        skill_registry=given.get("skill_registry"),
        fs_context=fs_context_of(given),
        providers=providers_of(given),
        code=code_options(given),
        memory=MemoryChoice.of(given),
        agent_style=given.get("agent_style"),
        planning=planning_options(given),
        planner=given.get("planner"),
        delegation=delegation_options(given),
        verification=_verification(given),
        budgets=terms_of(given),
        agents=agents_of(given),
    )


def _verification(given: dict[str, Any]) -> Verification | None:
    return verification_of(given["verification"]) if "verification" in given else None


def _renamed(options: dict[str, Any]) -> dict[str, Any]:
    """Give what was given, None left out, by its newest names; these win over older ones."""
    given = {name: value for name, value in options.items() if value is not None}
    for old, name in _SYNONYMS.items():
        if old in given:
            value = given.pop(old)
            given.setdefault(name, value)
    return given


def _missing(given: dict[str, Any]) -> tuple[str, ...]:
    names = [name for name in given if name in _TO_COME and given[name] is not False]
    return tuple(sorted(names))


def _sampling(given: dict[str, Any]) -> Sampling:
    if "temperature" not in given and "thinking_budget" not in given:
        return _NO_SAMPLING
    temperature = given.get("temperature")
    heat = None if temperature is None else float(temperature)
    return Sampling(heat, given.get("thinking_budget"))


def _limits(given: dict[str, Any]) -> Limits:
    limits = Limits(
        max_tool_rounds=given.get("max_tool_rounds"),
        max_parse_retries=given.get("max_parse_retries"),
        duplicate_threshold=given.get("duplicate_tool_call_threshold"),
        max_execution_ms=given.get("max_execution_time_ms"),
        tool_timeout_ms=given.get("tool_timeout_ms"),
        llm_timeout_ms=given.get("llm_api_timeout_ms"),
        breaker_threshold=given.get("circuit_breaker_threshold"),
        continuations=_continuations(given),
        max_parallel_tasks=given.get("max_parallel_tasks"),
    )
    return _NO_LIMITS if limits == _NO_LIMITS else limits


def _compaction(given: dict[str, Any]) -> Compaction:
    auto, threshold = given.get("auto_compact"), given.get("auto_compact_threshold")
    most = given.get("max_context_tokens")
    if auto is None and threshold is None and most is None:
        return _NO_COMPACTION
    return Compaction(auto, None if threshold is None else float(threshold), most)


def _continuations(given: dict[str, Any]) -> int | None:
    match given.get("continuation_enabled"):
        case None:
            return given.get("max_continuation_turns")
        case False:
            return 0
        case _:
            return given.get("max_continuation_turns", CONTINUATIONS)


def _slots(given: dict[str, Any]) -> SystemPromptSlots:
    base = given.get("prompt_slots", _NO_SLOTS)
    flat = {name: given[name] for name in SystemPromptSlots.__struct_fields__ if name in given}
    return msgspec.structs.replace(base, **flat) if flat else base


def _safety(given: dict[str, Any]) -> Safety:
    policy: PermissionPolicy | None = given.get("permission_policy")
    approver, permissive = given.get("confirmation_manager"), given.get("permissive")
    if permissive and policy is not None:
        raise InvalidValue(
            "permissive and permission_policy were both set.", hint="choose one of them"
        )
    mode = mode_of(given.get("permission_mode"), permissive)
    if permissive:
        policy = PermissionPolicy.permissive()
    confirmations: ConfirmationPolicy | None = given.get("confirmation_policy")
    asked = given.get("sandbox")
    sandbox, elsewhere = sandbox_of(asked) if asked is not None else (None, None)
    safety = Safety(
        policy.compile() if policy is not None else None,
        _approver(approver) if approver is not None else None,
        confirmations.validate() if confirmations is not None else None,
        sandbox=sandbox,
        elsewhere=elsewhere,
        never_permissive=permissive is False,
        mode=mode,
        hooks=given.get("hook_engine"),
        hook_commands=tuple(given.get("hook_commands", ())),
        security=provider_of(given),
    )
    return _NO_SAFETY if safety == _NO_SAFETY else safety


def _approver(given: Approver | Confirmer) -> Approver:
    from a3s_code.harness.confirmer import approver_of  # loads asyncio

    return approver_of(given)


def _storage(given: dict[str, Any]) -> Storage:
    if not _STORAGE & given.keys():
        return _NO_STORAGE
    retention = given.get("retention_limits")
    return Storage(
        store=given.get("session_store"),
        directory=given.get("file_session_store"),
        auto_save=given.get("auto_save", False),
        snapshots=given.get("snapshots", True),
        artifacts=given.get("artifact_store_limits"),
        retention=SessionRetentionLimits.of(retention) if retention is not None else None,
        backend=given.get("workspace_backend"),
    )


def _identity(given: dict[str, Any]) -> Identity:
    labels = {name: given[name] for name in Identity.__struct_fields__ if given.get(name)}
    return Identity(**labels) if labels else _NO_IDENTITY


def warning(missing: Sequence[str]) -> str | None:
    """Put the names that have no effect into one sentence; None when there are none."""
    if not missing:
        return None
    return f"These settings are accepted and have no effect yet: {', '.join(missing)}."
