"""What is recognised only to be refused: other kinds of diffs, and changes of no text."""

from __future__ import annotations

import re

from a3s_code.capabilities.edits.refusal import Refusal

_SCRIPT_LINE = re.compile(r"^\d+(?:,\d+)?[acd](?:\d+(?:,\d+)?)?\r?$", re.MULTILINE)
_CONFLICT = [re.compile(mark, re.MULTILINE) for mark in (r"^<{5,}", r"^={5,}\r?$", r"^>{5,}")]
_CONTEXT_DIFF = re.compile(r"^\*{3} \d+(?:,\d+)? \*{4}\r?$|^\*{15}", re.MULTILINE)
_BINARY = re.compile(r"^(?:GIT binary patch|Binary files .* differ)\r?$", re.MULTILINE)
_FORMATS = (
    ([_BINARY], "the diff is binary."),
    (_CONFLICT, "this is a search/replace block; the edit tool takes one."),
    ([_SCRIPT_LINE], "this is an ed script or a normal diff."),
    ([_CONTEXT_DIFF], "this is a context diff."),
)
_CHANGE = re.compile(r"^[-+](?![-+]{2} )", re.MULTILINE)
_SPECIAL_MODE = re.compile(r"new file mode 1[26]0000")
_GIT_ONLY = ("old mode ", "new mode ", "rename from ", "rename to ", "copy from ", "copy to ")
_WHOLE_FILES = ("*** Add File: ", "*** Delete File: ", "*** Move to: ")
_HEADERS = (
    "diff ",
    "index ",
    "--- ",
    "+++ ",
    "***",
    "```",
    "new file mode ",
    "deleted file mode ",
    "Index: ",
    "====",
)
_FORM = "Send a unified diff whose hunks begin with @@ -line,count +line,count @@."


def foreign_header(line: str, *, git: bool) -> Refusal | None:
    """Refuse a header line whose meaning is no change of lines; `git`: after `diff --git`."""
    if line.startswith(_WHOLE_FILES):
        what = "adds, deletes or moves a whole file; use write or bash for that"
        return Refusal("unsupported", f"the diff {what}.")
    if not git:
        return None
    if _BINARY.match(line):
        return Refusal("unsupported", "the diff is binary; only text can be patched.")
    if line.startswith(_GIT_ONLY) or _SPECIAL_MODE.match(line):
        what = "a rename, a copy, a mode or a link"
        return Refusal("unsupported", f"the diff is about {what} ({line[:80]!r}); use bash.")
    return None


def foreign_format(text: str) -> Refusal:
    """Say what a diff without any hunk is instead."""
    if "@@" in text and "\\n" in text and "\n" not in text.strip():
        hint = "the diff has backslash-n where line breaks belong; send real line breaks."
        return Refusal("malformed", hint)
    for marks, what in _FORMATS:
        if all(mark.search(text) for mark in marks):
            return Refusal("unsupported", f"{what} {_FORM}")
    if all(line.startswith(_HEADERS) for line in text.splitlines() if line.strip()):
        return Refusal("empty_patch", f"the diff has no hunk. {_FORM}")
    what = "has changes but no @@ line" if _CHANGE.search(text) else "is no diff"
    return Refusal("malformed", f"the text {what}. {_FORM}")
