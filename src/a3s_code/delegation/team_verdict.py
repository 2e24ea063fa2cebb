"""
What a reviewer decided, read from its words.

`APPROVED` anywhere approves, unless the words around it say the opposite: a negation, a condition,
a rejection beside it. The first words of the answer decide before all others, then those of its
last line. What decides nothing is a rejection.

Source:
    A3S Code README of the 0.9 crate, "Agent Teams"; SPEC 9.8.
"""

from __future__ import annotations

import re

_MARKS = r"[^\w\n]{0,20}"
_LABEL = (
    r"(?:(?:final |my )?(?:verdict|decision|result|status|review)[\s*_\"'`]{0,20}(?:[:=]|is\b))?"
)
_SAID = r"(?:(?:it|this) is )?(?P<word>approved|rejected)(?![\w-])"
_LEADS = re.compile(rf"{_MARKS}{_LABEL}{_MARKS}{_SAID}", re.IGNORECASE)
_ENDS = r".!:;,\u2013\u2014\u3002\uff01\uff0c\uff1a\uff1b\uff1f-"
_ALONE = re.compile(rf"[\s*_\"'`\])}}]{{0,20}}(?:$|[{_ENDS}])")
_ANYWHERE = re.compile(r"(?<![A-Za-z_-])(?P<word>APPROVED|REJECTED)(?![A-Za-z_])")
_BOUND = re.compile(
    r"[.!?;:,()\n\u2013\u2014\u3002\uff01\uff0c\uff1a\uff1b\uff1f]|\s-\s"
    r"|\b(?:and|but|so|hence|therefore|thus)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|never|cannot|without|unless|until|before|if|once|when|would|could|should|must|may|"
    r"might|no longer|no way|nor|neither|far from|un-?|dis-?|yet to|to be)\b|n['\u2019]t\b|"
    r"[不未没否非]",
    re.IGNORECASE,
)
"""In the clause before a verdict, these say that it is none; the signs are Chinese negations."""
_TAKEN_BACK = re.compile(
    r"[\s*_\"'`]{0,20}(?:\?|[:=][\s\"'`]{0,20}(?:no|not|false|0)[ \"'`)}\].]{0,20}(?:$|\n)|"
    r"(?:, ?)?\s(?:only\b|if\b|once\b|unless\b|until\b|provided\b|subject to\b|or\b|/)|\s{0,20}/)",
    re.IGNORECASE,
)


def is_approval(said: str) -> bool:
    """Say whether a reviewer's words approve of what it was shown."""
    lines = [line for line in said.splitlines() if line.strip()]
    if not lines:
        return False
    for line in (lines[0], lines[-1]):
        led = _LEADS.match(line)
        if led is not None and _is_meant(line, led):
            return led["word"].lower() == "approved"
    found = {match["word"] for match in _ANYWHERE.finditer(said) if _stands(said, match)}
    return found == {"APPROVED"}


def _is_meant(line: str, led: re.Match[str]) -> bool:
    """Say whether a line that begins with a verdict gives one; `Approved parts: …` does not."""
    if _TAKEN_BACK.match(line, led.end()) is not None:
        return False
    return led["word"].isupper() or _ALONE.match(line, led.end()) is not None


def _stands(said: str, match: re.Match[str]) -> bool:
    """Say whether a verdict is meant, and not denied or tied to a condition."""
    head = said[max(match.start() - 200, 0) : match.start()]
    clause = _BOUND.split(head)[-1]
    is_denied = _DENIED.search(clause) is not None or _TAKEN_BACK.match(said, match.end())
    return not is_denied
