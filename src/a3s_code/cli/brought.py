"""
What a configuration that was only found brings along: itself, and the texts that it names.

Skills, agents and instructions of the host reach a model as somebody's words, so they are part of
what a person trusts. A memory directory is not: it changes whenever it is used, and is only told.

Source:
    INVARIANTS 14; DESIGN 5, "Repository content is data".
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from a3s_code.cli.discovery import Found
from a3s_code.harness.trust import Trusted
from a3s_code.kernel.context import ContextItem

if TYPE_CHECKING:  # the configuration's own module is imported when one is read
    from a3s_code.config.schema import Config

MAX_TOLD = 5
"""Files that are named as changed."""
_SCHEME = "user"


@dataclass(frozen=True, slots=True)
class Brought:
    """
    Attributes:
        name: Of the configuration, as in `files`.
        files: SHA-256 of the configuration and of each text, by path, seen from the directory
            that it is for; empty for a file that cannot be read, and is not shown either.
    """

    name: str
    files: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """Of all; that of the configuration where it brings nothing else."""
        if len(self.files) == 1:
            return self.files[self.name]
        rows = "".join(f"{digest}\0{path}\0" for path, digest in sorted(self.files.items()))
        return _digest(rows.encode())

    @property
    def others(self) -> list[str]:
        return sorted(path for path in self.files if path != self.name)

    def news(self, known: Trusted) -> list[str]:
        """Say what is another than when it was trusted."""
        before = known.files or {self.name: known.sha256}
        came = {path: "is new" for path in self.files if path not in before}
        went = {path: "is gone" for path in before if path not in self.files}
        both = (path for path in before if path in self.files)
        other = {path: "changed" for path in both if before[path] != self.files[path]}
        said = [f"{path} {what}" for path, what in sorted((came | went | other).items())]
        more = len(said) - MAX_TOLD
        return [*said[:MAX_TOLD], f"{more} more"] if more > 0 else said


def brought(found: Found, config: Config) -> Brought:
    """Read what a configuration brings along; a few thousand small files at most."""
    base = os.path.realpath(found.directory)
    name = _seen(os.path.realpath(found.path), base)
    files = {name: config.sha256}
    for path, digest in (*_skills(config), *_agents(config), *_instructions(config)):
        seen = _seen(path, base)
        before = files.get(seen)  # one file may be a skill and an instruction
        files[seen] = digest if before is None else _digest(f"{before}{digest}".encode())
    return Brought(name, files)


def _seen(path: str, base: str) -> str:
    """Give a path from the directory, or as it is where it lies outside; always as text."""
    inner = os.path.relpath(path, base)
    shown = path if inner.startswith("..") else inner
    return os.fsencode(shown).decode("utf-8", "backslashreplace")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _skills(config: Config) -> Iterator[tuple[str, str]]:
    from a3s_code.capabilities.skills.directory import digests
    from a3s_code.capabilities.skills.tree import look

    for directory in config.rooted().skill_dirs:
        yield from digests(look(directory)).items()


def _agents(config: Config) -> Iterator[tuple[str, str]]:
    if not config.agent_dirs:
        return
    from a3s_code.capabilities.skills.directory import digests
    from a3s_code.delegation.agent_files import look_for_agents

    for directory in config.rooted().agent_dirs:
        yield from digests(look_for_agents(directory)).items()


def _instructions(config: Config) -> Iterator[tuple[str, str]]:
    """Digest each file of the host as it would be shown, with what it includes."""
    root = config.rooted().user_instructions_dir
    if root is None:
        return
    from a3s_code.api.workplaces import files_of
    from a3s_code.harness.agents_md.directory import Directories, ProjectDocs
    from a3s_code.harness.agents_md.standing import host_instructions

    docs = ProjectDocs.of(config.project_doc_fallback_filenames, config.project_doc_max_bytes)
    if not docs.max_bytes:
        return
    read = host_instructions(Directories(files_of(root), docs, _SCHEME, "host"))

    async def shown() -> Sequence[ContextItem]:
        return await read()

    for item in asyncio.run(shown()):
        if item.content:
            path = Path(root, item.source.removeprefix(f"{_SCHEME}://"))
            yield os.path.realpath(path), _digest(item.content.encode("utf-8", "surrogatepass"))
