"""
Is a directory on a network file system? There SQLite's locks and its shared memory are not
reliable, and two machines that write one file damage it.

Linux says what is mounted where in `/proc/self/mountinfo`, one mount a line; proc(5):

    36 35 0:49 / /home/ada rw,noatime shared:1 - nfs4 server:/export rw,vers=4.2

Spaces and backslashes in a path stand there as octal escapes. Where that cannot be read,
and on other systems, nothing is known and nothing is refused.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from a3s_code.errors import StoreError

MOUNTINFO = Path("/proc/self/mountinfo")

NETWORK_KINDS = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "gpfs"),
        *("lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb2", "smb3", "smbfs"),
        *("fuse.afs", "fuse.beegfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.curlftpfs"),
        *("fuse.davfs", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys"),
        *("fuse.juicefs", "fuse.mount-s3", "fuse.mount.cifs", "fuse.rclone", "fuse.s3fs"),
        *("fuse.seaweedfs", "fuse.smbnetfs", "fuse.sshfs"),
    }
)
"""Types of file systems that other machines write as well."""

_ESCAPE = re.compile(r"\\([0-7]{3})")
_POINT, _OPTIONAL = 4, 6
"""Fields of a line: the mount point, and the first of those that end with a lone `-`."""


class Mount(NamedTuple):
    """`point` is an absolute path, `kind` the type of the file system there."""

    point: str
    kind: str


def parse(mountinfo: str) -> list[Mount]:
    """Read the text of `/proc/self/mountinfo`; lines of another form are left out."""
    found: list[Mount] = []
    for line in mountinfo.split("\n"):
        fields = line.split(" ")
        try:
            kind = fields[fields.index("-", _OPTIONAL) + 1]
        except (ValueError, IndexError):
            continue
        found.append(Mount(_ESCAPE.sub(_unescaped, fields[_POINT]), kind))
    return found


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 8))


def mount_of(path: str, mounts: list[Mount]) -> Mount | None:
    """
    Give the mount that an absolute path without links is on: the one whose point is the
    longest beginning of it; of two at one point the later, which covers the other.
    """
    on = [mount for mount in mounts if _is_below(path, mount.point)]
    return max(reversed(on), key=lambda mount: len(mount.point), default=None)


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")


def refuse_network(directory: Path, what: str = "session store") -> None:
    """
    Let a directory on a local disk pass, which need not exist yet.

    Raises:
        StoreError: it is on a network file system.
    """
    try:
        text = MOUNTINFO.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return
    mount = mount_of(os.path.realpath(directory), parse(text))
    if mount is not None and mount.kind in NETWORK_KINDS:
        raise StoreError(
            f"The {what} {directory} is on a network file system "
            f"({mount.kind}, mounted at {mount.point}).",
            hint=f"keep a {what} in a directory on a local disk",
        )
