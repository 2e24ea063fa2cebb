"""
What the tools of a session are found by: by nothing, by a group of words, or by their names.

A shelf belongs to tools, not to a session, and sessions with the same tools share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from weakref import WeakValueDictionary

from a3s_code.harness.completion import CUT, GO_ON, NOTHING
from a3s_code.harness.tool_intent import GROUPS, MCP, asked, shortened
from a3s_code.harness.tool_search import ToolIndex, server_of
from a3s_code.kernel.messages import Message
from a3s_code.kernel.tool import Tool, ToolSet

MAX_SHOWN = 128
"""As many as providers take in one request. What is always shown is never left out for it."""

MAX_SERVER_TOOLS = 20
"""Of connected servers, for a text that speaks of such servers and names none."""

ASKED, FOUND = "asked for", "found"
"""Why a tool is shown; the words that say so stand behind it."""

_OURS = frozenset({CUT, GO_ON, NOTHING})
"""What the harness itself says to the model in the place of its user."""


class Shelf:
    """
    The tools that a session may show, by what each of them is found. Immutable; shared.

    Attributes:
        always: Those that are shown whatever is asked, in their order.
        room: How many are shown at most.
    """

    __slots__ = ("__weakref__", "_gated", "_index", "_servers", "always", "room")

    def __init__(self, tools: Iterable[Tool], index: ToolIndex | None = None) -> None:
        self._index = index
        self._gated: dict[str, list[str]] = {}
        self._servers = ToolIndex()
        always: list[str] = []
        for name in (tool.name for tool in tools):
            if name in GROUPS:
                self._gated.setdefault(GROUPS[name], []).append(name)
            elif index is not None and name in index:
                continue
            elif server_of(name):
                self._servers.add(name)
            else:
                always.append(name)
        self.always = tuple(always)
        self.room = max(MAX_SHOWN, len(always) + MAX_SERVER_TOOLS)

    def asked_by(self, message: Message) -> Iterator[tuple[str, str]]:
        """Give tools that a message asks for, and why; a name may come more than once."""
        text = message.text
        if not text or text in _OURS:
            return
        for group, term in asked(text):
            yield from ((name, f"{ASKED}: {term}") for name in self._named(group))
        if len(self._servers):
            yield from _found(self._servers, text, ASKED)
        if self._index is not None and message.role == "user":
            yield from _found(self._index, text, FOUND)

    def _named(self, group: str) -> Iterable[str]:
        if group == MCP:
            return islice(self._servers, MAX_SERVER_TOOLS)
        return self._gated.get(group, ())


def _found(index: ToolIndex, text: str, why: str) -> Iterator[tuple[str, str]]:
    for match in index.search(shortened(text)):
        yield match.name, f"{why}: {', '.join(match.because)}" if match.because else why


class SharedSets:
    """What sessions with the same tools share, for as long as one of them has it."""

    __slots__ = ("_sets", "_shelves")

    def __init__(self) -> None:
        self._sets: WeakValueDictionary[tuple[Tool, ...], ToolSet] = WeakValueDictionary()
        self._shelves: WeakValueDictionary[tuple[Tool, ...], Shelf] = WeakValueDictionary()

    def tools(self, tools: tuple[Tool, ...]) -> ToolSet:
        """Give the set of some tools, whose encoded bytes are shared with it."""
        found = self._sets.get(tools)
        if found is None:
            found = self._sets[tools] = ToolSet(tools)
        return found

    def shelf(self, tools: tuple[Tool, ...], index: ToolIndex | None) -> Shelf:
        """Give the shelf of some tools; with an index, which may change, one of its own."""
        if index is not None:
            return Shelf(tools, index)
        found = self._shelves.get(tools)
        if found is None:
            found = self._shelves[tools] = Shelf(tools)
        return found
