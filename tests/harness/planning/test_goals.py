"""Whether a goal was reached is a yes only where the answer says so and names nothing left."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from a3s_code.harness.planning.goals import Achievement, ask_achievement, read_achievement
from a3s_code.harness.planning.plan import Goal
from a3s_code.kernel.asking import Question, Said, SaidListener
from a3s_code.kernel.messages import Message, Text, Usage


class Says:
    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[Question] = []

    async def ask(self, question: Question, listener: SaidListener | None = None) -> Said:
        self.asked.append(question)
        return Said(Message("assistant", (Text(self.text),)), Usage())


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"achieved": True, "progress": 0.4}, Achievement(True, 1.0)),
        ({"achieved": True, "remaining_criteria": ["x"]}, Achievement(False, 0.0, ("x",))),
        ({"achieved": True, "remaining_criteria": "x"}, Achievement(False, 0.0, ("x",))),
        ({"achieved": "true", "progress": 1}, Achievement(False, 0.99)),
        ({"achieved": False, "progress": 7}, Achievement(False, 0.99)),
        ({"achieved": False, "progress": -7}, Achievement(False, 0.0)),
        ({"achieved": False, "progress": math.nan}, Achievement(False, 0.0)),
        ({"achieved": False, "progress": True}, Achievement()),
        ({}, Achievement()),
    ],
)
def test_an_answer_is_a_yes_only_when_nothing_remains(
    given: dict[str, Any], found: Achievement
) -> None:
    assert read_achievement(given) == found


@pytest.mark.parametrize("text", ["Yes, all of it is done!", "", '{"progress": 1}', "[true]"])
def test_what_cannot_be_read_is_no_yes(text: str) -> None:
    asker = Says(text)
    found = asyncio.run(ask_achievement(asker, Goal("x", ("y",)), "", "Done."))
    assert found == Achievement()


def test_the_judge_sees_the_criteria_what_was_done_and_the_answer() -> None:
    asker = Says('{"achieved": true, "progress": 1, "remaining_criteria": []}')
    goal = Goal("a better parser", ("the tests pass",))
    found = asyncio.run(ask_achievement(asker, goal, "- bash: exit code 0", "All green."))
    assert found.achieved
    (question,) = asker.asked
    shown = "".join(block.text for block in question.messages[0].blocks)  # type: ignore[union-attr]
    for words in ("a better parser", "the tests pass", "exit code 0", "All green."):
        assert words in shown
