"""
How much is killed and damaged: a part by default, everything with `A3S_CRASH=all`.

`make crash` runs everything, which takes minutes; `make test` the part.
"""

from __future__ import annotations

import os

SIZE = os.environ.get("A3S_CRASH", "part")
if SIZE not in {"part", "all"}:
    raise ValueError(f"A3S_CRASH is {SIZE!r}; use 'part' or 'all'")

ALL = SIZE == "all"
KILLS = 1_000 if ALL else 50
"""Random ones, of the writer and of the scenario each."""
EVENTS = 200 if ALL else 20
"""In the log whose bytes are damaged."""
STRIDE = 1 if ALL else 16
"""Every so many bytes of the WAL are a place to cut; of the database every byte."""
