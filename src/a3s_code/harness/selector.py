"""
Which tools a model is shown.

The core and the tools of the host always are; git, batches, the web and the tools of connected
servers once the conversation is about them. What was shown stays, at its place, and new ones
come behind it, so that the beginning of a request stays the same bytes for a provider's cache.
Only when the conversation itself was replaced (`/clear`, a compaction, a rewind), or when there
would be more than `tool_shelf.MAX_SHOWN`, does it begin anew with what is asked for now.

What is not shown can still be called: the gate decides about calls, not this.

Source:
    A3S Code README 3.x, "Default core tools" and "Intent-gated tools"; README of the 0.9 crate,
    "Tool Search"; SPEC 5.18.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec

from a3s_code.harness.reader import Reader
from a3s_code.harness.tool_search import ToolIndex
from a3s_code.harness.tool_shelf import SharedSets, Shelf
from a3s_code.kernel.messages import Conversation, Message, ToolCall
from a3s_code.kernel.tool import Tool, ToolSet

WINDOW = 6
"""Messages, results of tools not counted, that a conversation is about when it is first read."""

CALLED, REGISTERED = "called", "registered"
"""Why a tool is shown; see also `tool_shelf`."""


class Disclosure(msgspec.Struct, frozen=True):
    """
    How the tools of a request differ from those of the request before.

    Attributes:
        why: By the name of each new tool, why it is shown, such as `asked for: git`. Those that
            a session begins with are not in it.
        gone: Names that are not shown any more.
    """

    why: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.why or self.gone)

    def __str__(self) -> str:
        """On one line, for a reason."""
        new = [f"{name} ({why})" for name, why in self.why.items()]
        return "; ".join([*new, *(f"{name} no more" for name in self.gone)])


_NOTHING = Disclosure()


class Selection:
    """
    What one session shows its model, request by request.

    Args:
        tools: All that may be shown, in a stable order.
        index: Those in it are shown when a search for what the user says finds them.
        before: Names that were shown in an earlier process, in their order.
        sets: Where sets and shelves are shared with other sessions.

    Attributes:
        latest: How the tools of the last request differ from those before.
    """

    __slots__ = (
        "_index",
        "_other",
        "_own",
        "_recent",
        "_set",
        "_sets",
        "_shelf",
        "_shown",
        "_tools",
        "latest",
    )

    def __init__(
        self,
        tools: Sequence[Tool],
        index: ToolIndex | None = None,
        before: Sequence[str] = (),
        sets: SharedSets | None = None,
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._index, self._sets = index, sets or SharedSets()
        self._shelf: Shelf | None = None
        self._set: ToolSet | None = None
        self._shown = tuple(before)
        self._own, self._other = Reader(), Reader()
        self._recent: deque[Mapping[str, str]] = deque(maxlen=WINDOW)
        self.latest = _NOTHING

    @property
    def tools(self) -> tuple[Tool, ...]:
        """All that may be shown."""
        return tuple(self._tools.values())

    def add(self, tool: Tool) -> None:
        """Take one more tool; one of the same name is replaced, at its place."""
        self._tools[tool.name] = tool
        self._shelf = self._set = None

    def of_others(self, tools: Sequence[Tool]) -> Selection:
        """Give the selection among some tools for another conversation, such as that of a child."""
        return Selection(tools, self._index, sets=self._sets)

    def whole(self, tools: ToolSet) -> ToolSet:
        """Give the set of the same tools that others have as well, encoded once for all."""
        return self._sets.tools(tools.tools)

    def branch(self) -> Selection:
        """Give a selection that goes on from what is shown now, for a conversation that parts."""
        return Selection(self.tools, self._index, self._shown, self._sets)

    def of(self, conversation: Conversation, *, is_own: bool = True) -> ToolSet:
        """
        Give the tools for the next request about a conversation.

        Args:
            is_own: It is that of the session, and no history of the caller's.
        """
        shelf = self._shelf = self._shelf or self._sets.shelf(self.tools, self._index)
        messages = conversation.messages
        was_read = not self._own.is_new
        new = (self._own if is_own else self._other).news(messages)
        if new is None:
            self._recent.clear()
        elif self._set is not None and len(self._set.tools) == len(self._tools):
            self.latest = _NOTHING
            return self._set
        wanted = self._asked(shelf, _said(messages) if new is None else new)
        if new is None:
            wanted = _first(wanted, _called(messages))
        if new is None and is_own and was_read:
            return self._begin(shelf, wanted)
        return self._extend(shelf, wanted, messages)

    def _asked(self, shelf: Shelf, messages: Sequence[Message]) -> dict[str, str]:
        """Give what some messages ask for or call, and why."""
        every: dict[str, str] = {}
        for message in messages:
            if message.role != "tool":
                wanted = dict.fromkeys((call.name for call in message.calls), CALLED)
                wanted.update(reversed(list(shelf.asked_by(message))))
                self._recent.append(wanted)
                every = {**wanted, **every}
        return every

    def _extend(
        self, shelf: Shelf, wanted: Mapping[str, str], messages: Sequence[Message]
    ) -> ToolSet:
        """Show what is wanted behind what is shown; begin anew when it does not fit."""
        if self._set is not None and wanted.keys() <= self._set.by_name.keys():
            self.latest = _NOTHING
            return self._set
        kept = dict.fromkeys(name for name in self._shown if name in self._tools)
        kept.update(dict.fromkeys(shelf.always))
        added = [name for name in self._tools if name in wanted and name not in kept]
        if not added or len(kept) + len(added) <= shelf.room:
            return self._show(shelf, (*kept, *added), wanted)
        recent = {name: why for asked in reversed(self._recent) for name, why in asked.items()}
        return self._begin(shelf, _first(wanted, recent, _called(messages)))

    def _begin(self, shelf: Shelf, wanted: Mapping[str, str]) -> ToolSet:
        """Show what is wanted and nothing else; what was shown keeps its order."""
        free = shelf.room - len(shelf.always)
        chosen = {*islice((name for name in wanted if name in self._tools), free), *shelf.always}
        kept = [name for name in self._shown if name in chosen]
        rest = [name for name in (*shelf.always, *self._tools) if name in chosen]
        return self._show(shelf, tuple(dict.fromkeys([*kept, *rest])), wanted)

    def _show(self, shelf: Shelf, shown: tuple[str, ...], wanted: Mapping[str, str]) -> ToolSet:
        if self._set is not None and shown == self._shown:
            self.latest = _NOTHING
            return self._set
        before, self._shown = self._shown, shown
        expected = {*before, *(() if before else shelf.always)}
        why = {name: wanted.get(name, REGISTERED) for name in shown if name not in expected}
        gone = tuple(name for name in before if name not in set(shown))
        self.latest = Disclosure(why, gone)
        self._set = self._sets.tools(tuple(self._tools[name] for name in shown))
        return self._set


def _said(messages: Sequence[Message]) -> Sequence[Message]:
    """Give the end of a conversation that tells what it is about."""
    said = (message for message in reversed(messages) if message.role != "tool")
    return tuple(islice(said, WINDOW))[::-1]


def _first(*reasons: Mapping[str, str]) -> dict[str, str]:
    """Join reasons; for a name that is in several, the first counts, and its place."""
    joined: dict[str, str] = {}
    for each in reasons:
        for name, why in each.items():
            joined.setdefault(name, why)
    return joined


def _called(messages: Sequence[Message]) -> dict[str, str]:
    """Give what a conversation has called, the last first."""
    called: dict[str, str] = {}
    for message in reversed(messages):
        for block in message.blocks:
            if type(block) is ToolCall:
                called[block.name] = CALLED
    return called
