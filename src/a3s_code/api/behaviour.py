"""How the runs of a session go about their work, as its options and the configuration have it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from a3s_code.api.context_sources import context_sources
from a3s_code.api.delegation_options import DelegationTerms
from a3s_code.api.planning_options import Planning
from a3s_code.api.settings import CONTINUATIONS, Compaction, Settings
from a3s_code.harness.agents_md.directory import ProjectDocs
from a3s_code.harness.context import ContextSources
from a3s_code.harness.intent.styles import Style, style_named
from a3s_code.harness.prompt import PromptPart, prompt_parts, redacted, system_prompt
from a3s_code.harness.verification.required import Verification
from a3s_code.kernel.context import ContextProvider
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.loop import Limits
from a3s_code.kernel.retention import SessionRetentionLimits

if TYPE_CHECKING:
    from a3s_code.config.schema import Config


@dataclass(frozen=True, slots=True)
class Behaviour:
    """
    Attributes:
        prompt_parts: What `prompt` is made of.
        continuations: How often an unfinished answer is asked to go on; 0 = never.
        missing: Settings without effect, announced in the first run.
        retention: How much is kept of runs that have ended.
        style: In which every run goes about its work; None = as the words of each prompt say.
        verification: What has to pass before a run that changed files is done; None = nothing.
        max_parallel_tasks: Children of one depth, or steps of a plan, that run at once.
        delegating: What is delegated without the host.
    """

    prompt: str
    prompt_parts: tuple[PromptPart, ...]
    context: ContextSources
    limits: Limits
    continuations: int = 3
    temperature: float | None = None
    thinking_budget: int | None = None
    llm_timeout_ms: int | None = None
    missing: tuple[str, ...] = ()
    retention: SessionRetentionLimits = field(default_factory=SessionRetentionLimits)
    compaction: Compaction = field(default_factory=Compaction)
    style: Style | None = None
    planning: Planning = field(default_factory=Planning)
    verification: Verification | None = None
    max_parallel_tasks: int = 8
    delegating: DelegationTerms = field(default_factory=DelegationTerms)


def behaviour_of(
    config: Config,
    settings: Settings,
    executor: Executor,
    providers: tuple[ContextProvider, ...],
) -> Behaviour:
    """Lay the options of a session over the configuration, and that over our defaults."""
    given = settings.limits
    slots = redacted(settings.slots, executor.redactor)
    return Behaviour(
        prompt=system_prompt(slots),
        prompt_parts=prompt_parts(slots, settings.role_origin),
        context=context_sources(
            executor,
            ProjectDocs.of(config.project_doc_fallback_filenames, config.project_doc_max_bytes),
            config.user_instructions_dir,
            providers,
        ),
        limits=_limits(config, settings),
        continuations=_first(given.continuations, CONTINUATIONS),
        temperature=settings.sampling.temperature,
        thinking_budget=settings.sampling.thinking_budget or config.thinking_budget,
        llm_timeout_ms=given.llm_timeout_ms or config.llm_api_timeout_ms,
        missing=settings.missing,
        retention=settings.storage.retention or SessionRetentionLimits(),
        compaction=settings.compaction,
        style=style_named(settings.agent_style) if settings.agent_style else None,
        planning=Planning.of(settings.planning, settings.planner),
        verification=settings.verification,
        max_parallel_tasks=_first(given.max_parallel_tasks, config.max_parallel_tasks),
        delegating=DelegationTerms.of(settings.delegation, config),
    )


def _limits(config: Config, settings: Settings) -> Limits:
    given, ours = settings.limits, Limits()
    return Limits(
        max_tool_rounds=_first(given.max_tool_rounds, config.max_tool_rounds),
        max_parse_retries=_first(given.max_parse_retries, ours.max_parse_retries),
        duplicate_threshold=_first(given.duplicate_threshold, ours.duplicate_threshold),
        max_execution_ms=given.max_execution_ms,
    )


def _first(given: int | None, default: int) -> int:
    return default if given is None else given
