"""Outlines of contents, by digest: the same text is read once, wherever and however often it is."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping

from a3s_code.capabilities.code_map.languages import Dialect, Grammar, dialect_of, grammar
from a3s_code.capabilities.code_map.outline import EMPTY, Outline, outline

MOST = 20_000
"""Outlines that are kept; the one that was wanted the longest ago goes first."""

_LOOKED_AT = 8_000


class Outlines:
    """May be used from several threads; files are read one at a time."""

    __slots__ = ("_grammars", "_lock", "_made")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, Outline] = {}
        self._grammars: dict[Dialect, Grammar | None] = {}

    def take(self, contents: Mapping[str, bytes]) -> dict[str, str]:
        """Read the files that are not known yet; give the key of each by its path. Blocks."""
        keys: dict[str, str] = {}
        for path, data in contents.items():
            dialect = dialect_of(path)
            key = keys[path] = (
                f"{dialect.package} {dialect.grammar} {hashlib.sha256(data).hexdigest()}"
            )
            with self._lock:
                if key not in self._made:
                    self._made[key] = self._outline(data, dialect)
                if len(self._made) > MOST:
                    del self._made[next(iter(self._made))]
        return keys

    def get(self, key: str) -> Outline | None:
        """Find an outline; None when it is not kept any more."""
        with self._lock:
            found = self._made.pop(key, None)
            if found is not None:
                self._made[key] = found
            return found

    def lacks(self, path: str) -> str:
        """Name the package that would be needed to read a file; empty when it is there."""
        dialect = dialect_of(path)
        with self._lock:
            return "" if self._grammar(dialect) is not None else dialect.package

    def _outline(self, data: bytes, dialect: Dialect) -> Outline:
        found = self._grammar(dialect)
        if found is None or b"\0" in data[:_LOOKED_AT]:
            return EMPTY
        return outline(data, found)

    def _grammar(self, dialect: Dialect) -> Grammar | None:
        if dialect not in self._grammars:
            self._grammars[dialect] = grammar(dialect)
        return self._grammars[dialect]
