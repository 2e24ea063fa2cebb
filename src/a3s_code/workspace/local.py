"""The files of a workspace on the local disk."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress

from a3s_code.errors import PathRefused, WorkspaceError
from a3s_code.kernel.file_changes import conflict
from a3s_code.kernel.perseverance import to_its_end
from a3s_code.kernel.workspace import Entry, Resolved
from a3s_code.workspace.beneath import OpenDirectory, open_beneath
from a3s_code.workspace.directory_names import DirectoryNames
from a3s_code.workspace.location import Location, apart, local, mode_of, readable, shown
from a3s_code.workspace.paths import Root

IN_PLACE_BYTES = 256 * 1024
"""Files up to this size are read on the event loop: 12 us at this size, 60 by a thread."""

TEMPORARY_PREFIX, TEMPORARY_SUFFIX = ".a3s-", ".tmp"
"""A write that is killed may leave one file of this pattern, and nothing else."""

TURN_S, _PAUSE_S = 5.0, 0.001
"""How long another writer of the same directory is waited for."""

SETTLE_S = 10.0
"""How long a cancelled call waits for a write that already began."""

_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_TEMPORARY_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_CHUNK_BYTES = 16 * 1024 * 1024


class LocalFiles:
    """
    `Files` on the local disk.

    Beyond what the port says, every method may raise `WorkspaceError` when the system
    refuses (no permission, no space, too many open files).

    Args:
        root: The workspace. It need not exist yet; the first use then fails.
    """

    def __init__(
        self, root: str | os.PathLike[str], open_directory: OpenDirectory = open_beneath
    ) -> None:
        self.root = Root(root, open_directory)
        self._names = DirectoryNames()

    def resolve(self, path: str) -> Location:
        """See `Root.find`."""
        return self.root.find(path)

    def lacks(self, path: str) -> bool:
        """
        Say that nothing stands at a name in the root, in less time than it takes to resolve it.

        Of a path below another directory nothing is said, nor where it is not sure.
        """
        if "/" in path:
            return False
        try:
            root = self.root.open()
        except WorkspaceError:
            return False
        try:
            os.stat(path, dir_fd=root, follow_symlinks=False)
        except FileNotFoundError:
            return True
        except (OSError, ValueError):
            return False
        finally:
            os.close(root)
        return False

    async def read(self, target: Resolved, *, limit: int | None = None) -> bytes:
        location = local(target)
        data = _read(location, limit, IN_PLACE_BYTES)
        return data if data is not None else await apart(location, _read_whole, limit)

    async def write(self, target: Resolved, data: bytes, *, over: bytes | None = None) -> None:
        """
        Put a file there as the port says.

        Mode and owner are kept, setuid and setgid are not; extended attributes are not. A
        file with other hard links is replaced by one of its own, so the others do not change.
        With `over`, writers like us take turns in the directory, also those of other processes.
        """
        work = asyncio.ensure_future(apart(local(target), _write, data, over))
        await to_its_end(work, SETTLE_S)

    async def list(
        self, target: Resolved, *, among: Callable[[str], bool] | None = None
    ) -> list[Entry]:
        if among is None:
            return await apart(local(target), _list)
        return await apart(local(target), _some, self._names, among)


@contextmanager
def _told(location: Location) -> Generator[None]:
    """Raise what the port names, with the path as it was spelled and nothing of the host's."""
    spelled = shown(location.spelled)
    try:
        yield
    except FileNotFoundError as error:
        if os.fstat(location.fd).st_nlink == 0:
            raise WorkspaceError(
                f"The directory of {spelled} was removed after the path was checked.",
                hint="call again",
            ) from None
        raise FileNotFoundError(error.errno, error.strerror, spelled) from None
    except (IsADirectoryError, NotADirectoryError) as error:
        raise type(error)(error.errno, error.strerror, spelled) from None
    except OSError as error:
        raise WorkspaceError(f"{spelled}: {error.strerror or type(error).__name__}.") from None


def _irregular(location: Location, mode: int) -> OSError | PathRefused:
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    what = "a link that was put there after the check" if stat.S_ISLNK(mode) else "no regular file"
    return PathRefused(
        f"{shown(location.spelled)} is {what}.", hint="use the path of a regular file"
    )


def _read_whole(location: Location, limit: int | None) -> bytes:
    data = _read(location, limit, None)
    assert data is not None
    return data


def _read(location: Location, limit: int | None, at_most: int | None) -> bytes | None:
    """Read the file; None, having read nothing, when that is more than `at_most` bytes."""
    with _told(location):
        fd = _open_file(location)
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                raise _irregular(location, facts.st_mode)
            wanted = facts.st_size if limit is None else min(limit, facts.st_size)
            if at_most is not None and wanted > at_most:
                return None
            if facts.st_size == 0:  # empty, or made on the fly as below /proc
                return os.read(fd, IN_PLACE_BYTES if limit is None else min(limit, IN_PLACE_BYTES))
            return _read_bytes(fd, wanted)
        finally:
            os.close(fd)


