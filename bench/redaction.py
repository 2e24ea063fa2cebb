"""
What redaction costs: milliseconds of CPU for a megabyte of text, and microseconds for a delta.

    python bench/redaction.py [--only WORD] [--json OUT]

The hard texts are those in which something looks like the beginning of a secret everywhere.
Exit status: 1 when a target was missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from a3s_code import DefaultSecurityProvider
from a3s_code.harness.redaction.placeholders import plain
from a3s_code.harness.redaction.stream import Stream
from measure import Samples, main, row

MEGABYTE = 1_000_000
TARGET_MS = 200
ROUNDS = 5
DELTA_CHARS = 4

PROSE = "The answer is in the second paragraph, which nobody reads; see also chapter 7. "
CODE = (
    "    def area(self, width: int = 3, height: int = 4) -> int:\n        return width * height\n"
)
LOG = '2026-11-21T01:18:00Z INFO {"user": "ada", "path": "/srv/a-b_c/d.py", "ms": 12, "ok": true}\n'
HARD = (
    *("a", "_", "a@", "QUJD", "eyJ", "password", "k=", "sk-", "://a:", "1 ", "token: ", "ghp_"),
    *("4111 ", "4111-", "4111 1111 1111 1112 ", "password="),
)
GROWTH = 2.3
"""How much longer twice the text may take."""


def _filled(unit: str) -> str:
    return unit * (MEGABYTE // len(unit))


def _rounds(text: str) -> Iterator[float]:
    provider = DefaultSecurityProvider()
    provider.register_secret("key", "correct-horse-battery-9")
    for _ in range(ROUNDS):
        begun = time.process_time()
        provider.sanitize_output(text)
        yield (time.process_time() - begun) * 1000


@row("1 MB of prose", target=TARGET_MS)
async def prose(_: Path) -> Samples:
    for sample in _rounds(_filled(PROSE)):
        yield sample


@row("1 MB of code", target=TARGET_MS)
async def code(_: Path) -> Samples:
    for sample in _rounds(_filled(CODE)):
        yield sample


@row("1 MB of a log", target=TARGET_MS)
async def log(_: Path) -> Samples:
    for sample in _rounds(_filled(LOG)):
        yield sample


@row("1 MB, the hardest of 16 texts", target=TARGET_MS)
async def hardest(_: Path) -> Samples:
    for samples in zip(*(list(_rounds(_filled(unit))) for unit in HARD), strict=True):
        yield max(samples)


@row("1 MB, the median of 16 hard texts", target=TARGET_MS)
async def hard(_: Path) -> Samples:
    for samples in zip(*(list(_rounds(_filled(unit))) for unit in HARD), strict=True):
        yield sorted(samples)[len(samples) // 2]


@row("2 MB over 1 MB, the worst of 16 texts", "x", target=GROWTH)
async def growth(_: Path) -> Samples:
    yield max(min(_rounds(_filled(unit) * 2)) / min(_rounds(_filled(unit))) for unit in HARD)


@row("a delta of 4 characters", "us")
async def delta(_: Path) -> Samples:
    text = (PROSE + CODE) * 50
    finder = DefaultSecurityProvider().finder
    for _ in range(ROUNDS):
        stream = Stream(finder, plain)
        begun = time.process_time()
        for at in range(0, len(text), DELTA_CHARS):
            stream.feed(text[at : at + DELTA_CHARS])
        yield (time.process_time() - begun) * 1e6 / (len(text) / DELTA_CHARS)


ROWS = (prose, code, log, hard, hardest, growth, delta)


if __name__ == "__main__":
    sys.exit(main(__doc__, ROWS))
