"""
How well skills have done, and which of them are not offered any more for it.

Source:
    SPEC 10, "DefaultSkillScorer".
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from a3s_code.errors import InvalidValue

Outcome: TypeAlias = Literal["success", "failure", "partial"]

WINDOW = 20
"""How many of the last outcomes of a skill count."""
LEAST_OUTCOMES = 3
DISABLED_BELOW = 0.3
UNKNOWN_SCORE = 1.0
MAX_SKILLS = 10_000
"""Of which outcomes are kept; the one that was heard of the longest ago is forgotten."""


class SkillFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """
    How one run of a skill ended.

    Attributes:
        score_delta: How good it was, -1 to 1.
        timestamp: Milliseconds since 1970; 0 = not said.

    Raises:
        InvalidValue: `score_delta` is outside of that.
    """

    skill_name: str
    outcome: Outcome
    score_delta: float
    reason: str = ""
    timestamp: int = 0

    def __post_init__(self) -> None:
        if not -1 <= self.score_delta <= 1:
            raise InvalidValue(
                f"score_delta of {self.skill_name!r} is {self.score_delta}.", hint="give -1 to 1"
            )


@runtime_checkable
class SkillScorer(Protocol):
    """Says which skills are worth offering. Asked and told in threads, also at the same time."""

    def record(self, feedback: SkillFeedback) -> None:
        """Take note of how a run of a skill ended."""
        ...

    def score(self, skill_name: str) -> float:
        """Give 0 (bad) to 1 (good); 1 for a skill that nothing is known of."""
        ...

    def should_disable(self, skill_name: str) -> bool:
        """Whether a search leaves the skill out; it can still be run by its name."""
        ...


class DefaultSkillScorer:
    """
    Scores by the last 20 outcomes, newer ones weighing more: the n-th of them n times the first.

    A skill with at least three outcomes and a score below 0.3 is left out of searches. What was
    heard is kept in memory.
    """

    __slots__ = ("_deltas", "_lock")

    def __init__(self) -> None:
        self._deltas: dict[str, deque[float]] = {}
        self._lock = Lock()

    def record(self, feedback: SkillFeedback) -> None:
        with self._lock:
            deltas = self._deltas.pop(feedback.skill_name, None) or deque[float](maxlen=WINDOW)
            deltas.append(feedback.score_delta)
            self._deltas[feedback.skill_name] = deltas
            if len(self._deltas) > MAX_SKILLS:
                del self._deltas[next(iter(self._deltas))]

    def score(self, skill_name: str) -> float:
        with self._lock:
            deltas = tuple(self._deltas.get(skill_name, ()))
        if not deltas:
            return UNKNOWN_SCORE
        weighted = sum(weight * (delta + 1) / 2 for weight, delta in enumerate(deltas, 1))
        return weighted / sum(range(1, len(deltas) + 1))

    def should_disable(self, skill_name: str) -> bool:
        with self._lock:
            heard = len(self._deltas.get(skill_name, ()))
        return heard >= LEAST_OUTCOMES and self.score(skill_name) < DISABLED_BELOW
