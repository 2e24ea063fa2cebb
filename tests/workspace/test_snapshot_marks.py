"""Trees with marks of what they do not hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from a3s_code.workspace import snapshot_marks
from a3s_code.workspace.snapshot_take import SnapshotLimits
from a3s_code.workspace.snapshots import ShadowGit

from .snapshot_scene import fill


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    (tmp_path / "ws").mkdir()
    return tmp_path / "ws"


@pytest.fixture
def shots(ws: Path, tmp_path: Path) -> ShadowGit:
    limits = SnapshotLimits(max_file_bytes=10)
    return ShadowGit(ws, tmp_path / "shadow", limits=limits, never=[ws / "store"])


async def mark(shots: ShadowGit, *beside: str) -> str:
    return await shots.marked((await shots.tree()).id, beside)


async def test_a_tree_that_holds_all_is_its_own(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"a": "1", "d/b": "2"})
    taken = await shots.tree()
    assert await shots.paths(taken.id) == {"a", "d/b"}
    assert await shots.marked(taken.id, ["a", "d", "gone", "../out", "", "d/../a"]) == taken.id


async def test_a_mark_tells_size_and_digest(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"large": "x" * 11})
    tree = await mark(shots)
    data = await shots.objects.read(tree, "large")
    assert data.startswith(b"size 11\nsha256 ")
    fill(ws, {"large": "x" * 11})
    assert await mark(shots) == tree
    fill(ws, {"large": "y" * 11})
    assert await mark(shots) != tree


@pytest.mark.parametrize("name", ["MAX_READ_BYTES", "MAX_READ_FILES", "MAX_READ_ALL_BYTES"])
async def test_past_the_limits_a_mark_tells_what_the_system_says(
    name: str, ws: Path, shots: ShadowGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_marks, name, 0)
    fill(ws, {"large": "x" * 11})
    tree = await mark(shots)
    assert b"sha256" not in await shots.objects.read(tree, "large")
    assert await mark(shots) == tree
    fill(ws, {"large": "y" * 11})
    os.utime(ws / "large", ns=(1, 1_000_000_000))
    assert await mark(shots) != tree


async def test_what_git_ignores_is_marked_when_it_is_asked_for(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {".gitignore": "hidden\n", "hidden": "1"})
    tree = await mark(shots, "hidden")
    assert tree != await mark(shots)
    fill(ws, {"hidden": "2"})
    assert await mark(shots, "hidden") != tree


async def test_names_that_git_does_not_hold_are_marked(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {".GIT/code": "1"})
    (ws / ".gitmodules").symlink_to("a")
    tree = await mark(shots)
    assert await shots.paths(tree) == {"%.GIT/code", "%.gitmodules"}
    fill(ws, {".GIT/code": "2"})
    assert await mark(shots) != tree


async def test_nothing_outside_is_looked_at(ws: Path, tmp_path: Path, shots: ShadowGit) -> None:
    fill(tmp_path, {"out/a": "1"})
    fill(ws, {"store/log": "1", ".gitignore": "l*\nstore\n"})
    (ws / "link").symlink_to(tmp_path / "out")
    (ws / "linked").symlink_to("/etc/passwd")
    plain = (await shots.tree()).id
    assert await shots.marked(plain, ["link/a", "store/log", "../out/a"]) == plain
    tree = await shots.marked(plain, ["linked"])
    assert await shots.objects.read(tree, "linked") == b"/etc/passwd"
