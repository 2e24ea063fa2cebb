"""
The words of a text, as a search compares them.

Case, accents and the common endings of English do not count. A run of Chinese, Japanese or Korean
has no blanks between its words; there every two neighbours are one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_ENDINGS = ("ings", "ing", "ers", "ies", "er", "es", "ed", "s", "e", "y")
_LEAST_STEM = 3

STOP_WORDS = frozenset(
    """
    a an and are as at be by can do for from how i in into is it me my of on or our please
    some that the this to use using want what when which with you your
    """.split()  # noqa: SIM905 - one to a line would be a page
)


def words(text: str) -> Iterator[str]:
    """Give the words of a text in order, each reduced to its stem."""
    plain = unicodedata.normalize("NFKD", _CAMEL.sub(" ", text))
    for match in _WORD.finditer(_without_accents(plain).casefold()):
        word = match.group()
        at = 0
        for run in _IDEOGRAPHS.finditer(word):
            yield from _stems(word[at : run.start()])
            yield from _pairs(run.group())
            at = run.end()
        yield from _stems(word[at:])


def asked(query: str, most: int) -> tuple[str, ...]:
    """Give the words that a query is about, each once; all of them when none means anything."""
    meant = [word for word in query.split() if word.casefold() not in STOP_WORDS]
    found = dict.fromkeys(words(" ".join(meant or [query])))
    return tuple(found)[:most]


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    bare = (char for char in text if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", "".join(bare))


def _stems(word: str) -> Iterator[str]:
    if word.endswith("ss"):
        yield word
    elif word:
        endings = (end for end in _ENDINGS if word.endswith(end))
        stems = (word.removesuffix(end) for end in endings)
        yield next((stem for stem in stems if len(stem) >= _LEAST_STEM), word)


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for at in range(len(run) - 1):
        yield run[at : at + 2]
