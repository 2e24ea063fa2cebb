"""What a conversation must not lose when its middle becomes a summary: facts, as data."""

from __future__ import annotations

from typing import Any

import msgspec


class TouchedFile(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A file that calls have read, or also changed; `path` as the call named it."""

    path: str
    changed: bool = False


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    What was decided about a call.

    Attributes:
        about: The part of it that was decided on, or its arguments, shortened.
        reason: In the words of who decided; may be empty.
    """

    tool: str
    about: str
    approved: bool
    reason: str = ""


class Pinned(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    What stands beside the text of a summary, which says the same in words; no wire sends it.

    The next compaction carries it on as it is; nothing is read out of prose. Each list is oldest
    first.

    Attributes:
        constraints: Sentences of the user that say what must, must not or should be.
        likely: Indices of those that may be none, and go before the others.
        questions: What the user asked and nobody answered.
        plan: The rows of the last plan; plain JSON.
        words: What the user said, with a sign where something had to go.
        left_out: Facts that had to go for others; the log names them.
    """

    constraints: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    files: tuple[TouchedFile, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    plan: tuple[dict[str, Any], ...] = ()
    words: tuple[str, ...] = ()
    left_out: int = 0
    likely: tuple[int, ...] = ()
