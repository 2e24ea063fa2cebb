"""What came of killing: a value for each life of a scenario, and what they add up to."""

from __future__ import annotations

import msgspec

SHOWN = 10
"""Faults in the text of a report."""


class CrashLife(msgspec.Struct, frozen=True):
    """
    A scenario from an empty workspace to its end, through one or more kills.

    Attributes:
        kills: Where each process died, such as `at 12 (before barrier)`.
        points: That its last process passed, the one that came to the end.
        seconds: Of the processes of the scenario, all together.
        acknowledged: Records that a barrier had returned for, in the end.
        found: Records in the store, in the end.
        open_effects: Calls that a kill left intended and not settled, by id.
        in_doubt: What the session said to be in doubt when it went on last; None when it
            was not asked.
        repeated: Lines of counter files that are there more than once.
        missing: Lines of counter files that an uncrashed life has, and this one has not.
        faults: What is not as it must be, one sentence each.
    """

    kills: tuple[str, ...]
    points: int
    seconds: float
    acknowledged: int
    found: int
    open_effects: tuple[str, ...] = ()
    in_doubt: tuple[str, ...] | None = None
    repeated: int = 0
    missing: int = 0
    faults: tuple[str, ...] = ()


class CrashReport(msgspec.Struct, frozen=True):
    """
    Attributes:
        reference: The life that was not killed.
        lives: The others.
    """

    reference: CrashLife
    lives: tuple[CrashLife, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """Say of each fault where its life was killed."""
        return tuple(
            f"killed {', '.join(life.kills) or 'nowhere'}: {fault}"
            for life in (self.reference, *self.lives)
            for fault in life.faults
        )

    @property
    def kills(self) -> int:
        return sum(len(life.kills) for life in self.lives)

    @property
    def acknowledged(self) -> int:
        return sum(life.acknowledged for life in self.lives)

    @property
    def found(self) -> int:
        return sum(life.found for life in self.lives)

    @property
    def open_effects(self) -> int:
        """How often a kill left an effect intended and not settled."""
        return sum(len(life.open_effects) for life in self.lives)

    @property
    def repeated(self) -> int:
        return sum(life.repeated for life in self.lives)

    @property
    def missing(self) -> int:
        return sum(life.missing for life in self.lives)

    def __str__(self) -> str:
        said = (
            f"{self.kills} kills in {len(self.lives)} lives of {self.reference.points} points: "
            f"{self.acknowledged} records acknowledged, {self.found} found; "
            f"{self.open_effects} effects open at a kill, {self.repeated} repeated, "
            f"{self.missing} not done; {len(self.faults)} faults"
        )
        rest = len(self.faults) - SHOWN
        more = [f"and {rest} more"] if rest > 0 else []
        return "\n  ".join([said, *self.faults[:SHOWN], *more])
