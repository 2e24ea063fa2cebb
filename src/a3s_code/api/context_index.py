"""
The indexes of a session's providers, brought up to date when the host wants it.

`ContextIndex` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine


class ContextIndex(ABC):
    """Gives `AsyncSession` its `refresh_context`."""

    __slots__ = ()

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    async def refresh_context(self) -> int:
        """
        Index what is new or changed in the workspace, without the deadline of a run.

        It waits for the run that is active. Providers do the same before each run; after this
        they have little left to do.

        Returns:
            How many parts were new to the indexes of the session's providers.

        Raises:
            ModelRefused, ModelUnavailable: the embedding server failed; what was done is kept.
            PathRefused, OSError: what is indexed is no directory of the workspace any more.
            SessionClosed: the session was closed.
            StoreError: what its store knows of it cannot be read, or this could not be kept.
        """
        from a3s_code.kernel.retrieval import IndexedProvider

        engine = await self._awake()
        providers = engine.behaviour.context.providers
        indexed = [each for each in providers if isinstance(each, IndexedProvider)]

        async def refresh() -> int:
            try:
                return sum([await each.refresh() for each in indexed])
            finally:
                await engine.log.barrier()

        return await engine.in_turn(refresh)
