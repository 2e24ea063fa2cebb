"""What became of one wish to reach a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec


class Passage(msgspec.Struct, frozen=True):
    """
    A connection that a sandboxed program asked for.

    Attributes:
        host: In its one spelling; empty when what was asked for names none.
        port: 0 when it is not known.
        allowed: It was dialled and answered.
        why: The reason, when it was not; one sentence.
        address: What was dialled; empty when nothing was.
    """

    host: str
    port: int
    allowed: bool
    why: str = ""
    address: str = ""


Report: TypeAlias = Callable[[Passage], None]
