"""The scripted server's embeddings, as a client of any kind sees them."""

from __future__ import annotations

import base64
import contextlib
import http.client
import math
import struct
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from a3s_code.testing import Script, ScriptedServer, breaks, refuses, word_vector


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(Script()) as made:
        yield made


def post(server: ScriptedServer, **fields: Any) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=10)
    with contextlib.closing(connection):
        body = {"model": "any", **fields}
        connection.request("POST", "/v1/embeddings", msgspec.json.encode(body))
        answer = connection.getresponse()
        return answer.status, msgspec.json.decode(answer.read())


def test_numbers_are_the_default_and_base64_holds_the_same(server: ScriptedServer) -> None:
    _, plain = post(server, input=["retry pauses", "boiled potatoes"])
    _, packed = post(server, input=["retry pauses"], encoding_format="base64")
    numbers = plain["data"][0]["embedding"]
    data = base64.b64decode(packed["data"][0]["embedding"])

    assert [row["index"] for row in plain["data"]] == [0, 1]
    assert len(numbers) == 1_536
    assert struct.unpack("<1536f", data) == pytest.approx(numbers, abs=1e-6)
    assert plain["usage"]["prompt_tokens"] == plain["usage"]["total_tokens"] > 0


def test_one_text_and_a_length_of_the_clients_own_are_taken(server: ScriptedServer) -> None:
    _, answer = post(server, input="retry", dimensions=8)

    assert len(answer["data"]) == 1
    assert answer["data"][0]["embedding"] == pytest.approx(word_vector("retry", 8).tolist())


def test_texts_that_share_words_are_near_and_a_text_without_any_is_nowhere() -> None:
    retry, again, potatoes = map(word_vector, ("retry pauses", "a pause before retries", "boil"))

    def product(other: Any) -> float:
        return sum(a * b for a, b in zip(retry, other, strict=True))

    assert product(again) > 0.7
    assert product(potatoes) == 0
    assert math.isclose(product(retry), 1, rel_tol=1e-5)
    assert not any(word_vector("?!"))


def test_troubles_come_first_and_each_once(server: ScriptedServer) -> None:
    server.trouble_embeddings(refuses(429), breaks("bad_json"))

    assert post(server, input=["x"])[0] == 429
    with pytest.raises(msgspec.DecodeError):
        post(server, input=["x"])
    assert post(server, input=["x"])[0] == 200
    assert [request.path for request in server.requests] == ["/v1/embeddings"] * 3


def test_what_is_no_request_for_embeddings_is_refused(server: ScriptedServer) -> None:
    status, answer = post(server, texts=["x"])

    assert status == 400
    assert "no request of this interface" in answer["error"]["message"]
