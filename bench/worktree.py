"""
What a copy of a workspace for a child costs, beside `git worktree add` and `remove`.

    .venv/bin/python bench/worktree.py [FILES]

Times are of the clock, the middle of five rounds; the disk decides most of them.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from a3s_code.kernel.records import WorktreeMade
from a3s_code.workspace.snapshots import ShadowGit
from a3s_code.workspace.spares import Spares
from a3s_code.workspace.worktrees import LocalWorktrees

FILES, ROUNDS = 20_000, 5


def fill(root: Path, files: int) -> None:
    """Make a repository of files of a few lines."""
    for number in range(files):
        path = root / f"src/d{number % 200}/f{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {number}\n" + "x = 1\n" * (number % 120))
    own = ("-c", "user.name=u", "-c", "user.email=u@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "first")):
        subprocess.run(["git", *own, *words], cwd=root, check=True)


def git(root: Path, *words: str) -> float:
    begun = time.perf_counter()
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
    return time.perf_counter() - begun


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


async def ours(root: Path, trees: Path) -> list[list[float]]:
    """Give the seconds of tree, make, take and remove, a row for each round."""
    snapshots = ShadowGit(root, trees)
    spares = Spares()
    worktrees = LocalWorktrees(str(root), snapshots.objects, spares=spares)
    await snapshots.tree()
    rows: list[list[float]] = []
    for number in range(ROUNDS):
        (root / "changed.txt").write_text(str(number))
        begun = time.perf_counter()
        base = (await snapshots.tree()).id
        made: WorktreeMade = await worktrees.name(f"child-{number}", base)
        row = [time.perf_counter() - begun]
        row.append(await timed(lambda made=made: worktrees.make(made)))
        (Path(made.directory) / "new.txt").write_text("new")
        row.append(await timed(lambda made=made: worktrees.take(made)))
        row.append(await timed(lambda made=made: worktrees.remove(made)))
        rows.append(row)
    await asyncio.to_thread(spares.close)
    return rows


def main() -> None:
    files = int(sys.argv[1]) if sys.argv[1:] else FILES
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "work"
        root.mkdir()
        fill(root, files)
        plain = [
            (
                git(root, "worktree", "add", "-q", "--detach", "../plain", "HEAD"),
                git(root, "worktree", "remove", "--force", "../plain"),
            )
            for _ in range(ROUNDS)
        ]
        rows = asyncio.run(ours(root, Path(place) / "trees"))
    print(f"{files:,} files, seconds")
    for number, (add, remove) in enumerate(plain, 1):
        print(f"  git worktree, round {number}: add {add:.2f}, remove {remove:.2f}")
    for number, (tree, make, take, remove) in enumerate(rows, 1):
        told = f"tree {tree:.2f}, make {make:.2f}, take {take:.2f}, remove {remove:.2f}"
        print(f"  ours, round {number}: {told}")
    theirs = statistics.median(sum(row) for row in plain)
    mine = statistics.median(row[1] + row[3] for row in rows)
    print(
        f"  make and remove: git {theirs:.2f}, ours {mine:.2f}, {theirs / mine:.1f} times as fast"
    )


if __name__ == "__main__":
    main()
