"""
How much is killed and damaged: a part by default, everything with `A3S_CRASH=all`.

`make crash` runs everything, which takes minutes; `make test` the part. The part has each kind
of scenario, kill, fault and damage, and few of each: its kills are at every n-th point.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

SIZE = os.environ.get("A3S_CRASH", "part")
if SIZE not in {"part", "all"}:
    raise ValueError(f"A3S_CRASH is {SIZE!r}; use 'part' or 'all'")

ALL = SIZE == "all"
KILLS = 1_000 if ALL else 12
"""Random ones, of the writer of a store alone."""
WORKERS = 4 if ALL else 2
"""Lives at the same time; each one more takes time to begin."""
EVENTS = 200 if ALL else 20
"""In the log whose bytes are damaged."""
STRIDE = 1 if ALL else 32
"""Every so many bytes of the WAL are a place to cut; of the database every byte."""


def some(of: Sequence[T], part: Sequence[T]) -> Sequence[T]:
    """Give all of them, or the part."""
    return of if ALL else part
