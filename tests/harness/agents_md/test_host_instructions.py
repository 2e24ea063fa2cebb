"""A host's own instructions come from a directory of its own, and are its words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from a3s_code.harness.agents_md.directory import Directories, ProjectDocs
from a3s_code.harness.agents_md.standing import MAX_HOST_FILES, host_instructions
from a3s_code.kernel.context import ContextItem
from a3s_code.workspace.local import LocalFiles


async def read(root: Path) -> Sequence[ContextItem]:
    return await host_instructions(Directories(LocalFiles(root), ProjectDocs(), "user", "host"))()


async def test_its_files_are_read_by_name_and_the_one_that_counts_first(tmp_path: Path) -> None:
    for name in ("b.md", "a.md", "CLAUDE.md", "AGENTS.md", ".hidden.md", "notes.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "dir.md").mkdir()
    items = await read(tmp_path)

    assert [item.source for item in items] == ["user://AGENTS.md", "user://a.md", "user://b.md"]
    assert {item.trust for item in items} == {"host"}


async def test_a_directory_that_is_missing_is_said_and_nothing_of_the_disk_is_shown(
    tmp_path: Path,
) -> None:
    (item,) = await read(tmp_path / "gone")

    assert item.content == ""
    assert item.source == "user_instructions_dir"
    assert str(tmp_path) not in item.why


async def test_no_more_than_so_many_are_read(tmp_path: Path) -> None:
    for number in range(MAX_HOST_FILES + 3):
        (tmp_path / f"{number:03}.md").write_text("x")
    items = await read(tmp_path)

    assert sum(bool(item.content) for item in items) == MAX_HOST_FILES
    assert "more than" in items[-1].why
