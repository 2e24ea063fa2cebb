"""What a file was before each change: listed, compared, brought back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from a3s_code import FileSessionStore, SessionOptions
from a3s_code.api import file_diff
from a3s_code.errors import InvalidValue, PathRefused
from a3s_code.kernel import fold
from a3s_code.testing import calls, says
from api.house import House


def test_every_change_leaves_a_version_behind(house: House) -> None:
    session = house.session(
        calls("write", file_path="a", content="one\n"),
        calls("edit", file_path="a", old_string="one", new_string="two"),
        says("Done."),
        permissive=True,
    )
    session.send("go")
    session.write_file("a", "three\n")

    rows = session.list_file_versions("a")
    assert [(row["version"], row["tool_name"], row["size"]) for row in rows] == [
        (0, "edit", 4),
        (1, "write", 4),
    ]
    assert all(row["path"] == "a" and row["timestamp"] > 1_600_000_000_000 for row in rows)
    assert session.list_file_versions(str(house.root / "a")) == rows
    assert session.list_file_versions("b") == []
    with pytest.raises(PathRefused):
        session.list_file_versions("../a")


def test_versions_are_compared_with_each_other_and_with_now(house: House) -> None:
    session = house.session()
    for content in ("one\nsame\n", "two\nsame\n", "three\nsame"):
        session.write_file("a", content)

    assert session.diff_file_versions("a", 0, 1) == (
        "--- a/a (version 0)\n+++ b/a (version 1)\n@@ -1,2 +1,2 @@\n-one\n+two\n same\n"
    )
    assert session.diff_file_versions("a", 1, 1) == ""
    assert session.diff_file_versions("a", 1).endswith(
        "-two\n-same\n+three\n+same\n\\ No newline at end of file\n"
    )
    house.put("a").write_bytes(b"\xff\x00")
    assert session.diff_file_versions("a", 0) == (
        "Binary files a/a (version 0) and b/a (now) differ\n"
    )


def test_a_line_ends_at_a_newline_and_nowhere_else(house: House, tmp_path: Path) -> None:
    old = "form\fone\nnext\x85two\nsep\u2028three\r\nold\n"
    new = old.replace("old", "new") + "\fx"
    session = house.session()
    for content in (old, new, "", "last\n"):
        session.write_file("a", content)

    assert session.diff_file_versions("a", 0, 1) == (
        "--- a/a (version 0)\n+++ b/a (version 1)\n@@ -1,4 +1,5 @@\n"
        " form\fone\n next\x85two\n sep\u2028three\r\n-old\n+new\n+\fx\n"
        "\\ No newline at end of file\n"
    )
    assert "@@ -0,0 +1 @@\n+last\n" in session.diff_file_versions("a", 2)
    (tmp_path / "a").write_bytes(old.encode())
    patch = re.sub(r" \(version .\)", "", session.diff_file_versions("a", 0, 1))
    subprocess.run(("git", "apply"), cwd=tmp_path, input=patch.encode(), check=True)
    assert (tmp_path / "a").read_bytes() == new.encode()


def test_versions_that_are_too_large_are_only_said_to_differ(house: House) -> None:
    session = house.session()
    for content in ("x" * file_diff.MAX_BYTES, "y", "z"):
        session.write_file("a", content)

    assert session.diff_file_versions("a", 0) == (
        "Files a/a (version 0) and b/a (now) differ, and are too large to be compared\n"
    )
    assert "-y" in session.diff_file_versions("a", 1)


def test_a_comparison_that_takes_too_long_is_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_diff, "TIMEOUT_S", 0.0)
    session = house.session()
    session.write_file("a", "one\n")
    session.write_file("a", "two\n")

    assert session.diff_file_versions("a", 0) == (
        "Files a/a (version 0) and b/a (now) differ in too much to be compared\n"
    )


def test_a_version_is_brought_back_byte_for_byte_and_that_can_be_undone(house: House) -> None:
    session = house.session()
    house.put("a").write_bytes(b"\xff\r\n\x00")
    session.write_file("a", "text")
    result = session.restore_file_version("a", 0)

    assert result.exit_code == 0
    assert (house.root / "a").read_bytes() == b"\xff\r\n\x00"
    assert session.list_file_versions("a")[-1]["tool_name"] == "restore_file_version"
    session.restore_file_version("a", 1)
    assert house.get("a") == "text"
    assert "restore_file_version" not in session.tool_names()


def test_a_version_that_is_not_there_names_those_that_are(house: House) -> None:
    session = house.session()
    session.write_file("a", "one")
    session.write_file("a", "two")

    with pytest.raises(InvalidValue, match=r"no version 7.*versions: 0"):
        session.restore_file_version("a", 7)
    with pytest.raises(InvalidValue, match=r"versions: none"):
        session.diff_file_versions("b", 0)
    assert house.get("a") == "two"


@pytest.mark.parametrize("stored", [True, False])
def test_the_oldest_versions_go_first_and_the_numbers_of_the_others_stay(
    stored: bool, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "MAX_VERSIONS", 2)
    store = FileSessionStore(tmp_path / "sessions") if stored else None
    session = house.session(session_store=store)
    for number in range(5):
        session.write_file("a", str(number))

    assert [row["version"] for row in session.list_file_versions("a")] == [2, 3]
    session.restore_file_version("a", 2)
    assert house.get("a") == "2"


def test_versions_outlive_the_process(house: House, tmp_path: Path) -> None:
    options = SessionOptions(session_store=FileSessionStore(tmp_path / "sessions"))
    first = house.session(session_id="job-1", options=options)
    first.write_file("a", "one")
    first.write_file("a", "two")
    house.agent.close()
    options = SessionOptions(session_store=FileSessionStore(tmp_path / "sessions"))
    later = house.employ().resume_session("job-1", options)
    later.restore_file_version("a", 0)

    assert house.get("a") == "one"


def test_versions_of_a_session_that_is_saved_later_are_kept_with_it(house: House) -> None:
    agent = house.employ()
    session = agent.session(house.root, session_id="job-1")
    session.write_file("a", "one")
    session.write_file("a", "two")
    session.save()
    later = agent.resume_session("job-1")

    assert later.diff_file_versions("a", 0).endswith(
        "-one\n\\ No newline at end of file\n+two\n\\ No newline at end of file\n"
    )
