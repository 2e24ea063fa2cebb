"""Where the context of a session comes from: the one list of its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a3s_code.harness.context import ContextSources
    from a3s_code.kernel.space import Space


def context_sources(space: Space) -> ContextSources:
    """Give the sources of a session that wakes."""
    from a3s_code.harness.context import ContextSources
    from a3s_code.harness.root_instructions import agents_file

    return ContextSources(standing=(agents_file(space.files),))
