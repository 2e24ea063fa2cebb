"""
A path that was resolved: where it was found, and how to go on from there.

Whoever uses a location starts at its descriptor and follows no link from there, so a
directory that is swapped for a link after the check leads nowhere, and a file that an
earlier call of the same turn created is found.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar

from a3s_code.errors import PathRefused, UsageError, WorkspaceError
from a3s_code.kernel.visible import on_one_line
from a3s_code.kernel.workspace import Resolved
from a3s_code.workspace.beneath import DIRECTORY

_SHOWN_CHARS = 200
_BESIDE_HEAD = ("objects", "refs", "commondir")

P = ParamSpec("P")
T = TypeVar("T")


def shown(path: str) -> str:
    """Give `path` as an error may show it: bounded, with nothing that moves a terminal."""
    text = on_one_line(path[:_SHOWN_CHARS])
    return f"{text}…" if len(path) > _SHOWN_CHARS else text


def readable(name: str) -> str:
    """Give a name as text that can be encoded; bytes that are no UTF-8 become U+FFFD."""
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class Location:
    """
    A resolved path: `Resolved` of the kernel, for the local disk.

    Attributes:
        root: The real path of the workspace root.
        path, spelled: As `Resolved` says.
        names: What is below the descriptor. Empty: the target is the directory itself.
    """

    __slots__ = ("_fd", "names", "path", "root", "spelled")

    def __init__(self, fd: int, names: tuple[str, ...], root: str, path: str, spelled: str) -> None:
        self._fd = fd
        self.names, self.root, self.path, self.spelled = names, root, path, spelled

    @property
    def fd(self) -> int:
        """
        The descriptor of the deepest directory that existed. Owned by this object.

        Raises:
            UsageError: the location was closed.
        """
        if self._fd < 0:
            raise UsageError(
                f"{shown(self.spelled)} was used after its location was closed.",
                hint="resolve the path again",
            )
        return self._fd

    @property
    def absolute(self) -> str:
        """The real path from the root of the file system, for what is not opened through it."""
        return self.root if self.path == "." else f"{self.root.rstrip('/')}/{self.path}"

    @property
    def repository(self) -> str:
        """
        The deepest directory on the way that git takes for a repository; empty for none.

        A bare one, the target of a `.git` that is a file, or one that is being put together.
        """
        names = [] if self.path == "." else self.path.split("/")
        names = names[: len(names) - len(self.names)]
        at = os.dup(self.fd)
        try:
            for depth in range(len(names), -1, -1):
                if _is_repository(at):
                    return "/".join(names[:depth]) or "."
                above = os.open("..", DIRECTORY, dir_fd=at)
                os.close(at)
                at = above
        except OSError as error:
            raise unreachable(self.spelled, error) from None
        finally:
            os.close(at)
        return ""

    def place(self) -> str:
        """As `Resolved` says: by device and inode."""
        try:
            at = self.holder()
        except FileNotFoundError:
            return ""
        try:
            held = os.fstat(at)
        finally:
            os.close(at)
        return f"{held.st_dev}:{held.st_ino}"

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    __del__ = close

    def duplicate(self) -> Location:
        """Give one of its own life, for a thread that may outlast this one."""
        return Location(os.dup(self.fd), self.names, self.root, self.path, self.spelled)

    def holder(self, *, make: bool = False) -> int:
        """
        Open the directory that holds the last of `names`; the caller closes it.

        Args:
            make: Create the directories on the way that do not exist.

        Raises:
            FileNotFoundError: a directory on the way does not exist, and `make` is off.
            PathRefused: a link or a file stands in the way.
        """
        at = os.dup(self.fd)
        for name in self.names[:-1]:
            try:
                below = self._enter(at, name, make=make)
            finally:
                os.close(at)
            at = below
        return at

    def _enter(self, at: int, name: str, *, make: bool) -> int:
        try:
            return os.open(name, DIRECTORY, dir_fd=at)
        except FileNotFoundError:
            if not make:
                raise
        except OSError as error:
            raise self.refused(error) from None
        with suppress(FileExistsError):  # another call was quicker
            os.mkdir(name, dir_fd=at)
        try:
            return os.open(name, DIRECTORY, dir_fd=at)
        except OSError as error:
            raise self.refused(error) from None

    def open_directory(self) -> int:
        """
        Open the target for listing; the caller closes it.

        Raises:
            FileNotFoundError, NotADirectoryError: as they say.
            PathRefused: a link stands there, or it must not be read.
        """
        at = self.holder()
        name = self.names[-1] if self.names else "."
        try:
            return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
        except (FileNotFoundError, NotADirectoryError) as error:
            if stat.S_ISLNK(mode_of(at, name)):
                raise self.refused(error) from None
            raise type(error)(error.errno, error.strerror, shown(self.spelled)) from None
        except OSError as error:
            raise self.refused(error) from None
        finally:
            os.close(at)

    def refused(self, error: OSError) -> PathRefused | WorkspaceError:
        """Say why the kernel would not go there. A link was put there after the check."""
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            return PathRefused(
                f"{shown(self.spelled)} leads through something that is no directory, or a link"
                " was put there since it was checked.",
                hint="look at it with ls, then call again",
            )
        return unreachable(self.spelled, error)


def local(target: Resolved) -> Location:
    """
    Take back what a `resolve` of ours gave.

    Raises:
        UsageError: another kind of workspace resolved it.
    """
    if not isinstance(target, Location):
        raise UsageError(
            f"{shown(target.spelled)} was resolved by another workspace.",
            hint="use what this workspace's `resolve` gave",
        )
    return target


async def apart(
    location: Location,
    work: Callable[Concatenate[Location, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run `work` in a thread on a location of its own, so that closing ours cannot touch it."""
    own = location.duplicate()

    def job() -> T:
        try:
            return work(own, *args, **kwargs)
        finally:
            own.close()

    return await asyncio.get_running_loop().run_in_executor(None, job)


def mode_of(at: int, name: str) -> int:
    """Give what stands there, links unfollowed; 0 for nothing."""
    try:
        return os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0


def _is_repository(at: int) -> bool:
    """Tell by what gitrepository-layout(5) names, of which the rest may still come."""
    return bool(mode_of(at, "HEAD")) and any(mode_of(at, name) for name in _BESIDE_HEAD)


def unreachable(path: str, error: OSError) -> PathRefused | WorkspaceError:
    """Say that the system would not let us get there."""
    text = f"{shown(path)} cannot be reached: {error.strerror or type(error).__name__}."
    if error.errno in (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP, errno.ENOENT):
        return PathRefused(text, hint="check the path and its permissions with ls")
    return WorkspaceError(text)
