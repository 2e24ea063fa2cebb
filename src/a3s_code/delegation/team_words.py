"""
What the members of a team are told, and what the lead is understood to have said.

The words of the harness stand first, so that nothing a model wrote is taken for a command; what
others wrote is quoted line by line, so that it is material and no request.

Source:
    A3S Code README of the 0.9 crate, "Agent Teams"; DESIGN 6, row "teams".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from a3s_code.delegation.team_board import TeamEvidence, TeamTask
from a3s_code.harness.objects.candidates import candidates
from a3s_code.harness.prompt import text
from a3s_code.kernel.asking import Said
from a3s_code.kernel.excerpt import excerpt
from a3s_code.kernel.messages import Message, Text, Usage

MAX_QUOTED_CHARS = 12_000
"""Of one text of a member that another one is shown; most of it from the beginning."""
MAX_TASK_CHARS = 4_000
"""Of one task of the lead."""
MAX_FILES = 50
"""Changed files that a reviewer is told by name."""

_DESCRIPTIONS = ("description", "content", "task", "title")


def lead_prompt(goal: str) -> str:
    return "\n\n".join([f"{text('team_lead')}:", quoted(goal)])


def worker_prompt(goal: str, task: TeamTask) -> str:
    parts = [f"Task: {task.description}", f"{text('team_worker')}.", *_part("The goal", goal)]
    if task.review:
        parts += _part("What was handed in before", task.result or "")
        parts += _part("Why the reviewer sent it back", task.review)
    return "\n\n".join(parts)


def reviewer_prompt(goal: str, task: TeamTask) -> str:
    parts = [
        f"{text('team_reviewer')}.",
        *_part("The goal", goal),
        *_part("The task", task.description),
        *_part("What was handed in", task.result or ""),
    ]
    if task.evidence is not None:
        parts += _part("What the record has of it", "\n".join(_facts(task.evidence)))
    return "\n\n".join(parts)


def _part(name: str, said: str) -> list[str]:
    return [f"> {name}:\n{quoted(said)}"] if said.strip() else []


def _facts(evidence: TeamEvidence) -> Iterator[str]:
    files = evidence.files_changed
    more = f" and {len(files) - MAX_FILES} more" if len(files) > MAX_FILES else ""
    named = ", ".join(files[:MAX_FILES]) + more
    yield f"Files that its tools have changed: {named}" if files else "Its tools changed no file."
    status = evidence.verification_summary.get("status")
    if status is not None:
        yield f"Checks of the harness: {status}"


def quoted(said: str) -> str:
    """Quote a text line by line; a long one is cut in its middle, and says so."""
    return "\n".join(f"> {line}" for line in bounded(said.strip()).splitlines())


def bounded(said: str) -> str:
    """Give at most `MAX_QUOTED_CHARS` of a text, from its beginning and its end."""
    head = MAX_QUOTED_CHARS * 3 // 4
    return excerpt(said, head, MAX_QUOTED_CHARS - head)


def tasks_in(said: str) -> tuple[str, ...]:
    """
    Read the tasks that a lead gave: the first JSON object with a `tasks` array that holds some.

    A task is a text, or an object with a `description`; what is neither is left out.

    Returns:
        Empty when there are none.
    """
    spoken = Said(Message("assistant", (Text(said),)), Usage())
    for found in candidates(spoken).candidates:
        value: object = found.value
        if isinstance(value, dict):
            rows: object = cast("Mapping[str, Any]", value).get("tasks")
            tasks = tuple(_tasks(cast("list[object]", rows) if isinstance(rows, list) else ()))
            if tasks:
                return tasks
    return ()


def _tasks(rows: Iterable[object]) -> Iterator[str]:
    for row in rows:
        words = row if isinstance(row, str) else _description(row)
        if words.strip():
            yield words.strip()[:MAX_TASK_CHARS]


def _description(row: object) -> str:
    if not isinstance(row, Mapping):
        return ""
    fields = cast("Mapping[str, object]", row)
    given = (fields.get(name) for name in _DESCRIPTIONS)
    return next((each for each in given if isinstance(each, str) and each.strip()), "")
