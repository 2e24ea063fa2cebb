from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from a3s_code.errors import InvalidValue, PathRefused
from a3s_code.kernel.workspace import GrepHits, GrepQuery
from a3s_code.workspace.grep_output import MAX_TEXT_CHARS
from a3s_code.workspace.local import LocalFiles
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.search import MAX_TALLIED_LINES, LocalSearch, find_ripgrep


class Finder:
    """A tree with something of everything, and a search in it."""

    def __init__(self, ws: Path, ripgrep: str | None) -> None:
        self.ws = ws
        self.files = LocalFiles(ws)
        self.search = LocalSearch(self.files, LocalProcesses(ws), ripgrep=ripgrep)

    def put(self, path: str, data: str | bytes = "") -> None:
        (self.ws / path).parent.mkdir(parents=True, exist_ok=True)
        (self.ws / path).write_bytes(data.encode() if isinstance(data, str) else data)

    async def glob(self, pattern: str, under: str = ".") -> list[str]:
        location = self.files.resolve(under)
        try:
            return await self.search.glob(location, pattern)
        finally:
            location.close()

    async def grep(self, pattern: str, under: str = ".", **query: object) -> GrepHits:
        location = self.files.resolve(under)
        try:
            return await self.search.grep(location, GrepQuery(pattern, **query))  # type: ignore[arg-type]
        finally:
            location.close()


@pytest.fixture(params=[None, ""], ids=["ripgrep", "plain"])
def finder(tmp_path: Path, request: pytest.FixtureRequest) -> Finder:
    made = Finder(tmp_path / "ws", request.param)
    made.put("a.py", "before\nNeedle: here\nafter\n")
    made.put("b.txt", "needle\n")
    made.put("src/c.ts", "one\nneedle\ntwo\nthree\nfour\nneedle\n")
    made.put("src/deep/d.tsx", "needle")
    made.put(".github/w.yml", "needle\n")
    made.put(".git/x.txt", "needle\n")
    made.put("node_modules/m/e.js", "needle\n")
    made.put("src/debug.log", "needle\n")
    made.put(".gitignore", "node_modules/\n*.log\n")
    made.put("bin", b"needle\n\0\xff")
    made.put("latin", b"caf\xe9 needle\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/secret.txt").write_text("needle OUTSIDE\n")
    (made.ws / "lnk").symlink_to("../out")
    (made.ws / "lnk.txt").symlink_to("../out/secret.txt")
    (made.ws / "loop").symlink_to(".")
    os.mkfifo(made.ws / "fifo")
    return made


def init_repository(at: Path) -> None:
    subprocess.run(["git", "init", "-q", at], check=True)


async def test_files_are_found_sorted_and_nothing_else(finder: Finder) -> None:
    assert await finder.glob("**/*") == [
        ".github/w.yml",
        ".gitignore",
        "a.py",
        "b.txt",
        "bin",
        "latin",
        "src/c.ts",
        "src/deep/d.tsx",
    ]
    assert await finder.glob("*.{py,txt}") == ["a.py", "b.txt"]
    assert await finder.glob("src/*.ts") == ["src/c.ts"]
    assert await finder.glob("src/**") == ["src/c.ts", "src/deep/d.tsx"]
    assert await finder.glob("*.rs") == []
    assert await finder.glob("nothing/**") == []
    assert await finder.glob("a.py/*") == []


async def test_a_pattern_is_taken_from_the_directory_that_is_searched(finder: Finder) -> None:
    assert await finder.glob("*.ts", "src") == ["src/c.ts"]
    assert await finder.glob("deep/*", "src") == ["src/deep/d.tsx"]
    with pytest.raises(FileNotFoundError):
        await finder.glob("*", "nothing")


@pytest.mark.parametrize(
    "pattern",
    ["/etc/*", "../out/*", "src/../../out/*", "{..}/out/*", "{../out}/*", "{.}./out/*", ".{.,.}/*"],
)
async def test_no_spelling_of_a_pattern_leads_out(finder: Finder, pattern: str) -> None:
    with pytest.raises(InvalidValue, match=r"absolute|holds `\.\.`"):
        await finder.glob(pattern)


