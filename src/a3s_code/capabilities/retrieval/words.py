"""
The words of a question and of code, as they are compared.

Identifiers are cut where their parts meet (`parse_rule`, `parseRule`), and words lose a common
ending, so that `retries` finds `retry_after`. Scripts without blanks between words are taken in
pairs of characters.
"""

from __future__ import annotations

import re

from a3s_code.kernel.words import UNSPACED, UNSPACED_RUN, pairs

MAX_TERMS = 16
"""Of one question; the rest of a long one adds little but noise."""

MAX_QUESTION_CHARS = 8_000

_MIN_CHARS = 3
_MIN_STEM_CHARS = 4
_PART = re.compile(
    rf"[{UNSPACED}]+|[^\W\d_{UNSPACED}][^\W\d_A-Z{UNSPACED}]+"
    r"|[A-Z]+(?![a-z])|\d{3,}"
)
_ENDINGS = (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", ""))
_COMMON_WORDS = """
about all also and any are been being but can class code could did does explain file files find for
from function give had has have help her here how into its just let like line lines look make many
may method more most must need not only onto our out over please shall should show some tell than
that the their them then there they this under use used using very want was were what when where
which who why will with would you your
"""


def terms_of(question: str) -> dict[str, str]:
    """
    Give the stems that a question is searched by, each with the word that it is of.

    In the order of the question; empty when it has no telling word.
    """
    terms: dict[str, str] = {}
    for word in _words(question[:MAX_QUESTION_CHARS]):
        stem = _stem(word)
        if stem not in _COMMON and len(terms) < MAX_TERMS:
            terms.setdefault(stem, word)
    return terms


def telling_stems(text: str) -> list[str]:
    """Give the stem of every word that is not one of those that stand in any text."""
    return [stem for stem in stems_of(text) if stem not in _COMMON]


def stems_of(text: str) -> list[str]:
    """Give the stem of every word, in order."""
    return list(map(_stem, _words(text)))


def _words(text: str) -> list[str]:
    found: list[str] = []
    for part in _PART.findall(text):
        if UNSPACED_RUN.match(part):
            found += pairs(part)
        elif len(part) >= _MIN_CHARS:
            found.append(part.lower())
    return found


def _stem(word: str) -> str:
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM_CHARS - len(instead):
            return word[: -len(ending)] + instead
    return word


_COMMON = frozenset(map(_stem, _COMMON_WORDS.split()))
