"""
What every embedding provider promises, as checks that you can run on your own.

    @pytest.mark.parametrize("check", EMBEDDING_CHECKS, ids=lambda check: check.__name__)
    async def test_my_embedding_keeps_its_promises(check):
        await check(MyEmbedding)

Source:
    kernel/retrieval.py, `EmbeddingProvider`.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from a3s_code.errors import InvalidValue
from a3s_code.kernel.retrieval import EmbeddingProvider, Vector

EmbeddingFactory: TypeAlias = Callable[[], EmbeddingProvider]
EmbeddingCheck: TypeAlias = Callable[[EmbeddingFactory], Awaitable[None]]

CAT = "The cat sat on the mat and looked at the dog."
SAME_CAT = "A cat was on a mat, and a dog was looked at."
TAXES = "Quarterly income taxes must be declared by every company."
_SAME = 0.999


async def it_names_its_model_and_the_length_of_vectors(factory: EmbeddingFactory) -> None:
    provider = factory()

    name: object = provider.model
    length: object = provider.dimensions
    assert isinstance(provider, EmbeddingProvider), "it lacks something of the port"
    assert isinstance(name, str), "model is no text"
    assert name.strip(), "model is empty"
    assert isinstance(length, int), "dimensions is no whole number"
    assert length > 0, "dimensions is not above 0"


async def there_is_one_vector_for_each_text(factory: EmbeddingFactory) -> None:
    texts = [CAT, TAXES, CAT]
    vectors = await factory().embed(texts)

    assert len(vectors) == len(texts), f"{len(vectors)} vectors for {len(texts)} texts"
    assert _cosine(vectors[0], vectors[2]) > _SAME, "one text has two vectors"


async def every_vector_is_as_long_as_it_says(factory: EmbeddingFactory) -> None:
    provider = factory()
    for vector in await provider.embed([CAT, "x", TAXES * 20]):
        assert len(vector) == provider.dimensions, f"{len(vector)}, not {provider.dimensions}"
        assert all(map(math.isfinite, vector)), "a vector holds NaN, or what is infinite"


async def vectors_come_in_the_order_of_the_texts(factory: EmbeddingFactory) -> None:
    provider = factory()
    texts = [CAT, TAXES, *(f"Sentence about topic {number + 1_000}." for number in range(300))]
    alone = [(await provider.embed([text]))[0] for text in (texts[0], texts[1], texts[-1])]
    together = await provider.embed(texts)

    assert len(together) == len(texts), "some texts of many have no vector"
    for at, vector in zip((0, 1, -1), alone, strict=True):
        assert _cosine(together[at], vector) > _SAME, "a text has the vector of another one"


async def no_texts_have_no_vectors(factory: EmbeddingFactory) -> None:
    assert len(await factory().embed([])) == 0, "there are vectors of nothing"


async def an_empty_text_is_refused(factory: EmbeddingFactory) -> None:
    for empty in ("", " \n"):
        try:
            await factory().embed([CAT, empty])
        except InvalidValue:
            continue
        raise AssertionError("an empty text must raise InvalidValue")


async def texts_of_one_meaning_are_nearer_than_others(factory: EmbeddingFactory) -> None:
    cat, same, taxes = await factory().embed([CAT, SAME_CAT, TAXES])

    assert _cosine(cat, same) > _cosine(cat, taxes), "taxes are nearer to a cat than a cat is"


async def any_text_can_be_embedded(factory: EmbeddingFactory) -> None:
    odd = ["\U0001f980 \0 \u2028", "\ud800 half a pair", "日本語の文章", "x" * 5_000]

    assert len(await factory().embed(odd)) == len(odd), "an odd text was left out"


EMBEDDING_CHECKS: tuple[EmbeddingCheck, ...] = (
    it_names_its_model_and_the_length_of_vectors,
    there_is_one_vector_for_each_text,
    every_vector_is_as_long_as_it_says,
    vectors_come_in_the_order_of_the_texts,
    no_texts_have_no_vectors,
    an_empty_text_is_refused,
    texts_of_one_meaning_are_nearer_than_others,
    any_text_can_be_embedded,
)


def _cosine(one: Vector, other: Vector) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0
