"""What a planned run that was cut off has left: its plan, and how far each step came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from a3s_code.api.unfinished import resumed_by
from a3s_code.harness.planning.plan import Goal, Plan
from a3s_code.harness.planning.reading import read_goal, read_plan
from a3s_code.kernel.events import (
    GoalExtracted,
    PlanningEnd,
    PlanningStart,
    RunId,
    StepEnd,
    StepStart,
)
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Message, ToolResult
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.records import HistoryAppended, Record
from a3s_code.kernel.tasks import TaskStatus

FALLBACK = "fallback"
"""In a plan of one step, why there is no other."""
CLOSING = "closing"
"""Ends the name of the note that asks for the answer."""

MAX_CALLS = 20
"""Of a step that was cut off, those named that came last."""
MAX_CALL_CHARS = 300

_STATUSES: Mapping[str, TaskStatus] = {"completed": "completed", "failed": "failed"}


@dataclass(slots=True)
class PlanLeft:
    """
    Attributes:
        plan: None where it was cut off while it was made, or none was needed.
        was_planning: It was cut off while it was made.
        is_fallback: The one step is the request itself.
        goal: As it was told; None when none was.
        ended: What became of steps, by id.
        known: Numbers of the steps whose note, or result, is in the conversation.
        begun: By the number of each step that was begun, the runs that began it, oldest first.
        said: What was said beside the conversation, by the id of who said it.
        is_closing: The answer had been asked for.
    """

    plan: Plan | None = None
    was_planning: bool = False
    is_fallback: bool = False
    goal: Goal | None = None
    ended: dict[str, TaskStatus] = field(default_factory=dict[str, TaskStatus])
    known: set[str] = field(default_factory=set[str])
    begun: dict[int, list[RunId]] = field(default_factory=dict[int, list[RunId]])
    said: dict[str, list[Message]] = field(default_factory=dict[str, list[Message]])

    @property
    def is_closing(self) -> bool:
        return CLOSING in self.known

    @property
    def waits_for_model(self) -> bool:
        """Say that a step of the conversation, or the answer, was cut off in it."""
        plan = self.plan
        if plan is None or self.is_fallback or self.is_closing:
            return True
        steps = enumerate(plan.steps, 1)
        return any(self.is_open(number) and step.id not in self.ended for number, step in steps)

    def is_open(self, number: int) -> bool:
        """Say that a step was begun in the conversation."""
        return number in self.begun and str(number) in self.known

    def lane(self, number: int) -> str:
        """Give the id under which a step last went on beside the conversation; empty for none."""
        lanes = [f"{run}.{number}" for run in self.begun.get(number, [])]
        return next((lane for lane in reversed(lanes) if lane in self.said), "")

    def answer(self, number: int) -> str:
        """Give what a step that ended beside the conversation said last."""
        said = self.said.get(self.lane(number), [])
        texts = [message.text for message in said if message.role == "assistant"]
        return next((text for text in reversed(texts) if text.strip()), "")

    def attempt(self, number: int) -> str:
        """Tell of a step that was cut off beside the conversation; empty when none was."""
        said = self.said.get(self.lane(number), [])
        rows = _calls(said)[-MAX_CALLS:]
        if not rows:
            return ""
        begun = "This step was begun before and cut off. These calls were made; look at what is "
        return "\n".join([f"{begun}there before you make one of them again:", *rows])


def plan_left(log: Log, run: RunId) -> PlanLeft | None:
    """Find what `run`, and those that it resumed, left of a plan or a goal; None for neither."""
    chain = resumed_by(log, run)
    left, found = PlanLeft(), False
    for record in log.records:
        if record.run in chain:
            found |= _take(left, record, chain)
    return left if found else None


def _take(left: PlanLeft, record: Record, chain: Iterable[RunId]) -> bool:
    """Take in one more record; say whether it is about a plan, or a goal."""
    match record.event:
        case PlanningStart():
            left.was_planning = True
        case PlanningEnd(plan=plan):
            left.was_planning, left.is_fallback = False, FALLBACK in plan
            left.plan = read_plan(plan)
        case GoalExtracted(goal=goal):
            left.goal = read_goal(goal)
        case StepStart(step_number=number):
            left.begun.setdefault(number, []).append(record.run)
        case StepEnd(step_id=step_id, status=status) if status in _STATUSES:
            left.ended[step_id] = _STATUSES[status]
        case HistoryAppended(message=message, child=child) if child:
            left.said.setdefault(child, []).append(message)
            return False
        case HistoryAppended(message=message, isolated=False):
            left.known.update(_noted(message, chain))
            return False
        case _:
            return False
    return True


def _noted(message: Message, chain: Iterable[RunId]) -> Iterator[str]:
    """Give how the notes end that a message of the conversation has."""
    for run in chain:
        note = f"plan://{run}/"
        for item in message.context:
            if item.source.startswith(note):
                yield item.source.removeprefix(note)


def _calls(said: Iterable[Message]) -> list[str]:
    """Name calls, and what came of each as far as it was said."""
    rows: dict[str, str] = {}
    for message in said:
        for call in message.calls:
            args = canonical(call.input).decode("utf-8", "replace")
            rows[call.id] = f"- {call.name} {args[:MAX_CALL_CHARS]}: its outcome is not known"
        for block in message.blocks:
            if isinstance(block, ToolResult) and block.tool_use_id in rows:
                head = rows[block.tool_use_id].rpartition(": ")[0]
                outcome = "failed" if block.is_error else "done"
                rows[block.tool_use_id] = f"{head}: {outcome}"
    return list(rows.values())
