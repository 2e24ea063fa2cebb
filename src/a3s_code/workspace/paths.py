"""
Paths beneath a workspace root, resolved once.

`Root.find` turns what a caller wrote into a `Location`: a descriptor of the deepest directory
that exists, and the names below it.

Links that stay beneath the root are followed here, by reading them; the rest is refused. A
refusal says nothing about what lies outside, not even whether it exists. `~`, `$`, `%2e` and
backslashes are ordinary characters.

Source: SPEC 5.0, INVARIANTS 1 to 3.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Sequence

from a3s_code.errors import PathRefused, WorkspaceError
from a3s_code.workspace.beneath import DIRECTORY, OpenDirectory, open_beneath
from a3s_code.workspace.location import Location, mode_of, readable, shown, unreachable

MAX_PATH_BYTES = 4_095
MAX_NAME_BYTES = 255
MAX_LINKS = 40
"""The kernel's own limits; checked before anything is created."""

_OUTSIDE_HINT = "name a path inside the workspace, relative to its root"


class Root:
    """
    The root of a workspace.

    Nothing is opened before the first use, and nothing is held open between two uses: a
    thousand idle sessions hold no descriptor.

    Args:
        path: The directory. It need not exist yet; using it then fails.
        open_directory: How directories are opened beneath it.
    """

    __slots__ = ("_open_directory", "_real", "path")

    def __init__(
        self, path: str | os.PathLike[str], open_directory: OpenDirectory = open_beneath
    ) -> None:
        self.path: str = os.path.abspath(path)  # noqa: PTH100 - as spelled; links are for `real`
        self._open_directory = open_directory
        self._real = ""

    @property
    def real(self) -> str:
        """
        The path of the root without links, found at the first use and kept.

        Raises:
            WorkspaceError: the root does not exist.
        """
        if not self._real:
            try:
                self._real = os.path.realpath(self.path, strict=True)
            except OSError as error:
                raise self._missing(error) from None
        return self._real

    def open(self) -> int:
        """
        Open the root; the caller closes it.

        Raises:
            WorkspaceError: it does not exist, is no directory, or must not be entered.
        """
        try:
            return os.open(self.real, DIRECTORY)
        except OSError as error:
            raise self._missing(error) from None

    def _missing(self, error: OSError) -> WorkspaceError:
        return WorkspaceError(
            f"The workspace root {shown(self.path)} cannot be opened: {error.strerror}.",
            hint="create the directory, or open the session on another one",
        )

    def find(self, path: str) -> Location:
        """
        Resolve `path`. An absolute path inside the root is accepted; an empty one is the root.

        The last parts need not exist. `..` undoes the directory that was really reached, so
        after a link it leads to the parent of the link's target, as the kernel has it.

        Raises:
            PathRefused: it leads outside, through a file, or is not a path that the system
                can hold.
            WorkspaceError: the root cannot be opened, or the system ran out of something.
        """
        root_fd = self.open()
        try:
            names = self._names(path)
            return self._straight(root_fd, names) or self._around(root_fd, names, path)
        except OSError as error:
            raise unreachable(path, error) from None
        finally:
            os.close(root_fd)

    def _names(self, path: str) -> list[str]:
        try:
            size = len(path.encode())
        except UnicodeEncodeError:
            raise PathRefused(f"{shown(path)} is not valid Unicode.") from None
        if "\0" in path:
            raise PathRefused(f"{shown(path)} holds a NUL character.", hint="remove it")
        names = self.inside(path)
        if names is None:
            raise _outside(path)
        if size > MAX_PATH_BYTES or any(len(os.fsencode(name)) > MAX_NAME_BYTES for name in names):
            raise PathRefused(
                f"{shown(path)} is too long.",
                hint=f"keep names below {MAX_NAME_BYTES + 1} bytes and paths below"
                f" {MAX_PATH_BYTES + 1}",
            )
        return names

    def inside(self, path: str) -> list[str] | None:
        """Split into names below the root; None for an absolute path that is not below it."""
        names = [name for name in path.split("/") if name not in ("", ".")]
        if not path.startswith("/"):
            return names
        for base in (self.path, self.real):
            above = [name for name in base.split("/") if name]
            if names[: len(above)] == above:
                return names[len(above) :]
        return None

    def _straight(self, root_fd: int, names: list[str]) -> Location | None:
        """Resolve the usual path: no link in it, and all but its last name exist."""
        if ".." in names:
            return None
        try:
            at = self._open_directory(root_fd, names[:-1]) if names[1:] else os.dup(root_fd)
        except OSError:
            return None
        path = "/".join(names) or "."
        location = Location(at, tuple(names[-1:]), self.real, path, path)
        mode = mode_of(at, names[-1]) if names else 0
        if stat.S_ISLNK(mode):
            return None
        if stat.S_ISDIR(mode):
            inner = os.open(names[-1], DIRECTORY, dir_fd=at)
            return Location(inner, (), self.real, path, path)
        return location

    def _around(self, root_fd: int, names: list[str], path: str) -> Location:
        """Resolve any path, name by name."""
        walk = _Walk(self, root_fd, path, self._open_directory)
        try:
            walk.follow(names)
        except BaseException:
            os.close(walk.at)
            raise
        real = readable("/".join([*walk.here, *walk.below])) or "."
        spelled = posixpath.normpath("/".join(names) or ".")
        if spelled.startswith(".."):
            spelled = real
        return Location(walk.at, tuple(walk.below), self.real, real, spelled)


