from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.edits.hunks import MAX_HUNKS, Diff, Hunk, parse
from a3s_code.capabilities.edits.refusal import Refusal

BODY = " one\n-two\n+TWO\n three\n"


def parsed(diff: str) -> Diff:
    made = parse(diff)
    assert isinstance(made, Diff), made
    return made


def only(diff: str) -> Hunk:
    (hunk,) = parsed(diff).hunks
    return hunk


def refused(diff: str) -> Refusal:
    made = parse(diff)
    assert isinstance(made, Refusal), made
    return made


def marked(hunk: Hunk) -> list[str]:
    return [line.mark + line.text for line in hunk.lines]


def test_a_hunk_needs_no_file_header() -> None:
    hunk = only(f"@@ -1,3 +1,3 @@ def f():\n{BODY}")
    assert (hunk.number, hunk.at, hunk.stated) == (1, 1, 1)
    assert (hunk.old_count, hunk.new_count) == (3, 3)
    assert marked(hunk) == [" one", "-two", "+TWO", " three"]


def test_an_omitted_count_is_one() -> None:
    hunk = only("@@ -2 +2 @@\n-two\n+TWO\n")
    assert (hunk.stated, hunk.old_count, hunk.new_count) == (2, 1, 1)


@pytest.mark.parametrize("header", ["@@", "@@ @@", "@@ ", "@@ ... @@"])
def test_numbers_may_be_missing(header: str) -> None:
    hunk = only(f"{header}\n{BODY}")
    assert hunk.stated is None
    assert len(hunk.lines) == 4


def test_text_instead_of_numbers_is_an_anchor() -> None:
    assert only(f"@@ class A:\n@@ def f(self): @@\n{BODY}").anchors == ("class A:", "def f(self):")


@pytest.mark.parametrize(
    "before",
    [
        "",
        "\N{BOM}",
        "--- a/f.txt\n+++ b/f.txt\n",
        "diff --git a/f.txt b/f.txt\nindex 83db48f..bf269f4 100644\n--- a/f.txt\n+++ b/f.txt\n",
        "Index: f.txt\n=====\n--- f.txt\t(revision 1)\n+++ f.txt\t(working copy)\n",
        "Here is the change:\n- it replaces two\n\n```diff\n",
        "*** Begin Patch\n*** Update File: f.txt\n",
    ],
)
def test_what_stands_before_the_first_hunk_is_passed_over(before: str) -> None:
    assert marked(only(f"{before}@@ -1,3 +1,3 @@\n{BODY}")) == [" one", "-two", "+TWO", " three"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("```diff\n", "```\n"),
        ("```\n", "```\nThis replaces two.\n- really\n"),
        ("*** Begin Patch\n*** Update File: f.txt\n", "*** End Patch\n"),
        ("*** Begin Patch\n*** Update File: f.txt\n", "*** End of File\n*** End Patch"),
        ("", "-- \n2.43.0\n"),
        ("", "-- \n2.43.0\n\n"),
    ],
)
def test_what_stands_behind_the_last_hunk_is_passed_over(before: str, after: str) -> None:
    hunk = only(f"{before}@@ -1,3 +1,3 @@\n{BODY}{after}")
    assert marked(hunk) == [" one", "-two", "+TWO", " three"]


def test_lines_that_look_like_headers_belong_to_a_hunk_that_still_owes_lines() -> None:
    hunk = only("@@ -1,3 +1,3 @@\n a\n--- x\n+++ y\n b\n")
    assert marked(hunk) == [" a", "--- x", "+++ y", " b"]


def test_a_line_of_pluses_is_an_added_line() -> None:
    assert marked(only("@@ -1,2 +1,3 @@\n a\n+++ x\n b\n")) == [" a", "+++ x", " b"]


def test_an_empty_line_is_context() -> None:
    hunk = only("@@ -1,3 +1,3 @@\n a\n\n-b\n+B\n")
    assert marked(hunk) == [" a", " ", "-b", "+B"]
    assert not hunk.lines[1].bare


def test_a_line_without_a_mark_is_kept_and_called_bare() -> None:
    hunk = only("@@ -1,3 +1,3 @@\none\n-two\n+TWO\n\tthree\n")
    assert [(line.text, line.bare) for line in hunk.lines if line.mark == " "] == [
        ("one", True),
        ("\tthree", True),
    ]


def test_more_lines_than_counted_are_kept() -> None:
    assert len(only(f"@@ -1,1 +1,1 @@\n{BODY}").lines) == 4


def test_a_missing_line_feed_is_noted_for_the_side_it_is_on() -> None:
    note = "\\ No newline at end of file\n"
    removed = only(f"@@ -1 +1 @@\n-b\n{note}+b\n")
    added = only(f"@@ -1 +1 @@\n-b\n+b\n{note}")
    shared = only(f"@@ -1,2 +1,2 @@\n-a\n+b\n c\n{note}")
    sides = [(hunk.old_unended, hunk.new_unended) for hunk in (removed, added, shared)]
    assert sides == [(True, False), (False, True), (True, True)]


def test_a_line_that_begins_with_a_backslash_is_no_note() -> None:
    assert marked(only("@@ -1,2 +1,2 @@\n\\begin{x}\n-a\n+b\n"))[0] == " \\begin{x}"


def test_huge_numbers_are_numbers() -> None:
    assert only(f"@@ -{'9' * 40},3 +1,3 @@\n{BODY}").stated == int("9" * 40)


