"""
What a scorer is told of the runs of skills.

A run that came to its end is a success. One that did not, within the limits that all runs have,
is a failure: it took too many rounds, too long, or more than the window of its model. What is not
about the skill, such as a provider that does not answer, a hook or a cancellation, is no outcome,
and neither is what a model thinks of it.

Source:
    SPEC 10, "DefaultSkillScorer".
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from a3s_code.capabilities.skills.registry import SkillRegistry
from a3s_code.capabilities.skills.scorer import SkillFeedback
from a3s_code.capabilities.skills.skill import Skill
from a3s_code.errors import ContextOverflow, LimitReached
from a3s_code.kernel.children import ChildOutcome

FAILURES = frozenset({LimitReached.code, ContextOverflow.code})
SUCCESS_DELTA, FAILURE_DELTA = 1.0, -1.0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """
    Attributes:
        skills: Whose scorer is told.
        unscored: A registry of the host without a scorer of its own; its skills are never scored.
    """

    skills: SkillRegistry
    unscored: SkillRegistry | None = None

    async def tell(self, skill: Skill, outcome: ChildOutcome) -> str:
        """Tell how a run of a skill ended; give why that failed, empty when it did not."""
        feedback = _feedback(skill, outcome)
        if feedback is None or (self.unscored is not None and self.unscored.holds(skill)):
            return ""
        from asyncio import to_thread  # a session is made without asyncio; DESIGN 7

        try:
            await to_thread(self.skills.scorer.record, feedback)
        except Exception as error:  # noqa: BLE001 - scorers are foreign code; the skill has run
            return f"The scorer raised {type(error).__name__}."
        return ""


def _feedback(skill: Skill, outcome: ChildOutcome) -> SkillFeedback | None:
    if outcome.kind and outcome.kind not in FAILURES:
        return None
    return SkillFeedback(
        skill_name=skill.name,
        outcome="failure" if outcome.kind else "success",
        score_delta=FAILURE_DELTA if outcome.kind else SUCCESS_DELTA,
        reason=outcome.error,
        timestamp=time.time_ns() // 1_000_000,
    )