class _Walk:
    """
    One resolution on its way.

    Attributes:
        at, here: The directory that was reached, as a descriptor and as names.
        below: Names after it that do not exist yet, or one that is no directory.
    """

    def __init__(self, root: Root, root_fd: int, path: str, open_directory: OpenDirectory) -> None:
        self._root, self._root_fd, self._path = root, root_fd, path
        self._open_directory = open_directory
        self._todo: list[str] = []
        self._links = 0
        self._at_file = False
        self.at = os.dup(root_fd)
        self.here: list[str] = []
        self.below: list[str] = []

    def follow(self, names: Sequence[str]) -> None:
        self._todo = list(reversed(names))
        while self._todo:
            name = self._todo.pop()
            if self._at_file:
                raise PathRefused(
                    f"{shown(self._path)} leads through"
                    f" {shown('/'.join([*self.here, *self.below]))}, which is no directory.",
                    hint="check the path with ls",
                )
            if name == "..":
                self._up()
            elif self.below:
                self.below.append(name)
            else:
                self._down(name)

    def _up(self) -> None:
        if self.below:
            self.below.pop()
        elif self.here:
            self._go(self.here[:-1])
        else:
            raise _outside(self._path)

    def _down(self, name: str) -> None:
        try:
            below = os.open(name, DIRECTORY, dir_fd=self.at)
        except FileNotFoundError:
            self.below.append(name)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            self._link_or_file(name)
        else:
            os.close(self.at)
            self.at = below
            self.here.append(name)

    def _link_or_file(self, name: str) -> None:
        try:
            text = os.readlink(name, dir_fd=self.at)
        except OSError as error:
            self._at_file = error.errno == errno.EINVAL
            self.below.append(name)
            return
        self._links += 1
        if self._links > MAX_LINKS:
            raise PathRefused(
                f"{shown(self._path)} leads through too many links.",
                hint="name the file that is meant",
            )
        names = self._root.inside(text)
        if names is None:
            raise _outside(self._path)
        if text.startswith("/"):
            self._go([])
        self._todo.extend(reversed(names))

    def _go(self, here: list[str]) -> None:
        there = self._open_directory(self._root_fd, here)
        os.close(self.at)
        self.at, self.here = there, here


def _outside(path: str) -> PathRefused:
    return PathRefused(f"{shown(path)} leads outside the workspace.", hint=_OUTSIDE_HINT)
