"""How many tokens many texts are together, looking at a part of them."""

from __future__ import annotations

import random

import pytest

from a3s_code.harness.tokens import SAMPLE_BYTES, estimate, estimate_all

CODE = "def read(path: str) -> bytes:\n    with open(path, 'rb') as file:\n        return file\n"
PROSE = "A provider reads a request from its beginning, and keeps what it has read before. "
LOG = "2026-02-28T12:00:03.177Z ERROR worker-17 request 8f3a0c failed: status=502 after 1834 ms\n"
WIDE = "请求从头开始读取之前读过的内容来自缓存。"
BLOB = "q83vEjRWeJqrze8SNFZ4mqvN7xI0VniaKzPoLmNbVcXzAsDfGhJkQwErTyUiOp0912837465"
KINDS = (CODE, PROSE, LOG, WIDE, BLOB)


def texts(kinds: tuple[str, ...], count: int, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    return [(chance.choice(kinds) * chance.randint(1, 60)).encode() for _ in range(count)]


@pytest.mark.parametrize("kinds", [*((kind,) for kind in KINDS), KINDS])
@pytest.mark.parametrize("seed", range(3))
def test_many_texts_are_what_each_of_them_is(kinds: tuple[str, ...], seed: int) -> None:
    many = texts(kinds, 600, seed)
    exact = sum(map(estimate, many))

    assert sum(map(len, many)) > 5 * SAMPLE_BYTES
    assert estimate_all(many) == pytest.approx(exact, rel=0.06)


def test_few_texts_are_all_looked_at() -> None:
    few = texts(KINDS, 10, 1)
    assert estimate_all(few) == sum(map(estimate, few))
    assert estimate_all([]) == estimate_all([b""]) == 0


def test_one_long_text_among_empty_ones_is_seen() -> None:
    long = PROSE.encode() * 2_000
    assert estimate_all([b"", long, b""]) == pytest.approx(estimate(long), rel=0.06)
