"""
Which style the words of a prompt ask for.

Only what stands as a request counts: a phrase at the beginning of a clause, behind what is
polite (`phrases`). Whoever asks for a change as well is not held to looking, so a clause that
begins with a verb of changing makes the whole general. Better a style too few than one too many:
without one an agent works as it always does.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from a3s_code.harness.intent.phrases import PHRASES, Confidence
from a3s_code.harness.intent.styles import GENERAL, Style

MAX_CHARS = 8_000
"""A longer prompt is mostly material, and general."""

_HINTS = (
    *("plan", "design", "break", "vulnerab", "adversar", "audit", "security", "verify", "pentest"),
    *("penetration", "poke holes", "find", "search", "locate", "where", "explore", "trace", "map"),
    "review",
)
"""One of these is in every text that asks for a style."""


class Detected(msgspec.Struct, frozen=True):
    """`term` is what said it; empty for what is general because nothing did."""

    style: Style
    confidence: Confidence
    term: str = ""


_NOTHING = Detected(GENERAL, "low")


def detected(prompt: str) -> Detected:
    """Say which style a prompt asks for; microseconds for one that asks for none."""
    found = requested(prompt)
    sure = [each for each in found if each.confidence == "high"]
    return next(iter((*sure, *found)), _NOTHING)


def requested(prompt: str) -> tuple[Detected, ...]:
    """Give every style that a prompt asks for, in its order; none where it asks for changes."""
    if len(prompt) > MAX_CHARS:
        return ()
    low = prompt.lower()
    if not any(hint in low for hint in _HINTS):
        return ()
    return _read(prompt)


def _read(prompt: str) -> tuple[Detected, ...]:
    # Their patterns take longer to compile than a first answer that needs none of them may wait.
    from a3s_code.harness.intent.own_words import own_words
    from a3s_code.harness.intent.requests import changes, requests
    from a3s_code.kernel.words import UNSPACED_RUN

    words = own_words(prompt)
    if UNSPACED_RUN.search(words):
        return ()
    found: list[Detected] = []
    for request in requests(words):
        asked = _asked(request)
        if asked is not None:
            found.append(asked)
        elif changes(request):
            return ()
    return tuple(found)


@lru_cache(maxsize=1)
def _asks() -> tuple[tuple[Style, Confidence, re.Pattern[str]], ...]:
    """Compile what takes longer than most prompts are worth, when one may ask for a style."""
    return tuple((style, sure, re.compile(pattern)) for style, sure, pattern in PHRASES)


def _asked(request: str) -> Detected | None:
    for style, confidence, pattern in _asks():
        said = pattern.match(request)
        if said is not None:
            return Detected(style, confidence, said[0].strip())
    return None
