"""What git is shown as its excludes is the user's own, and the stand-ins behind it."""

from __future__ import annotations

from pathlib import Path

from a3s_code.workspace.sandbox.excludes import MAX_BYTES, excludes, repositories
from a3s_code.workspace.sandbox.protection import protected_in


def shown(root: Path) -> list[tuple[str, bytes]]:
    protected = protected_in((str(root),), "/nowhere")
    return [(path, excludes(path, protected)) for path in repositories((str(root),))]


def repository(root: Path, text: bytes) -> Path:
    file = root / ".git/info/exclude"
    file.parent.mkdir(parents=True)
    file.write_bytes(text)
    return file


def test_names_of_stand_ins_stand_behind_what_the_user_excludes(tmp_path: Path) -> None:
    file = repository(tmp_path, b"*.log")
    (tmp_path / ".mcp.json").write_text("{}")

    [(path, text)] = shown(tmp_path)
    assert path == str(file)
    assert text.startswith(b"*.log\n")
    assert {b"/.gitmodules", b"/.vscode"} < set(text.splitlines())
    assert b".mcp.json" not in text


def test_where_there_is_no_file_of_the_repository_nothing_is_shown(tmp_path: Path) -> None:
    assert shown(tmp_path) == []
    (tmp_path / ".git").mkdir()
    assert shown(tmp_path) == []


def test_no_link_makes_anything_else_readable(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "exclude").write_text("secret")
    by_file, by_directory = tmp_path / "a", tmp_path / "b"
    (by_file / ".git/info").mkdir(parents=True)
    (by_file / ".git/info/exclude").symlink_to(outside / "exclude")
    (by_directory / ".git").mkdir(parents=True)
    (by_directory / ".git/info").symlink_to(outside)

    assert shown(by_file) == shown(by_directory) == []


def test_a_file_that_is_too_large_stays_as_it_is(tmp_path: Path) -> None:
    repository(tmp_path, b"#" * (MAX_BYTES + 1))
    assert shown(tmp_path) == []
