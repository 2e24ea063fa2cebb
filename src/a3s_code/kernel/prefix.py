"""What a request begins with, as digests: what a provider's cache can have of it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Segment: TypeAlias = Literal["model", "settings", "tools", "system", "messages"]
"""In the order in which providers read them: what changes makes all behind it new."""


class Prefix(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    SHA-256 of each segment of a request.

    Attributes:
        identity: Of the model's own name, and of what else a provider keeps its cache apart by.
        tools, system: Of the list as it is sent, and of the text; empty where there is none.
        messages: How many there are.
        conversation: Of all of them as they are sent, each with a comma behind it; empty where
            nobody could compare it later: for a history that the caller supplied, in a log that is
            in memory only.
        isolated: It is of a run with a history of its own.
    """

    identity: str
    tools: str = ""
    system: str = ""
    messages: int = 0
    conversation: str = ""
    isolated: bool = False
