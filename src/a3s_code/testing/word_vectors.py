"""
Embeddings without a model: texts that share words are near each other.

They know nothing of meaning, but are the same everywhere and at any time, which is what a test
of a program that searches by vectors needs.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from a3s_code.capabilities.retrieval.words import telling_stems
from a3s_code.kernel.retrieval import Vector


def word_vector(text: str, dimensions: int = 256) -> array[float]:
    """
    Give the vector of a text: each of its words stands in a place that its hash names.

    Returns:
        Shape (dimensions,), of length 1; zeros for a text without a telling word.
    """
    vector = [0.0] * dimensions
    for stem, count in Counter(telling_stems(text)).items():
        hashed = int.from_bytes(hashlib.blake2b(stem.encode(), digest_size=8).digest(), "big")
        vector[hashed % dimensions] += math.sqrt(count)
    length = math.hypot(*vector)
    return array("f", [number / length for number in vector] if length else vector)


@dataclass(frozen=True, slots=True)
class WordEmbedding:
    """An `EmbeddingProvider` in process: `word_vector` of each text."""

    dimensions: int = 256
    model: str = "words"

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Give one vector for each text."""
        return [word_vector(text, self.dimensions) for text in texts]
