"""Instructions that are in force in the whole workspace: the host's, and the root's."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch

from a3s_code.errors import A3SError
from a3s_code.harness.agents_md.directory import Directories
from a3s_code.harness.context import ContextSource
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.workspace import shown_name

MAX_HOST_FILES = 20


def root_instructions(directories: Directories) -> ContextSource:
    """Give the source that reads the file at the root, each time it is asked."""

    async def read() -> Sequence[ContextItem]:
        return await directories.items("", "it stands at the root of the workspace")

    return read


def host_instructions(
    directories: Directories, key: str = "user_instructions_dir", place: str = ""
) -> ContextSource:
    """
    Give the source that reads the `*.md` files of a directory of the host, by name.

    Of the names that stand in for each other only the one that counts is read, and first.

    Args:
        key, place: What named the directory, and what it named, for what is said of it.
    """

    async def read() -> Sequence[ContextItem]:
        try:
            names = await _names(directories)
        except (OSError, A3SError):
            named = f"the directory {shown_name(place)}" if place else "the directory"
            why = f"{named} cannot be read"
            return (ContextItem(source=key, content="", trust="host", why=why),)
        items = list(await directories.items("", f"{key} holds it"))
        for name in names[:MAX_HOST_FILES]:
            items += await directories.read(name, f"{key} holds it")
        if len(names) > MAX_HOST_FILES:
            why = f"{key} holds more than {MAX_HOST_FILES} files"
            items.append(
                ContextItem(
                    source=f"{key}/{shown_name(names[MAX_HOST_FILES])}", content="", why=why
                )
            )
        return items

    return read


async def _names(directories: Directories) -> list[str]:
    """Name the files besides the one that counts."""
    target = directories.files.resolve(".")
    try:
        entries = await directories.files.list(target)
    finally:
        target.close()
    alternatives = directories.docs.names
    return [
        entry.name
        for entry in entries
        if fnmatch(entry.name, "[!.]*.md")
        and entry.kind != "dir"
        and entry.name not in alternatives
    ]
