"""What a scenario of the crash kit works with, in each of its processes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a3s_code.api.agent import AsyncAgent
from a3s_code.api.session import AsyncSession
from a3s_code.errors import SessionNotFound
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.fold import fold
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.state import SessionState
from a3s_code.testing.crash_store import CrashingStore, CrashTally, Differs, InDoubt


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

        What it then says to be in doubt goes into the report, and it is compared with the
        fold of its log.

        Raises:
            As `AsyncAgent.resume_session` and `AsyncAgent.session`, but SessionNotFound.
        """
        options = {"session_store": self.store, **options}
        try:
            session = await agent.resume_session(self.session_id, **options)
        except SessionNotFound:
            return agent.session(self.workspace, session_id=self.session_id, **options)
        self.doubt(str(row["call_id"]) for row in session.in_doubt())
        await self.compare(session)
        return session

    async def compare(self, session: AsyncSession) -> None:
        """
        Compare what a session is with the fold of what the store has of it.

        What differs goes into the report. Nothing may run in the session meanwhile.

        Raises:
            StoreError: it cannot be read.
        """
        log = session._log()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - all of the state
        stored = fold(await self.store.look(SessionId(session.session_id)))
        live = _facts(log.state) if log is not None else {}
        differs = (name for name, fact in _facts(stored).items() if live.get(name) != fact)
        self.tally.tell(Differs(session.session_id, tuple(differs)))

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


def _facts(state: SessionState) -> dict[str, object]:
    """Give all that a state says, but what its keeper is still to let go of."""
    names = (name for name in state.__slots__ if name not in {"conversation", "released"})
    facts = {name: getattr(state, name) for name in names}
    return {**facts, "conversation": state.conversation.messages}
