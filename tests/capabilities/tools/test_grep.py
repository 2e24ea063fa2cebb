from __future__ import annotations

import msgspec
import pytest

from a3s_code.capabilities.tools.grep import grep
from capabilities.conftest import Workspace, subject


@pytest.fixture
def three_files(workspace: Workspace) -> Workspace:
    workspace.put("a.py", "before\nNeedle\nafter\n")
    workspace.put("a.txt", "needle\n")
    workspace.put(".git/x.txt", "needle\n")
    return workspace


async def test_matches_come_with_path_and_line_and_the_counts_last(three_files: Workspace) -> None:
    shown = await three_files.run(grep, pattern="needle")
    assert shown.text == "a.txt:1:needle\n[1 match in 1 file]"
    assert shown.metadata == {"matches": 1, "files": 1, "truncated": False}


async def test_case_is_ignored_on_request(three_files: Workspace) -> None:
    shown = await three_files.run(grep, pattern="needle", **{"-i": True, "-n": True})
    assert "a.py:2:Needle" in shown.text
    assert shown.text.endswith("[2 matches in 2 files]")


async def test_a_glob_narrows_the_files(three_files: Workspace) -> None:
    shown = await three_files.run(grep, pattern="eedle", glob="*.py")
    assert "a.py:2:Needle" in shown.text
    assert "a.txt" not in shown.text


async def test_context_shows_the_lines_around(three_files: Workspace) -> None:
    lines = (await three_files.run(grep, pattern="Needle", context=1)).text.splitlines()
    assert lines[:3] == ["a.py-1-before", "a.py:2:Needle", "a.py-3-after"]


async def test_one_file_can_be_searched(three_files: Workspace) -> None:
    shown = await three_files.run(grep, pattern="eedle", path="a.txt")
    assert shown.text.splitlines()[0] == "a.txt:1:needle"


async def test_no_match_is_no_failure(three_files: Workspace) -> None:
    shown = await three_files.run(grep, pattern="absent")
    assert (shown.failed, shown.text) == (False, "No line matches absent.")


async def test_a_bad_pattern_is_the_callers_mistake(three_files: Workspace) -> None:
    shown = await three_files.run(grep, pattern="(")
    assert shown.failed
    assert shown.error_kind == {"type": "invalid_argument"}


async def test_a_missing_place_is_not_found(workspace: Workspace) -> None:
    shown = await workspace.run(grep, pattern="x", path="no")
    assert shown.failed
    assert shown.error_kind == {"type": "not_found", "path": "no"}


def test_the_schema_names_the_switches_as_grep_does() -> None:
    properties = grep.schema["properties"]
    assert set(properties) == {"pattern", "path", "glob", "context", "-i", "-n"}


def test_a_misspelt_argument_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="ignore_case"):
        msgspec.convert({"pattern": "x", "ignore_case": True}, grep.args)


def test_permission_rules_match_pattern_and_path() -> None:
    assert subject(grep, pattern="TODO", path="src/../secrets") == "TODO secrets"
