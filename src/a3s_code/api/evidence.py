"""
What can be shown for a run of a session: the statement that `session.evidence()` gives.

`SessionEvidence` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING

from a3s_code.checks import check_text

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.harness.verification.evidence import RunEvidence


class SessionEvidence(ABC):
    """Gives `AsyncSession` the evidence of its runs."""

    __slots__ = ()

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    async def evidence(self, run_id: str | None = None) -> RunEvidence:
        """
        Say what can be shown for a run: what was asked, what changed, which checks the harness
        ran on which files and whether those are the files of now, what is uncertain, and which
        log it can be checked against.

        The files of now are taken for it. The same statement is made of a stored session by
        `a3s-code evidence RUN`.

        Args:
            run_id: None for the last run, and for what was checked where there is none.

        Returns:
            `verdict` is `passed` only when the checks of the run hold for the files of now.

        Raises:
            InvalidValue: there is no such run.
            StoreError: it could not be recorded, or the store cannot be read.
            SessionClosed: the session was closed.

        Source:
            DESIGN 1, "nothing is claimed without proof".
        """
        from a3s_code.api.evidence_live import evidence_now

        if run_id is not None:
            check_text("run_id", run_id)
        engine = await self._awake()
        return await engine.aside(partial(evidence_now, engine, run_id))
