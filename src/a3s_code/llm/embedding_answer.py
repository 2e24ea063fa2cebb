"""What a server of embeddings answers: vectors in any order, as numbers or as base64."""

from __future__ import annotations

import math
import sys
from array import array
from base64 import b64decode

import msgspec

from a3s_code.kernel.messages import Usage
from a3s_code.kernel.retrieval import Embedded, Vector
from a3s_code.llm.faults import Fault

_FLOAT_BYTES = 4


class _Row(msgspec.Struct):
    embedding: str | list[float]
    index: int | None = None


class _Tokens(msgspec.Struct):
    prompt_tokens: int = 0
    total_tokens: int = 0


class _Body(msgspec.Struct):
    data: list[_Row]
    usage: _Tokens | None = None


_BODY = msgspec.json.Decoder(_Body)


def embedded(body: bytes, count: int, dimensions: int) -> Embedded:
    """
    Read `count` vectors of shape (dimensions,), in the order of their texts.

    Raises:
        Fault: kind `protocol`: they are fewer or more, of another length, or no finite numbers.
    """
    try:
        answer = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(f"no list of embeddings: {error}") from None
    vectors: dict[int, Vector] = {}
    for at, row in enumerate(answer.data):
        vectors[at if row.index is None else row.index] = _vector(row.embedding, dimensions)
    if len(answer.data) != count or vectors.keys() != set(range(count)):
        raise _wrong(f"{len(answer.data)} embeddings for {count} texts, or some of them twice")
    tokens = answer.usage or _Tokens()
    usage = Usage(prompt_tokens=max(tokens.prompt_tokens or tokens.total_tokens, 0))
    return Embedded([vectors[at] for at in range(count)], usage)


def _vector(written: str | list[float], dimensions: int) -> Vector:
    numbers = _unpacked(written) if isinstance(written, str) else _packed(written)
    if len(numbers) != dimensions:
        raise _wrong(
            f"a vector of {len(numbers)} numbers instead of {dimensions}; `dimensions` is to be "
            "what the model gives"
        )
    if not all(map(math.isfinite, numbers)):
        raise _wrong("a vector with something that is no finite number")
    return numbers


def _packed(written: list[float]) -> array[float]:
    try:
        return array("f", written)
    except OverflowError:
        raise _wrong("a number that 32 bits cannot hold") from None


def _unpacked(written: str) -> array[float]:
    """Read 32-bit floats in little-endian order, which is how the server writes them."""
    try:
        data = b64decode(written, validate=True)
    except ValueError:
        raise _wrong("an embedding that is no base64") from None
    if len(data) % _FLOAT_BYTES:
        raise _wrong("an embedding that is cut off")
    numbers = array("f")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _wrong(detail: str) -> Fault:
    return Fault("protocol", detail, again=False)
