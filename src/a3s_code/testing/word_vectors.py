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
from a3s_code.errors import InvalidValue
from a3s_code.kernel.retrieval import Vector


def word_vector(text: str, dimensions: int = 256) -> array[float]:
    """
    Give the vector of a text: each of its words stands in a place that its hash names.

    Returns:
        Shape (dimensions,), of length 1; zeros for a text without a telling word.
    """
    vector = [0.0] * dimensions
    for stem, count in Counter(telling_stems(text)).items():
        vector[_number(stem) % dimensions] += math.sqrt(count)
    length = math.hypot(*vector)
    return array("f", [number / length for number in vector] if length else vector)


def _number(stem: str) -> int:
    hashed = hashlib.blake2b(stem.encode("utf-8", "replace"), digest_size=8)
    return int.from_bytes(hashed.digest(), "big")


@dataclass(frozen=True, slots=True)
class WordEmbedding:
    """An `EmbeddingProvider` in process: `word_vector` of each text."""

    dimensions: int = 256
    model: str = "words"

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """
        Give one vector for each text.

        Raises:
            InvalidValue: a text is empty.
        """
        if not all(text.strip() for text in texts):
            raise InvalidValue("One of the texts is empty.", hint="leave empty texts out")
        return [word_vector(text, self.dimensions) for text in texts]