async def tally(finder: Finder, *words: str, under: str = ".") -> dict[str, dict[str, int]]:
    location = finder.files.resolve(under)
    try:
        return {row.path: row.counts for row in await finder.search.tally(location, words)}
    finally:
        location.close()


async def test_words_are_counted_in_every_file_that_a_search_sees(finder: Finder) -> None:
    finder.put("src/deep/needles.py", "needleneedle NEEDLE two\nhaystack twofold\n")

    assert await tally(finder, "needle", "two", under="src") == {
        "src/c.ts": {"needle": 2, "two": 1},
        "src/deep/d.tsx": {"needle": 1},
        "src/deep/needles.py": {"needle": 3, "two": 2},
    }
    assert sorted(await tally(finder, "needle")) == [
        ".github/w.yml",
        "a.py",
        "b.txt",
        "latin",
        "src/c.ts",
        "src/deep/d.tsx",
        "src/deep/needles.py",
    ]


async def test_of_words_that_begin_alike_the_longest_counts(finder: Finder) -> None:
    finder.put("w.txt", "parser parse pars\n")

    assert (await tally(finder, "pars", "parse"))["w.txt"] == {"parse": 2, "pars": 1}


async def test_counted_words_are_no_patterns(finder: Finder) -> None:
    finder.put("w.txt", "a.c abc a+c\n")

    assert await tally(finder, "a.c", "a+c") == {"w.txt": {"a.c": 1, "a+c": 1}}
    assert await tally(finder) == {}


async def test_only_the_first_lines_of_a_file_are_counted(finder: Finder) -> None:
    finder.put("w.txt", "straw straw\n" * 500)

    assert await tally(finder, "straw") == {"w.txt": {"straw": 2 * MAX_TALLIED_LINES}}


async def test_a_file_is_no_place_to_count_in(finder: Finder) -> None:
    with pytest.raises(NotADirectoryError):
        await tally(finder, "needle", under="a.py")


async def test_links_are_never_followed_by_a_search(finder: Finder) -> None:
    for pattern in ("lnk/*", "lnk/**", "**/secret.txt", "loop/*", "lnk.txt"):
        assert await finder.glob(pattern) == []
    hits = await finder.grep("OUTSIDE")
    assert hits == GrepHits("", 0, 0)
    for under in ("lnk", "lnk.txt"):
        with pytest.raises(PathRefused):
            await finder.grep("needle", under)


async def test_an_ignored_directory_is_searched_when_it_is_named(finder: Finder) -> None:
    assert await finder.glob("node_modules/**") == ["node_modules/m/e.js"]
    assert (await finder.grep("needle", "node_modules")).text == "node_modules/m/e.js:1:needle"


async def test_lines_are_found_with_path_number_and_text(finder: Finder) -> None:
    hits = await finder.grep("needle")
    assert hits.text.splitlines() == [
        ".github/w.yml:1:needle",
        "b.txt:1:needle",
        "latin:1:caf\ufffd needle",
        "src/c.ts:2:needle",
        "src/c.ts:6:needle",
        "src/deep/d.tsx:1:needle",
    ]
    assert (hits.matches, hits.files, hits.truncated) == (6, 5, False)


async def test_context_is_marked_and_blocks_are_parted(finder: Finder) -> None:
    hits = await finder.grep("needle", "src/c.ts", context=1)
    assert hits.text.splitlines() == [
        "src/c.ts-1-one",
        "src/c.ts:2:needle",
        "src/c.ts-3-two",
        "--",
        "src/c.ts-5-four",
        "src/c.ts:6:needle",
    ]
    assert (hits.matches, hits.files) == (2, 1)
    everywhere = await finder.grep("[Nn]eedle", context=1, glob="*.py")
    assert everywhere.text.splitlines() == ["a.py-1-before", "a.py:2:Needle: here", "a.py-3-after"]


