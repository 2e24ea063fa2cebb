"""
Child runs, as the tools that start them see them.

A child works in the session of the call that started it: one log, one workspace, one gate. It
has a conversation, a role, tools and limits of its own, and never more rights than its parent.

Source:
    DESIGN 3, "Doors"; SPEC 9.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from a3s_code.kernel.context import Origin
from a3s_code.kernel.messages import JsonObject, Usage

Inheritance: TypeAlias = Literal["auto_approve", "inherit_parent", "deny_on_ask"]
"""Who settles what is asked inside a child; `harness.inheritance` says what they mean."""


Isolation: TypeAlias = Literal["shared", "worktree"]
"""Where a child works: in the workspace itself, or in a git worktree that is merged at its end."""


class AgentRole(msgspec.Struct, frozen=True, kw_only=True):
    """
    An agent that work can be delegated to.

    Attributes:
        description: What it is for; models choose by it.
        role, role_origin, allow, deny, ask, model, max_steps, inheritance, isolation: Of its
            children; as in `ChildSpec`.
        may_delegate: Its children may start children of their own, as deep as the session lets.
        hidden: Models are not told of it; it is found by its name all the same.
        native: It came with the package.
    """

    name: str
    description: str
    role: str
    role_origin: Origin | None = None
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    model: str = ""
    max_steps: int | None = None
    inheritance: Inheritance = "inherit_parent"
    isolation: Isolation = "shared"
    may_delegate: bool = False
    hidden: bool = False
    native: bool = False


class Agents(Protocol):
    """Whom the calls of a session can delegate to."""

    def find(self, name: str) -> AgentRole | None:
        """Give the agent of this name, or of this other name for one; None when there is none."""
        ...

    def listed(self) -> Sequence[AgentRole]:
        """Give those that models are told of, in a stable order."""
        ...


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a child is to do, and within which bounds.

    Attributes:
        agent: What it is called in events and questions, such as `skill safe-reviewer`.
        description: What it is for, in a few words.
        role: Takes the place of the identity in its system prompt.
        role_origin: Whose words that is, for its receipts; None = those of the host.
        prompt: What it is asked.
        allow: Rules of the policy language. It does nothing that none of them names, and sees
            only tools that one of them names. None = what its parent may, but no children.
        deny, ask: More rules, which hold beside those of its parent.
        model: `provider/model`; empty = the one that the session has now.
        max_steps: Tool rounds at most; None = as many as a run of the session.
        inheritance: Who settles what its own or its parent's gate asks about.
        isolation: Where it works.
        may_delegate: It may start children of its own, as deep as the session lets.
        output_schema: What its answer must satisfy, as JSON; None = it answers in words.
    """

    agent: str
    description: str
    role: str
    role_origin: Origin | None = None
    prompt: str
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    model: str = ""
    max_steps: int | None = None
    inheritance: Inheritance = "inherit_parent"
    isolation: Isolation = "shared"
    may_delegate: bool = False
    output_schema: JsonObject | None = None


class ChildOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """
    What came of a child.

    Attributes:
        id: Inside that of the call that started it; its calls have ids inside this one.
        text: Its answer; of one that failed, what it said last.
        usage: Tokens of its requests, without those of its own children.
        tool_calls, turns: Of the child itself.
        transcript: URI of its whole conversation as an artifact; empty when it is not kept.
        kind: Code of the error that ended it; empty when it came to its end.
        error: What went wrong; empty when nothing did.
        files_inspected, files_changed: Paths that its calls have read and written, as the log has
            them, relative to the workspace.
        structured: Its answer as JSON, when `output_schema` was given and is satisfied.
        merge: What became of its worktree; None for one that works in the workspace itself.
    """

    id: str
    text: str = ""
    usage: Usage = msgspec.field(default_factory=Usage)
    tool_calls: int = 0
    turns: int = 0
    transcript: str = ""
    kind: str = ""
    error: str = ""
    files_inspected: tuple[str, ...] = ()
    files_changed: tuple[str, ...] = ()
    structured: Any = None
    merge: JsonObject | None = None


class Children(Protocol):
    """Of one call."""

    async def start(self, spec: ChildSpec) -> ChildOutcome:
        """
        Run a child to its end with at most the rights of its parent.

        What goes wrong inside is its outcome, such as a limit or a model that fails.

        Raises:
            InvalidValue: a rule of `spec` is none, or there is no such model.
            StoreError: what it did could not be recorded.
        """
        ...

    async def launch(self, spec: ChildSpec) -> str:
        """
        Begin a child that goes on by itself, and give its task id at once.

        Its start is in the log then. It ends with the run that started it when that is
        cancelled, and else may outlive it; when it has ended, the model of that run, or of the
        next one, is told.

        Raises:
            InvalidValue: a rule of `spec` is none, or there is no such model.
            TooDeep: it would stand deeper than a child may.
        """
        ...
