"""The workspace of a session, as its tools may use it."""

from __future__ import annotations

from dataclasses import dataclass

from a3s_code.kernel.ports import ExitRecords
from a3s_code.kernel.tool import Tool
from a3s_code.kernel.workspace import Files, Processes, Search


@dataclass(frozen=True, slots=True)
class Space:
    """
    `search` and `processes` may be missing.

    Attributes:
        exits: Where commands leave their exit status, when the session is durable.
    """

    root: str
    files: Files
    search: Search | None = None
    processes: Processes | None = None
    exits: ExitRecords | None = None

    def serves(self, tool: Tool) -> bool:
        """Say whether the workspace has all that `tool` needs."""
        return not (
            ("search" in tool.needs and self.search is None)
            or ("processes" in tool.needs and self.processes is None)
        )
