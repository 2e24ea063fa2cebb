"""Names that are remembered are those that are there."""

from __future__ import annotations

import os
from pathlib import Path

from a3s_code.workspace.directory_names import SETTLED_NS, DirectoryNames


def _names(known: DirectoryNames, directory: Path) -> list[str]:
    fd = os.open(directory, os.O_RDONLY)
    try:
        return sorted(known.of(fd))
    finally:
        os.close(fd)


def _settle(directory: Path) -> None:
    long_ago = directory.stat().st_mtime_ns - 2 * SETTLED_NS
    os.utime(directory, ns=(long_ago, long_ago))


def test_a_name_that_came_or_went_is_seen(tmp_path: Path) -> None:
    known = DirectoryNames()
    (tmp_path / "one").touch()
    _settle(tmp_path)
    assert [_names(known, tmp_path) for _ in range(2)] == [["one"], ["one"]]
    (tmp_path / "two").touch()
    assert _names(known, tmp_path) == ["one", "two"]
    _settle(tmp_path)
    assert _names(known, tmp_path) == ["one", "two"]
    (tmp_path / "one").unlink()
    assert _names(known, tmp_path) == ["two"]


def test_a_directory_that_was_just_changed_is_read_each_time(tmp_path: Path) -> None:
    known = DirectoryNames()
    (tmp_path / "one").touch()
    now = tmp_path.stat().st_mtime_ns
    assert _names(known, tmp_path) == ["one"]
    (tmp_path / "two").touch()
    os.utime(tmp_path, ns=(now, now))  # within the same tick of a coarse clock
    assert _names(known, tmp_path) == ["one", "two"]


def test_names_of_one_directory_are_not_those_of_another(tmp_path: Path) -> None:
    known = DirectoryNames()
    for name in ("left", "right"):
        (tmp_path / name / f"in-{name}").mkdir(parents=True)
        _settle(tmp_path / name)
    seen = [_names(known, tmp_path / name) for name in ("left", "right", "left")]
    assert seen == [["in-left"], ["in-right"], ["in-left"]]
    (tmp_path / "empty").mkdir()
    _settle(tmp_path / "empty")
    assert [_names(known, tmp_path / "empty") for _ in range(2)] == [[], []]
