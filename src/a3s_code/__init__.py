"""
A3S Code: an embeddable coding-agent harness.

    from a3s_code import Agent

    agent = Agent.create("agent.acl")
    session = agent.session("/my-project")
    print(session.send("What files handle authentication?").text)

The model reasons; the harness decides what it sees, what it may do, and how it is proved.
Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from a3s_code.api.agent import AsyncAgent as AsyncAgent
    from a3s_code.api.costs import CostSummary as CostSummary
    from a3s_code.api.costs import LlmCostRecord as LlmCostRecord
    from a3s_code.api.costs import aggregate_cost_records as aggregate_cost_records
    from a3s_code.api.event import AgentEvent as AgentEvent
    from a3s_code.api.event import EventType as EventType
    from a3s_code.api.export import Exported as Exported
    from a3s_code.api.export import export_run as export_run
    from a3s_code.api.options import SessionOptions as SessionOptions
    from a3s_code.api.policy_files import load_policy as load_policy
    from a3s_code.api.prompt_queue import QueuedRun as QueuedRun
    from a3s_code.api.receipt_view import ContextReceipt as ContextReceipt
    from a3s_code.api.replay import Replay as Replay
    from a3s_code.api.replay import replay as replay
    from a3s_code.api.result import AgentResult as AgentResult
    from a3s_code.api.result import ToolResult as ToolResult
    from a3s_code.api.session import AsyncSession as AsyncSession
    from a3s_code.api.stream import EventStream as EventStream
    from a3s_code.api.sync import Agent as Agent
    from a3s_code.api.sync import Session as Session
    from a3s_code.api.sync import TeamRunner as TeamRunner
    from a3s_code.api.sync import Workflow as Workflow
    from a3s_code.api.sync import WorkflowBuilder as WorkflowBuilder
    from a3s_code.capabilities.ahp import AhpEventContext as AhpEventContext
    from a3s_code.capabilities.ahp import AhpEventType as AhpEventType
    from a3s_code.capabilities.ahp import Fact as Fact
    from a3s_code.capabilities.ahp import HttpTransport as HttpTransport
    from a3s_code.capabilities.ahp import IdleDecision as IdleDecision
    from a3s_code.capabilities.ahp import IntentDetectionDecision as IntentDetectionDecision
    from a3s_code.capabilities.ahp import IntentDetectionEvent as IntentDetectionEvent
    from a3s_code.capabilities.ahp import MemorySummary as MemorySummary
    from a3s_code.capabilities.ahp import SessionStats as SessionStats
    from a3s_code.capabilities.ahp import StdioTransport as StdioTransport
    from a3s_code.capabilities.ahp import TargetHints as TargetHints
    from a3s_code.capabilities.ahp import UnixSocketTransport as UnixSocketTransport
    from a3s_code.capabilities.ahp import WebSocketTransport as WebSocketTransport
    from a3s_code.capabilities.commands import CommandContext as CommandContext
    from a3s_code.capabilities.commands import CommandOutput as CommandOutput
    from a3s_code.capabilities.commands import CommandRegistry as CommandRegistry
    from a3s_code.capabilities.commands import SlashCommand as SlashCommand
    from a3s_code.capabilities.function_tool import function_tool as function_tool
    from a3s_code.capabilities.retrieval.file_context import (
        FileSystemContextProvider as FileSystemContextProvider,
    )
    from a3s_code.capabilities.retrieval.in_memory_vectors import (
        InMemoryVectorStore as InMemoryVectorStore,
    )
    from a3s_code.capabilities.retrieval.vector_context import (
        VectorContextProvider as VectorContextProvider,
    )
    from a3s_code.capabilities.skills.builtin import SkillInfo as SkillInfo
    from a3s_code.capabilities.skills.builtin import builtin_skills as builtin_skills
    from a3s_code.capabilities.skills.registry import SkillRegistry as SkillRegistry
    from a3s_code.capabilities.skills.scorer import DefaultSkillScorer as DefaultSkillScorer
    from a3s_code.capabilities.skills.scorer import SkillFeedback as SkillFeedback
    from a3s_code.capabilities.skills.scorer import SkillScorer as SkillScorer
    from a3s_code.capabilities.skills.skill import Skill as Skill
    from a3s_code.capabilities.skills.validator import (
        DefaultSkillValidator as DefaultSkillValidator,
    )
    from a3s_code.capabilities.skills.validator import SkillValidator as SkillValidator
    from a3s_code.capabilities.web_search import BrowserBackend as BrowserBackend
    from a3s_code.capabilities.web_search import HeadlessConfig as HeadlessConfig
    from a3s_code.capabilities.web_search import SearchConfig as SearchConfig
    from a3s_code.capabilities.web_search import SearchEngineConfig as SearchEngineConfig
    from a3s_code.capabilities.web_search import SearchHealthConfig as SearchHealthConfig
    from a3s_code.capabilities.web_search import WebSearchParams as WebSearchParams
    from a3s_code.delegation.agents import AgentDefinition as AgentDefinition
    from a3s_code.delegation.agents import AutoDelegationConfig as AutoDelegationConfig
    from a3s_code.delegation.agents import WorkerAgentSpec as WorkerAgentSpec
    from a3s_code.delegation.step_executor import AgentExecutor as AgentExecutor
    from a3s_code.delegation.steps import AgentStepSpec as AgentStepSpec
    from a3s_code.delegation.steps import StepOutcome as StepOutcome
    from a3s_code.delegation.team import Team as Team
    from a3s_code.delegation.team import TeamConfig as TeamConfig
    from a3s_code.delegation.team_board import TeamEvidence as TeamEvidence
    from a3s_code.delegation.team_board import TeamTask as TeamTask
    from a3s_code.delegation.team_board import TeamTaskBoard as TeamTaskBoard
    from a3s_code.delegation.team_mail import TeamMessage as TeamMessage
    from a3s_code.delegation.team_mail import TeamReceiver as TeamReceiver
    from a3s_code.delegation.team_result import TeamResult as TeamResult
    from a3s_code.delegation.team_runner import AsyncTeamRunner as AsyncTeamRunner
    from a3s_code.delegation.workflow import AsyncWorkflow as AsyncWorkflow
    from a3s_code.delegation.workflow import AsyncWorkflowBuilder as AsyncWorkflowBuilder
    from a3s_code.delegation.workflow_budget import BudgetSnapshot as BudgetSnapshot
    from a3s_code.delegation.workflow_budget import WorkflowBudget as WorkflowBudget
    from a3s_code.delegation.workflow_checkpoints import WorkflowCheckpoint as WorkflowCheckpoint
    from a3s_code.delegation.workflow_checkpoints import (
        delete_workflow_checkpoint as delete_workflow_checkpoint,
    )
    from a3s_code.delegation.workflow_checkpoints import (
        load_workflow_checkpoint as load_workflow_checkpoint,
    )
    from a3s_code.delegation.workflow_checkpoints import (
        save_workflow_checkpoint as save_workflow_checkpoint,
    )
    from a3s_code.delegation.workflow_events import PhaseEnd as PhaseEnd
    from a3s_code.delegation.workflow_events import PhaseStart as PhaseStart
    from a3s_code.delegation.workflow_events import (
        WorkflowBudgetExhausted as WorkflowBudgetExhausted,
    )
    from a3s_code.delegation.workflow_events import WorkflowEvent as WorkflowEvent
    from a3s_code.delegation.workflow_events import WorkflowLog as WorkflowLog
    from a3s_code.errors import A3SError as A3SError
    from a3s_code.errors import BudgetExhausted as BudgetExhausted
    from a3s_code.errors import BundleError as BundleError
    from a3s_code.errors import CapabilityMissing as CapabilityMissing
    from a3s_code.errors import ConfigError as ConfigError
    from a3s_code.errors import ContextOverflow as ContextOverflow
    from a3s_code.errors import HookBlocked as HookBlocked
    from a3s_code.errors import InvalidType as InvalidType
    from a3s_code.errors import InvalidValue as InvalidValue
    from a3s_code.errors import LimitReached as LimitReached
    from a3s_code.errors import MemoryUnavailable as MemoryUnavailable
    from a3s_code.errors import ModelError as ModelError
    from a3s_code.errors import ModelRefused as ModelRefused
    from a3s_code.errors import ModelUnavailable as ModelUnavailable
    from a3s_code.errors import ObjectInvalid as ObjectInvalid
    from a3s_code.errors import RunCancelled as RunCancelled
    from a3s_code.errors import RunError as RunError
    from a3s_code.errors import SandboxUnavailable as SandboxUnavailable
    from a3s_code.errors import SessionClosed as SessionClosed
    from a3s_code.errors import SessionInUse as SessionInUse
    from a3s_code.errors import SessionNotFound as SessionNotFound
    from a3s_code.errors import SessionTakenOver as SessionTakenOver
    from a3s_code.errors import SkillRefused as SkillRefused
    from a3s_code.errors import StoreError as StoreError
    from a3s_code.errors import TasksMissing as TasksMissing
    from a3s_code.errors import ToolFailed as ToolFailed
    from a3s_code.errors import UnknownModel as UnknownModel
    from a3s_code.errors import UsageError as UsageError
    from a3s_code.errors import WorkspaceError as WorkspaceError
    from a3s_code.harness.budgets.tenant import TenantBudget as TenantBudget
    from a3s_code.harness.budgets.usage import BudgetUsage as BudgetUsage
    from a3s_code.harness.confirm import ConfirmationPolicy as ConfirmationPolicy
    from a3s_code.harness.hooks.command import HookCommand as HookCommand
    from a3s_code.harness.hooks.engine import HookEngine as HookEngine
    from a3s_code.harness.planning.plan import Goal as Goal
    from a3s_code.harness.planning.plan import Plan as Plan
    from a3s_code.harness.planning.planner import LlmPlanner as LlmPlanner
    from a3s_code.harness.planning.planner import Planner as Planner
    from a3s_code.harness.planning.planner import PlanRequest as PlanRequest
    from a3s_code.harness.policy import PermissionPolicy as PermissionPolicy
    from a3s_code.harness.prompt import SystemPromptSlots as SystemPromptSlots
    from a3s_code.harness.security.provider import (
        DefaultSecurityProvider as DefaultSecurityProvider,
    )
    from a3s_code.harness.tool_search import ToolIndex as ToolIndex
    from a3s_code.harness.tool_search import ToolMatch as ToolMatch
    from a3s_code.harness.tool_search import ToolSearchConfig as ToolSearchConfig
    from a3s_code.harness.verification.commands import CheckCommand as CheckCommand
    from a3s_code.harness.verification.evidence import RunEvidence as RunEvidence
    from a3s_code.harness.verification.required import Verification as Verification
    from a3s_code.harness.verification.summary import (
        format_verification_summary as format_verification_summary,
    )
    from a3s_code.kernel.artifacts import ArtifactStoreLimits as ArtifactStoreLimits
    from a3s_code.kernel.bash_sandbox import BashSandbox as BashSandbox
    from a3s_code.kernel.bash_sandbox import SandboxOutput as SandboxOutput
    from a3s_code.kernel.budget import Budget as Budget
    from a3s_code.kernel.budget import BudgetGuard as BudgetGuard
    from a3s_code.kernel.confinement import SandboxLimits as SandboxLimits
    from a3s_code.kernel.confinement import SandboxNetwork as SandboxNetwork
    from a3s_code.kernel.confinement import SandboxPolicy as SandboxPolicy
    from a3s_code.kernel.confinement import SandboxReads as SandboxReads
    from a3s_code.kernel.context import ContextItem as ContextItem
    from a3s_code.kernel.context import ContextProvider as ContextProvider
    from a3s_code.kernel.context import ContextQuery as ContextQuery
    from a3s_code.kernel.events import SessionId as SessionId
    from a3s_code.kernel.memory import MemoryItem as MemoryItem
    from a3s_code.kernel.memory import MemoryStore as MemoryStore
    from a3s_code.kernel.messages import Attachment as Attachment
    from a3s_code.kernel.messages import Message as Message
    from a3s_code.kernel.messages import Text as Text
    from a3s_code.kernel.messages import Usage as Usage
    from a3s_code.kernel.ports import Action as Action
    from a3s_code.kernel.ports import Allow as Allow
    from a3s_code.kernel.ports import Approver as Approver
    from a3s_code.kernel.ports import Ask as Ask
    from a3s_code.kernel.ports import Deny as Deny
    from a3s_code.kernel.ports import HookExecutor as HookExecutor
    from a3s_code.kernel.ports import Model as Model
    from a3s_code.kernel.ports import ModelRequest as ModelRequest
    from a3s_code.kernel.ports import Reply as Reply
    from a3s_code.kernel.ports import ReplyListener as ReplyListener
    from a3s_code.kernel.ports import SecurityProvider as SecurityProvider
    from a3s_code.kernel.records import Dropped as Dropped
    from a3s_code.kernel.records import Record as Record
    from a3s_code.kernel.retention import SessionRetentionLimits as SessionRetentionLimits
    from a3s_code.kernel.retrieval import EmbeddingProvider as EmbeddingProvider
    from a3s_code.kernel.retrieval import VectorEntry as VectorEntry
    from a3s_code.kernel.retrieval import VectorHit as VectorHit
    from a3s_code.kernel.retrieval import VectorStore as VectorStore
    from a3s_code.kernel.sandbox_config import SandboxConfig as SandboxConfig
    from a3s_code.kernel.store import Store as Store
    from a3s_code.kernel.tasks import Task as Task
    from a3s_code.kernel.tool import Effect as Effect
    from a3s_code.kernel.tool import Evidence as Evidence
    from a3s_code.kernel.tool import Observation as Observation
    from a3s_code.kernel.tool import Tool as Tool
    from a3s_code.kernel.tool import ToolContext as ToolContext
    from a3s_code.kernel.tool import tool as tool
    from a3s_code.lanes.queue import SessionQueueConfig as SessionQueueConfig
    from a3s_code.llm.embeddings import OpenAiEmbeddingProvider as OpenAiEmbeddingProvider
    from a3s_code.persistence.memories.file_store import FileMemoryStore as FileMemoryStore
    from a3s_code.persistence.memories.in_process import InMemoryStore as InMemoryStore
    from a3s_code.persistence.memory import MemorySessionStore as MemorySessionStore
    from a3s_code.persistence.sqlite import FileSessionStore as FileSessionStore
    from a3s_code.workspace.backend import LocalWorkspaceBackend as LocalWorkspaceBackend
    from a3s_code.workspace.remote_git import RemoteGitBackendConfig as RemoteGitBackendConfig
    from a3s_code.workspace.s3 import S3WorkspaceBackend as S3WorkspaceBackend

_HOMES = {
    "api.agent": ("AsyncAgent",),
    "api.costs": ("CostSummary", "LlmCostRecord", "aggregate_cost_records"),
    "api.event": ("AgentEvent", "EventType"),
    "api.export": ("Exported", "export_run"),
    "api.options": ("SessionOptions",),
    "api.policy_files": ("load_policy",),
    "api.replay": ("Replay", "replay"),
    "api.receipt_view": ("ContextReceipt",),
    "api.prompt_queue": ("QueuedRun",),
    "api.result": ("AgentResult", "ToolResult"),
    "api.session": ("AsyncSession",),
    "api.stream": ("EventStream",),
    "api.sync": ("Agent", "Session", "TeamRunner", "Workflow", "WorkflowBuilder"),
    "capabilities.ahp": (
        "AhpEventContext",
        "AhpEventType",
        "Fact",
        "HttpTransport",
        "IdleDecision",
        "IntentDetectionDecision",
        "IntentDetectionEvent",
        "MemorySummary",
        "SessionStats",
        "StdioTransport",
        "TargetHints",
        "UnixSocketTransport",
        "WebSocketTransport",
    ),
    "capabilities.commands": (
        "CommandContext",
        "CommandOutput",
        "CommandRegistry",
        "SlashCommand",
    ),
    "capabilities.function_tool": ("function_tool",),
    "capabilities.retrieval.file_context": ("FileSystemContextProvider",),
    "capabilities.retrieval.in_memory_vectors": ("InMemoryVectorStore",),
    "capabilities.retrieval.vector_context": ("VectorContextProvider",),
    "capabilities.skills.builtin": ("SkillInfo", "builtin_skills"),
    "capabilities.skills.registry": ("SkillRegistry",),
    "capabilities.skills.scorer": ("DefaultSkillScorer", "SkillFeedback", "SkillScorer"),
    "capabilities.skills.skill": ("Skill",),
    "capabilities.skills.validator": ("DefaultSkillValidator", "SkillValidator"),
    "capabilities.web_search": (
        "BrowserBackend",
        "HeadlessConfig",
        "SearchConfig",
        "SearchEngineConfig",
        "SearchHealthConfig",
        "WebSearchParams",
    ),
    "delegation.agents": ("AgentDefinition", "AutoDelegationConfig", "WorkerAgentSpec"),
    "delegation.step_executor": ("AgentExecutor",),
    "delegation.steps": ("AgentStepSpec", "StepOutcome"),
    "delegation.workflow": ("AsyncWorkflow", "AsyncWorkflowBuilder"),
    "delegation.workflow_budget": ("BudgetSnapshot", "WorkflowBudget"),
    "delegation.workflow_checkpoints": (
        "WorkflowCheckpoint",
        "delete_workflow_checkpoint",
        "load_workflow_checkpoint",
        "save_workflow_checkpoint",
    ),
    "delegation.workflow_events": (
        "WorkflowBudgetExhausted",
        "WorkflowLog",
        "PhaseEnd",
        "PhaseStart",
        "WorkflowEvent",
    ),
    "delegation.team": ("Team", "TeamConfig"),
    "delegation.team_board": ("TeamEvidence", "TeamTask", "TeamTaskBoard"),
    "delegation.team_mail": ("TeamMessage", "TeamReceiver"),
    "delegation.team_result": ("TeamResult",),
    "delegation.team_runner": ("AsyncTeamRunner",),
    "errors": (
        "A3SError",
        "BudgetExhausted",
        "BundleError",
        "CapabilityMissing",
        "ConfigError",
        "ContextOverflow",
        "HookBlocked",
        "InvalidType",
        "InvalidValue",
        "LimitReached",
        "MemoryUnavailable",
        "ModelError",
        "ModelRefused",
        "ModelUnavailable",
        "ObjectInvalid",
        "RunCancelled",
        "RunError",
        "SandboxUnavailable",
        "SessionClosed",
        "SessionInUse",
        "SessionNotFound",
        "SessionTakenOver",
        "SkillRefused",
        "StoreError",
        "TasksMissing",
        "ToolFailed",
        "UnknownModel",
        "UsageError",
        "WorkspaceError",
    ),
    "harness.budgets.tenant": ("TenantBudget",),
    "harness.budgets.usage": ("BudgetUsage",),
    "harness.confirm": ("ConfirmationPolicy",),
    "harness.hooks.command": ("HookCommand",),
    "harness.hooks.engine": ("HookEngine",),
    "harness.planning.plan": ("Goal", "Plan"),
    "harness.planning.planner": ("LlmPlanner", "PlanRequest", "Planner"),
    "harness.policy": ("PermissionPolicy",),
    "harness.prompt": ("SystemPromptSlots",),
    "harness.security.provider": ("DefaultSecurityProvider",),
    "harness.tool_search": ("ToolIndex", "ToolMatch", "ToolSearchConfig"),
    "harness.verification.commands": ("CheckCommand",),
    "harness.verification.evidence": ("RunEvidence",),
    "harness.verification.required": ("Verification",),
    "harness.verification.summary": ("format_verification_summary",),
    "kernel.artifacts": ("ArtifactStoreLimits",),
    "kernel.bash_sandbox": ("BashSandbox", "SandboxOutput"),
    "kernel.budget": ("Budget", "BudgetGuard"),
    "kernel.confinement": (
        "SandboxLimits",
        "SandboxNetwork",
        "SandboxPolicy",
        "SandboxReads",
    ),
    "kernel.context": ("ContextItem", "ContextProvider", "ContextQuery"),
    "kernel.events": ("SessionId",),
    "kernel.memory": ("MemoryItem", "MemoryStore"),
    "kernel.messages": ("Attachment", "Message", "Text", "Usage"),
    "kernel.ports": (
        "Action",
        "Allow",
        "Approver",
        "Ask",
        "Deny",
        "HookExecutor",
        "Model",
        "ModelRequest",
        "Reply",
        "ReplyListener",
        "SecurityProvider",
    ),
    "kernel.records": ("Dropped", "Record"),
    "kernel.retention": ("SessionRetentionLimits",),
    "kernel.retrieval": ("EmbeddingProvider", "VectorEntry", "VectorHit", "VectorStore"),
    "kernel.sandbox_config": ("SandboxConfig",),
    "kernel.store": ("Store",),
    "kernel.tasks": ("Task",),
    "kernel.tool": ("Effect", "Evidence", "Observation", "Tool", "ToolContext", "tool"),
    "lanes.queue": ("SessionQueueConfig",),
    "llm.embeddings": ("OpenAiEmbeddingProvider",),
    "persistence.memories.file_store": ("FileMemoryStore",),
    "persistence.memories.in_process": ("InMemoryStore",),
    "persistence.memory": ("MemorySessionStore",),
    "persistence.sqlite": ("FileSessionStore",),
    "workspace.backend": ("LocalWorkspaceBackend",),
    "workspace.remote_git": ("RemoteGitBackendConfig",),
    "workspace.s3": ("S3WorkspaceBackend",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll] - the names above, once
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'a3s_code' has no attribute {name!r}")
    value = getattr(import_module(f"a3s_code.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