async def test_case_can_be_ignored(finder: Finder) -> None:
    assert "a.py" not in (await finder.grep("needle")).text
    assert "a.py:2:Needle: here" in (await finder.grep("needle", ignore_case=True)).text


@pytest.mark.parametrize(
    ("glob", "files"),
    [
        ("*.ts", ["src/c.ts"]),
        ("*.{ts,tsx}", ["src/c.ts", "src/deep/d.tsx"]),
        ("src/*.ts*", ["src/c.ts"]),
        ("src/**", ["src/c.ts", "src/deep/d.tsx"]),
        ("**/*.tsx", ["src/deep/d.tsx"]),
        ("**/*", [".github/w.yml", "b.txt", "latin", "src/c.ts", "src/deep/d.tsx"]),
        ("!*.ts*", [".github/w.yml", "b.txt", "latin"]),
        ("!src/**", [".github/w.yml", "b.txt", "latin"]),
    ],
)
async def test_a_glob_chooses_files_and_never_brings_ignored_ones_back(
    finder: Finder, glob: str, files: list[str]
) -> None:
    hits = await finder.grep("needle", glob=glob)
    assert sorted({line.split(":")[0] for line in hits.text.splitlines()}) == files


async def test_below_a_directory_the_rules_above_it_hold(finder: Finder) -> None:
    assert "debug.log" not in (await finder.grep("needle", "src")).text
    assert await finder.glob("*", "src") == ["src/c.ts"]
    init_repository(finder.ws)
    assert "debug.log" not in (await finder.grep("needle", "src")).text
    assert await finder.glob("*", "src") == ["src/c.ts"]


async def test_a_repository_inside_the_workspace_has_its_own_rules(finder: Finder) -> None:
    finder.put("inner/keep.log", "needle\n")
    finder.put("inner/drop.txt", "needle\n")
    finder.put("inner/mine.txt", "needle\n")
    finder.put("inner/.gitignore", "drop.txt\n")
    init_repository(finder.ws / "inner")
    (finder.ws / "inner/.git/info/exclude").write_text("mine.txt\n")
    for _ in range(2):
        assert await finder.glob("inner/**/*.*") == ["inner/.gitignore", "inner/keep.log"]
        found = (await finder.grep("needle", glob="inner/**")).text
        assert found == "inner/keep.log:1:needle"
        assert (await finder.grep("needle", "inner")).text == "inner/keep.log:1:needle"
        (finder.ws / ".git/x.txt").unlink(missing_ok=True)
        init_repository(finder.ws)


async def test_rules_above_a_workspace_hold_inside_a_repository_only(finder: Finder) -> None:
    (finder.ws.parent / ".gitignore").write_text("*.txt\n")
    (finder.ws / ".git/x.txt").unlink()
    (finder.ws / ".git").rmdir()
    assert "b.txt" in (await finder.grep("needle")).text
    assert await finder.glob("*.txt") == ["b.txt"]
    init_repository(finder.ws.parent)
    assert "b.txt" not in (await finder.grep("needle")).text
    assert await finder.glob("*.txt") == []


@pytest.mark.parametrize("pattern", ["(", "[", "*x", "a{2,1}"])
async def test_a_bad_pattern_is_told_with_the_reason(finder: Finder, pattern: str) -> None:
    with pytest.raises(InvalidValue, match="cannot be searched for") as refusal:
        await finder.grep(pattern)
    assert not str(refusal.value).startswith("rg:")


async def test_a_bad_glob_is_told(finder: Finder) -> None:
    with pytest.raises(InvalidValue, match="not closed"):
        await finder.grep("needle", glob="[a")
    with pytest.raises(InvalidValue, match="not closed"):
        await finder.glob("{a")


async def test_a_missing_place_is_told(finder: Finder) -> None:
    with pytest.raises(FileNotFoundError):
        await finder.grep("needle", "nothing")


