"""
The map as a source of context: what the words of the user have to do with the workspace.

Source:
    DESIGN 3, `code_intel`; SPEC 11.2, "Context providers".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from a3s_code.capabilities.code_map.code_map import CodeMap, MapText
from a3s_code.capabilities.code_map.page import rows_of
from a3s_code.capabilities.code_map.ranking import Interest
from a3s_code.kernel.context import ContextItem, ContextQuery
from a3s_code.kernel.messages import ContextText

MAX_TOKENS = 1_500
"""Of a map, unless something else is said."""

NEW_SHARE = 1 / 3
"""A map is shown again when at least so much of it is in no map that the model sees already."""

_MARK_TOKENS = 50
"""That the marks around an item may be."""

SOURCE = "repo://map"


class RepositoryMap:
    """
    `ContextProvider` of a session.

    Args:
        touched: Names the files that the session has read or changed.
    """

    __slots__ = ("_code_map", "_max_tokens", "_said", "_touched")

    def __init__(
        self,
        code_map: CodeMap,
        max_tokens: int,
        touched: Callable[[], frozenset[str]],
    ) -> None:
        self._code_map, self._max_tokens, self._touched = code_map, max_tokens, touched
        self._said: set[str] = set()

    @property
    def name(self) -> str:
        return "repository_map"

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        """Give the map, whatever was shown before."""
        return await self.query_beside(query, ())

    async def query_beside(
        self, query: ContextQuery, present: Iterable[ContextText]
    ) -> Sequence[ContextItem]:
        """
        Give the map as one item; and once for each grammar that is missing, that it is.

        Args:
            present: Among it the maps that the model sees already.
        """
        if query.context_types and "map" not in query.context_types:
            return ()
        interest = Interest(query.query, self._touched())
        room = min(self._max_tokens, query.max_tokens - _MARK_TOKENS)
        made = await self._code_map.text(interest, room)
        new = [package for package in made.missing if package not in self._said]
        self._said.update(new)
        return [*_item(made, present), *map(_absent, new)]


def _item(made: MapText, present: Iterable[ContextText]) -> list[ContextItem]:
    if not made.text:
        return []
    rows = rows_of(made.text)
    known = {row for item in present if item.source == SOURCE for row in rows_of(item.text)}
    if len(rows - known) < len(rows) * NEW_SHARE:
        why = "most of it is in the conversation already"
        return [ContextItem(source=SOURCE, content="", type="map", why=why)]
    return [_shown(made)]


def _shown(made: MapText) -> ContextItem:
    left = f"; {made.left} more were not read" if made.left else ""
    return ContextItem(
        source=SOURCE,
        content=made.text,
        trust="workspace",
        type="map",
        why=f"most used of {made.files} files, for these words{left}",
        relevance=0.6,
        freshness=1.0,
        metadata={"files": made.files, "files_left": made.left},
    )


def _absent(package: str) -> ContextItem:
    """Say in the receipt that files of a language are not in the map."""
    why = f"{package} is not installed; pip install 'a3s-code[code]' brings it"
    return ContextItem(source=f"{SOURCE}/{package}", content="", type="map", why=why)
