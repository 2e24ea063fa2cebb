"""The tools that a session has: the core, git, and those it was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from a3s_code.errors import InvalidValue
from a3s_code.kernel.tool import Tool, ToolSet

if TYPE_CHECKING:
    from a3s_code.harness.selector import Selection
    from a3s_code.harness.tool_search import ToolIndex
    from a3s_code.harness.tool_shelf import SharedSets
    from a3s_code.kernel.space import Space

GivenTool: TypeAlias = Tool | Callable[..., Any]

DIRECT_ONLY = frozenset({"git_worktree"})
"""Tools of older documents: they can be called directly, and the model is not shown them."""


def checked_tool(given: GivenTool) -> Tool:
    """
    Take a tool, or make one of a function with typed parameters, and check its name.

    Raises:
        InvalidType: the function cannot be a tool; says why.
        InvalidValue: the name is malformed, or reserved for built-in and MCP tools.
    """
    from a3s_code.capabilities.function_tool import check_name, function_tool

    made = given if isinstance(given, Tool) else function_tool(given)
    check_name(made.name)
    return made


def sandbox_tool(*, elsewhere: bool) -> Tool:
    """Give the tool of a session whose sandbox was asked for."""
    from a3s_code.capabilities.sandbox_tool import ELSEWHERE, IN_PLACE

    return ELSEWHERE if elsewhere else IN_PLACE


def checked_tools(given: Sequence[GivenTool]) -> tuple[Tool, ...]:
    """
    Check the tools of a session, each by itself, and that no two have one name.

    Raises:
        InvalidType, InvalidValue: as `checked_tool`, or for a name that is there twice.
    """
    made = tuple(map(checked_tool, given))
    names = [tool.name.lower() for tool in made]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidValue(f"Two tools are named {twice!r}.", hint="rename one")
    return made


MAX_SETS = 256
"""How many sets are kept; sessions whose skills differ have sets of their own."""


class Toolbox:
    """Sets of tools; sessions with the same ones share them, and their schemas."""

    __slots__ = ("_sets", "_shared")

    def __init__(self) -> None:
        self._shared: SharedSets | None = None
        self._sets: dict[tuple[Tool, ...], tuple[ToolSet, ToolSet]] = {}

    def _keep(self, served: tuple[Tool, ...], sets: tuple[ToolSet, ToolSet]) -> None:
        if len(self._sets) >= MAX_SETS:
            del self._sets[next(iter(self._sets))]
        self._sets[served] = sets

    def tools(self, *added: Tool) -> tuple[Tool, ...]:
        """Give every tool of a session; the last one of a name counts."""
        from a3s_code.capabilities.git.tool import GIT_TOOLS
        from a3s_code.capabilities.tools import CORE_TOOLS

        return tuple({tool.name: tool for tool in (*CORE_TOOLS, *GIT_TOOLS, *added)}.values())

    def sets(
        self, added: tuple[Tool, ...], space: Space, shared: tuple[Tool, ...] = ()
    ) -> tuple[ToolSet, ToolSet]:
        """
        Give all tools that `space` serves, and those of them that the model sees.

        Args:
            shared: Tools in the place of core tools that other sessions have, too.
        """
        served = tuple(tool for tool in self.tools(*shared, *added) if space.serves(tool))
        if served in self._sets:
            return self._sets[served]
        visible = tuple(tool for tool in served if tool.name not in DIRECT_ONLY)
        sets = ToolSet(served), ToolSet(visible)
        if not added:
            self._keep(served, sets)
        return sets

    def selection(
        self, visible: ToolSet, index: ToolIndex | None, before: Sequence[str]
    ) -> Selection:
        """Give what chooses among `visible`; `before` was shown in an earlier process."""
        from a3s_code.harness.selector import Selection
        from a3s_code.harness.tool_shelf import SharedSets

        if self._shared is None:
            self._shared = SharedSets()
        return Selection(visible.tools, index, before, self._shared)
