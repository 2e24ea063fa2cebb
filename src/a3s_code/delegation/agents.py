"""
Agents that work is delegated to: what a host writes, and what comes of it.

Source:
    A3S Code Python SDK, "Full API"; SPEC 6.3, 9.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from a3s_code.checks import check_bool, check_count, check_limits, check_share, check_text
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.inheritance import check_inheritance
from a3s_code.harness.policy import PermissionPolicy

MAX_STEPS = {
    "read_only": 20,
    "planner": 30,
    "implementer": 50,
    "verifier": 30,
    "reviewer": 25,
    "custom": 30,
}
"""Kinds of workers, and the tool rounds that each may take unless told otherwise."""


MAX_NAME_CHARS = 64


def check_agent_name(name: str) -> None:
    """
    Raises:
        InvalidValue: nobody could be sure to read or write it: it is empty, too long, or has
            characters that are not seen.
    """
    if not name.strip() or name != name.strip() or not name.isprintable():
        hint = "use letters, digits and hyphens"
        raise InvalidValue(f"{name!r} cannot be the name of an agent.", hint=hint)
    if len(name) > MAX_NAME_CHARS:
        raise InvalidValue(
            f"The name of an agent has {len(name)} characters.",
            hint=f"{MAX_NAME_CHARS} are the most",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDefinition:
    """
    An agent that is ready to be delegated to.

    Attributes:
        native: It came with the package.
        hidden: It is not listed to the model.
        model: `provider/model`; None = the session's.
        prompt: What it is told beside the task and the text of its kind; None = nothing more.
        max_steps: Tool rounds at most.
        confirmation_inheritance: How an `Ask` inside it is settled; see `harness.inheritance`.
    """

    name: str
    description: str
    native: bool = False
    hidden: bool = False
    model: str | None = None
    prompt: str | None = None
    max_steps: int | None = None
    confirmation_inheritance: str | None = None


@dataclass(slots=True)
class WorkerAgentSpec:
    """
    A disposable agent, for `SessionOptions.add_worker_agent` and `session_for_worker`.

    Attributes:
        kind: One of `MAX_STEPS`; None is read as `custom`.
        permissions: What its calls may do; the parent's denials hold all the same.
        max_steps: Tool rounds at most; None = as its kind has it.

    The other attributes are those of `AgentDefinition`. Kind, inheritance and permissions
    are checked by `validate`, which creating a session or registering the worker does.

    Raises:
        InvalidType: the name or the description is no text.
        InvalidValue: one of them is empty, or there is no such inheritance.
    """

    name: str
    description: str
    kind: str | None = None
    hidden: bool = field(default=False, kw_only=True)
    permissions: PermissionPolicy | None = field(default=None, kw_only=True)
    model: str | None = field(default=None, kw_only=True)
    prompt: str | None = field(default=None, kw_only=True)
    max_steps: int | None = field(default=None, kw_only=True)
    confirmation_inheritance: str = field(default="auto_approve", kw_only=True)

    def __post_init__(self) -> None:
        self.kind = "custom" if self.kind is None else self.kind
        self._check_words()
        check_inheritance(self.confirmation_inheritance)

    @staticmethod
    def read_only(name: str, description: str) -> WorkerAgentSpec:
        """Make a worker of the kind `read_only`."""
        return WorkerAgentSpec(name, description, "read_only")

    @staticmethod
    def planner(name: str, description: str) -> WorkerAgentSpec:
        """Make a worker of the kind `planner`."""
        return WorkerAgentSpec(name, description, "planner")

    @staticmethod
    def implementer(name: str, description: str) -> WorkerAgentSpec:
        """Make a worker of the kind `implementer`."""
        return WorkerAgentSpec(name, description, "implementer")

    @staticmethod
    def verifier(name: str, description: str) -> WorkerAgentSpec:
        """Make a worker of the kind `verifier`."""
        return WorkerAgentSpec(name, description, "verifier")

    @staticmethod
    def reviewer(name: str, description: str) -> WorkerAgentSpec:
        """Make a worker of the kind `reviewer`."""
        return WorkerAgentSpec(name, description, "reviewer")

    @staticmethod
    def custom(name: str, description: str) -> WorkerAgentSpec:
        """Make a worker of the kind `custom`."""
        return WorkerAgentSpec(name, description, "custom")

    def validate(self) -> AgentDefinition:
        """
        Check the worker and give the agent that it makes.

        Raises:
            InvalidType, InvalidValue: kind, inheritance, steps, permissions, model, prompt, name
                or description are not accepted; says which, and what is.
        """
        self._check_words()
        self._check_types()
        check_agent_name(self.name)
        kind = "custom" if self.kind is None else self.kind
        self._check_choice("kind", kind, tuple(MAX_STEPS))
        check_inheritance(self.confirmation_inheritance)
        check_limits(f"worker {self.name!r}", max_steps=self.max_steps)
        if self.permissions is not None:
            self.permissions.compile()
        return AgentDefinition(
            name=self.name,
            description=self.description,
            hidden=self.hidden,
            model=self.model,
            prompt=self.prompt,
            max_steps=MAX_STEPS[kind] if self.max_steps is None else self.max_steps,
            confirmation_inheritance=self.confirmation_inheritance,
        )

    def _check_words(self) -> None:
        check_text("name of a worker", self.name)
        check_text(f"description of the worker {self.name!r}", self.description)
        if not self.name.strip() or not self.description.strip():
            raise InvalidValue(
                f"The name or the description of worker {self.name!r} is empty.",
                hint="say what the worker is for",
            )

    def _check_types(self) -> None:
        for name in ("model", "prompt"):
            if getattr(self, name) is not None:
                check_text(f"{name} of the worker {self.name!r}", getattr(self, name))
        steps: object = self.max_steps
        if steps is not None and type(steps) is not int:
            kind = type(steps).__name__
            raise InvalidType(f"max_steps of the worker {self.name!r} is a {kind}, not int.")
        check_bool(f"hidden of the worker {self.name!r}", self.hidden)
        rules = self.permissions
        if rules is not None and not isinstance(rules, PermissionPolicy):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(
                f"permissions of the worker {self.name!r} is a {type(rules).__name__}, "
                "not PermissionPolicy.",
                hint="give PermissionPolicy(allow=[...])",
            )

    def _check_choice(self, name: str, value: str, known: tuple[str, ...]) -> None:
        if value not in known:
            raise InvalidValue(
                f"{value!r} is no {name} of a worker ({self.name!r}).",
                hint=f"use one of {', '.join(known)}",
            )


@dataclass(slots=True)
class AutoDelegationConfig:
    """
    When prompts are handed to child agents unasked, for the option `auto_delegation`.

    Attributes:
        auto_parallel: Let children of one prompt run at once.
        min_confidence: How sure the choice of an agent has to be, 0 to 1.
        max_tasks: Children of one prompt at most.

    Raises:
        InvalidType: one of them is of another kind.
        InvalidValue: `min_confidence` is outside of that, or `max_tasks` is not positive.
    """

    enabled: bool = False
    auto_parallel: bool = True
    min_confidence: float = 0.72
    max_tasks: int = 4

    def __post_init__(self) -> None:
        check_bool("enabled", self.enabled)
        check_bool("auto_parallel", self.auto_parallel)
        check_share("min_confidence", self.min_confidence)
        check_count("max_tasks", self.max_tasks)
