from __future__ import annotations

import os
from pathlib import Path

from a3s_code.workspace.ignore import Ignores
from a3s_code.workspace.tree_walk import MAX_DEPTH, TreeWalk


def paths(walk: TreeWalk, at: Path) -> list[str]:
    fd = os.open(at, os.O_RDONLY)
    try:
        return [d + name for d, names in walk.files(fd, "", Ignores()) for name in names]
    finally:
        os.close(fd)


def test_a_directory_that_becomes_a_link_after_it_was_listed_is_not_entered(
    tmp_path: Path,
) -> None:
    (tmp_path / "ws/inner").mkdir(parents=True)
    (tmp_path / "ws/top.txt").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/secret.txt").touch()
    fd = os.open(tmp_path / "ws", os.O_RDONLY)
    walk = TreeWalk().files(fd, "", Ignores())
    assert next(walk) == ("", ["top.txt"])
    (tmp_path / "ws/inner").rmdir()
    (tmp_path / "ws/inner").symlink_to("../out")
    assert list(walk) == []
    os.close(fd)


def test_a_walk_ends_at_its_depth(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    for directory in ("", "a", "a/b", "a/b/c"):
        (tmp_path / directory / "f").touch()
    assert paths(TreeWalk(max_depth=2), tmp_path) == ["f", "a/f"]
    assert paths(TreeWalk(), tmp_path) == ["f", "a/f", "a/b/f", "a/b/c/f"]


def test_a_walk_that_was_stopped_ends(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/f").touch()
    assert paths(TreeWalk(stopped=True), tmp_path) == []


def test_a_bottomless_tree_is_left_at_a_bounded_depth(tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(MAX_DEPTH + 50):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=below))
        os.close(at)
        at = below
    os.close(at)
    assert len(paths(TreeWalk(), tmp_path)) == MAX_DEPTH - 1
