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

from a3s_code.kernel.budget import Budget
from a3s_code.kernel.context import Origin
from a3s_code.kernel.messages import JsonObject, Usage

Inheritance: TypeAlias = Literal["auto_approve", "inherit_parent", "deny_on_ask"]
"""Who settles what is asked inside a child; `harness.inheritance` says what they mean."""


Isolation: TypeAlias = Literal["shared", "worktree"]
"""Where a child works: in the workspace itself, or in a git worktree that is merged at its end."""


def session_of(child: str) -> str:
    """Give the `session_id` of the events and the outcome of a child, by its id; SPEC 9.6."""
    return f"task-run-{child}"


class Permissions(msgspec.Struct, frozen=True):
    """
    A whole permission policy, in the words that it was written in.

    Attributes:
        default: `allow`, `deny` or `ask`, for what no rule matches.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    default: str = "ask"


class AgentRole(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    An agent that work can be delegated to.

    Attributes:
        description: What it is for; models choose by it.
        role, role_origin, allow, deny, ask, permissions, model, max_steps, inheritance, isolation:
            Of its children; as in `ChildSpec`.
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
    permissions: Permissions | None = None
    model: str = ""
    max_steps: int | None = None
    inheritance: Inheritance = "inherit_parent"
    isolation: Isolation = "shared"
    may_delegate: bool = False
    hidden: bool = False
    native: bool = False

    def spec(self, description: str, prompt: str, max_steps: int | None = None) -> ChildSpec:
        """
        Give what a child of this agent is to do; all that bounds the agent bounds the child.

        Args:
            max_steps: Asked for this child; the agent's own bound holds all the same.
        """
        steps = [each for each in (self.max_steps, max_steps) if each is not None]
        return ChildSpec(
            agent=self.name,
            description=description,
            role=self.role,
            role_origin=self.role_origin,
            prompt=prompt,
            allow=self.allow,
            deny=self.deny,
            ask=self.ask,
            permissions=self.permissions,
            model=self.model,
            max_steps=min(steps) if steps else None,
            inheritance=self.inheritance,
            isolation=self.isolation,
            may_delegate=self.may_delegate,
        )


class Agents(Protocol):
    """Whom the calls of a session can delegate to."""

    def find(self, name: str) -> AgentRole | None:
        """Give the agent of this name, or of this other name for one; None when there is none."""
        ...

    async def seek(self, name: str) -> AgentRole | None:
        """Do as `find`, and look into the files of the workspace for a name that nobody has."""
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
        permissions: A policy of its own; the strictest of it, of the rules above and of what its
            parent may decides. None = it has none.
        model: `provider/model`; empty = the one that the session has now.
        max_steps: Tool rounds at most; None = as many as a run of the session.
        max_execution_ms: How long it may take once it has begun; None = as long as a run of the
            session, which is never exceeded.
        inheritance: Who settles what its own or its parent's gate asks about.
        isolation: Where it works.
        may_delegate: It may start children of its own, as deep as the session lets.
        output_schema: What its answer must satisfy, as JSON; None = it answers in words.
        budget: Of its own, inside those of its parent; None = what each child has by default.
    """

    agent: str
    description: str
    role: str
    role_origin: Origin | None = None
    prompt: str
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    permissions: Permissions | None = None
    model: str = ""
    max_steps: int | None = None
    max_execution_ms: int | None = None
    inheritance: Inheritance = "inherit_parent"
    isolation: Isolation = "shared"
    may_delegate: bool = False
    output_schema: JsonObject | None = None
    budget: Budget | None = None


class ChildEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    Something that the harness has seen happen in a child, and that can be looked up.

    Attributes:
        kind: `command` for a program that ran, `request` for a call over the network,
            `verification` for a report that was made meanwhile.
        text: The command line, the subject of the call or of the report; may be cut.
        exit_code: Of the call; None for a report.
        status: Of the report, as `kernel.verification.status_of` has it.
        made_by: Of the report; only `harness` has run the checks itself.
        uris: Of complete outputs, where they are kept.
    """

    kind: Literal["command", "request", "verification"]
    text: str
    exit_code: int | None = None
    status: str = ""
    made_by: str = ""
    uris: tuple[str, ...] = ()


class ChildOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """
    What came of a child.

    Attributes:
        id: Inside that of the call that started it; its calls have ids inside this one.
        agent: As in its `ChildSpec`.
        session_id: What its events have as theirs; empty for a child that was never begun.
        text: Its answer; of one that failed, what it said last.
        usage: Tokens of its requests, without those of its own children.
        tool_calls, turns: Of the child itself.
        transcript: URI of its whole conversation as an artifact; empty when it is not kept.
        answer: URI of the whole of `text`, without secrets; empty when it is not kept.
        kind: Code of the error that ended it; empty when it came to its end.
        error: What went wrong; empty when nothing did.
        files_inspected, files_changed: Paths that its calls have read and written, as the log has
            them, relative to the workspace. What a command reads or writes is not among them.
        places_searched: Paths that its calls have listed or searched.
        evidence: What else was seen of its calls, oldest first; of many, the last ones.
        structured: Its answer as JSON, when `output_schema` was given and is satisfied.
        merge: What became of its worktree; None for one that works in the workspace itself.
    """

    id: str
    agent: str = ""
    session_id: str = ""
    text: str = ""
    usage: Usage = msgspec.field(default_factory=Usage)
    tool_calls: int = 0
    turns: int = 0
    transcript: str = ""
    answer: str = ""
    kind: str = ""
    error: str = ""
    files_inspected: tuple[str, ...] = ()
    files_changed: tuple[str, ...] = ()
    places_searched: tuple[str, ...] = ()
    evidence: tuple[ChildEvidence, ...] = ()
    structured: Any = None
    merge: JsonObject | None = None


class Children(Protocol):
    """Of one call."""

    async def start(self, spec: ChildSpec) -> ChildOutcome:
        """
        Run a child to its end with at most the rights of its parent.

        It waits for its turn, where as many run already as the session lets. What goes wrong
        inside is its outcome, such as a limit, a model that fails or an answer that is none.

        Raises:
            InvalidValue: a rule or the schema of `spec` is none.
            UnknownModel: there is no such model.
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
            UsageError: whoever starts it works in a copy of the workspace, which ends before it.
        """
        ...
