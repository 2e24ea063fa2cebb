"""
How well a text fits a question by the words that they share (Okapi BM25).

Rare words weigh more, a word that stands often in a text weighs less each time, and long texts
are not better for their length.

Source:
    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

from a3s_code.capabilities.retrieval.words import stems_of

_K1, _B = 1.2, 0.75
_IN_PATH = 2
"""As how many of the text a word of the path counts."""


def weights(terms: Sequence[str], texts: Sequence[Iterable[str]]) -> dict[str, float]:
    """Give the weight of each term by how few of `texts`, as sets of terms, have it."""
    having = Counter(term for text in texts for term in set(text))
    total = len(texts)
    return {term: math.log1p((total - having[term] + 0.5) / (having[term] + 0.5)) for term in terms}


def frequencies(text: str, terms: Container[str]) -> Counter[str]:
    """Count the terms in a text, by their stems."""
    return Counter(stem for stem in stems_of(text) if stem in terms)


def in_path(path: str, terms: Container[str]) -> Counter[str]:
    """Count the terms in a path; there each counts as `_IN_PATH` times in the text."""
    return Counter({stem: _IN_PATH for stem in stems_of(path) if stem in terms})


def score(counts: Mapping[str, int], weight: Mapping[str, float], relative_length: float) -> float:
    """
    Give how well a text fits, from 0 to below 1, where 1 is nothing but the question's words.

    Args:
        relative_length: Of the text to that of all, 1 for the mean.
    """
    best = sum(weight.values()) * (_K1 + 1)
    if not best:
        return 0.0
    penalty = _K1 * (1 - _B + _B * relative_length)
    gained = sum(
        weight.get(term, 0.0) * count * (_K1 + 1) / (count + penalty)
        for term, count in counts.items()
    )
    return gained / best
