"""The rules at the root of a workspace are read, bounded, and never the host's own words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from a3s_code.harness.agents_md.directory import Directories, ProjectDocs
from a3s_code.harness.agents_md.standing import root_instructions
from a3s_code.harness.context import MAX_ITEM_CHARS, ContextSource, ContextSources
from a3s_code.kernel.context import ContextItem
from a3s_code.workspace.local import LocalFiles
from unprivileged import as_somebody_without_privileges

RULES = ContextItem(
    source="file://AGENTS.md",
    content="Use tabs.",
    trust="workspace",
    type="instructions",
    why="it stands at the root of the workspace",
    priority=1.0,
)

DOCS = ProjectDocs()


def source(root: Path, docs: ProjectDocs = DOCS) -> ContextSource:
    return root_instructions(Directories(LocalFiles(root), docs))


async def read(root: Path, docs: ProjectDocs = DOCS) -> Sequence[ContextItem]:
    return await source(root, docs)()


async def why_not(root: Path, docs: ProjectDocs = DOCS) -> str:
    """Say why the one item there is was left out."""
    (item,) = await read(root, docs)
    assert item.content == ""
    return item.why


async def test_the_rules_of_the_workspace_are_read_and_are_not_the_hosts_own_words(
    tmp_path: Path,
) -> None:
    (tmp_path / "AGENTS.md").write_text("\nUse tabs.\n\n")

    assert await read(tmp_path) == (RULES,)


async def test_a_workspace_without_rules_has_nothing_to_say(tmp_path: Path) -> None:
    assert await read(tmp_path) == ()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("link", "leads outside"),
        ("absolute link", "leads outside"),
        ("through a link", "leads outside"),
        ("fifo", "no regular file"),
        ("directory", "it is a directory"),
        ("loop", "too many links"),
    ],
)
async def test_rules_that_lie_outside_or_are_no_file_are_left_out_and_it_is_said_why(
    kind: str, why: str, tmp_path: Path
) -> None:
    root = tmp_path / "ws"
    root.mkdir()
    (tmp_path / "secret").write_text("OUTSIDE")
    match kind:
        case "link":
            (root / "AGENTS.md").symlink_to("../secret")
        case "absolute link":
            (root / "AGENTS.md").symlink_to(tmp_path / "secret")
        case "through a link":
            (root / "out").symlink_to("..")
            (root / "AGENTS.md").symlink_to("out/secret")
        case "loop":
            (root / "AGENTS.md").symlink_to("AGENTS.md")
        case "directory":
            (root / "AGENTS.md").mkdir()
        case _:
            os.mkfifo(root / "AGENTS.md")

    assert why in await why_not(root)


async def test_rules_that_may_not_be_read_are_left_out_and_it_is_said_why(open_path: Path) -> None:
    (open_path / "AGENTS.md").write_text("Use tabs.")
    (open_path / "AGENTS.md").chmod(0)

    with as_somebody_without_privileges(open_path):
        assert "denied" in (await why_not(open_path)).lower()


async def test_they_are_read_anew_each_time(tmp_path: Path) -> None:
    rules = source(tmp_path)
    assert await rules() == ()
    (tmp_path / "AGENTS.md").write_text("Use tabs.")

    assert await rules() == (RULES,)


@pytest.mark.parametrize("content", [b"", b" \n\t\n"])
async def test_an_empty_file_says_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_bytes(content)
    (tmp_path / "CLAUDE.md").write_text("Use spaces.")

    assert await why_not(tmp_path) == "it is empty"


async def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_bytes(b"tabs \xff\xfe only")

    (item,) = await read(tmp_path)
    assert item.content == "tabs \ufffd\ufffd only"


async def test_a_file_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_bytes(b"\x7fELF\0\0\1")

    assert "no text" in await why_not(tmp_path)


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-8"])
async def test_text_of_any_editor_is_read(coding: str, tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("Use tabs. 😀", encoding=coding)

    (item,) = await read(tmp_path)
    assert item.content == "Use tabs. 😀"


async def test_a_link_to_a_file_of_the_workspace_is_followed(tmp_path: Path) -> None:
    (tmp_path / "rules.md").write_text("Use tabs.")
    (tmp_path / "AGENTS.md").symlink_to("rules.md")

    assert await read(tmp_path) == (RULES,)


# Which name counts


@pytest.mark.parametrize(
    ("names", "fallbacks", "counts"),
    [
        (("AGENTS.md", "CLAUDE.md"), (), "AGENTS.md"),
        (("CLAUDE.md",), (), "CLAUDE.md"),
        (("CLAUDE.md", "RULES.md"), ("RULES.md",), "RULES.md"),
        (("CLAUDE.md", "RULES.md"), ("CLAUDE.md", "RULES.md"), "CLAUDE.md"),
        (("RULES.md",), (), ""),
    ],
)
async def test_one_file_counts_in_a_directory(
    names: tuple[str, ...], fallbacks: tuple[str, ...], counts: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_text(name)

    items = await read(tmp_path, ProjectDocs.of(fallbacks, None))
    assert [item.source for item in items] == ([f"file://{counts}"] if counts else [])


async def test_a_link_that_leads_nowhere_is_as_no_file(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").symlink_to("gone.md")
    (tmp_path / "CLAUDE.md").write_text("Use tabs.")

    (item,) = await read(tmp_path)
    assert item.source == "file://CLAUDE.md"


async def test_what_is_there_and_unusable_is_not_replaced_by_another(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").mkdir()
    (tmp_path / "CLAUDE.md").write_text("Use tabs.")

    assert await why_not(tmp_path) == "it is a directory"


# How much


@pytest.mark.parametrize(("limit", "content"), [(4, "äö"), (3, "ä"), (99, "äöü")])
async def test_no_more_bytes_are_read_than_were_set_and_no_character_is_cut(
    limit: int, content: str, tmp_path: Path
) -> None:
    (tmp_path / "AGENTS.md").write_text("äöü")

    (item,) = await read(tmp_path, ProjectDocs.of((), limit))
    assert item.content == content
    assert item.partial is (limit < 6)


async def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "AGENTS.md").open("wb") as file:
        file.write(b"x" * 10)
        file.truncate(8 * 1024**3)

    (item,) = await read(tmp_path)
    assert len(item.content) <= 4 * MAX_ITEM_CHARS + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("%" * 4 * MAX_ITEM_CHARS, f"[{3 * MAX_ITEM_CHARS} characters left out]"),
        ("%" * 1_000_000, f"[at least {3 * MAX_ITEM_CHARS} characters left out]"),
        ("😀" * MAX_ITEM_CHARS, ""),
        ("😀" * (MAX_ITEM_CHARS + 9), "[at least 1 characters left out]"),
        (" " * 1_000_000, None),
        ("%" + " " * 1_000_000, "[at least 1 characters left out]"),
    ],
)
async def test_a_file_that_was_not_read_to_its_end_is_not_said_to_lack_an_exact_number(
    text: str, said: str | None, tmp_path: Path
) -> None:
    (tmp_path / "AGENTS.md").write_text(text)
    stood = await ContextSources(standing=(source(tmp_path),)).stand()
    shown = "".join(item.text for item in stood.items)

    assert bool(shown) is (said is not None)
    assert ("left out" in shown) is bool(said)
    assert (said or "") in shown


async def test_a_file_that_appears_between_two_runs_is_found(tmp_path: Path) -> None:
    source = root_instructions(Directories(LocalFiles(tmp_path), ProjectDocs()))
    assert await source() == ()

    (tmp_path / "CLAUDE.md").write_text("Be brief.")

    assert [item.content for item in await source()] == ["Be brief."]


def test_files_lack_what_is_not_there_and_are_not_sure_of_the_rest(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/file").write_text("x")
    (tmp_path / "root/link").symlink_to("nowhere")
    files = LocalFiles(tmp_path / "root")

    assert files.lacks("AGENTS.md")
    assert not any(map(files.lacks, ("file", "link", "file/AGENTS.md", "a\0b", "x" * 5_000)))
    assert not LocalFiles(tmp_path / "gone").lacks("AGENTS.md")


async def test_a_root_that_was_removed_is_told_of_as_before(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    source = root_instructions(Directories(LocalFiles(tmp_path / "root"), ProjectDocs()))
    assert await source() == ()

    (tmp_path / "root").rmdir()

    (left,) = await source()
    assert (left.content, "cannot be opened" in left.why) == ("", True)
