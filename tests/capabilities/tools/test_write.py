from __future__ import annotations

from a3s_code.capabilities.tools.write import MAX_BEFORE_BYTES, write
from a3s_code.kernel.tool import Effect
from capabilities.conftest import Workspace


async def test_a_new_file_is_made_with_the_directories_above_it(workspace: Workspace) -> None:
    shown = await workspace.run(write, file_path="a/b/c.txt", content="é\ntwo")
    assert (workspace.root / "a/b/c.txt").read_text() == "é\ntwo"
    assert shown.text == "Created a/b/c.txt: 6 bytes, 2 lines."
    assert shown.metadata == {"file_path": "a/b/c.txt", "after": "é\ntwo", "bytes": 6, "lines": 2}


async def test_a_replaced_file_is_kept_in_the_metadata(workspace: Workspace) -> None:
    workspace.put("a", "old\n")
    shown = await workspace.run(write, file_path="a", content="new\n")
    assert shown.text == "Replaced a: 4 bytes, 1 line."
    assert shown.metadata is not None
    assert (shown.metadata["before"], shown.metadata["after"]) == ("old\n", "new\n")


async def test_an_empty_file_counts_as_replaced(workspace: Workspace) -> None:
    workspace.put("a")
    shown = await workspace.run(write, file_path="a", content="")
    assert shown.text == "Replaced a: 0 bytes, 0 lines."
    assert shown.metadata is not None
    assert shown.metadata["before"] == ""


async def test_line_ends_are_written_as_they_are(workspace: Workspace) -> None:
    await workspace.run(write, file_path="a", content="one\r\ntwo\n")
    assert (workspace.root / "a").read_bytes() == b"one\r\ntwo\n"


async def test_a_lone_surrogate_leaves_the_old_file_alone(workspace: Workspace) -> None:
    workspace.put("a", "old")
    shown = await workspace.run(write, file_path="a", content="ab\ud800")
    assert shown.failed
    assert "character 2" in shown.text
    assert (workspace.root / "a").read_text() == "old"


async def test_a_directory_is_not_replaced(workspace: Workspace) -> None:
    workspace.put("d/a")
    shown = await workspace.run(write, file_path="d", content="x")
    assert shown.failed
    assert "directory" in shown.text


async def test_a_very_large_old_file_is_not_kept(workspace: Workspace) -> None:
    workspace.put("a", b"x" * (MAX_BEFORE_BYTES + 1))
    shown = await workspace.run(write, file_path="a", content="new")
    assert not shown.failed
    assert shown.metadata is not None
    assert "before" not in shown.metadata


def test_permission_rules_match_the_path() -> None:
    assert write.effect is Effect.WRITE
    assert write.path == "file_path"
