from __future__ import annotations

import json
from pathlib import Path

import pytest

from a3s_code.capabilities.tools.patch import patch
from a3s_code.kernel.tool import Effect, Observation
from capabilities.conftest import Workspace, effect, subject

CASES = Path(__file__).parents[3] / "../shared/corpora/patch_cases"
TEN = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n"
BODY = " one\n-two\n+TWO\n three\n"


def kind(shown: Observation) -> str:
    assert shown.failed
    assert shown.exit_code == 1
    assert shown.error_kind is not None
    return str(shown.error_kind["type"])


def test_patching_is_a_write_to_the_named_file() -> None:
    args = {"file_path": "a/b.py", "diff": "@@"}
    assert effect(patch, **args) is Effect.WRITE
    assert subject(patch, **args) == "a/b.py"
    assert set(patch.schema["required"]) == {"file_path", "diff"}


async def test_the_sample_of_the_sdk_applies(workspace: Workspace) -> None:
    place = workspace.put("notes.txt", "uno\ntwo\n")
    shown = await workspace.run(
        patch, file_path="notes.txt", diff="@@ -1,2 +1,2 @@\n uno\n-two\n+dos"
    )
    assert place.read_bytes() == b"uno\ndos\n"
    assert shown.text == "Applied 1 hunk (line 1) in notes.txt."
    assert shown.metadata == {
        "file_path": "notes.txt",
        "before": "uno\ntwo\n",
        "after": "uno\ndos\n",
        "hunks": [
            {"hunk": 1, "line": 1, "length": 2, "added": 1, "removed": 1, "stated": 1, "off": 0}
        ],
    }


async def test_a_hunk_that_landed_elsewhere_is_told(workspace: Workspace) -> None:
    workspace.put("a", TEN)
    shown = await workspace.run(
        patch,
        file_path="a",
        diff="@@ -6,3 +6,3 @@\n one\n-two\n+TWO\n three\n@@ -8 +8 @@\n-nine\n+9\n",
    )
    assert shown.text == (
        "Applied 2 hunks (line 1, 5 above what its header says,"
        " line 9, 1 below what its header says) in a."
    )


async def test_both_hunks_apply_or_neither(workspace: Workspace) -> None:
    place = workspace.put("a", TEN)
    wrong = f"@@ -1,3 +1,3 @@\n{BODY}@@ -8,2 +8,2 @@\n eight\n-nope\n+x\n"
    assert kind(await workspace.run(patch, file_path="a", diff=wrong)) == "context_mismatch"
    assert place.read_text() == TEN
    right = wrong.replace("nope", "nine")
    assert not (await workspace.run(patch, file_path="a", diff=right)).failed
    assert place.read_text() == TEN.replace("two", "TWO").replace("nine", "x")


async def test_bytes_of_another_encoding_and_the_mode_stay(workspace: Workspace) -> None:
    place = workspace.put("a", b"\xe9\r\none\r\ntwo\r\nthree\r\n\xff")
    place.chmod(0o750)
    await workspace.run(patch, file_path="a", diff=f"@@ -2,3 +2,3 @@\n{BODY}")
    assert place.read_bytes() == b"\xe9\r\none\r\nTWO\r\nthree\r\n\xff"
    assert place.stat().st_mode & 0o777 == 0o750


async def test_utf8_is_not_mixed_into_a_file_of_another_encoding(workspace: Workspace) -> None:
    place = workspace.put("a", b"\xe9\none\n")
    shown = await workspace.run(patch, file_path="a", diff="@@ -2 +2 @@\n-one\n+ünö\n")
    assert kind(shown) == "unsupported"
    assert place.read_bytes() == b"\xe9\none\n"


async def test_a_deletion_leaves_an_empty_file_and_says_so(workspace: Workspace) -> None:
    place = workspace.put("a", "x\n")
    diff = "--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    shown = await workspace.run(patch, file_path="a", diff=diff)
    assert place.read_bytes() == b""
    assert shown.text.endswith("The file is now empty; it was not removed.")


