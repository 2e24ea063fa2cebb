"""
What the harness says to the model of a plan: which step is to be done, what others brought, and
that the answer is due.

Each is an item of context, marked as what it is; the words of the user stand as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from a3s_code.harness.context import Budget
from a3s_code.harness.prompt import text
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.tasks import Task

BUDGET = Budget(64, 100_000, 64, 100_000)
"""What steps brought is not retrieved but asked for, so only what is absurd is left out."""
STEPS = "steps"
"""Ends the name of the item beside a note that has the words of a planner, or of a step."""
MAX_LINE_CHARS = 300
"""Of a step that is only named."""

_FAILED = re.compile(r"^[\s*_`>#-]*STEP FAILED\b[\s*_`]*:?[\s*_`]*(.*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Brought:
    """
    What came of a step.

    Attributes:
        text: Its answer; of one that failed, what it said last.
        failure: Why it failed; empty when it did not.
        source: Where its conversation stands, as a URI; empty for that of the session.
    """

    task: Task
    text: str = ""
    failure: str = ""
    source: str = ""


def failure_in(answer: str) -> str:
    """Give why a step failed by its own account: the last line says so. Empty when it does not."""
    last = answer.rstrip().rpartition("\n")[2]
    found = _FAILED.match(last)
    return (found.group(1).strip() or "it gave no reason") if found is not None else ""


def step_source(run: str, number: int) -> str:
    """Name the note that begins a step."""
    return f"plan://{run}/{number}"


def step_note(
    source: str, tasks: Sequence[Task], mine: Task, earlier: str = ""
) -> list[ContextItem]:
    """
    Say which step is to be done; the words of the steps are a planner's, and marked as such.

    Args:
        earlier: What is known of an attempt that was cut off; empty when there was none.
    """
    rows = [
        f"{number}. [{'yours' if task.id == mine.id else task.status}] {line(task.content)}"
        for number, task in enumerate(tasks, 1)
    ]
    parts = ["\n".join(rows), f"Your step: {mine.content}"]
    if mine.success_criteria is not None:
        parts.append(f"It is done when: {mine.success_criteria}")
    if earlier:
        parts.append(earlier)
    why = "the step that is to be done"
    return _note(source, text("step"), "\n\n".join(parts), why)


def _note(source: str, rules: str, steps: str, why: str) -> list[ContextItem]:
    """Give the harness's own words, and apart from them those that a model may have written."""
    return [
        ContextItem(source=source, content=rules, trust="host", type="plan", why=why),
        ContextItem(
            source=f"{source}/{STEPS}", content=steps, trust="external", type="plan", why=why
        ),
    ]


def results(brought: Iterable[Brought]) -> list[ContextItem]:
    """Give what steps brought that ran beside the conversation, an item each."""
    return [
        ContextItem(
            source=one.source,
            content=_account(one),
            trust="external",
            type="delegated",
            why="what a step of the plan brought",
        )
        for one in brought
    ]


def closing_note(source: str, tasks: Iterable[Task], failures: dict[str, str]) -> list[ContextItem]:
    """Say that all steps have ended, how, and that the answer is due."""
    rows = [
        f"{number}. [{task.status}] {line(task.content)}{_why(failures.get(task.id, ''))}"
        for number, task in enumerate(tasks, 1)
    ]
    return _note(source, text("closing"), "\n".join(rows), "the answer is due")


def _account(one: Brought) -> str:
    head = f"Step: {line(one.task.content)}"
    end = f"Failed: {one.failure}" if one.failure else "Completed."
    return "\n\n".join(filter(None, [head, one.text.strip(), end]))


def line(words: str) -> str:
    """Give words on one line of at most `MAX_LINE_CHARS`."""
    said = " ".join(words[: 4 * MAX_LINE_CHARS].split())
    return said if len(said) <= MAX_LINE_CHARS else f"{said[:MAX_LINE_CHARS]}…"


def _why(failure: str) -> str:
    return f" ({line(failure)})" if failure else ""
