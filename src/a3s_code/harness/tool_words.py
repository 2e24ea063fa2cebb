"""
The words of a text that a tool can be found by.

Names are taken apart (`createIssue`, `create_issue`), a plural is its singular, and text of
scripts without blanks becomes pairs of neighbouring characters. Words that every sentence has are
left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from a3s_code.kernel.words import UNSPACED, UNSPACED_RUN, pairs

_RUN = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MAX_CHARS = 40
"""A longer run of letters is data, not a word."""
_MIN_PLURAL = 4

_SAID = """
    a about after again all also am an and any are as at be been before but by call can could did
    do does doing done for from get give go had has have he her here him his how i if in into is
    it its just know let like ll make may me might mine more most much must my need no not now of
    off ok on one only or other our out over please re same see set she should show so some such
    tell than thank that the their them then there these they thing this those to too tool under
    up use using ve very via want was we well were what when where which while who whose why will
    with would yes you your
    的是 我们 你们 一个 这个 那个 什么 怎么 可以 请你 帮我 一下
"""
EVERYDAY = frozenset(_SAID.split())


def words(text: str) -> Iterator[str]:
    """Give the words of a text in its order, as often as they are there."""
    for run in _RUN.findall(text):
        if UNSPACED_RUN.match(run):
            yield from (pair for pair in pairs(run) if pair not in EVERYDAY)
            continue
        if len(run) > _MAX_CHARS:
            continue
        whole = stem(run.casefold())
        if whole not in EVERYDAY:
            yield whole
        parts = _HUMP.split(run)
        if len(parts) > 1:
            yield from (part for part in map(_folded, parts) if part not in EVERYDAY)


def stem(word: str) -> str:
    """Give the singular of a word that looks like an English plural."""
    if len(word) < _MIN_PLURAL or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("ches", "shes", "sses", "xes")) else word[:-1]


def _folded(part: str) -> str:
    return stem(part.casefold())
