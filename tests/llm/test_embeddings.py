"""Embeddings over HTTP: what is sent, what is read, and what is repeated."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from a3s_code.errors import InvalidValue, ModelRefused, ModelUnavailable
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.retrieval import MeteredEmbedding
from a3s_code.llm import embeddings
from a3s_code.llm.embeddings import OpenAiEmbeddingProvider
from llm.asking import KEY, FakeClock
from llm.faultserver import FaultServer, Play, answers, breaks_off, refuses

TEXTS = ("first", "second", "third")


def vector(number: float) -> list[float]:
    return [number, 0.5, -2.0]


def packed(numbers: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def body(*rows: Any, **fields: Any) -> Play:
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    data = [{"object": "embedding", "index": at, "embedding": row} for at, row in enumerate(rows)]
    answer = {"object": "list", "data": data, "usage": usage, **fields}
    return answers(json.dumps(answer).encode(), content_type="application/json")


@asynccontextmanager
async def asked(
    *plays: Play, **arguments: Any
) -> AsyncIterator[tuple[OpenAiEmbeddingProvider, FaultServer, FakeClock]]:
    clock = FakeClock()
    async with FaultServer(list(plays)) as server:
        given = {"model": "tiny", "dimensions": 3, "base_url": server.url, **arguments}
        provider = OpenAiEmbeddingProvider(KEY, clock=clock, **given)
        try:
            yield provider, server, clock
        finally:
            await provider.close()


Asked = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.mark.parametrize("write", [packed, list], ids=["base64", "numbers"])
async def test_vectors_are_read_in_both_forms(write: Callable[[Sequence[float]], Any]) -> None:
    async with asked(body(write(vector(1)), write(vector(2)))) as (provider, server, _):
        vectors = await provider.embed(["first", "second"])

    assert [list(each) for each in vectors] == [vector(1), vector(2)]
    (seen,) = server.seen
    assert seen.path == "/v1/embeddings"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.json == {"model": "tiny", "input": ["first", "second"], "encoding_format": "base64"}


async def test_vectors_are_put_into_the_order_of_their_texts() -> None:
    rows = [{"index": 1, "embedding": vector(2)}, {"index": 0, "embedding": vector(1)}]
    async with asked(body(data=rows)) as (provider, _, __):
        vectors = await provider.embed(["first", "second"])

    assert [each[0] for each in vectors] == [1, 2]


async def test_many_texts_are_sent_in_parts_and_their_tokens_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embeddings, "MAX_BATCH_TEXTS", 2)
    plays = (body(vector(1), vector(2)), body(vector(3)))
    async with asked(*plays) as (provider, server, _):
        assert isinstance(provider, MeteredEmbedding)
        embedded = await provider.embed_metered(TEXTS)

    assert [each[0] for each in embedded.vectors] == [1, 2, 3]
    assert embedded.usage == Usage(prompt_tokens=14)
    assert [seen.json["input"] for seen in server.seen] == [["first", "second"], ["third"]]


async def test_parts_are_bounded_in_bytes_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "MAX_BATCH_BYTES", 10)
    plays = (body(vector(1)), body(vector(2)), body(vector(3), vector(4)))
    texts = ["x" * 50, "ä" * 5, "1234", "5678"]
    async with asked(*plays) as (provider, server, _):
        await provider.embed(texts)

    assert [seen.json["input"] for seen in server.seen] == [texts[:1], texts[1:2], texts[2:]]


async def test_a_failure_that_may_pass_is_tried_again() -> None:
    plays = (refuses(503), refuses(429, retry_after="7"), breaks_off(b'{"data"'), body(vector(1)))
    async with asked(*plays) as (provider, server, clock):
        assert len(await provider.embed(["first"])) == 1

    assert len(server.seen) == 4
    assert clock.sleeps[1] == 7


async def test_what_will_fail_again_is_not_tried_again_and_names_no_key() -> None:
    async with asked(refuses(401, f"Wrong key {KEY}")) as (provider, server, _):
        with pytest.raises(ModelRefused, match="embedding/tiny: the API key was refused") as caught:
            await provider.embed(["first"])

    assert len(server.seen) == 1
    assert KEY not in str(caught.value)
    assert KEY not in repr(provider)


async def test_a_server_that_is_down_is_not_asked_after_three_calls() -> None:
    async with asked(refuses(503)) as (provider, server, _):
        for _ in range(3):
            with pytest.raises(ModelUnavailable):
                await provider.embed(["first"])
        before = len(server.seen)
        with pytest.raises(ModelUnavailable, match="not asked"):
            await provider.embed(["first"])

        assert len(server.seen) == before


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (body(vector(1)), "1 embeddings for 2 texts"),
        (body(vector(1), vector(2), vector(3)), "3 embeddings for 2 texts"),
        (body(data=[{"index": 0, "embedding": vector(1)}] * 2), "2 embeddings for 2 texts"),
        (body(data=[{"index": at, "embedding": vector(1)} for at in (0, 7)]), "for 2 texts"),
        (body(vector(1), [1.0]), "a vector of 1 numbers instead of 3"),
        (body(packed([1.0]), packed(vector(1))), "a vector of 1 numbers instead of 3"),
        (body(packed(vector(1))[:-4], packed(vector(1))), "is cut off"),
        (body("n o", "base64"), "is no base64"),
        (body(packed([float("nan"), 0, 0]), packed(vector(1))), "no finite number"),
        (body([1e300, 0, 0], vector(1)), "finite|32 bits"),
        (body(data="none"), "no list of embeddings"),
        (answers(b"<html>no</html>", content_type="text/html"), "a web page"),
    ],
)
async def test_an_answer_that_is_none_is_refused(wrong: Play, what: str) -> None:
    async with asked(wrong) as (provider, _, __):
        with pytest.raises(ModelRefused, match=what):
            await provider.embed(["first", "second"])


async def test_only_models_that_can_are_asked_for_shorter_vectors() -> None:
    model = "text-embedding-3-small"
    async with asked(body(vector(1)), model=model) as (provider, server, _):
        await provider.embed(["first"])
    assert server.seen[0].json["dimensions"] == 3

    numbers = [0.5] * 1_536
    async with asked(body(numbers), model=model, dimensions=None) as (provider, server, _):
        assert provider.dimensions == 1_536
        await provider.embed(["first"])
    assert "dimensions" not in server.seen[0].json


async def test_headers_and_encoding_of_the_host_are_used() -> None:
    more = {"headers": {"X-Tenant": "t-1"}, "encoding": "float"}
    async with asked(body(vector(1)), **more) as (provider, server, _):
        await provider.embed(["first"])

    assert server.seen[0].headers["x-tenant"] == "t-1"
    assert server.seen[0].json["encoding_format"] == "float"


async def test_no_texts_send_nothing_and_an_empty_one_neither() -> None:
    async with asked(body(vector(1))) as (provider, server, _):
        assert await provider.embed([]) == []
        with pytest.raises(InvalidValue, match=r"texts\[1\] is empty"):
            await provider.embed(["first", " \n"])
        with pytest.raises(TypeError, match=r"embed\(\[text\]\)"):
            await provider.embed("first")
        with pytest.raises(TypeError, match=r"texts\[0\] is a int"):
            await provider.embed([3])

        assert server.seen == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"model": "nomic-embed-text"}, "give dimensions"),
        ({"dimensions": 0}, "dimensions is 0"),
        ({"dimensions": 4_000}, "give 1 to 1536"),
        ({"dimensions": True}, "not int"),
        ({"model": "text-embedding-ada-002", "dimensions": 12}, "gives 1536 dimensions, not 12"),
        ({"base_url": "example.com"}, "no http address"),
        ({"base_url": "https://user:secret@example.com"}, "carries a user name"),
        ({"encoding": "int8"}, "use 'base64' or 'float'"),
        ({"api_key": None}, "api_key is a NoneType"),
        ({"api_key": "a\nb"}, "no HTTP header can carry"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments: dict[str, Any], what: str) -> None:
    with pytest.raises((ValueError, TypeError), match=what) as caught:
        OpenAiEmbeddingProvider(**arguments)

    assert "secret" not in str(caught.value)
