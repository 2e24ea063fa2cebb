"""Where the context of a session comes from: the one list of its sources."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a3s_code.api.code_intelligence import CodeIntelligence
    from a3s_code.harness.agents_md.directory import ProjectDocs
    from a3s_code.harness.context import ContextSources
    from a3s_code.kernel.context import ContextProvider
    from a3s_code.kernel.executor import Executor
    from a3s_code.kernel.space import Space


def context_sources(
    executor: Executor,
    docs: ProjectDocs,
    host_docs: str | None,
    providers: tuple[ContextProvider, ...] = (),
) -> ContextSources:
    """
    Give the sources of a session that wakes.

    Args:
        executor: Of the session: its files, its tools, and the gate that may deny reading.
        host_docs: The directory of the host's own instructions; None = there is none.
        providers: Those that are asked for each run.
    """
    from a3s_code.api.instructions import instructions
    from a3s_code.harness.context import ContextSources
    from a3s_code.kernel.observation import redact

    standing, nested = instructions(executor, docs, host_docs)
    companions = (nested,) if nested is not None else ()
    return ContextSources(
        standing=standing,
        providers=providers,
        companions=companions,
        redact=lambda text: redact(text, executor.redactor),
    )


def sources_in(sources: ContextSources, space: Space | None) -> ContextSources:
    """
    Give the sources as a child has them that works in a copy of the workspace.

    Instructions of directories are read there. What else belongs to calls is about the workspace
    itself, such as diagnostics, and would speak of files that the child has not changed.

    Args:
        space: Of the copy; None when it works in the workspace.
    """
    if space is None or not space.is_apart:
        return sources
    from a3s_code.harness.agents_md.nested import NestedInstructions

    nested = (each for each in sources.companions if isinstance(each, NestedInstructions))
    return replace(sources, companions=tuple(each.reading(space.files) for each in nested))


def with_code(sources: ContextSources, code: CodeIntelligence) -> ContextSources:
    """Add the map of the repository and diagnostics, as far as the session has them."""
    provider, companion = code.provider(), code.companion()
    return replace(
        sources,
        providers=(*sources.providers, *([provider] if provider is not None else ())),
        companions=(*sources.companions, *([companion] if companion is not None else ())),
    )
