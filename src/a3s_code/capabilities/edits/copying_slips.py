"""Known slips of copying text out of a file, recognised by undoing them."""

from __future__ import annotations

import re
from collections.abc import Callable

_NUMBERED = re.compile(r"^[ \t]*\d+(?:\t|\| ?|\u2192|: )", re.MULTILINE)
_UNTYPED = str.maketrans("\u2018\u2019\u201c\u201d\u00a0", "''\"\" ")


def _without_numbers(text: str) -> str:
    return _NUMBERED.sub("", text)


def _with_real_breaks(text: str) -> str:
    return text.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\t", "\t")


def _with_plain_quotes(text: str) -> str:
    return text.translate(_UNTYPED)


def _without_html(text: str) -> str:
    import html  # 1 ms, needed when an edit does not fit

    return html.unescape(text)


_SLIPS: tuple[tuple[Callable[[str], str], str], ...] = (
    (_without_numbers, "carries the line numbers that read shows; leave them out"),
    (_with_real_breaks, "has backslash escapes where the file has line breaks or tabs"),
    (_without_html, "is HTML-escaped and the file is not"),
    (_with_plain_quotes, "has typographic quotes or blanks where the file has plain ones"),
)


def copying_slip(text: str, wanted: str, *, name: str) -> str:
    """
    Say what probably happened to `wanted`, which is not in `text`; empty when unknown.

    Args:
        text: The file, with line feeds only.
        wanted: What was not found in it, with line feeds only.
        name: What `wanted` is called in the sentence.
    """
    for undo, what in _SLIPS:
        undone = undo(wanted)
        if undone != wanted and undone.strip() and undone in text:
            return f"{name} {what}."
    if "\N{REPLACEMENT CHARACTER}" in wanted:
        return (
            f"{name} holds U+FFFD, which stands for bytes that could not be shown; leave them out."
        )
    return ""
