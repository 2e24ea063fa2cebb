"""
Instructions of a directory, given when its files are first worked with.

They come with the results of the calls that touched it, the outermost first, once as long as
the conversation has them. So nothing of a request that was sent before changes for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from a3s_code.errors import A3SError
from a3s_code.harness.agents_md.directory import Directories
from a3s_code.harness.agents_md.touched import places
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.messages import ContextText, ToolCall, ToolResult
from a3s_code.kernel.tool import Tool
from a3s_code.kernel.workspace import Files

MAX_DEPTH = 32
"""Directories between the root and a place that are looked at: the outermost ones."""

OF_OTHERS = frozenset({".git", "node_modules", "site-packages"})
"""Directories of what a project depends on, whose instructions are for those who work on that."""


class NestedInstructions:
    """
    A companion for the runs of one session.

    Args:
        tools: By name, those that calls are made of.
    """

    __slots__ = ("_bare", "_chains", "_directories", "_sources", "_tools")

    name = "AGENTS.md"

    def __init__(self, directories: Directories, tools: Callable[[], Mapping[str, Tool]]) -> None:
        self._directories, self._tools = directories, tools
        self._chains: dict[str, tuple[str, ...]] = {}
        self._bare: set[str] = set()
        self._sources: dict[str, str] = {}

    def reading(self, files: Files) -> NestedInstructions:
        """Give a companion that does the same in other files."""
        return NestedInstructions(replace(self._directories, files=files), self._tools)

    async def begin(self) -> Sequence[ContextItem]:
        """Look anew from here on, where nothing was found before; gives nothing itself."""
        self._chains.clear()
        self._bare.clear()
        return ()

    async def attend(
        self, calls: Sequence[ToolCall], results: Sequence[ToolResult]
    ) -> Sequence[ContextItem]:
        """Give what belongs to these calls, whatever was given before."""
        return await self.attend_beside(calls, results, ())

    async def attend_beside(
        self,
        calls: Sequence[ToolCall],
        results: Sequence[ToolResult],  # noqa: ARG002 - of the port
        present: Iterable[ContextText],
    ) -> Sequence[ContextItem]:
        """Give the instructions of the directories of these calls that are not `present`."""
        given: list[ContextItem] = []
        shown: set[str] | None = None
        for directory in dict.fromkeys(self._touched(calls)):
            if directory in self._bare:
                continue
            if shown is None:
                shown = {item.source for item in present}
            if self._sources.get(directory) not in shown:
                given += await self._new(directory, shown)
        return given

    async def _new(self, directory: str, shown: set[str]) -> Sequence[ContextItem]:
        items = await self._directories.items(directory, f"a call touched {directory}")
        if not items or not items[0].content:
            self._bare.add(directory)
            return items
        if not OF_OTHERS.isdisjoint(directory.split("/")):
            self._bare.add(directory)
            why = "it belongs to what the project depends on"
            return (msgspec.structs.replace(items[0], content="", why=why),)
        self._sources[directory] = items[0].source
        return () if items[0].source in shown else items

    def _touched(self, calls: Sequence[ToolCall]) -> Iterator[str]:
        """Name the directories below the root that calls work in, outer ones first."""
        tools = self._tools()
        for call in calls:
            for place, may_be_directory in places(call, tools):
                chain = self._chain(place)
                yield from chain if may_be_directory else chain[:-1]

    def _chain(self, place: str) -> tuple[str, ...]:
        """Give the real path of a place, and of all that it is in, from the outside in."""
        known = self._chains.get(place)
        if known is None:
            known = self._chains[place] = self._resolved(place)
        return known

    def _resolved(self, place: str) -> tuple[str, ...]:
        try:
            target = self._directories.files.resolve(place)
        except A3SError:
            return ()
        target.close()
        names = [] if target.path == "." else target.path.split("/")
        return tuple("/".join(names[:depth]) for depth in range(1, min(len(names), MAX_DEPTH) + 1))
