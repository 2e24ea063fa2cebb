"""What a team came to."""

from __future__ import annotations

import msgspec

from a3s_code.delegation.team_board import TeamTask


class TeamResult(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        done_tasks: Those that became done in this run, each with its evidence and its review.
        rejected_tasks: Those that did not pass review, however often they were worked on.
        rounds: Review rounds that followed a rejection; 0 when all passed at once.
        unreviewed_tasks: Handed in, and there is no reviewer.
        unfinished_tasks: Neither handed in nor rejected, such as one of a member that is gone.
        left_out: Descriptions of the lead for which the board had no room.

    Source:
        A3S Code README of the 0.9 crate, "Python SDK — Agent Teams"; DESIGN 6, row "teams".
    """

    done_tasks: list[TeamTask]
    rejected_tasks: list[TeamTask]
    rounds: int
    unreviewed_tasks: list[TeamTask] = msgspec.field(default_factory=list[TeamTask])
    unfinished_tasks: list[TeamTask] = msgspec.field(default_factory=list[TeamTask])
    left_out: list[str] = msgspec.field(default_factory=list[str])
