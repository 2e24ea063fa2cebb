"""The rules at the root of a workspace are read, bounded, and never the host's own words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from a3s_code.harness.context import MAX_ITEM_CHARS, ContextSources
from a3s_code.harness.root_instructions import agents_file
from a3s_code.kernel.context import ContextItem
from a3s_code.workspace.local import LocalFiles

RULES = ContextItem(
    source="file://AGENTS.md",
    content="Use tabs.",
    trust="workspace",
    type="instructions",
    why="it stands at the root of the workspace",
)


async def read(root: Path) -> Sequence[ContextItem]:
    return await agents_file(LocalFiles(root))()


async def test_the_rules_of_the_workspace_are_read_and_are_not_the_hosts_own_words(
    tmp_path: Path,
) -> None:
    (tmp_path / "AGENTS.md").write_text("\nUse tabs.\n\n")

    assert await read(tmp_path) == (RULES,)


@pytest.mark.parametrize("kind", ["link", "absolute link", "through a link", "fifo"])
async def test_rules_that_lie_outside_or_are_no_file_are_passed_over(
    kind: str, tmp_path: Path
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
        case _:
            os.mkfifo(root / "AGENTS.md")

    assert await read(root) == ()


async def test_they_are_read_anew_each_time(tmp_path: Path) -> None:
    rules = agents_file(LocalFiles(tmp_path))
    assert await rules() == ()
    (tmp_path / "AGENTS.md").write_text("Use tabs.")

    assert await rules() == (RULES,)


@pytest.mark.parametrize("content", [b"", b" \n\t\n"])
async def test_an_empty_file_says_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_bytes(content)

    assert await read(tmp_path) == ()


async def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_bytes(b"tabs \xff\xfe only")

    (item,) = await read(tmp_path)
    assert item.content == "tabs \ufffd\ufffd only"


async def test_a_directory_of_that_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").mkdir()

    assert await read(tmp_path) == ()


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
        ("%" * 1_000_000, f"[at least {3 * MAX_ITEM_CHARS + 1} characters left out]"),
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
    stood = await ContextSources(standing=(agents_file(LocalFiles(tmp_path)),)).stand()
    shown = "".join(item.text for item in stood.items)

    assert bool(shown) is (said is not None)
    assert ("left out" in shown) is bool(said)
    assert (said or "") in shown
