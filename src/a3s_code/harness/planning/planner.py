"""
Who makes plans: the port, and the planner that asks the session's model.

Source:
    A3S Code README 0.9, "Extension Points" (Planner, LlmPlanner); SPEC 8.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias, cast

import msgspec

from a3s_code.harness.context import marked
from a3s_code.harness.host_function import in_thread, is_async
from a3s_code.harness.intent.styles import STYLES
from a3s_code.harness.planning.plan import Plan
from a3s_code.harness.planning.reading import PLAN, plan_in
from a3s_code.harness.prompt import text
from a3s_code.kernel.answer_form import AnswerForm
from a3s_code.kernel.asking import Asker, Question
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.messages import Attachment, Context, JsonObject, Message, Text

GOAL = "goal"
"""What the tokens of such questions are spent on; see `TokensSpent`."""

MAX_HISTORY = 6
"""Messages with words before the request that a planner is shown."""
MAX_HISTORY_CHARS = 2_000
"""Of each of them."""

_TEXTS: JsonObject = {"type": "array", "items": {"type": "string"}}
_STEP: JsonObject = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "description": {"type": "string"},
        "tool": {"type": "string", "description": "The tool that it is mostly about, if any."},
        "dependencies": _TEXTS,
        "success_criteria": {"type": "string"},
    },
    "required": ["id", "description", "dependencies"],
}
GOAL_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"description": {"type": "string"}, "success_criteria": _TEXTS},
    "required": ["description", "success_criteria"],
}
_FORM = AnswerForm(
    name=PLAN,
    description="Say whether the request needs a plan, and give it.",
    schema={
        "type": "object",
        "properties": {
            "intent": {"type": "string", "enum": [style.name for style in STYLES]},
            "requires_planning": {"type": "boolean"},
            "goal": GOAL_SCHEMA,
            "execution_plan": {
                "type": "object",
                "properties": {
                    "complexity": {
                        "type": "string",
                        "enum": ["Simple", "Medium", "Complex", "VeryComplex"],
                    },
                    "steps": {"type": "array", "items": _STEP},
                    "required_tools": _TEXTS,
                },
                "required": ["steps"],
            },
        },
        "required": ["intent", "requires_planning", "goal", "execution_plan"],
    },
)


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """
    What is to be planned.

    Attributes:
        prompt: The words of the user, as they are.
        attachments: Images that came with them.
        history: The conversation before, oldest first.
        tools: Names of the tools that the steps may use.
        forced: A plan is wanted in any case (`planning_mode="enabled"`); otherwise the answer may
            be that none is needed: a plan without steps.
        asker: Asks the session's model beside the conversation; recorded and paid for like all.
    """

    prompt: str
    attachments: tuple[Attachment, ...]
    history: tuple[Message, ...]
    tools: tuple[str, ...]
    forced: bool
    asker: Asker


class Planner(Protocol):
    """Takes a request apart into steps."""

    async def plan(self, request: PlanRequest) -> Plan | None:
        """
        Give the plan; one without steps: none is needed. None: it could not be told, and the
        request is answered as one step. So it is when this raises.
        """
        ...


PlanFunction: TypeAlias = Callable[[PlanRequest], Plan | Awaitable[Plan | None] | None]
"""`Planner.plan` alone, which may wait or not."""

GivenPlanner: TypeAlias = Planner | PlanFunction


class LlmPlanner:
    """Asks the model of the session, once, with a tool that it has to call."""

    __slots__ = ()

    async def plan(self, request: PlanRequest) -> Plan | None:
        """
        Raises:
            HookBlocked, ModelError, StoreError: as `Asker.ask`.
        """
        question = Question(
            purpose=PLAN,
            system=text("plan"),
            messages=(shown(request),),
            form=_FORM,
        )
        said = await request.asker.ask(question)
        return plan_in(said, forced=request.forced)


def shown(request: PlanRequest) -> Message:
    """Give a request as one message: what it stands in as context, then its own words."""
    tools = f"Tools: {', '.join(request.tools)}"
    items = [ContextItem(source="prompt://tools", content=tools, trust="host")]
    before = _digest(request.history)
    if before:
        items.append(ContextItem(source="conversation://before", content=before))
    context = Context(tuple(map(marked, items)))
    return Message("user", (*request.attachments, context, Text(request.prompt)))


def _digest(history: tuple[Message, ...]) -> str:
    said = [each for each in history if each.role != "tool" and each.text.strip()]
    lines = [f"{each.role}: {_cut(each.text)}" for each in said[-MAX_HISTORY:]]
    return "\n\n".join(["The conversation before the request:", *lines]) if lines else ""


def _cut(said: str) -> str:
    return said if len(said) <= MAX_HISTORY_CHARS else f"{said[:MAX_HISTORY_CHARS]} […]"


@dataclass(frozen=True, slots=True)
class HostPlanner:
    """A planner of the host, with a function that waits or one that does not, as a `Planner`."""

    function: Callable[[PlanRequest], object]

    @classmethod
    def of(cls, given: GivenPlanner) -> HostPlanner:
        return cls(cast("Callable[[PlanRequest], object]", getattr(given, "plan", given)))

    async def plan(self, request: PlanRequest) -> Plan | None:
        """
        Raises:
            Exception: whatever it raises.
            TypeError: it gives something else than a `Plan` or None, or one whose parts are
                not what they should be; says which.
        """
        if is_async(self.function):
            made = self.function(request)
        else:
            made = await in_thread(partial(self.function, request))
        if inspect.isawaitable(made):
            made = await cast("Awaitable[object]", made)
        if made is None:
            return None
        if not isinstance(made, Plan):
            raise TypeError(f"the planner gave a {type(made).__name__}, not a Plan")
        return _checked(made)


def _checked(plan: Plan) -> Plan:
    try:
        return msgspec.convert(msgspec.to_builtins(plan), Plan)
    except msgspec.ValidationError as error:
        raise TypeError(f"a part of the plan is none: {error}") from error
