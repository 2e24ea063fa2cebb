"""
What a session can be told: the flat names of the documents, at the border.

Every name of SPEC 1.9 and of the builder in the A3S Code README is accepted as an
attribute, as a constructor keyword and as a keyword of `agent.session(...)`. What the
names mean is decided in `api/settings.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

import msgspec

from a3s_code.delegation.agents import AutoDelegationConfig, WorkerAgentSpec
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.confirm import ConfirmationPolicy, Confirmer
from a3s_code.harness.hooks.command import HookCommand
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.harness.prompt import SystemPromptSlots
from a3s_code.harness.tool_search import ToolIndex
from a3s_code.harness.verification.required import Verification
from a3s_code.kernel.artifacts import ArtifactStoreLimits
from a3s_code.kernel.bash_sandbox import BashSandbox
from a3s_code.kernel.budget import Budget, BudgetGuard
from a3s_code.kernel.confinement import SandboxPolicy
from a3s_code.kernel.context import ContextProvider
from a3s_code.kernel.memory import MemoryStore
from a3s_code.kernel.ports import Approver, HookExecutor, Model, SecurityProvider
from a3s_code.kernel.retention import SessionRetentionLimits
from a3s_code.kernel.sandbox_config import SandboxConfig
from a3s_code.kernel.store import Store
from a3s_code.kernel.tool import Tool
from a3s_code.lanes.queue import SessionQueueConfig

if TYPE_CHECKING:  # loaded by hosts that make one
    from a3s_code.capabilities.skills.registry import SkillRegistry
    from a3s_code.harness.budgets.tenant import TenantBudget
    from a3s_code.harness.planning.planner import PlanFunction, Planner


class InlineSkill(msgspec.Struct, frozen=True):
    name: str
    kind: str
    content: str


@dataclass_transform(kw_only_default=True)
class _Named:
    """Keyword construction and attributes limited to the annotated names."""

    _names: ClassVar[frozenset[str]]

    def __init_subclass__(cls) -> None:
        cls._names = frozenset(cls.__annotations__)

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - typed by dataclass_transform
        for name, value in values.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - as above
        self.check_name(name)
        super().__setattr__(name, value)

    @classmethod
    def check_name(cls, name: str) -> None:
        """
        Raises:
            InvalidType: there is no option of this name; names the nearest one.
        """
        if name not in cls._names:
            near = difflib.get_close_matches(name, cls._names, n=1)
            raise InvalidType(
                f"A session has no option {name!r}.",
                hint=f"did you mean {near[0]!r}?" if near else "see SessionOptions for the names",
            )

    def given(self) -> dict[str, Any]:
        """Give what was set, by name; options that were left alone are not in it."""
        return dict(vars(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(sorted(vars(self)))})"


class SessionOptions(_Named):
    """
    Options of one session. None leaves the configuration, or our default, in force; in a
    session that goes on, what it was told before.

    Times end in `_ms`. `model` is `provider/model`. Values that are wrong are refused
    when the session is created; a name that does not exist is refused at once.

    Raises:
        InvalidType: there is no such option; names the nearest one.

    Source:
        SPEC 1.9; A3S Code README, "SessionOptions"; the Python SDK README, "Full API".
    """

    # The model
    model: str | None = None
    temperature: float | None = None
    thinking_budget: int | None = None
    llm_api_timeout_ms: int | None = None
    circuit_breaker_threshold: int | None = None
    circuit_breaker: int | None = None
    retry_config: Any = None
    llm_client: Model | None = None

    # What it is told
    role: str | None = None
    guidelines: str | None = None
    response_style: str | None = None
    extra: str | None = None
    prompt_slots: SystemPromptSlots | None = None
    agent_style: str | None = None
    builtin_skills: bool = False
    skill_dirs: Sequence[str | Path] | None = None
    skills_from_dir: str | Path | None = None
    skill_registry: SkillRegistry | None = None
    enforce_active_skill_tool_restrictions: bool = False
    fs_context: bool | str | Path | None = None
    context_provider: ContextProvider | Sequence[ContextProvider] | None = None
    repository_map: bool = False
    repository_map_tokens: int | None = None
    diagnostics: bool | Sequence[str] = False
    memory_store: MemoryStore | None = None
    memory_dir: str | Path | None = None
    file_memory: str | Path | None = None
    auto_compact: bool = False
    auto_compact_threshold: float | None = None
    context_threshold: float | None = None
    max_context_tokens: int | None = None

    # What it may do
    tools: Sequence[Tool | Callable[..., Any]] = ()
    tool_index: ToolIndex | None = None
    permission_policy: PermissionPolicy | None = None
    permission_checker: PermissionPolicy | None = None
    permissive: bool = False
    permission_mode: str | None = None
    confirmation_policy: ConfirmationPolicy | None = None
    confirmation_manager: Approver | Confirmer | None = None
    hook_engine: HookExecutor | None = None
    hook_commands: Sequence[HookCommand] | None = None
    security_provider: SecurityProvider | None = None
    default_security: bool = False
    sandbox: str | SandboxPolicy | SandboxConfig | BashSandbox | None = None
    budget_guard: BudgetGuard | object = None
    budget_guard_timeout_ms: int | None = None
    command_env: Mapping[str, str] | None = None
    verification: str | Verification | Mapping[str, Any] | None = None

    # How far it may go
    max_tool_rounds: int | None = None
    max_parse_retries: int | None = None
    parse_retries: int | None = None
    tool_timeout_ms: int | None = None
    tool_timeout: int | None = None
    duplicate_tool_call_threshold: int | None = None
    continuation_enabled: bool | None = None
    max_continuation_turns: int | None = None
    max_execution_time_ms: int | None = None
    budget: Budget | None = None
    tenant_budget: TenantBudget | None = None

    # Planning and delegation
    planning_mode: str | None = None
    planning: bool | None = None
    goal_tracking: bool = False
    planner: Planner | PlanFunction | None = None
    agent_dirs: Sequence[str | Path] | None = None
    worker_agents: Sequence[WorkerAgentSpec] | None = None
    max_parallel_tasks: int | None = None
    auto_delegation: AutoDelegationConfig | None = None
    auto_parallel: bool | None = None
    manual_delegation_enabled: bool | None = None
    queue_config: SessionQueueConfig | None = None
    search_config: Any = None

    # Where it works and is kept
    workspace_backend: Any = None
    remote_git: Any = None
    session_store: Store | None = None
    file_session_store: str | Path | None = None
    artifact_store_limits: ArtifactStoreLimits | None = None
    retention_limits: SessionRetentionLimits | Mapping[str, Any] | None = None
    auto_save: bool = False
    snapshots: bool = True

    # Who it is
    session_id: str | None = None
    tenant_id: str | None = None
    principal: str | None = None
    agent_template_id: str | None = None
    correlation_id: str | None = None
    host_env: Any = None
    ahp_transport: Any = None
    ahp_executor: Any = None

    inline_skills: tuple[InlineSkill, ...] = ()

    def add_instruction(self, name: str, content: str) -> None:
        """Add a skill by its text, as if it had been loaded; no validator is asked about it."""
        self.inline_skills = (*self.inline_skills, InlineSkill(name, "instruction", content))

    def add_persona(self, name: str, content: str) -> None:
        """Add a persona by its text; the last one takes the place of the role."""
        self.inline_skills = (*self.inline_skills, InlineSkill(name, "persona", content))

    def add_worker_agent(self, worker: WorkerAgentSpec) -> None:
        """
        Make a disposable agent available to `task` under its name.

        Raises:
            InvalidType: it is no `WorkerAgentSpec`.
        """
        if not isinstance(worker, WorkerAgentSpec):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(
                f"A worker is a WorkerAgentSpec, not a {type(worker).__name__}.",
                hint='give WorkerAgentSpec.verifier("checker", "Runs the checks")',
            )
        self.worker_agents = (*(self.worker_agents or ()), worker)

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - as in the base
        if name == "planning_mode" and value is not None:
            value = planning_mode(value)
        super().__setattr__(name, value)


_PLANNING = {
    "auto": "auto",
    **dict.fromkeys(("enabled", "enable", "on", "force", "forced", "true"), "enabled"),
    **dict.fromkeys(("disabled", "disable", "off", "false"), "disabled"),
}


def planning_mode(value: str) -> str:
    """
    Read a planning mode: auto, enabled or disabled, and their synonyms of SPEC 1.9.

    Raises:
        InvalidValue: it is none of them.
    """
    mode = _PLANNING.get(str(value).strip().lower())
    if mode is None:
        raise InvalidValue(
            f"{value!r} is no planning mode.", hint="use 'auto', 'enabled' or 'disabled'"
        )
    return mode


def merged(options: SessionOptions | None, keywords: Mapping[str, Any]) -> SessionOptions:
    """
    Lay keywords over options; None leaves what is there.

    Raises:
        InvalidType: `options` is none, or there is no option of a given name.
    """
    if options is not None and not isinstance(options, SessionOptions):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType(
            f"options is a {type(options).__name__}, not SessionOptions.",
            hint="pass SessionOptions(...) or keywords",
        )
    both = SessionOptions()
    for name in keywords:
        both.check_name(name)
    given = options.given() if options is not None else {}
    for name, value in {**given, **{k: v for k, v in keywords.items() if v is not None}}.items():
        setattr(both, name, value)
    return both