async def test_patterns_that_look_like_options_are_patterns(finder: Finder) -> None:
    finder.put("options", "--pre=evil\n-e x\n")
    assert (await finder.grep("--pre=evil", "options")).matches == 1
    assert (await finder.grep("-e x", "options")).matches == 1
    assert await finder.glob("--help") == []


async def test_long_lines_are_cut_and_much_is_truncated(finder: Finder) -> None:
    finder.put("long", "needle" + "x" * 5_000_000 + "\n")
    hits = await finder.grep("needle", "long")
    assert hits.text == "long:1:needle" + "x" * 1_994
    finder.put("many", "needle in a line of some length\n" * 100_000)
    much = await finder.grep("needle in")
    assert much.truncated
    assert MAX_TEXT_CHARS <= len(much.text) <= MAX_TEXT_CHARS + 3_000


async def test_names_with_colons_and_newlines_do_not_confuse(finder: Finder) -> None:
    finder.put("a:1:b-2-c", "xyzzy\n")
    hits = await finder.grep("xyzzy")
    assert hits.text == "a:1:b-2-c:1:xyzzy"


async def test_windows_lines_end_without_their_carriage_return(finder: Finder) -> None:
    finder.put("dos.txt", "xyzzy\r\n")
    assert (await finder.grep("xyzzy")).text == "dos.txt:1:xyzzy"


async def test_both_programs_answer_alike(finder: Finder) -> None:
    other = Finder(finder.ws, "" if finder.search._ripgrep is None else None)
    for pattern in ("needle", "^one$", "n.*e", "[Nn]eedle|two", "\\bhere\\b", "absent"):
        for options in ({}, {"context": 2}, {"ignore_case": True}, {"glob": "*.ts"}):
            ours = await finder.grep(pattern, **options)
            assert ours == await other.grep(pattern, **options)


async def test_a_cancelled_search_leaves_nothing_running(finder: Finder) -> None:
    task = asyncio.ensure_future(finder.grep("needle"))
    await asyncio.sleep(0.002)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_ripgrep_inside_the_workspace_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / "bin/rg"
    planted.parent.mkdir()
    planted.write_text("#!/bin/sh\ntouch pwned\n")
    planted.chmod(0o755)
    monkeypatch.setenv("PATH", str(planted.parent))
    assert not find_ripgrep(str(tmp_path)).startswith(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin")
    assert not find_ripgrep(str(tmp_path)).endswith("bin/bin/rg")


async def test_a_runaway_pattern_ends_with_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a3s_code.workspace.search.TIMEOUT_S", 1.0)
    finder = Finder(tmp_path / "ws", "")
    finder.put("a.txt", "a" * 5_000 + "\n")
    hits = await asyncio.wait_for(finder.grep("(a+)+b"), 20)
    assert hits == GrepHits("", 0, 0, truncated=True)


async def test_the_name_of_a_file_forges_no_line_and_moves_no_terminal(finder: Finder) -> None:
    finder.put("forge/x\n./README.md", "forged\n")
    finder.put("forge/99:k\n7:z", "forged\n")
    finder.put("forge/esc\x1b[31m", "forged\n")
    lines = (await finder.grep("forged")).text.splitlines()
    assert lines == [
        "forge/99:k\\n7:z:1:forged",
        "forge/esc\\x1b[31m:1:forged",
        "forge/x\\n./README.md:1:forged",
    ]
    assert (await finder.grep("forged", "forge/esc\x1b[31m")).text == "forge/esc\\x1b[31m:1:forged"


async def test_a_remark_on_a_binary_file_is_taken_for_no_name(finder: Finder) -> None:
    finder.put("many", b"bulk\n" * 50_000 + b"\0" + b"bulk\n" * 10)
    finder.put("zlast", "bulk end\n")
    shown = await finder.grep("bulk (x|end)|^bulk$")
    assert all(line.startswith(("many:", "zlast:")) for line in shown.text.splitlines())
