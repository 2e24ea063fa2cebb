"""
The agents that files of the workspace describe: `.a3s/agents`, and below it `.claude/agents`.

They are data, which came with the workspace. They are read once, when somebody asks for an agent
that nobody else knows, through the files of the session and within its policy; no model is told of
them before. What was read then is what there is, until the session is opened again.

Source:
    SPEC 9.2; DESIGN 5, "Repository content is data"; INVARIANTS 14.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from a3s_code.capabilities.skills.tree import FileFault
from a3s_code.delegation.agent_files import AgentFile, LoadedAgents, agent_in, together
from a3s_code.delegation.agent_text import SUFFIXES, AgentSource
from a3s_code.errors import A3SError, InvalidValue
from a3s_code.kernel.children import AgentRole
from a3s_code.kernel.workspace import Entry, Files, Resolved, shown_name

DIRECTORIES = (".claude/agents", ".a3s/agents")
"""The later one counts for an agent that both have."""

MAX_DEPTH = 4
MAX_ENTRIES = 2_000
MAX_FILES = 200
MAX_FILE_BYTES = 256 * 1024

Denied = Callable[[Resolved], str]
"""Says why what was opened may not be shown to a model; empty when it may."""


class WorkspaceAgents:
    """
    Args:
        denied: Asked about each file that is opened, links and all.
        told: Is told what was read, once.
    """

    __slots__ = ("_denied", "_files", "_known", "_reading", "_told")

    def __init__(self, files: Files, denied: Denied, told: Callable[[LoadedAgents], None]) -> None:
        self._files, self._denied, self._told = files, denied, told
        self._known: Mapping[str, AgentRole] | None = None
        self._reading: asyncio.Lock | None = None

    async def find(self, name: str) -> AgentRole | None:
        """Give an agent by its name; reads the files the first time."""
        self._reading = self._reading or asyncio.Lock()
        async with self._reading:
            if self._known is None:
                loaded = await self._load()
                self._known = {each.role.name: each.role for each in loaded.agents}
                if loaded.agents or loaded.faults:
                    self._told(loaded)
        return self._known.get(name)

    async def _load(self) -> LoadedAgents:
        walk = _Walk(self._files, self._denied)
        for directory in DIRECTORIES:
            await walk.directory(directory, 0)
        return together(walk.read, walk.faults)


@dataclass(slots=True)
class _Walk:
    files: Files
    denied: Denied
    read: list[AgentFile] = field(default_factory=list[AgentFile])
    faults: list[FileFault] = field(default_factory=list[FileFault])
    entries: int = 0
    opened: int = 0

    async def directory(self, path: str, depth: int) -> None:
        try:
            inner = await self._listed(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, A3SError) as error:
            self._fault(path, _said(error))
            return
        for entry in inner:
            within = posixpath.join(path, entry.name)
            if entry.kind == "dir" and depth == MAX_DEPTH:
                self._fault(within, f"It is deeper than {MAX_DEPTH} directories.")
            elif entry.kind == "dir":
                await self.directory(within, depth + 1)
            elif posixpath.splitext(entry.name)[1].lower() in SUFFIXES:
                await self._take(within, entry)

    async def _listed(self, path: str) -> list[Entry]:
        target = self.files.resolve(path)
        try:
            inner = await self.files.list(target)
        finally:
            target.close()
        left = max(MAX_ENTRIES - self.entries, 0)
        self.entries += len(inner)
        if len(inner) > left:
            self._fault(path, f"There are more than {MAX_ENTRIES} files; the rest is left out.")
        return inner[:left]

    async def _take(self, path: str, entry: Entry) -> None:
        self.opened += 1
        if self.opened > MAX_FILES:
            if self.opened == MAX_FILES + 1:
                self._fault(path, f"There are more than {MAX_FILES} files; the rest is left out.")
            return
        try:
            if entry.kind != "file":
                raise InvalidValue("It is not a file.")
            data = await self._content(path)
            stem = posixpath.splitext(entry.name)[0]
            source = AgentSource(shown_name(path), stem, "workspace")
            file = await asyncio.to_thread(agent_in, data, source)
        except (OSError, A3SError) as error:
            self._fault(path, _said(error))
            return
        if file is not None:
            self.read.append(file)

    async def _content(self, path: str) -> bytes:
        """
        Raises:
            InvalidValue: it is too large, or may not be read.
        """
        target = self.files.resolve(path)
        try:
            why = self.denied(target)
            if why:
                raise InvalidValue(f"It may not be read: {why.rstrip('.')}.")
            data = await self.files.read(target, limit=MAX_FILE_BYTES + 1)
        finally:
            target.close()
        if len(data) > MAX_FILE_BYTES:
            raise InvalidValue(f"It has more than {MAX_FILE_BYTES} bytes.")
        return data

    def _fault(self, path: str, reason: str) -> None:
        self.faults.append(FileFault(shown_name(path), reason))


def _said(error: OSError | A3SError) -> str:
    if isinstance(error, A3SError):
        return str(error)
    return f"It cannot be read: {error.strerror or type(error).__name__}."
