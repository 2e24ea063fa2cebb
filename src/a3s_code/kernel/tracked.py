"""Child runs that a session has had, and what waits for one of its runs; values of the state."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from a3s_code.kernel.events import RunId, SubagentEnd, SubagentProgress, SubagentStart
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.records import WorktreeEnded

MAX_PROGRESS = 50
"""Rows of the progress of one child; the oldest go first."""


class ChildProgress(msgspec.Struct, frozen=True):
    """What a child had come to, and when (Unix milliseconds)."""

    timestamp_ms: int
    what: SubagentProgress


class ChildRun(msgspec.Struct):
    """
    One child run, as the log tells of it.

    Attributes:
        run: In which it was started; empty for one of a direct call.
        ended: None while it goes on.
        places: Sequences of the records that tell of it.
        worktree: What became of its copy of the workspace; None where it has none, or has it yet.
    """

    run: RunId
    begun: SubagentStart
    started_ms: int
    updated_ms: int
    ended: SubagentEnd | None = None
    progress: list[ChildProgress] = msgspec.field(default_factory=list[ChildProgress])
    places: list[int] = msgspec.field(default_factory=list[int])
    worktree: WorktreeEnded | None = None

    @property
    def status(self) -> str:
        """`running`, `completed`, `failed` or `cancelled`."""
        if self.ended is None:
            return "running"
        return self.ended.status or ("completed" if self.ended.success else "failed")

    @property
    def merge(self) -> JsonObject | None:
        """
        What became of its worktree, as its end says it; None before its end.

        The end of one whose process was killed says nothing of it, and the record of it may come
        later.
        """
        left = self.worktree
        if self.ended is None or self.ended.merge is not None or left is None:
            return self.ended.merge if self.ended is not None else None
        return {
            "status": left.status,
            "files": [*left.files],
            "conflicts": [msgspec.to_builtins(each) for each in left.conflicts],
            "tree": left.tree,
            **({"reason": left.reason} if left.reason else {}),
        }


class WaitingNotice(msgspec.Struct, frozen=True, tag="notice"):
    """That a child has ended, which the model that has it in the background does not know yet."""

    run: RunId


class WaitingWords(msgspec.Struct, frozen=True, tag="words"):
    """What the user wrote to `run` while it went on, and no model has been shown yet."""

    run: RunId
    text: str


class WaitingPrompt(msgspec.Struct, frozen=True, tag="prompt"):
    """A prompt that is to be a run of its own."""

    prompt: str


Waiting: TypeAlias = WaitingNotice | WaitingWords | WaitingPrompt
