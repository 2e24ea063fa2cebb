"""
What the host of a session may ask about the code in its workspace.

`SessionCode` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from a3s_code.api.assembly import Assembly
from a3s_code.api.settings import Opening
from a3s_code.checks import check_text
from a3s_code.errors import InvalidType, InvalidValue

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine

MIN_TOKENS = 64


class SessionCode(ABC):
    """Gives `AsyncSession` its `repository_map`."""

    __slots__ = ()

    _assembly: Assembly
    _opening: Opening

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    async def repository_map(self, query: str | None = None, max_tokens: int = 1_500) -> str:
        """
        Give a map of the workspace: what is defined where, the most used first.

        It need not be switched on for the model. Files that ignore files leave out, and those
        that the model could not read unasked, are not in it. The first call reads the
        workspace; later ones read what has changed.

        Args:
            query: Names and paths in it weigh more, and files that the session has touched.
            max_tokens: Of the map, estimated; 64 or more.

        Returns:
            Paths, and below each its definitions by line, sorted; empty when there are none.

        Raises:
            InvalidType, InvalidValue: an argument is not accepted.
            CapabilityMissing: the workspace has only files whose grammar is not installed.
            SessionClosed: the session was closed.
            WorkspaceError: the workspace cannot be listed.
        """
        if query is not None:
            check_text("query", query)
        if type(max_tokens) is not int:
            raise InvalidType(f"max_tokens is a {type(max_tokens).__name__}, not int.")
        if max_tokens < MIN_TOKENS:
            raise InvalidValue(f"max_tokens is {max_tokens}.", hint=f"give at least {MIN_TOKENS}")
        engine = await self._awake()
        code = self._assembly.code_of(engine, self._opening)
        return await engine.beside_turn(lambda: code.repository_map(query or "", max_tokens))
