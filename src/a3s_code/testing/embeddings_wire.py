"""
The server's side of Embeddings: vectors that are made of the words of each text.

Source:
    OpenAI API reference, "Embeddings: create".
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode

import msgspec

from a3s_code.kernel.messages import JsonObject
from a3s_code.testing.openai_wire import OpenAIWire
from a3s_code.testing.script import Asked
from a3s_code.testing.turn import Turn
from a3s_code.testing.wire import Sent
from a3s_code.testing.word_vectors import word_vector

PATH = "/embeddings"
DIMENSIONS = 1_536
"""Of a vector, unless the request asks for another length."""
_CHARS_PER_TOKEN = 4


class _Body(msgspec.Struct):
    input: str | list[str]
    model: str
    encoding_format: str = "float"
    dimensions: int = DIMENSIONS


class EmbeddingsWire:
    """See `wire.Wire`. There is nothing to script but failures."""

    __slots__ = ()

    id_prefix = ""

    def asked(self, path: str, body: bytes) -> Asked:
        given = msgspec.json.decode(body, type=_Body)
        return Asked(
            users=tuple(_texts(given)), last="", model=given.model, path=path, body=body.decode()
        )

    def whole(self, turn: Turn, asked: Asked, number: int) -> bytes:
        del turn, number
        given = msgspec.json.decode(asked.body, type=_Body)
        texts = _texts(given)
        tokens = sum(len(text) // _CHARS_PER_TOKEN + 1 for text in texts)
        return msgspec.json.encode(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": at, "embedding": _written(given, text)}
                    for at, text in enumerate(texts)
                ],
                "model": given.model,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )

    def stream(self, turn: Turn, asked: Asked, number: int) -> Sent:
        del turn, asked, number
        raise AssertionError("embeddings are never streamed")

    def error(self, status: int, message: str) -> JsonObject:
        return OpenAIWire().error(status, message)


def _texts(given: _Body) -> list[str]:
    return [given.input] if isinstance(given.input, str) else given.input


def _written(given: _Body, text: str) -> str | list[float]:
    vector = word_vector(text, given.dimensions)
    if given.encoding_format != "base64":
        return vector.tolist()
    return b64encode(_little_endian(vector)).decode()


def _little_endian(vector: array[float]) -> bytes:
    if sys.byteorder == "big":
        vector = array("f", vector)
        vector.byteswap()
    return vector.tobytes()
