"""Where the context of a session comes from: the one list of its sources."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a3s_code.api.code_intelligence import CodeIntelligence
    from a3s_code.api.run import Behaviour
    from a3s_code.harness.context import ContextSources
    from a3s_code.kernel.space import Space


def context_sources(space: Space) -> ContextSources:
    """Give the sources of a session that wakes."""
    from a3s_code.harness.context import ContextSources
    from a3s_code.harness.root_instructions import agents_file

    return ContextSources(standing=(agents_file(space.files),))


def with_code(behaviour: Behaviour, code: CodeIntelligence) -> Behaviour:
    """Add the map of the repository and diagnostics, as far as the session has them."""
    context, provider, companion = behaviour.context, code.provider(), code.companion()
    context = replace(
        context,
        providers=(*context.providers, *([provider] if provider is not None else ())),
        companions=(*context.companions, *([companion] if companion is not None else ())),
    )
    return replace(behaviour, context=context)
