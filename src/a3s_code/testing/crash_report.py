"""What came of killing: a value for each life of a scenario, and what they add up to."""

from __future__ import annotations

from collections import Counter

import msgspec

SHOWN = 10
"""Faults in the text of a report."""


class CrashLife(msgspec.Struct, frozen=True):
    """
    A scenario from an empty workspace to its end, through one or more kills.

    Attributes:
        kills: Where each process died, such as `at 12 (before barrier)`.
        passed: Names of the points of its last process, the one that came to the end.
        seconds: Of the processes of the scenario, all together.
        acknowledged: Records that a barrier had returned for, in the end.
        found: Records in the store, in the end.
        open_effects: Calls that a kill left intended and not settled, by id.
        outcomes: What these came to, such as `done` or `in_doubt`, and how many of each.
        compared: How often the session was compared with the fold of its stored log.
        repeated: Lines of counter files that are there more than once, though nobody said so.
        missing: Lines of counter files that an uncrashed life has, and this one has not.
        faults: What is not as it must be, one sentence each.
    """

    kills: tuple[str, ...]
    passed: tuple[str, ...]
    seconds: float
    acknowledged: int
    found: int
    open_effects: tuple[str, ...] = ()
    outcomes: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    compared: int = 0
    repeated: int = 0
    missing: int = 0
    faults: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        return len(self.passed)


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
    def outcomes(self) -> dict[str, int]:
        """What they came to, over all lives."""
        counted: Counter[str] = Counter()
        for life in self.lives:
            counted.update(life.outcomes)
        return dict(sorted(counted.items()))

    @property
    def compared(self) -> int:
        return sum(life.compared for life in self.lives)

    @property
    def repeated(self) -> int:
        return sum(life.repeated for life in self.lives)

    @property
    def missing(self) -> int:
        return sum(life.missing for life in self.lives)

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {end}" for end, count in self.outcomes.items())
        said = (
            f"{self.kills} kills in {len(self.lives)} lives of {self.reference.points} points: "
            f"{self.acknowledged} records acknowledged, {self.found} found; "
            f"{self.open_effects} effects open at a kill ({ends}), {self.repeated} repeated, "
            f"{self.missing} not done; {self.compared} times the state was that of the log; "
            f"{len(self.faults)} faults"
        )
        rest = len(self.faults) - SHOWN
        more = [f"and {rest} more"] if rest > 0 else []
        return "\n  ".join([said, *self.faults[:SHOWN], *more])
