"""
The words of a text, for an index and for what is looked up in it.

Texts are folded first: case, and where a character has several forms, the plain one. Scripts
that put no spaces between words (Chinese, Japanese, Thai and others), or put into one word what
others say in several (Korean), give each pair of neighbouring characters as a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from unicodedata import normalize

MAX_WORD_CHARS = 64
WHOLE_CHARS = MAX_WORD_CHARS // 2
"""As much of any word is whole in one of the words that `words` gives."""

UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Chinese characters
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul
)
"""These scripts, as ranges within the brackets of a regular expression."""
UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_WORD = re.compile(r"\w+")
_WORD_OR_RUN = re.compile(f"([{UNSPACED}]+)|[^\\W{UNSPACED}]+")


def folded(text: str) -> str:
    """Give a text as it is compared."""
    return text.lower() if text.isascii() else normalize("NFKC", text).casefold()


def words(text: str) -> Iterator[str]:
    """
    Give the words of a folded text, in order.

    One that is too long for an index is given in pieces that overlap, so that half as much is
    always whole in one of them.
    """
    if text.isascii():
        for word in _WORD.findall(text):
            if len(word) <= MAX_WORD_CHARS:
                yield word
            else:
                yield from _pieces(word)
        return
    for found in _WORD_OR_RUN.finditer(text):
        word = found[0]
        if found[1] is not None:
            yield from pairs(word)
        elif len(word) <= MAX_WORD_CHARS:
            yield word
        else:
            yield from _pieces(word)


def asked_words(text: str) -> list[str]:
    """Give what a folded query asks for, each once; an item may hold it inside other words."""
    runs = _WORD_OR_RUN.finditer(text)
    asked = (pairs(run[0]) if run[1] is not None else (run[0],) for run in runs)
    return list(dict.fromkeys(word for each in asked for word in each))


def pairs(run: str) -> Iterator[str]:
    """Give the words of a stretch of `UNSPACED`: each two neighbours, or the only one."""
    if len(run) == 1:
        yield run
    for pair in pairwise(run):
        yield "".join(pair)


def _pieces(word: str) -> Iterator[str]:
    for at in range(0, len(word), WHOLE_CHARS):
        yield word[at : at + MAX_WORD_CHARS]
