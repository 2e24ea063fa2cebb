"""
What context is: the one form in which anything reaches a model beside the words of its user,
its own, and the results of its calls.

Whoever has something to show gives `ContextItem`s; the assembler of the harness ranks them, leaves
out what is there already or does not fit, marks each with where it comes from, and says all that in
the receipt of the request.

Source:
    A3S Code README 3.x, "Context"; SPEC 11.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from a3s_code.kernel.messages import ContextText, JsonObject, ToolCall, ToolResult

Trust: TypeAlias = Literal["host", "user", "workspace", "external"]
"""
Whose words an item are: of the embedding program, of its user, of files of the workspace, or of
anybody. None of them can change what is allowed.
"""


class Origin(msgspec.Struct, frozen=True):
    """
    Where a text comes from, which is no item of its own.

    Attributes:
        source: A URI, such as `skill://NAME`.
        trust: Whose words it is.
    """

    source: str
    trust: Trust = "host"


Depth: TypeAlias = Literal["abstract", "overview", "full"]
"""How much of each item is wanted: about 100 tokens, about 2,000, or all of it."""


class ContextQuery(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a provider is asked before a run.

    Attributes:
        query: The words of the user.
        context_types: The kinds of items that are wanted, such as `memory` and `resource`;
            empty = every kind.
        max_results, max_tokens: What one provider may give at most.
        params: Free parameters of the caller; plain JSON.
    """

    query: str
    context_types: tuple[str, ...] = ()
    depth: Depth = "overview"
    max_results: int = 10
    max_tokens: int = 2_500
    session_id: str = ""
    params: JsonObject = msgspec.field(default_factory=dict[str, Any])


class ContextItem(msgspec.Struct, frozen=True, kw_only=True):
    """
    One thing that a model may be shown.

    Attributes:
        source: Where it comes from, as a URI: `file://src/AGENTS.md`, `memory://ID`,
            `skill://NAME`, `repo://map`. Two items of one source are one item.
        content: Plain text; the assembler writes the marks around it.
        trust: Whose words they are; see `Trust`.
        type: `instructions`, `memory`, `skill`, `resource`, `map`, `diagnostics`, `delegated`,
            `style` or a name of the caller's own.
        why: Why it is offered, in a few words, for the receipt.
        relevance: For this query, 0 to 1.
        priority: Of its source, 0 to 1, whatever the query.
        freshness: 0 to 1; 1 = of now.
        partial: `content` is only a part of what is there.
        metadata: Facts for the receipt, never shown to the model; plain JSON.
    """

    source: str
    content: str
    trust: Trust = "external"
    type: str = "resource"
    why: str = ""
    relevance: float = 0.5
    priority: float = 0.5
    freshness: float = 0.5
    partial: bool = False
    metadata: JsonObject = msgspec.field(default_factory=dict[str, Any])


@runtime_checkable
class ContextProvider(Protocol):
    """
    A source that is asked once for each run, with the words of the user.

    What it gives goes in front of these words, in the same message, and stays there. One that
    raises or is late gives nothing, and an event says so.
    """

    @property
    def name(self) -> str:
        """How events and receipts call it."""
        ...

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        """Give what fits the query, in any order."""
        ...


@runtime_checkable
class MindfulProvider(Protocol):
    """A `ContextProvider` that says nothing twice; it is asked so instead of by `query`."""

    async def query_beside(
        self, query: ContextQuery, present: Iterable[ContextText]
    ) -> Sequence[ContextItem]:
        """Give what fits the query; `present` is what the conversation has already."""
        ...


class Companion(Protocol):
    """
    A source that is asked after the calls of a turn, with what they were and what they brought.

    What it gives goes behind the results, in the same message, and stays there: instructions of a
    directory that was touched for the first time, diagnostics of a file that was changed.
    """

    @property
    def name(self) -> str: ...

    async def attend(
        self, calls: Sequence[ToolCall], results: Sequence[ToolResult]
    ) -> Sequence[ContextItem]:
        """Give what belongs to these calls; `results` are in their order."""
        ...


@runtime_checkable
class MindfulCompanion(Protocol):
    """A `Companion` that says nothing twice; it is asked so instead of by `attend`."""

    async def attend_beside(
        self,
        calls: Sequence[ToolCall],
        results: Sequence[ToolResult],
        present: Iterable[ContextText],
    ) -> Sequence[ContextItem]:
        """Give what belongs to these calls; `present` is what the conversation has already."""
        ...