def _open_file(location: Location) -> int:
    if not location.names:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    at = location.fd if len(location.names) == 1 else location.holder()
    try:
        return os.open(location.names[-1], _READ_FLAGS, dir_fd=at)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _irregular(location, stat.S_IFLNK) from None
        if error.errno == errno.ENXIO:
            raise _irregular(location, stat.S_IFSOCK) from None
        raise
    finally:
        if at != location.fd:
            os.close(at)


def _read_bytes(fd: int, wanted: int) -> bytes:
    """Read `wanted` bytes, or what there is when the file became shorter."""
    data = os.read(fd, min(wanted, _CHUNK_BYTES))
    if len(data) == wanted:
        return data
    pieces = [data]
    missing = wanted - len(data)
    while missing and pieces[-1]:
        pieces.append(os.read(fd, min(missing, _CHUNK_BYTES)))
        missing -= len(pieces[-1])
    return b"".join(pieces)


def _write(location: Location, data: bytes, over: bytes | None) -> None:
    with _told(location):
        if not location.names:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        at = location.holder(make=True)
        try:
            with _alone(at) if over is not None else nullcontext():
                if over is not None and not _holds(location, at, over):
                    raise conflict(location)
                _replace(location, at, data)
        finally:
            os.close(at)


@contextmanager
def _alone(at: int) -> Generator[None]:
    """Keep other writers out of a directory; for at most `TURN_S` it is waited for one."""
    try:
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
    except PermissionError:  # one that cannot be listed cannot be locked
        yield
        return
    try:
        late = time.monotonic() + TURN_S
        while not _locked(fd):
            if time.monotonic() > late:
                raise BlockingIOError(errno.EAGAIN, "somebody holds the directory locked")
            time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks on this file system; then only the comparison helps
        return True
    return True


def _holds(location: Location, at: int, over: bytes) -> bool:
    """Tell whether a file still is what it was."""
    try:
        fd = os.open(location.names[-1], _READ_FLAGS, dir_fd=at)
    except FileNotFoundError:
        return False
    try:
        return os.fstat(fd).st_size == len(over) and _read_bytes(fd, len(over)) == over
    finally:
        os.close(fd)


def _replace(location: Location, at: int, data: bytes) -> None:
    """Write a temporary file beside the target and rename it over it."""
    name = location.names[-1]
    old = _standing(location, at, name)
    temporary = f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}{TEMPORARY_SUFFIX}"
    fd = os.open(temporary, _TEMPORARY_FLAGS, 0o600 if old else 0o666, dir_fd=at)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        if old:
            _dress(fd, old)
        os.replace(temporary, name, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:  # whatever stopped it, the temporary file goes
        with suppress(OSError):
            os.unlink(temporary, dir_fd=at)
        raise
    finally:
        os.close(fd)


def _standing(location: Location, at: int, name: str) -> os.stat_result | None:
    """Give the facts of the file that will be replaced, if there is one that may be."""
    try:
        facts = os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(facts.st_mode):
        raise _irregular(location, facts.st_mode)
    if not os.access(name, os.W_OK, dir_fd=at, effective_ids=True):
        raise PathRefused(
            f"{shown(location.spelled)} is read-only.", hint="make it writable if it should change"
        )
    return facts


def _dress(fd: int, old: os.stat_result) -> None:
    """Give the new file the owner and the permissions of the old one."""
    now = os.fstat(fd)
    if (now.st_uid, now.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):  # only root may give files away
            os.fchown(fd, old.st_uid, old.st_gid)
    os.fchmod(fd, old.st_mode & 0o777)


def _list(location: Location) -> list[Entry]:
    with _told(location):
        fd = location.open_directory()
        try:
            with os.scandir(fd) as rows:
                entries = [entry for row in rows if (entry := _entry(fd, row))]
        finally:
            os.close(fd)
    entries.sort(key=lambda entry: entry.name)
    return entries


def _some(location: Location, names: DirectoryNames, among: Callable[[str], bool]) -> list[Entry]:
    """List what `among` accepts; of each no more is known than its name and kind."""
    with _told(location):
        fd = location.open_directory()
        try:
            wanted = sorted(filter(among, names.of(fd)))
            return [entry for name in wanted if (entry := _bare(fd, name))]
        finally:
            os.close(fd)


def _bare(fd: int, name: str) -> Entry | None:
    mode = mode_of(fd, name)
    if not mode:
        return None
    if stat.S_ISLNK(mode):
        return Entry(readable(name), "link")
    is_file = stat.S_ISREG(mode)
    return Entry(readable(name), "file" if is_file else "dir" if stat.S_ISDIR(mode) else "other")


def _entry(fd: int, row: os.DirEntry[str]) -> Entry | None:
    """Make one row; None when it is gone since the directory was read."""
    name = readable(row.name)
    try:
        if row.is_file(follow_symlinks=False):
            facts = row.stat(follow_symlinks=False)
            return Entry(name, "file", facts.st_size, changed_ns=facts.st_ctime_ns)
        if row.is_symlink():
            return Entry(name, "link", target=readable(os.readlink(row.name, dir_fd=fd)))
        return Entry(name, "dir" if row.is_dir(follow_symlinks=False) else "other")
    except FileNotFoundError:
        return None
