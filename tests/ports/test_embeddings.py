from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import pytest

from a3s_code import OpenAiEmbeddingProvider
from a3s_code.kernel.retrieval import Vector
from a3s_code.testing import (
    EMBEDDING_CHECKS,
    EmbeddingCheck,
    EmbeddingFactory,
    Script,
    ScriptedServer,
    WordEmbedding,
)
from a3s_code.testing import embedding_conformance as suite


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(Script()) as made:
        yield made


@pytest.mark.parametrize("check", EMBEDDING_CHECKS, ids=lambda check: check.__name__)
async def test_embeddings_over_http_keep_their_promises(
    check: EmbeddingCheck, server: ScriptedServer
) -> None:
    provider = OpenAiEmbeddingProvider("sk-scripted", base_url=server.base_url)
    try:
        await check(lambda: provider)
    finally:
        await provider.close()


@pytest.mark.parametrize("check", EMBEDDING_CHECKS, ids=lambda check: check.__name__)
async def test_embeddings_of_words_keep_their_promises(check: EmbeddingCheck) -> None:
    await check(WordEmbedding)


@pytest.mark.parametrize("check", EMBEDDING_CHECKS, ids=lambda check: check.__name__)
async def test_every_check_notices_an_embedding_that_breaks_its_promise(
    check: EmbeddingCheck,
) -> None:
    with pytest.raises(AssertionError):
        await check(BROKEN[check])


class Words:
    """`WordEmbedding` as a class that can be broken."""

    dimensions = 256
    model = "words"

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        return await WordEmbedding().embed(texts)


class Nameless(Words):
    model = ""


class KnowsEachTextOnce(Words):
    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        return await super().embed(list(dict.fromkeys(texts)))


class LongerThanItSays(Words):
    dimensions = 100


class Backwards(Words):
    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        return list(reversed(await super().embed(texts)))


class AlwaysAnswers(Words):
    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        return await super().embed(texts or ["nothing"])


class TakesEmptyTexts(Words):
    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        return await super().embed([text.strip() or "empty" for text in texts])


class ByLength(Words):
    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        await super().embed(texts)
        turned = (len(text) ** 3 for text in texts)
        return [(math.cos(turn), math.sin(turn), *[0.0] * 254) for turn in turned]


class SkipsOddTexts(Words):
    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        return await super().embed([text for text in texts if text.isascii()])


BROKEN: Mapping[EmbeddingCheck, EmbeddingFactory] = {
    suite.it_names_its_model_and_the_length_of_vectors: Nameless,
    suite.there_is_one_vector_for_each_text: KnowsEachTextOnce,
    suite.every_vector_is_as_long_as_it_says: LongerThanItSays,
    suite.vectors_come_in_the_order_of_the_texts: Backwards,
    suite.no_texts_have_no_vectors: AlwaysAnswers,
    suite.an_empty_text_is_refused: TakesEmptyTexts,
    suite.texts_of_one_meaning_are_nearer_than_others: ByLength,
    suite.any_text_can_be_embedded: SkipsOddTexts,
}
