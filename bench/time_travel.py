"""What going back costs in a workspace of 20,000 files; rows of `record.py`."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from a3s_code import AsyncAgent, AsyncSession, FileSessionStore
from a3s_code.testing import Scripted, says
from a3s_code.workspace.snapshots import ShadowGit
from measure import Samples, Stopwatch, row

FILES = 20_000
PER_DIRECTORY = 100
CHANGED = 100
TIMES = 9


def _fill(root: Path) -> None:
    """Make a repository of git with `FILES` files, all committed, as users have them."""
    for number in range(FILES):
        path = root / f"d{number // PER_DIRECTORY:03}" / f"f{number:05}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"value = {number}\n" * 20, encoding="utf-8")
    who = ("-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        subprocess.run(["git", *who, *command], cwd=root, check=True)


@row("snapshot of 20,000 files, the first")
async def snapshot_first(directory: Path) -> Samples:
    _fill(directory / "tree")
    for number in range(3):
        shadow = ShadowGit(directory / "tree", directory / f"shadow-{number}")
        watch = Stopwatch()
        await shadow.tree()
        yield watch.lap()


@row("snapshot of 20,000 files, one changed", target=150)
async def snapshot_later(directory: Path) -> Samples:
    _fill(directory / "tree")
    shadow = ShadowGit(directory / "tree", directory / "shadow")
    await shadow.tree()
    for number in range(TIMES):
        (directory / f"tree/d000/f0000{number}.py").write_text("changed", encoding="utf-8")
        watch = Stopwatch()
        await shadow.tree()
        yield watch.lap()


@row("rewind of a command that changed 100 of 20,000 files", target=500)
async def rewind_files(directory: Path) -> Samples:
    _fill(directory / "tree")
    async with _session(directory) as session:
        for number in range(TIMES):
            await session.send("go")
            place = session.checkpoints()[-1]["id"]
            await session.bash(f"for f in d{number:03}/*; do echo changed > $f; done")
            watch = Stopwatch()
            done = await session.rewind(place)
            yield watch.lap()
            if len(done["written"]) != CHANGED:
                raise AssertionError(done)


@asynccontextmanager
async def _session(directory: Path) -> AsyncIterator[AsyncSession]:
    async with AsyncAgent('default_model = "scripted/model"') as agent:
        yield agent.session(
            directory / "tree",
            session_store=FileSessionStore(directory / "store"),
            llm_client=Scripted(default=says("Done.")),
            permissive=True,
        )


ROWS = (snapshot_first, snapshot_later, rewind_files)
