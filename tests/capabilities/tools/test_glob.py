from __future__ import annotations

from pathlib import Path

import pytest

from a3s_code.capabilities.tools.glob import glob
from capabilities.conftest import Workspace, subject


async def test_paths_come_sorted_one_a_line_and_as_a_list(workspace: Workspace) -> None:
    for path in ("src/b.py", "src/a.py", "c.py", "src/a.txt"):
        workspace.put(path)
    shown = await workspace.run(glob, pattern="**/*.py")
    assert shown.text == "c.py\nsrc/a.py\nsrc/b.py"
    assert shown.metadata == {"paths": ["c.py", "src/a.py", "src/b.py"]}


async def test_a_search_below_a_path_gives_paths_from_the_root(workspace: Workspace) -> None:
    workspace.put("src/a.py")
    workspace.put("b.py")
    shown = await workspace.run(glob, pattern="*.py", path="src")
    assert shown.metadata == {"paths": ["src/a.py"]}


async def test_nothing_found_is_no_failure(workspace: Workspace) -> None:
    shown = await workspace.run(glob, pattern="*.rs")
    assert (shown.failed, shown.text) == (False, "No file matches *.rs.")
    assert shown.metadata == {"paths": []}


@pytest.mark.parametrize("pattern", ["/etc/*", "../*", "a/../../*", "..", "{..}/*"])
async def test_a_pattern_cannot_lead_out(workspace: Workspace, pattern: str) -> None:
    shown = await workspace.run(glob, pattern=pattern)
    assert shown.failed
    assert shown.error_kind == {"type": "invalid_argument"}


async def test_links_are_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far/outside.txt").touch()
    (workspace.root / "lnk").symlink_to(tmp_path / "far")
    for pattern in ("lnk/*", "**/*.txt"):
        assert "outside" not in (await workspace.run(glob, pattern=pattern)).text


def test_permission_rules_match_the_pattern_and_where_it_is_searched() -> None:
    assert subject(glob, pattern="*.py") == "*.py"
    assert subject(glob, pattern="*.py", path="./src/") == "*.py src"


@pytest.mark.parametrize(
    "pattern", ["./a/*", "a//*", "[a]/*", "[a-a]/*", "\\a/*", "{a}/*", "{{[a]}}/./*", "./././a/*"]
)
def test_permission_rules_see_the_usual_spelling_of_a_pattern(pattern: str) -> None:
    assert subject(glob, pattern=pattern) == "a/*"


@pytest.mark.parametrize("pattern", ["[a-z]/*", "[!a]/*", "{a,b}/*", "[*]", "\\*", "**/*.py", "."])
def test_a_pattern_in_its_usual_spelling_is_kept(pattern: str) -> None:
    assert subject(glob, pattern=pattern) == pattern
