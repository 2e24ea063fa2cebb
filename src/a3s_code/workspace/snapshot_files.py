"""
Reading and writing the files of a snapshot beneath one directory, by descriptors.

Every directory is opened from the one above it and never through a link, so a directory that
is swapped for a link leads nowhere. What is replaced or removed is looked at first: it must
be what the caller says stands there.
"""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import stat
from contextlib import suppress
from typing import NamedTuple

from a3s_code.errors import InvalidValue
from a3s_code.workspace.beneath import DIRECTORY, open_beneath
from a3s_code.workspace.local import TEMPORARY_PREFIX, TEMPORARY_SUFFIX
from a3s_code.workspace.location import shown
from a3s_code.workspace.tree_walk import MAX_DEPTH

FILE, PROGRAM, LINK = 0o100644, 0o100755, 0o120000
MODES = frozenset({FILE, PROGRAM, LINK})

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_CHUNK_BYTES = 16 * 1024 * 1024


class Unfit(Exception):
    """This cannot be done with a file; the text says why."""


class Content(NamedTuple):
    """
    What stands at a path.

    Attributes:
        changed_s: When it changed last, by the clock of the system; 0 for a link.
    """

    mode: int
    data: bytes
    changed_s: float = 0.0


def blob_id(data: bytes) -> str:
    """Give the id under which git has this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def check_path(path: str) -> None:
    """
    See that `path` stays below a directory and out of every `.git`.

    Raises:
        InvalidValue: it does not, or git cannot hold it.
    """
    for name in path.split("/"):
        if name in ("", ".", "..") or name.lower() == ".git" or "\0" in name:
            raise InvalidValue(f"{shown(path)} cannot be part of a snapshot.")


class Tree:
    """
    The files beneath one directory. Used by one thread, and closed in the end.

    Args:
        root_fd: Of the directory; this object closes it.
        limit: Bytes of a file that is read at most.
    """

    __slots__ = ("_at", "_limit", "_names", "_root")

    def __init__(self, root_fd: int, limit: int) -> None:
        self._root, self._limit = root_fd, limit
        self._at, self._names = -1, ""

    def close(self) -> None:
        self._leave()
        os.close(self._root)

    def _leave(self) -> None:
        at, self._at = self._at, -1
        if at >= 0:
            os.close(at)

    def _enter(self, directory: str) -> int:
        """Open a directory, or give the one that is open already."""
        if self._at < 0 or self._names != directory:
            self._leave()
            self._at = open_beneath(self._root, directory.split("/") if directory else ())
            self._names = directory
        return self._at

    def read(self, path: str) -> Content | None:
        """
        Read a file or a link; None when there is none.

        Raises:
            Unfit: it cannot be taken: too large, not readable, neither file nor link.
        """
        directory, name = posixpath.split(path)
        try:
            return self._content(self._enter(directory), name)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise Unfit(f"it cannot be read: {error.strerror}") from None

    def _content(self, at: int, name: str) -> Content | None:
        try:
            fd = os.open(name, _READ, dir_fd=at)
        except OSError as error:
            if error.errno == errno.ELOOP:
                return Content(LINK, os.readlink(os.fsencode(name), dir_fd=at))
            if error.errno == errno.ENXIO:
                raise Unfit("it is neither a file nor a link") from None
            raise
        try:
            facts = os.fstat(fd)
            if stat.S_ISDIR(facts.st_mode):
                return None
            if not stat.S_ISREG(facts.st_mode):
                raise Unfit("it is neither a file nor a link")
            data = b"" if facts.st_size > self._limit else _bytes(fd, self._limit + 1)
            if max(facts.st_size, len(data)) > self._limit:
                raise Unfit(f"it is larger than {self._limit:,} bytes")
            mode = PROGRAM if facts.st_mode & stat.S_IXUSR else FILE
            return Content(mode, data, facts.st_ctime)
        finally:
            os.close(fd)

    def remove(self, path: str, expected: tuple[int, str]) -> None:
        """
        Remove a file, and the directories that become empty by that.

        Raises:
            Unfit: something else than `expected` (mode and id) stands there, or the system
                refuses.
        """
        if self._check(path, expected):
            return
        directory, name = posixpath.split(path)
        try:
            os.unlink(name, dir_fd=self._enter(directory))
        except OSError as error:
            raise Unfit(f"it cannot be removed: {error.strerror}") from None
        with suppress(OSError):
            self._remove_empty(directory)

    def _remove_empty(self, directory: str) -> None:
        """Remove directories from `directory` upwards until one is not empty."""
        if directory:
            above, name = posixpath.split(directory)
            os.rmdir(name, dir_fd=self._enter(above))
            self._remove_empty(above)

    def put(self, path: str, content: Content, expected: tuple[int, str] | None) -> None:
        """
        Put a file or a link there, at once, and make the directories above it.

        Raises:
            Unfit: something else than `expected` stands there, or the system refuses.
        """
        if self._check(path, expected, content):
            return
        directory, name = posixpath.split(path)
        try:
            at = self._made(directory)
            if (
                expected
                and expected[1] == blob_id(content.data)
                and LINK
                not in (
                    expected[0],
                    content.mode,
                )
            ):
                _set_program(at, name, content.mode)
            else:
                _replace(at, name, content)
        except OSError as error:
            raise Unfit(f"it cannot be written: {error.strerror}") from None

    def _made(self, directory: str) -> int:
        """Open a directory that is made where it is missing."""
        try:
            return self._enter(directory)
        except FileNotFoundError:
            above, name = posixpath.split(directory)
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=self._made(above))
            return self._enter(directory)

    def _check(
        self, path: str, expected: tuple[int, str] | None, wanted: Content | None = None
    ) -> bool:
        """See that `expected` stands there; tell whether it is `wanted` already instead."""
        found = self.read(path)
        if found == wanted or (found and wanted and found[:2] == wanted[:2]):
            return True
        if found is not None and (found.mode, blob_id(found.data)) != expected:
            raise Unfit("what stands there now is in no snapshot")
        if found is None and expected is not None:
            raise Unfit("it went away meanwhile")
        return False


def _bytes(fd: int, limit: int) -> bytes:
    pieces = [os.read(fd, min(limit, _CHUNK_BYTES))]
    while pieces[-1] and (limit := limit - len(pieces[-1])) > 0:
        pieces.append(os.read(fd, min(limit, _CHUNK_BYTES)))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _replace(at: int, name: str, content: Content) -> None:
    temporary = f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}{TEMPORARY_SUFFIX}"
    try:
        if content.mode == LINK:
            os.symlink(content.data, os.fsencode(temporary), dir_fd=at)
        else:
            _write(at, temporary, content, _standing(at, name))
        try:
            os.replace(temporary, name, src_dir_fd=at, dst_dir_fd=at)
        except IsADirectoryError:
            _remove_hollow(at, name)
            os.replace(temporary, name, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:  # whatever stopped it, the temporary file goes
        with suppress(OSError):
            os.unlink(temporary, dir_fd=at)
        raise


def _remove_hollow(at: int, name: str, depth: int = 0) -> None:
    """Remove a directory that holds nothing but directories: that is no content."""
    if depth > MAX_DEPTH:
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
    fd = os.open(name, _DIRECTORY, dir_fd=at)
    try:
        with os.scandir(fd) as rows:
            below = [row.name for row in rows if row.is_dir(follow_symlinks=False)]
        for inner in below:
            _remove_hollow(fd, inner, depth + 1)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=at)


def _write(at: int, name: str, content: Content, old: os.stat_result | None) -> None:
    """Write a new file, with the owner and the permissions of the old one where there is one."""
    program = 0o111 if content.mode == PROGRAM else 0
    fd = os.open(name, _CREATE, 0o600 if old else 0o666 | program, dir_fd=at)
    try:
        rest = memoryview(content.data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        if old:
            now = os.fstat(fd)
            if (now.st_uid, now.st_gid) != (old.st_uid, old.st_gid):
                with suppress(PermissionError):  # only root may give files away
                    os.fchown(fd, old.st_uid, old.st_gid)
            os.fchmod(fd, _permissions(old.st_mode, content.mode))
    finally:
        os.close(fd)


def _standing(at: int, name: str) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        facts = os.stat(name, dir_fd=at, follow_symlinks=False)
        return facts if stat.S_ISREG(facts.st_mode) else None
    return None


def _set_program(at: int, name: str, mode: int) -> None:
    fd = os.open(name, _READ, dir_fd=at)
    try:
        os.fchmod(fd, _permissions(os.fstat(fd).st_mode, mode))
    finally:
        os.close(fd)


def _permissions(old: int, mode: int) -> int:
    """Make a file a program for whoever may read it, or none; nothing else changes."""
    kept = old & 0o666
    return kept | (kept >> 2 & 0o111) if mode == PROGRAM else kept


def open_root(path: str) -> int:
    """Open the directory at `path`, which may be reached by links."""
    return os.open(path, DIRECTORY & ~os.O_NOFOLLOW)
