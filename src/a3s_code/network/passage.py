"""What became of one wish to reach a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec


class Passage(msgspec.Struct, frozen=True):
    """
    A connection that a sandboxed program asked for.

    Attributes:
        host: In its one spelling; empty when what was asked for names none.
        port: 0 when it is not known.
        outcome: `reached`: it was dialled and answered; `refused` by the rules;
            `unreachable`: it may be reached, and nobody answered.
        why: The reason, when it was not reached; one sentence.
        address: What was dialled; empty when nothing was.
    """

    host: str
    port: int
    outcome: Literal["reached", "refused", "unreachable"]
    why: str = ""
    address: str = ""


Report: TypeAlias = Callable[[Passage], None]
