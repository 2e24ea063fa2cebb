"""Where a session remembers, as its options say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from a3s_code.checks import absolute, checked_path
from a3s_code.kernel.memory import MemoryStore
from a3s_code.kernel.messages import JsonObject


@dataclass(frozen=True, slots=True)
class MemoryChoice:
    """
    Where a session remembers, as its options say; both None for what the configuration says.

    Attributes:
        store: An object of the caller's own, or of ours.
        directory: Where our store keeps its file; absolute. A store counts before it.
    """

    store: MemoryStore | None = None
    directory: str | None = None

    @classmethod
    def of(cls, given: JsonObject) -> MemoryChoice:
        """
        Read the options `memory_store`, `memory_dir` and its older name `file_memory`.

        Raises:
            InvalidType, InvalidValue: a directory is no path, or empty.
        """
        store = given.get("memory_store")
        name = "file_memory" if given.get("memory_dir") is None else "memory_dir"
        if given.get(name) is None:
            return NO_CHOICE if store is None else cls(store)
        return cls(store, absolute((checked_path(name, given[name]),))[0])

    @property
    def kept(self) -> str:
        """What a resume has to know: the directory; empty where there is none."""
        own: object = getattr(self.store, "directory", None) if self.store is not None else None
        place = own if isinstance(own, Path) else self.directory
        return "" if place is None else str(place)

    def over(self, kept: str) -> MemoryChoice:
        """Give what a session that goes on has: what was not given again is as it was."""
        if self.store is not None or self.directory is not None or not kept:
            return self
        return MemoryChoice(directory=kept)


NO_CHOICE = MemoryChoice()
