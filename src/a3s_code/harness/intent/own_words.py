"""
What of a prompt its user says, without what is only shown in it.

Code, quotations, quoted lines and marked-up documents are material: who pastes a text does not
say what is in it.
"""

from __future__ import annotations

import re

_FENCE = re.compile(
    r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_SHOWN_LINE = re.compile(r"^(?:>| {4}|\t).*$", re.MULTILINE)
_QUOTED = re.compile(
    r"`[^`\n]*`|\"[^\"\n]*\"|\u201c[^\u201d\n]*\u201d|\u00ab[^\u00bb\n]*\u00bb"
    r"|\u2018[^\u2019\n]*\u2019|(?<!\w)'[^'\n]*'(?!\w)"
)
_OPENING = re.compile(r"<([A-Za-z][\w-]{0,40})[^<>\n]{0,400}>")
_TOKEN = re.compile(r"\S+")
_NAME = re.compile(r"[/\\_(){}\[\]=@#$]|\w[.:]\w")
SHOWN = "it"
"""Stands for a name or a quotation: whoever is asked to review a file reviews it."""


def own_words(prompt: str) -> str:
    """
    Give a prompt in lower case with `SHOWN` for each path, name and quotation.

    Blocks of code, quoted lines, lines that are set in, and elements with an end mark are left
    out. Line ends stay.
    """
    return _TOKEN.sub(lambda token: _without_name(token[0]), spoken(prompt)).lower()


def spoken(prompt: str) -> str:
    """Give a prompt without what is only shown in it; paths and names stay, and so does case."""
    text = _without_elements(_FENCE.sub("", prompt))
    return _QUOTED.sub(SHOWN, _SHOWN_LINE.sub("", text))


def _without_name(token: str) -> str:
    """Put `SHOWN` in the place of a name; the mark that ends a sentence behind it stays."""
    if _NAME.search(token) is None:
        return token
    return f"{SHOWN}{token[-1]}" if token[-1] in ".,;:!?" else SHOWN


def _without_elements(text: str) -> str:
    """Leave out `<name …>…</name>`, with what is inside."""
    parts: list[str] = []
    unclosed: set[str] = set()
    at = 0
    for found in _OPENING.finditer(text):
        name = found[1]
        if found.start() < at or name in unclosed:
            continue
        end = text.find(f"</{name}>", found.end())
        if end < 0:
            unclosed.add(name)
            continue
        parts.append(text[at : found.start()])
        at = end + len(name) + 3
    return f"{''.join(parts)}{text[at:]}"
