"""A session that goes back to before a run, and one that parts from it there."""

from __future__ import annotations

from pathlib import Path

from a3s_code import AsyncAgent, AsyncSession
from a3s_code.errors import SessionNotFound
from a3s_code.testing import CrashStage
from crash.scenario import ask, was_asked

COPY = "crash-fork"


async def goes_back(stage: CrashStage) -> None:
    """Rewind files and chat; when that was cut off, rewind again."""
    async with AsyncAgent(stage.config) as agent:
        session = await stage.session(agent, permissive=True)
        if not has_gone_back(session):
            await ask(session, "Write the notes.")
            await ask(session, "Build.")
            done = await session.rewind(place_of(session, "Build."))
            assert done["left"] == {}, done
        for doubt in session.in_doubt():
            if doubt["tool"] == "rewind":  # it was done again
                await session.resolve_in_doubt(doubt["call_id"], took_effect=True)
        assert not (stage.workspace / "built.txt").exists()
        assert not was_asked(session, "Build."), "the conversation went back as well"
        await ask(session, "Count one.")
        await stage.compare(session)


def has_gone_back(session: AsyncSession) -> bool:
    """Say that a rewind came to its end: the conversation goes back after the files."""
    began = any(place["run_id"] is None for place in session.checkpoints())
    return began and not was_asked(session, "Build.")


def place_of(session: AsyncSession, prompt: str) -> str:
    """Name the checkpoint before the first run of `prompt`."""
    return next(place["id"] for place in session.checkpoints() if place["label"] == prompt)


async def parts(stage: CrashStage) -> None:
    """Fork before the command; the fork and the session it comes from go their own ways."""
    async with AsyncAgent(stage.config) as agent:
        session = await stage.session(agent, permissive=True)
        for doubt in session.in_doubt():
            is_built = "built.txt" in names(stage.workspace)
            await session.resolve_in_doubt(doubt["call_id"], is_built)
        await ask(session, "Write the notes.")
        await ask(session, "Build.")
        fork = await forked(stage, agent, session)
        assert fork.history()[:2] == session.history()[:2]
        await ask(fork, "Write more.")
        await stage.compare(fork)
        await stage.compare(session)
        assert names(Path(fork.workspace)) == ["more.txt", "notes.txt"]


async def forked(stage: CrashStage, agent: AsyncAgent, session: AsyncSession) -> AsyncSession:
    """Go on with the fork if there is one; a directory that was begun is left alone."""
    try:
        return await agent.resume_session(COPY, session_store=stage.store)
    except SessionNotFound:
        begun = len(list(stage.workspace.parent.glob("fork-*")))
        place = stage.workspace.parent / f"fork-{begun}"
        return await session.fork(place_of(session, "Build."), place, COPY)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())
