"""What a scenario of the crash kit works with, in each of its processes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from a3s_code.api.agent import AsyncAgent
from a3s_code.api.session import AsyncSession
from a3s_code.errors import SessionNotFound
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing.crash_store import CrashingStore, CrashTally, InDoubt


@dataclass(frozen=True, slots=True)
class CrashStage:
    """
    Attributes:
        store: Kills the process at the point that is tried.
        workspace: A directory that exists; empty in the first process of a life.
        config: Configuration text in which the scripted server is the only provider.
        base_url: Of that server.
    """

    store: CrashingStore
    workspace: Path
    session_id: str
    config: str
    base_url: str
    tally: CrashTally

    async def session(
        self,
        agent: AsyncAgent,
        **options: Any,  # noqa: ANN401 - names and types of SessionOptions
    ) -> AsyncSession:
        """
        Go on with the session if the store has it, and begin it otherwise.

        What it then says to be in doubt goes into the report.

        Raises:
            As `AsyncAgent.resume_session` and `AsyncAgent.session`, but SessionNotFound.
        """
        options = {"session_store": self.store, **options}
        try:
            session = await agent.resume_session(self.session_id, **options)
        except SessionNotFound:
            return agent.session(self.workspace, session_id=self.session_id, **options)
        await self._note_doubts(session)
        return session

    async def _note_doubts(self, session: AsyncSession) -> None:
        ask = cast("Callable[[], object] | None", getattr(session, "in_doubt", None))
        if ask is None:
            return
        rows = ask()
        if inspect.isawaitable(rows):
            rows = await rows
        self.doubt(str(row["call_id"]) for row in cast("Iterable[Mapping[str, object]]", rows))

    def doubt(self, call_ids: Iterable[str]) -> None:
        """Say which effects the session that goes on reports as in doubt."""
        self.tally.tell(InDoubt(tuple(call_ids)))

    @staticmethod
    def run_of(session: AsyncSession, prompt: str) -> JsonObject | None:
        """Give the snapshot of the last run of `prompt` that ended with an answer."""
        done = (
            run
            for run in reversed(session.runs())
            if run["prompt"] == prompt and run["status"] == "completed"
        )
        return next(done, None)
