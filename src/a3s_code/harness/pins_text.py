"""Pinned facts as a model reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from a3s_code.kernel.pinned import Pinned, Verdict

_MARK = re.compile(r"<(?=\s*(?:/\s*)?(?:pinned|context))", re.IGNORECASE)


def as_text(pinned: Pinned) -> str:
    """
    Write facts down between marks of their own; empty when there are none.

    A fact that writes such marks itself has them escaped, and one of several lines is indented:
    it speaks for nobody else, and is one fact.
    """
    changed = [each.path for each in pinned.files if each.changed]
    read = [each.path for each in pinned.files if not each.changed]
    left_out = f"({pinned.left_out} older facts are in the log only.)" if pinned.left_out else ""
    parts = [
        _list("Rules that the user stated, in their words; later ones win:", pinned.constraints),
        _list("Asked by the user and not answered yet:", pinned.questions),
        _line("Files that were changed:", changed),
        _line("Files that were read:", read),
        _list("Decided about calls:", [*map(_verdict, pinned.verdicts)]),
        _list("Plan:", [json.dumps(row, ensure_ascii=False) for row in pinned.plan]),
        _list("What the user said, oldest first:", pinned.words),
        left_out,
    ]
    body = "\n".join(part for part in parts if part)
    return f"<pinned>\n{body}\n</pinned>" if body else ""


def escaped(text: str) -> str:
    """Give a text that writes none of the marks by which a model tells who speaks."""
    return _MARK.sub("&lt;", text)


def _list(title: str, items: Sequence[str]) -> str:
    return "\n".join([title, *(f"- {as_fact(item)}" for item in items)]) if items else ""


def _line(title: str, items: Sequence[str]) -> str:
    return f"{title} {', '.join(map(as_fact, items))}" if items else ""


def as_fact(text: str) -> str:
    """Write one fact; its further lines can be taken for no other one."""
    return "\n    ".join(escaped(text).splitlines())


def _verdict(verdict: Verdict) -> str:
    said = "approved" if verdict.approved else "denied"
    why = f" ({verdict.reason})" if verdict.reason else ""
    return f"{said}: {verdict.tool} {verdict.about}{why}".rstrip()
