"""
The map of one workspace, kept up to date file by file.

Files are found and read through the ports of the workspace, so ignore files, links and its
boundary hold; a file that the policy does not let the model read unasked is never opened. What
is known of a file holds as long as its size and its time are the same, and its outline as long
as its content is. A map that hits a bound is made of what was read, and says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from a3s_code.capabilities.code_map.languages import PATTERN
from a3s_code.capabilities.code_map.outlines import Outlines
from a3s_code.capabilities.code_map.page import page
from a3s_code.capabilities.code_map.ranking import Interest, ranked
from a3s_code.errors import A3SError
from a3s_code.kernel.workspace import Entry, Files, Resolved, Search

BATCH = 64
"""Files that are read, and held in memory, at the same time."""

_FRESH_NS = 100_000_000
"""A file that changed so shortly before it was read may have changed again unseen."""


class ReadGate(Protocol):
    """Who decides whether a file may be shown to the model without a question."""

    @property
    def version(self) -> str:
        """Changes when a decision may."""
        ...

    def allows(self, target: Resolved) -> bool:
        """Say whether `read` would be allowed. Called from any thread."""
        ...


class MapLimits(msgspec.Struct, frozen=True):
    """
    Attributes:
        files: In a map at most, in the order of their paths.
        file_bytes: A larger file is left out; it was seldom written by a person.
        total_bytes: Read for one map.
        seconds: For one map; what was read by then stays known for the next.
    """

    files: int = 5_000
    file_bytes: int = 256 * 1024
    total_bytes: int = 48 * 1024 * 1024
    seconds: float = 3.0


class MapText(msgspec.Struct, frozen=True):
    """
    Attributes:
        text: Empty when there is nothing to show.
        files: That were looked at.
        left: That were not, since a bound was reached.
        missing: Packages whose grammar would be needed for files that are there, sorted.
    """

    text: str = ""
    files: int = 0
    left: int = 0
    missing: tuple[str, ...] = ()


class _Known(msgspec.Struct):
    """
    Attributes:
        stamp: Size and time; `_UNKNOWN` when it must be read again.
        digest: Of its content, as a key of its outline; empty when it may not be shown.
        version: Of the gate that allowed it.
    """

    stamp: tuple[int, int]
    digest: str
    version: str


class CodeMap:
    """
    Args:
        outlines: Of contents; may be shared with other maps.
        now_ns: The time of the system, as files are stamped with it.
    """

    def __init__(
        self,
        files: Files,
        search: Search,
        gate: ReadGate,
        outlines: Outlines,
        limits: MapLimits = MapLimits(),  # noqa: B008 - frozen
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._files, self._search, self._gate = files, search, gate
        self._outlines, self._limits, self._now_ns = outlines, limits, now_ns
        self._known: dict[str, _Known] = {}
        self._turn = asyncio.Lock()

    async def text(
        self, interest: Interest, max_tokens: int, seconds: float | None = None
    ) -> MapText:
        """
        Give the map for what is wanted now; one at a time.

        Args:
            seconds: Instead of that of the limits.

        Raises:
            WorkspaceError, PathRefused: the workspace cannot be listed.
        """
        async with self._turn:
            look = _Look(self._limits, seconds)
            paths = await self._listed()
            stamps = await self._stamps(paths[: self._limits.files], look)
            fresh = await self._update(stamps, look)
            self._known = {path: one for path, one in self._known.items() if path in stamps}
            keys = {path: self._known[path].digest for path in sorted(fresh)}
            left = len(paths) - len(fresh)
            return await asyncio.to_thread(self._written, keys, interest, max_tokens, left)

    def _written(
        self, keys: dict[str, str], interest: Interest, max_tokens: int, left: int
    ) -> MapText:
        found = {path: self._outlines.get(key) for path, key in keys.items() if key}
        outlines = {path: one for path, one in found.items() if one is not None}
        lacking = (self._outlines.lacks(path) for path in found)
        text = page(ranked(outlines, interest), outlines, max_tokens) if outlines else ""
        missing = tuple(sorted(set(filter(None, lacking))))
        return MapText(text, len(found), left, missing)

    # Which files, and which of them are others than before

    async def _listed(self) -> list[str]:
        root = self._files.resolve(".")
        try:
            return await self._search.glob(root, PATTERN)
        finally:
            root.close()

    async def _stamps(self, paths: Sequence[str], look: _Look) -> dict[str, tuple[int, int]]:
        """Give size and time of each file, directory by directory."""
        by_directory: dict[str, set[str]] = {}
        for path in paths:
            directory, _, name = path.rpartition("/")
            by_directory.setdefault(directory or ".", set()).add(name)
        found: dict[str, tuple[int, int]] = {}
        for directory, names in by_directory.items():
            if look.is_over:
                break
            prefix = "" if directory == "." else f"{directory}/"
            for entry in await self._entries(directory):
                if entry.name in names and entry.kind == "file":
                    found[prefix + entry.name] = (entry.size, entry.changed_ns)
        return {path: found[path] for path in paths if path in found}

    async def _entries(self, directory: str) -> Sequence[Entry]:
        try:
            target = self._files.resolve(directory)
        except A3SError:  # it was moved, or made a link, since it was listed
            return ()
        try:
            return await self._files.list(target)
        except (OSError, A3SError):
            return ()
        finally:
            target.close()

    # What is in them

    async def _update(self, stamps: dict[str, tuple[int, int]], look: _Look) -> set[str]:
        """Read what is not known; give the paths that are known as they are now."""
        version = self._gate.version
        fresh: set[str] = set()
        todo: list[str] = []
        for path, stamp in stamps.items():
            known = self._known.get(path)
            is_known = known is not None and known.stamp == stamp and known.version == version
            fresh.add(path) if is_known else todo.append(path)
        for start in range(0, len(todo), BATCH):
            if look.is_over:
                break
            batch = todo[start : start + BATCH]
            admitted = await asyncio.to_thread(self._admitted, batch)
            try:
                await self._take(admitted, stamps, version, look)
            finally:
                for target in admitted.values():
                    if target is not None:
                        target.close()
            fresh.update(path for path in batch if path in self._known)
        return fresh

    def _admitted(self, paths: Iterable[str]) -> dict[str, Resolved | None]:
        """Resolve files; None stands for one that may not be read, or is none any more."""
        found: dict[str, Resolved | None] = {}
        for path in paths:
            try:
                target = self._files.resolve(path)
            except A3SError:
                found[path] = None
                continue
            if target.path == path and self._gate.allows(target):
                found[path] = target
            else:
                target.close()
                found[path] = None
        return found

    async def _take(
        self,
        admitted: dict[str, Resolved | None],
        stamps: dict[str, tuple[int, int]],
        version: str,
        look: _Look,
    ) -> None:
        contents: dict[str, bytes] = {}
        began = self._now_ns()
        for path, target in admitted.items():
            size, changed_ns = stamps[path]
            known = self._known.get(path)
            if known is not None and known.digest and known.stamp == (size, changed_ns):
                known.version = version
                known.digest = known.digest if target is not None else ""
            elif target is None or size > self._limits.file_bytes:
                self._known[path] = _Known((size, changed_ns), "", version)
            elif look.takes(size) and (data := await self._read(target)) is not None:
                contents[path] = data
        for path, key in (await asyncio.to_thread(self._outlines.take, contents)).items():
            size, changed_ns = stamps[path]
            settled = changed_ns and began - changed_ns > _FRESH_NS and size == len(contents[path])
            stamp = (size, changed_ns) if settled else _UNKNOWN
            self._known[path] = _Known(stamp, key, version)

    async def _read(self, target: Resolved) -> bytes | None:
        try:
            return await self._files.read(target, limit=self._limits.file_bytes)
        except (OSError, A3SError):  # gone meanwhile, or not to be read by this process
            return None


_UNKNOWN = (-1, 0)


class _Look:
    """What is left of the bounds of one map."""

    def __init__(self, limits: MapLimits, seconds: float | None) -> None:
        self._until = time.monotonic() + (limits.seconds if seconds is None else seconds)
        self._bytes = limits.total_bytes

    @property
    def is_over(self) -> bool:
        return self._bytes <= 0 or time.monotonic() >= self._until

    def takes(self, size: int) -> bool:
        """Take so many bytes of what may be read, if there are as many."""
        if size > self._bytes:
            self._bytes = 0
            return False
        self._bytes -= size
        return True
