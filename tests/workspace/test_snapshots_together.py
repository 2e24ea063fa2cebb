"""Several at once, ended in the middle, and somebody who rearranges the workspace meanwhile."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from a3s_code.errors import SnapshotRefused, WorkspaceError
from a3s_code.workspace import shadow_program
from a3s_code.workspace.snapshot_files import Tree
from a3s_code.workspace.snapshot_take import SnapshotLimits, beneath
from a3s_code.workspace.snapshots import ShadowGit

from .conftest import MARKER, open_descriptors, until
from .snapshot_scene import facts, fill, git, names
from .test_races import flip, meanwhile

ONE = """
import asyncio, sys
from a3s_code.workspace.snapshots import ShadowGit
async def main():
    shots = ShadowGit(sys.argv[1], sys.argv[2])
    for _ in range(int(sys.argv[3])):
        print((await shots.tree()).id, flush=True)
asyncio.run(main())
"""


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    ws = tmp_path / "ws"
    fill(ws, {f"d{n % 7}/f{n}": f"{n}\n" for n in range(300)})
    return ws


@pytest.fixture
def shadow(tmp_path: Path) -> Path:
    return tmp_path / "shadow"


def start(ws: Path, shadow: Path, times: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = (sys.executable, "-c", ONE, str(ws), str(shadow), str(times))
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def whole(shadow: Path) -> None:
    """Have git check every object, and see that no operation left its own files."""
    git(shadow, f"--git-dir={shadow}", "fsck", "--strict", "--full", "--no-dangling")
    assert names(shadow, "index-*") == []


async def test_many_at_once_see_the_same(ws: Path, shadow: Path) -> None:
    shots = [ShadowGit(ws, shadow) for _ in range(6)]
    taken = await asyncio.gather(*(each.tree() for each in shots))
    assert len({one.id for one in taken}) == 1
    assert {one.files for one in taken} == {300}
    (ws / "d1/f1").write_text("changed")
    again = await asyncio.gather(*(each.tree() for each in shots))
    assert len({one.id for one in again} - {taken[0].id}) == 1
    whole(shadow)


async def test_two_processes_and_a_writer_do_not_disturb_each_other(ws: Path, shadow: Path) -> None:
    others = [start(ws, shadow, 8) for _ in range(2)]
    shots = ShadowGit(ws, shadow)
    for n in range(8):
        (ws / "d1/f1").write_text(f"round {n}\n")
        taken = await shots.tree()
        assert await shots.objects.read(taken.id, "d1/f1") == f"round {n}\n".encode()
    for other in others:
        out, err = await asyncio.to_thread(other.communicate, timeout=60)
        assert (other.returncode, err) == (0, "")
        assert len(out.split()) == 8
    whole(shadow)


def _is_at_work(other: subprocess.Popen[str], shadow: Path) -> bool:
    return other.poll() is not None or bool(names(shadow, "index-*"))


async def test_a_killed_one_leaves_a_shadow_that_works(ws: Path, shadow: Path) -> None:
    for n in range(8):
        (ws / "d2/f2").write_text(f"round {n}\n")
        fill(ws, {f"more{n}/f{m}": f"{n} {m}" for m in range(150)})
        other = start(ws, shadow, 1)
        await until(partial(_is_at_work, other, shadow))
        await asyncio.sleep(random.random() * 0.05)
        other.send_signal(signal.SIGKILL)
        await asyncio.to_thread(other.communicate)
    shots = ShadowGit(ws, shadow)
    taken = await shots.tree()
    assert taken.files == 300 + 8 * 150
    assert await shots.objects.read(taken.id, "d2/f2") == b"round 7\n"
    (ws / "d2/f2").unlink()
    await shots.restore(taken.id)
    assert (ws / "d2/f2").read_text() == "round 7\n"


async def test_what_a_killed_one_left_is_swept_later(ws: Path, shadow: Path) -> None:
    await ShadowGit(ws, shadow).tree()
    left = [shadow / "index-0123", shadow / "index-0123.lock", shadow / "objects/pack/tmp_pack_x"]
    recent = shadow / "index-4567"
    for path in (*left, recent):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    old = time.time() - shadow_program.STALE_S - 10
    for path in left:
        os.utime(path, (old, old))
    await ShadowGit(ws, shadow).tree()
    assert not [path for path in left if path.exists()]
    assert recent.exists()


async def test_a_cancelled_one_leaves_nothing(ws: Path, shadow: Path) -> None:
    shots = ShadowGit(ws, shadow)
    await shots.objects.ready()
    before = open_descriptors()
    for n in range(12):
        (ws / "d2/f2").write_text(f"round {n}\n")
        task = asyncio.create_task(shots.tree())
        await asyncio.sleep(n * 0.007)
        task.cancel()
        with suppress(asyncio.CancelledError):  # unless it was done before
            await task
        assert names(shadow, "index-*") == []
        assert names(shadow, "*.lock") == []
    assert open_descriptors() == before
    assert (await shots.tree()).files == 300
    whole(shadow)


async def test_a_thread_is_told_that_nobody_waits(tmp_path: Path) -> None:
    begun, told = threading.Event(), list[bool]()

    def work(_tree: Tree, stop: threading.Event) -> None:
        begun.set()
        told.append(stop.wait(30))

    task = asyncio.create_task(beneath(os.open(tmp_path, os.O_RDONLY), work, 1))
    await until(begun.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == [True]


async def test_a_git_that_hangs_is_given_up(
    ws: Path, shadow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"bin/git": '#!/bin/sh\necho $$ >> "$0.pid"\nexec sleep 1000\n'})
    (tmp_path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    shots = ShadowGit(ws, shadow, limits=SnapshotLimits(timeout_s=0.2))
    with pytest.raises(SnapshotRefused, match=r"0\.2 s"):
        await shots.tree()
    pids = (tmp_path / "bin/git.pid").read_text().split()
    assert pids
    assert not set(pids) & set(names(Path("/proc")))


async def test_a_workspace_that_is_rearranged_leads_nowhere(tmp_path: Path, shadow: Path) -> None:
    ws, out = tmp_path / "ws", tmp_path / "out"
    for name in ("f", "deep/g"):
        fill(ws, {f"real/{name}": "inside"})
        fill(out, {name: MARKER.decode(), "mine": "outside"})
    (ws / "d").mkdir()
    fill(ws, {"d/f": "inside", "d/deep/g": "inside"})
    shots = ShadowGit(ws, shadow)
    first = await shots.tree()
    fill(ws, {"d/f": "changed", "d/deep/g": "changed", "d/mine": "new"})
    second = await shots.tree()
    outside = facts(out)
    (ws / "d").rename(ws / "real2")
    with meanwhile(flip(ws / "d", ws / "real2", "../out")):
        for _ in range(15):
            for tree in (first.id, second.id):
                with suppress(WorkspaceError):
                    await shots.restore(tree)
    assert facts(out) == outside
    shown = git(shadow, f"--git-dir={shadow}", "cat-file", "--batch", "--batch-all-objects")
    assert MARKER.decode() not in shown
    assert (await shots.tree()).files


async def test_files_that_change_while_they_are_read_break_nothing(ws: Path, shadow: Path) -> None:
    shots = ShadowGit(ws, shadow)

    def churn() -> None:
        path = ws / f"d{random.randrange(7)}" / f"f{random.randrange(300)}"
        kind = random.randrange(4)
        if kind == 0:
            path.write_bytes(os.urandom(random.randrange(50_000)))
        elif kind == 1:
            path.unlink()
        elif kind == 2:
            path.symlink_to("nowhere")
        else:
            path.mkdir()
            (path / "below").write_text("1")

    first = await shots.tree()
    with meanwhile(churn):
        for _ in range(6):
            await shots.tree()
        await shots.restore(first.id)
    last = await shots.tree()
    assert last.id == (await ShadowGit(ws, shadow.with_name("fresh")).tree()).id
    whole(shadow)


async def test_a_git_that_a_file_was_cut_short_under_is_asked_again(
    ws: Path, shadow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git")
    once = 'case "$*" in *ls-files*) mkdir "$0.once" 2>/dev/null && kill -BUS $$ ;; esac'
    fill(tmp_path, {"bin/git": f'#!/bin/sh\n{once}\nexec {real} "$@"\n'})
    (tmp_path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    taken = await ShadowGit(ws, shadow).tree()

    assert taken.files
    assert (tmp_path / "bin/git.once").is_dir()
