from __future__ import annotations

import os

from a3s_code.capabilities.tools.ls import ls
from capabilities.conftest import Workspace


async def test_every_entry_has_a_line_with_kind_size_and_name(workspace: Workspace) -> None:
    workspace.put("src/a.py")
    workspace.put("notes.txt", "12345")
    workspace.put(".hidden")
    (workspace.root / "link").symlink_to("notes.txt")
    os.mkfifo(workspace.root / "pipe")
    rows = [row.split() for row in (await workspace.run(ls)).text.splitlines()]
    assert rows == [
        ["file", "0", ".hidden"],
        ["link", "-", "link", "->", "notes.txt"],
        ["file", "5", "notes.txt"],
        ["other", "-", "pipe"],
        ["dir", "-", "src/"],
    ]


async def test_the_root_is_listed_without_a_path(workspace: Workspace) -> None:
    workspace.put("a/b")
    assert "a/" in (await workspace.run(ls)).text
    assert "b" in (await workspace.run(ls, path="a")).text


async def test_an_empty_directory_says_so(workspace: Workspace) -> None:
    shown = await workspace.run(ls)
    assert (shown.text, shown.failed) == (". is empty.", False)


async def test_a_missing_directory_is_not_found(workspace: Workspace) -> None:
    shown = await workspace.run(ls, path="no")
    assert shown.failed
    assert shown.error_kind == {"type": "not_found", "path": "no"}


async def test_a_file_is_left_to_read(workspace: Workspace) -> None:
    workspace.put("a")
    shown = await workspace.run(ls, path="a")
    assert shown.failed
    assert "use read" in shown.text


async def test_a_name_cannot_fake_another_entry(workspace: Workspace) -> None:
    workspace.put("a\nfile  1  fake")
    workspace.put("esc\x1b[2J")
    shown = await workspace.run(ls)
    assert len(shown.text.splitlines()) == 2
    assert "\x1b" not in shown.text


async def test_a_name_that_is_no_utf_8_can_be_shown(workspace: Workspace) -> None:
    (workspace.root / os.fsdecode(b"caf\xe9")).touch()
    shown = await workspace.run(ls)
    shown.text.encode()
    assert "caf" in shown.text


async def test_thousands_of_entries_are_all_listed(workspace: Workspace) -> None:
    for number in range(5_000):
        (workspace.root / f"f{number}").touch()
    shown = await workspace.run(ls)
    assert len(shown.text.splitlines()) == 5_000
    assert shown.metadata == {"path": ".", "entries": 5_000}
