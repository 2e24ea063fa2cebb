"""The workspace of a session, as its tools may use it."""

from __future__ import annotations

from dataclasses import dataclass

from a3s_code.kernel.ports import Authority, ExitRecords
from a3s_code.kernel.tool import Tool
from a3s_code.kernel.workspace import Files, Processes, Search


@dataclass(frozen=True, slots=True)
class Space:
    """
    `search` and `processes` may be missing.

    Attributes:
        exits: Where commands leave their exit status, when the session is durable.
        direct: What calls of the host itself get instead; None for the same.
        shell: Where command lines run; None for `processes`.
        is_apart: It is a copy that a child works in, and not the workspace of the session.
    """

    root: str
    files: Files
    search: Search | None = None
    processes: Processes | None = None
    exits: ExitRecords | None = None
    direct: Space | None = None
    shell: Processes | None = None
    is_apart: bool = False

    @property
    def apart(self) -> str:
        """Where it lies, for the records of what happens there; empty for the workspace."""
        return self.root if self.is_apart else ""

    def of(self, authority: Authority) -> Space:
        """Give what calls on this authority get: their programs may be confined differently."""
        return self.direct if authority is Authority.HOST and self.direct is not None else self

    def serves(self, tool: Tool) -> bool:
        """Say whether the workspace has all that `tool` needs."""
        return not (
            ("search" in tool.needs and self.search is None)
            or ("processes" in tool.needs and self.processes is None)
        )
