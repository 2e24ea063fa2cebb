"""
Private keys in blocks of lines, also where the line ends are written as `\\n`.

A block that has no end yet is redacted as far as it goes: the beginning of a key is enough
to begin with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from a3s_code.harness.redaction.spans import Span

OPENING = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
BODY = re.compile(
    r"(?:(?:Proc-Type|DEK-Info|Comment|Version|Charset):[^\n\\]{0,120}"
    r"|[A-Za-z0-9+/=\s]|\\+[nrt])*"
)
CLOSING = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
LABEL = "PRIVATE_KEY"
_OPENS = "-----BEGIN "


def blocks(text: str, start: int = 0) -> Iterator[Span]:
    """Find every private key that begins at `start` or later."""
    at = text.find(_OPENS, start)
    while at >= 0:
        opened = OPENING.match(text, at)
        if opened is None:
            at = text.find(_OPENS, at + 1)
            continue
        body = BODY.match(text, opened.end())
        end = body.end() if body is not None else opened.end()
        closed = CLOSING.match(text, end)
        last = closed.end() if closed is not None else end
        if last > opened.end():
            yield Span(at, last, LABEL)
        at = text.find(_OPENS, last)


def unfinished(text: str, start: int = 0) -> int:
    """Give where a private key begins, or may begin, that has not ended; -1 if there is none."""
    begun = text.rfind(_OPENS, start)
    if begun < 0:
        return -1
    opened = OPENING.match(text, begun)
    if opened is None:
        return begun if _CUT_OPENING.match(text, begun) else -1
    body = BODY.match(text, opened.end())
    rest = text[body.end() if body is not None else opened.end() :]
    is_over = CLOSING.match(rest) or "\n" in rest or len(rest) > MAX_LINE
    return -1 if is_over else begun


MAX_LINE = 160
"""A line of this length is none of a key."""
_CUT_OPENING = re.compile(r"-----BEGIN [A-Z0-9 ]{0,60}-{0,4}\Z")