def test_names_are_kept_in_order_without_doubles() -> None:
    diff = parsed(f"--- a/x.py\t2020-01-01 10:00:00\n+++ b/x.py\n@@ -1,3 +1,3 @@\n{BODY}")
    assert diff.names == ("b/x.py", "a/x.py")


def test_sections_of_one_file_are_one_diff() -> None:
    header = "--- a/x.py\n+++ b/x.py\n"
    diff = parsed(f"{header}@@ -1,3 +1,3 @@\n{BODY}{header}@@ -9 +9 @@\n-a\n+b\n")
    assert [hunk.number for hunk in diff.hunks] == [1, 2]


def test_dev_null_says_that_a_file_begins_or_ends() -> None:
    made = parsed("--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n")
    gone = parsed("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n")
    assert [(diff.creates, diff.deletes) for diff in (made, gone)] == [(True, False), (False, True)]


CUT = "@@ -1,3 +1,3 @@\n one\n-two\n"


def test_a_last_hunk_that_was_cut_off_is_malformed() -> None:
    for diff in (CUT, f"{CUT}+TW", "@@ -1,3 +1,3 @@", "@@ -1,3 +1,3 @@\n"):
        assert refused(diff).kind == "malformed"


def test_counts_that_are_too_large_are_forgiven_where_nothing_can_be_missing() -> None:
    assert len(only(f"@@ -1,9 +1,7 @@\n{BODY}").lines) == 4
    assert len(only(f"```\n{CUT}```\n").lines) == 2
    assert len(parsed(f"{CUT}@@ -8 +8 @@\n-a\n+b\n").hunks) == 2


@pytest.mark.parametrize(
    ("diff", "kind"),
    [
        ("", "empty_patch"),
        ("\n\n", "empty_patch"),
        ("--- a/f.txt\n+++ b/f.txt\n", "empty_patch"),
        ("*** Begin Patch\n*** End Patch\n", "empty_patch"),
        ("@@ -1,2 +1,2 @@\n a\n b\n", "empty_patch"),
        ("hello", "malformed"),
        ("-two\n+TWO\n", "malformed"),
        ("--- a/f.txt\n+++ b/f.txt\n-two\n+TWO\n", "malformed"),
        ("--- a/f.txt\n+++ b/f.txt\n-two\n+TWO\n@@ -8 +8 @@\n-a\n+b\n", "malformed"),
        ("--- a\\n+++ b\\n@@ -1 +1 @@\\n-two\\n+TWO\\n", "malformed"),
        ("@@ --1,3 +1,3 @@\n a\n-b\n+c\n", "malformed"),
        ("@@ -1,3 +1,\n a\n-b\n+c\n", "malformed"),
        ("@@ -1,3\n a\n-b\n+c\n", "malformed"),
        (f"@@ -{'9' * 5000} +1 @@\n-b\n+c\n", "malformed"),
        ("@@ class A:\n", "malformed"),
        ("2c\nTWO\n.\n", "unsupported"),
        ("--- /dev/null\n+++ f.txt\n0a\n!touch PWNED\n.\n", "unsupported"),
        ("2c2\n< two\n---\n> TWO\n", "unsupported"),
        ("*** a\n--- b\n***************\n*** 1,3 ****\n", "unsupported"),
        ("<<<<<<< SEARCH\ntwo\n=======\nTWO\n>>>>>>> REPLACE\n", "unsupported"),
        ("diff --git a/f b/f\nGIT binary patch\nliteral 3\nKcmZQ\n", "unsupported"),
        ("Binary files a/f and b/f differ\n", "unsupported"),
        ("diff --git a/f b/f\nrename from f\nrename to g\n", "unsupported"),
        ("diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", "unsupported"),
        ("diff --git a/f b/f\nnew file mode 120000\n@@ -0,0 +1 @@\n+x\n", "unsupported"),
        ("*** Begin Patch\n*** Add File: g\n+x\n*** End Patch\n", "unsupported"),
        ("*** Begin Patch\n*** Delete File: g\n*** End Patch\n", "unsupported"),
        ("@@@ -1,2 -1,2 +1,3 @@@\n  a\n++b\n", "unsupported"),
        (f"--- f\n+++ f\n@@ -1,3 +1,3 @@\n{BODY}--- g\n+++ g\n@@\n-x\n+y\n", "unsupported"),
        (f"--- a/f\n+++ b/f\n@@\n{BODY}--- a/g\n+++ b/g\n@@\n-x\n+y\n", "unsupported"),
        ("@@ -1 +1 @@\n-a\n+b\n" * (MAX_HUNKS + 1), "unsupported"),
    ],
)  # fmt: skip
def test_what_is_no_unified_diff_of_one_file_is_refused(diff: str, kind: str) -> None:
    refusal = refused(diff)
    assert refusal.kind == kind
    assert len(refusal.text) < 400


tokens = st.sampled_from(
    ["@@", " -1", ",2", " +1", " @@", "\n", "-", "+", " ", "--- a/f", "+++ b/f", "```", "x", "\\ ",
     "*** ", "diff --git ", "\r", "\N{BOM}", "é", "\u2028"]
)  # fmt: skip


@given(st.lists(tokens, max_size=40).map("".join))
def test_any_text_is_read_or_refused_and_no_marked_line_is_lost(diff: str) -> None:
    made = parse(diff)
    if isinstance(made, Refusal):
        return
    for hunk in made.hunks:
        body = diff.removeprefix("\N{BOM}").split("\n")[hunk.at :]
        theirs = [line for line in body if not line.startswith("\\ ")]
        ours = [line.raw for line in hunk.lines if not line.raw.startswith("\\ ")]
        assert ours == theirs[: len(ours)]
