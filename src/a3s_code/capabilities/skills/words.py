"""
The words of a text, as a search compares them.

Case, accents and the common endings of English do not count. Where a script has no blanks between
its words, every two neighbours are one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from a3s_code.kernel.words import UNSPACED, UNSPACED_RUN, pairs

_WORD = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ENDINGS = ("ings", "ing", "ers", "ies", "er", "es", "ed", "s", "e", "y")
_LEAST_STEM = 3

STOP_WORDS = frozenset(
    """
    a an and are as at be by can do for from how i in into is it me my of on or our please
    some that the this to use using want what when which with you your
    """.split()  # noqa: SIM905 - one to a line would be a page
)


def distinct(text: str) -> dict[str, None]:
    """Give the words of a text, each reduced to its stem, once, in their order."""
    if not text.isascii():
        text = _without_accents(unicodedata.normalize("NFKD", text))
    spelled = dict.fromkeys(_WORD.findall(_CAMEL.sub(" ", text).casefold()))
    return dict.fromkeys(stem for word in spelled for stem in _stems(word))


def asked(query: str, most: int) -> tuple[str, ...]:
    """Give the words that a query is about, each once; all of them when none means anything."""
    meant = [word for word in _WORD.findall(query) if word.casefold() not in STOP_WORDS]
    return tuple(distinct(" ".join(meant or [query])))[:most]


def _without_accents(text: str) -> str:
    bare = (char for char in text if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", "".join(bare))


def _stems(word: str) -> Iterator[str]:
    return pairs(word) if UNSPACED_RUN.match(word) else iter((_stem(word),))


@lru_cache(maxsize=16_384)
def _stem(word: str) -> str:
    if word.endswith("ss"):
        return word
    stems = (word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending))
    return next((stem for stem in stems if len(stem) >= _LEAST_STEM), word)