@pytest.mark.parametrize(
    "header",
    ["--- a/g.txt\n+++ b/g.txt", "--- a/../out/f.txt\n+++ b/../out/f.txt",
     '--- "a/..\\057out"\n+++ "b/..\\057out"', "--- a/~/.bashrc\n+++ b/~/.bashrc",
     "*** Begin Patch\n*** Update File: g.txt"],
)  # fmt: skip
async def test_a_header_never_chooses_the_file(workspace: Workspace, header: str) -> None:
    places = [workspace.put(name, TEN) for name in ("f.txt", "g.txt", "out/f.txt")]
    shown = await workspace.run(patch, file_path="f.txt", diff=f"{header}\n@@ -1,3 +1,3 @@\n{BODY}")
    assert kind(shown) == "path_refused"
    assert all(place.read_text() == TEN for place in places)


async def test_a_header_may_name_the_file_by_any_of_its_paths(workspace: Workspace) -> None:
    for name in (
        "src/f.txt",
        "f.txt",
        "a/src/f.txt",
        "repo/src/f.txt",
        f"{workspace.root}/src/f.txt",
    ):
        place = workspace.put("src/f.txt", TEN)
        diff = f"--- {name}\n+++ {name}\n@@ -1,3 +1,3 @@\n{BODY}"
        assert not (await workspace.run(patch, file_path="src/f.txt", diff=diff)).failed, name
        assert "TWO" in place.read_text()


@pytest.mark.parametrize(
    ("diff", "expected"),
    [
        ("", "empty_patch"),
        ("--- a/a\n+++ b/a\n", "empty_patch"),
        ("hello", "malformed"),
        ("@@ -1,3 +1,3 @@\n one\n-two\n", "malformed"),
        ("@@ -1,3 +1,3 @@\n one\n?two\n+TWO\n three\n", "malformed"),
        ("2c\nTWO\n.\n", "unsupported"),
        ("--- /dev/null\n+++ a\n0a\n!touch PWNED\n.\n", "unsupported"),
        ("@@ -1,3 +1,3 @@\n one\n-two\n+T\0O\n three\n", "binary"),
        ("@@ -1,3 +1,3 @@\n one\n-two\n+T\ud800O\n three\n", "invalid_argument"),
        ("@@ -1,3 +1,3 @@\n one\n-zwei\n+TWO\n three\n", "context_mismatch"),
        ("@@ -1,3 +1,3 @@\n one\n-zwei\n+two\n three\n", "already_applied"),
        ("@@ -1,2 +1,2 @@\n one\n-two\n+two\n", "unchanged"),
        ("@@\n+x\n", "ambiguous"),
    ],
)
async def test_a_refused_patch_leaves_everything_alone(
    workspace: Workspace, diff: str, expected: str
) -> None:
    place = workspace.put("a", TEN)
    written = place.stat()
    shown = await workspace.run(patch, file_path="a", diff=diff)
    assert kind(shown) == expected
    assert place.read_text() == TEN
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert [entry.name for entry in workspace.root.iterdir()] == ["a"]


async def test_a_missing_file_is_told_with_what_to_do(workspace: Workspace) -> None:
    diff = "--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+x\n"
    shown = await workspace.run(patch, file_path="new.txt", diff=diff)
    assert kind(shown) == "not_found"
    assert "write" in shown.text
    assert not (workspace.root / "new.txt").exists()


async def test_a_large_file_is_patched(workspace: Workspace) -> None:
    place = workspace.put("big", "line\n" * 400_000 + "end\n")
    diff = "@@ -400000,2 +400000,2 @@\n line\n-end\n+END\n"
    assert not (await workspace.run(patch, file_path="big", diff=diff)).failed
    assert place.read_bytes() == b"line\n" * 400_000 + b"END\n"


def case_names() -> list[str]:
    return sorted(case.name for case in CASES.iterdir()) if CASES.is_dir() else []


@pytest.mark.skipif(not case_names(), reason="reads ../shared")
@pytest.mark.parametrize("name", case_names())
async def test_a_case_of_the_corpus_ends_as_expected(workspace: Workspace, name: str) -> None:
    case = CASES / name
    meta = json.loads((case / "meta.json").read_text())
    before = (case / "before").read_bytes()
    place = workspace.put("f.txt", before)
    diff = (case / "patch").read_bytes().decode("utf-8", "surrogateescape")
    shown = await workspace.run(patch, file_path="f.txt", diff=diff)
    if meta["expected"] == "after":
        assert not shown.failed, shown.text
        assert place.read_bytes() == (case / "after").read_bytes()
    else:
        assert kind(shown) == meta["error_kind"]
        assert place.read_bytes() == before
    assert [entry.name for entry in workspace.root.iterdir()] == ["f.txt"]
