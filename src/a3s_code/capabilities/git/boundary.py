"""
Where a repository really is, and that all of it lies in the workspace.

Git follows what a repository says of itself: a `.git` that is a file or a link, `commondir`,
alternates of the object store. Each of them may name a directory anywhere, whose history
and files git would then show. So they are resolved beneath the workspace root first, and a
repository of which a part lies outside is refused.

Links below `refs`, `logs` and the directories of single objects are not looked for.

One exception: a linked worktree. Its main repository may lie outside when that repository
itself names this worktree, in a file that git wrote there with `git worktree add`. What the
workspace says alone is never believed.

Source:
    gitrepository-layout(5); INVARIANTS 2.
"""

from __future__ import annotations

import posixpath

import msgspec

from a3s_code.errors import PathRefused, WorkspaceError
from a3s_code.kernel.tool import ToolContext

MAX_FILE_BYTES = 1024 * 1024
MAX_ALTERNATES = 32
_PARTS = ("HEAD", "config", "index", "packed-refs", "refs", "logs", "info", "shallow")


class LiesOutside(Exception):
    """
    A part of the repository lies outside the workspace.

    Attributes:
        part: What names it.
        hint: What the user can do, as one sentence.
    """

    def __init__(self, part: str, hint: str) -> None:
        super().__init__(part)
        self.part, self.hint = part, hint


class Layout(msgspec.Struct, frozen=True):
    """
    Attributes:
        directory: The repository's own directory, below the workspace root; when it lies
            outside, as the `.git` file gives it.
        common: What its worktrees share; empty when it lies outside.
        is_worktree: It is a linked worktree.
        outside: It lies outside, and only its main repository can vouch for it.
    """

    directory: str
    common: str
    is_worktree: bool = False
    outside: bool = False


async def find_layout(context: ToolContext, directory: str) -> Layout:
    """
    Find the repository of `directory`; where there is none, git is to say so.

    Raises:
        LiesOutside: a part of it lies outside the workspace.
    """
    dot_git = posixpath.join(directory, ".git")
    own = _inside(context, dot_git)
    named = (await content(context, own) or b"gitdir: .git").decode(errors="replace")
    if not named.startswith("gitdir:"):
        return Layout(own, own)  # git will say what is wrong with it
    link = named.removeprefix("gitdir:").strip()
    if link != ".git":
        found = _resolved(context, posixpath.join(directory, link))
        if found is None:
            return Layout(link, "", _holds_worktrees(link), outside=True)
        own = found
    layout = await _layout(context, own)
    for base in dict.fromkeys((layout.directory, layout.common)):
        for part in _PARTS:
            _inside(context, posixpath.join(base, part))
    await _check_objects(context, posixpath.join(layout.common, "objects"), set())
    return layout


def _holds_worktrees(directory: str) -> bool:
    return posixpath.basename(posixpath.dirname(directory)) == "worktrees"


async def _layout(context: ToolContext, own: str) -> Layout:
    common = await content(context, posixpath.join(own, "commondir"))
    if common is None:
        return Layout(own, own)
    shared = posixpath.join(own, common.decode(errors="replace").strip())
    return Layout(own, _inside(context, shared, f"{own}/commondir"), is_worktree=True)


async def _check_objects(context: ToolContext, objects: str, seen: set[str]) -> None:
    """Check an object store and those that it borrows from."""
    if objects in seen:
        return
    seen.add(objects)
    for part in ("", "info", "pack"):
        await _check_links(context, _inside(context, posixpath.join(objects, part)))
    alternates = posixpath.join(objects, "info/alternates")
    lines = (
        (await content(context, _inside(context, alternates)) or b"")
        .decode(errors="replace")
        .splitlines()
    )
    for line in lines:
        if not line or line.startswith("#"):
            continue
        if line.startswith('"') or len(seen) > MAX_ALTERNATES:
            raise LiesOutside(alternates, _ALTERNATES_HINT)
        store = _inside(context, posixpath.join(objects, line), alternates, _ALTERNATES_HINT)
        await _check_objects(context, store, seen)


async def _check_links(context: ToolContext, directory: str) -> None:
    try:
        target = context.files.resolve(directory)
        try:
            entries = await context.files.list(target)
        finally:
            target.close()
    except (OSError, WorkspaceError):
        return
    for entry in entries:
        if entry.kind == "link":
            _inside(context, posixpath.join(directory, entry.name))


_MOVE_HINT = "open the session on a directory that holds the whole repository"
_ALTERNATES_HINT = "copy the borrowed objects in with git repack -a -d and remove the file"


def _inside(context: ToolContext, path: str, named_by: str = "", hint: str = _MOVE_HINT) -> str:
    """Give the real place of `path`, below the root."""
    found = _resolved(context, path)
    if found is None:
        raise LiesOutside(named_by or path, hint)
    return found


def _resolved(context: ToolContext, path: str) -> str | None:
    """Give the real path of `path` below the workspace root; None when it leads out."""
    try:
        target = context.files.resolve(path)
    except PathRefused:
        return None
    try:
        return target.path
    finally:
        target.close()


async def content(context: ToolContext, path: str) -> bytes | None:
    """
    Read a file of the repository; None when there is no such file.

    Raises:
        LiesOutside: it is there, and cannot be told whole.
    """
    try:
        target = context.files.resolve(path)
        try:
            data = await context.files.read(target, limit=MAX_FILE_BYTES + 1)
        finally:
            target.close()
    except (FileNotFoundError, IsADirectoryError):
        return None
    except (OSError, WorkspaceError) as error:
        raise LiesOutside(path, _MOVE_HINT) from error
    if len(data) > MAX_FILE_BYTES:
        raise LiesOutside(path, _MOVE_HINT)
    return data
