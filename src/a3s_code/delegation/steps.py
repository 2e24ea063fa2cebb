"""
What a step of a workflow is told, and what it gives.

Source:
    Document 003, `AgentStepSpec`, `StepOutcome`; SPEC 9.6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeVar, cast

import msgspec

from a3s_code.checks import check_needed_list, check_text
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.children import session_of
from a3s_code.kernel.messages import JsonObject

T = TypeVar("T", bound=msgspec.Struct)


class AgentStepSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    One piece of work for one agent. An object with the same names is taken as well.

    Attributes:
        task_id: Names the step: unique among those that run together, and the same in each run
            of the program, since a step is known again by it after a crash.
        agent: Who does it, by name.
        description: What it is for, in a few words.
        prompt: What the agent is asked; it sees nothing else.
        max_steps: Tool rounds at most.
        parent_session_id: Whose step it is, for executors that place steps elsewhere.
        output_schema: What its answer must satisfy, as a JSON schema; an answer that does not
            fails the step.
        timeout_ms: How long it may take; it is stopped then, and has failed. None = as long as
            its executor lets it.

    Raises:
        InvalidType, InvalidValue: a field is of another kind, or empty where it may not be.
    """

    task_id: str
    agent: str
    description: str
    prompt: str
    max_steps: int | None = None
    parent_session_id: str | None = None
    output_schema: JsonObject | None = None
    timeout_ms: int | None = None

    def __post_init__(self) -> None:
        for name in ("task_id", "agent", "description", "prompt"):
            check_text(f"{name} of a step", getattr(self, name))
        for name in ("task_id", "agent"):
            if not getattr(self, name):
                raise InvalidValue(f"A step has an empty {name}.")
        for name in ("max_steps", "timeout_ms"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise InvalidValue(
                    f"{name} of step {self.task_id!r} is {value!r}.",
                    hint="give a whole number above 0, or leave it out",
                )

    @classmethod
    def of(cls, given: AgentStepSpec | Mapping[str, Any]) -> AgentStepSpec:
        """
        Take a spec, or an object of the same names.

        Raises:
            InvalidType, InvalidValue: it is neither, or has a field too many or too few.
        """
        return given if isinstance(given, cls) else _read(cls, given, "A step")

    @property
    def digest(self) -> str:
        """What the step is, whatever it is called: equal for steps that ask for the same."""
        asked = (self.agent, self.prompt, self.max_steps, self.output_schema)
        return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()


class StepOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What came of a step. It can be read as the object that other bindings give: `outcome["output"]`
    is `outcome.output`, and `dict(outcome)` has all of its fields.

    Attributes:
        task_id: That of its spec.
        session_id: `task-run-<task_id>`.
        output: The answer of the agent; of a step that failed, what it said last or what went
            wrong.
        success: It came to its end, and its answer satisfies its schema.
        structured: The answer as JSON, of a step with an `output_schema`.
        error: What went wrong; empty when nothing did.
        kind: Code of what went wrong, such as `step.timeout`; empty when nothing did.
        child: What the log calls the run of the agent; empty when there was none.
        tokens: Of all requests that were made for it.
        trace_uri: The conversation of the agent as an artifact of the session; empty when none
            is kept.
        report: What it has found and done, where the executor tells it.
    """

    task_id: str
    session_id: str
    agent: str
    output: str
    success: bool
    structured: Any = None
    error: str = ""
    kind: str = ""
    child: str = ""
    tokens: int = 0
    trace_uri: str = ""
    report: JsonObject | None = None

    @classmethod
    def failed(
        cls, task_id: str, agent: str, message: str, kind: str = "step.failed"
    ) -> StepOutcome:
        """Give the outcome of a step that came to nothing."""
        return cls(
            task_id, session_of(task_id), agent, message, success=False, error=message, kind=kind
        )

    @classmethod
    def of(cls, given: object) -> Self:
        """
        Take an outcome, or an object of the same names, with fields of the right kinds.

        Raises:
            InvalidType, InvalidValue: it is neither.
        """
        if not isinstance(given, cls):
            return _read(cls, given, "An outcome")
        try:
            return msgspec.convert(msgspec.to_builtins(given), cls)
        except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
            raise InvalidValue(f"The outcome cannot be kept: {error}") from error

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any field
        if name not in self.__struct_fields__:
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self.__struct_fields__

    def keys(self) -> tuple[str, ...]:
        """Give the names of the fields."""
        return self.__struct_fields__

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any field
        """Give a field; `default` where there is none of this name."""
        return getattr(self, name) if name in self else default


def checked_specs(
    given: Iterable[AgentStepSpec | Mapping[str, Any]],
) -> tuple[AgentStepSpec, ...]:
    """
    Take the steps that are to run together.

    Raises:
        InvalidType, InvalidValue: they are no list, one of them is no step, or two have the same
            `task_id`.
    """
    check_needed_list("specs", given)
    specs = tuple(map(AgentStepSpec.of, given))
    seen: set[str] = set()
    for spec in specs:
        if spec.task_id in seen:
            raise InvalidValue(
                f"Two steps are called {spec.task_id!r}.",
                hint="give each step of a call a task_id of its own",
            )
        seen.add(spec.task_id)
    return specs


def _read(kind: type[T], given: object, what: str) -> T:
    names = kind.__struct_fields__
    if not isinstance(given, Mapping):
        raise InvalidType(
            f"{what} is a {type(given).__name__}.",
            hint=f"give {kind.__name__}, or an object of {', '.join(names)}",
        )
    fields = dict(cast("Mapping[str, Any]", given))
    unknown = sorted(str(name) for name in fields if name not in names)
    if unknown:
        raise InvalidType(
            f"{what} has no field {', '.join(unknown)}.",
            hint=f"the fields are {', '.join(names)}",
        )
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise InvalidValue(f"{what} is not whole: {error}") from error
