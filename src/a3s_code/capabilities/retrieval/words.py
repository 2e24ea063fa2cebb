"""
The words of a question and of code, as they are compared.

Identifiers are cut where their parts meet (`parse_rule`, `parseRule`), and words lose a common
ending, so that `retries` finds `retry_after`. Scripts without blanks between words are taken in
pairs of characters.
"""

from __future__ import annotations

import re

MAX_TERMS = 16
"""Of one question; the rest of a long one adds little but noise."""

MAX_QUESTION_CHARS = 8_000

_MIN_CHARS = 3
_MIN_STEM_CHARS = 4
_PART = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\W\d_][^\W\d_A-Z\u3040-\u30ff\u3400-\u9fff]+"
    r"|[A-Z]+(?![a-z])|\d{3,}"
)
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_ENDINGS = (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", ""))
_COMMON = frozenset(
    ["the", "and", "for", "with", "that", "this", "from", "are", "was", "were", "what", "when", "where", "which", "who", "why", "how", "does", "did", "can", "could", "should", "would", "will", "shall", "may", "must", "not", "but", "all", "any", "some", "our", "your", "their", "its", "his", "her", "they", "them", "you", "she", "him", "have", "has", "had", "been", "being", "into", "onto", "out", "about", "over", "under", "than", "then", "there", "here", "also", "only", "just", "very", "more", "most", "please", "find", "show", "tell", "give", "make", "let", "use", "used", "using", "look", "explain", "help", "need", "want", "file", "files", "code", "function", "class", "method", "line", "lines"]
)


def terms_of(question: str) -> tuple[str, ...]:
    """
    Give the stems that a question is searched by, in their order and each once.

    None when it has no telling word.
    """
    stems = (stem for stem in stems_of(question[:MAX_QUESTION_CHARS]) if stem not in _COMMON_STEMS)
    return tuple(dict.fromkeys(stems))[:MAX_TERMS]


def stems_of(text: str) -> list[str]:
    """Give the stem of every word, in lower case and in order."""
    found: list[str] = []
    for part in _PART.findall(text):
        if _UNSPACED.match(part):
            found += [part[at : at + 2] for at in range(max(len(part) - 1, 1))]
        elif len(part) >= _MIN_CHARS:
            found.append(_stem(part.lower()))
    return found


def _stem(word: str) -> str:
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM_CHARS - len(instead):
            return word[: -len(ending)] + instead
    return word


_COMMON_STEMS = frozenset(map(_stem, _COMMON)) | _COMMON
