"""
Add a golden bundle, `tests/golden/<version>/run.a3s`; one that is there is never written again.

It is a run that wrote a file, ran a command and edited the file, in a workspace whose path is
that of no machine. A new format of bundles, or a new version of the project, needs a new one.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from a3s_code import AsyncAgent, FileSessionStore, __version__, export_run  # noqa: E402
from a3s_code.api.run_record import blobs_of  # noqa: E402
from a3s_code.api.trees import shadow_directory  # noqa: E402
from a3s_code.kernel.events import SessionId  # noqa: E402
from a3s_code.kernel.records import RunStarted  # noqa: E402
from a3s_code.persistence.codec import decode, encode  # noqa: E402
from a3s_code.testing import Script, ScriptedServer, calls, says  # noqa: E402
from golden.form import GOLDEN  # noqa: E402 - found by the line above

SESSION = SessionId("golden")
NEUTRAL = "/work-tree"
TURNS = (
    calls("write", file_path="a", content="one two"),
    calls("bash", command="echo command > b"),
    calls("edit", file_path="a", old_string="one", new_string="ONE"),
    says("Done."),
)


def main() -> int:
    target = GOLDEN / __version__ / "run.a3s"
    if target.exists():
        print(f"{target} is there; golden bundles are never written again", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_make(Path(directory), target))
    target.chmod(0o644)
    print(f"added {target}")
    return 0


async def _make(place: Path, target: Path) -> None:
    (place / "work").mkdir()
    (place / "work/a").write_text("old")
    store = FileSessionStore(place / "store")
    with ScriptedServer(Script(*TURNS)) as server:
        agent = AsyncAgent(server.acl())
        session = agent.session(
            str(place / "work"), session_id=SESSION, permissive=True, session_store=store
        )
        await session.send("change something")
        await agent.close()
    neutral = FileSessionStore(place / "neutral")
    run = await _carry_over(store, neutral, str(place / "work"))
    await export_run(neutral, run, target)
    await store.close()
    await neutral.close()


async def _carry_over(store: FileSessionStore, neutral: FileSessionStore, root: str) -> str:
    """Write the session as if it had worked elsewhere; give its run."""
    records = await store.load(SESSION, None)
    for record in records:
        body = encode(record).replace(root.encode(), NEUTRAL.encode())
        neutral.append(SESSION, decode(body.replace(store.dir.encode(), b"/store")))
    for sha256 in blobs_of(records):
        data = await store.get_blob(SESSION, sha256)
        assert data is not None
        neutral.put_blob(SESSION, sha256, data)
    await neutral.barrier(SESSION)
    trees = (
        shadow_directory(Path(each.dir), at) for each, at in ((store, root), (neutral, NEUTRAL))
    )
    await asyncio.to_thread(shutil.copytree, *trees)
    return next(each.run for each in records if isinstance(each.event, RunStarted))


if __name__ == "__main__":
    sys.exit(main())
