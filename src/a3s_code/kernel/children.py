"""
Child runs, as the tools that start them see them.

A child works in the session of the call that started it: one log, one workspace, one gate. It
has a conversation, a role, tools and limits of its own, and never more rights than its parent.

Source:
    DESIGN 3, "Doors"; SPEC 9.4.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import msgspec

from a3s_code.kernel.context import Origin
from a3s_code.kernel.messages import Usage

Inheritance: TypeAlias = Literal["auto_approve", "inherit_parent", "deny_on_ask"]
"""Who settles what is asked inside a child; `harness.inheritance` says what they mean."""


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
    """

    id: str
    text: str = ""
    usage: Usage = msgspec.field(default_factory=Usage)
    tool_calls: int = 0
    turns: int = 0
    transcript: str = ""
    kind: str = ""
    error: str = ""


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
