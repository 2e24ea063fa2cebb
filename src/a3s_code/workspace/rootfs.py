"""
The files of a system, from a directory or a tar archive, as the root of a sandbox.

An archive is data of somebody else: nothing of it is written outside of its directory, no
device comes into being, and no file gets the rights of its owner. It is unpacked once.

Source: SPEC 16.2; INVARIANTS 18.
"""

from __future__ import annotations

import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path

from a3s_code.errors import InvalidValue, WorkspaceError

SHELLS = ("bin/bash", "usr/bin/bash", "bin/sh", "usr/bin/sh")
PYTHONS = ("usr/bin/python3", "usr/local/bin/python3", "bin/python3")


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    members: int = 500_000
    total_bytes: int = 20 * 1024**3


@dataclass(frozen=True, slots=True)
class Rootfs:
    """
    A directory that has a system in it.

    Attributes:
        shell: Of the system, as a path inside.
        python: As a path inside; empty when it has none.
    """

    path: str
    shell: str
    python: str = ""

    @classmethod
    def at(cls, path: str) -> Rootfs:
        """
        Raises:
            InvalidValue: there is no directory, or no system with a shell in it.
        """
        if not Path(path).is_dir():
            raise InvalidValue(f"{path!r} is no directory with the files of a system.")
        shell = _first(path, SHELLS)
        if not shell:
            raise InvalidValue(
                f"{path!r} holds no system: it has no shell.",
                hint="give the directory that holds bin, usr and etc of the system",
            )
        return cls(os.path.realpath(path), shell, _first(path, PYTHONS))


def check_archive(path: str) -> None:
    """
    See that a file begins like a tar archive with the files of a system.

    Raises:
        InvalidValue: it does not; says what it is instead where that can be told.
    """
    try:
        with tarfile.open(path) as archive:
            first = archive.next()
    except (OSError, tarfile.TarError) as error:
        raise InvalidValue(
            f"{path!r} is neither a directory nor a tar archive: {str(error).splitlines()[0]}.",
            hint="give a directory, or what `docker export` or `podman export` writes",
        ) from None
    if first is None:
        raise InvalidValue(f"{path!r} is an empty archive.")


def unpack(path: str, into: str, limits: UnpackLimits | None = None) -> Rootfs:
    """
    Unpack an archive into a new directory, and give the system in it. Blocks.

    Raises:
        InvalidValue: it is no archive of a system, leads outside of its directory, or is
            larger than the limits. What was unpacked so far stays in `into`.
        WorkspaceError: the disk would not take it.
    """
    bounds = limits or UnpackLimits()
    try:
        with tarfile.open(path) as archive:
            _Unpacking(os.path.realpath(into), bounds).all(archive)
    except tarfile.TarError as error:
        raise InvalidValue(f"{path!r} cannot be unpacked: {error}.") from None
    except OSError as error:
        raise WorkspaceError(f"{path!r} cannot be unpacked: {error}.") from None
    if not _first(into, SHELLS) and Path(into, "manifest.json").is_file():
        raise InvalidValue(
            f"{path!r} is an image with layers, not the files of a system.",
            hint="make one with `docker export` or `podman export` instead of `save`",
        )
    return Rootfs.at(into)


class _Unpacking:
    """One archive on its way into one directory."""

    def __init__(self, into: str, limits: UnpackLimits) -> None:
        self._into, self._limits = into, limits
        self._members = self._bytes = 0

    def all(self, archive: tarfile.TarFile) -> None:
        directories: list[tuple[str, int]] = []
        for member in archive:
            self._count(member)
            target = self._place(member.name)
            mode = stat.S_IMODE(member.mode) & 0o777
            if member.isdir():
                self._directory(target)
                directories.append((target, mode))
            elif member.isreg():
                self._file(archive, member, target, mode)
            elif member.issym():
                self._clear(target)
                Path(target).symlink_to(member.linkname)
            elif member.islnk():
                self._clear(target)
                os.link(self._place(member.linkname), target, follow_symlinks=False)
        for path, mode in reversed(directories):
            Path(path).chmod(mode | stat.S_IRWXU)

    def _count(self, member: tarfile.TarInfo) -> None:
        self._members += 1
        self._bytes += member.size if member.isreg() else 0
        if self._members > self._limits.members or self._bytes > self._limits.total_bytes:
            raise InvalidValue(
                f"The image is larger than {self._limits.members} files or "
                f"{self._limits.total_bytes} bytes."
            )

    def _place(self, name: str) -> str:
        """Give where a member goes; no part of the way is a link."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise InvalidValue(f"The image has a file that leads out of it: {name!a}.")
        at = self._into
        for part in parts[:-1]:
            at = f"{at}/{part}"
            if not os.path.lexists(at):
                os.mkdir(at, 0o755)  # noqa: PTH102
            elif os.path.islink(at) or not os.path.isdir(at):  # noqa: PTH112, PTH114
                raise InvalidValue(f"The image has a file behind a link: {name!a}.")
        return "/".join((at, *parts[-1:]))

    @staticmethod
    def _directory(target: str) -> None:
        if os.path.islink(target) or not os.path.isdir(target):  # noqa: PTH112, PTH114
            _Unpacking._clear(target)
            os.mkdir(target, 0o755)  # noqa: PTH102

    @staticmethod
    def _clear(target: str) -> None:
        if os.path.lexists(target):
            os.unlink(target)  # noqa: PTH108

    def _file(
        self, archive: tarfile.TarFile, member: tarfile.TarInfo, target: str, mode: int
    ) -> None:
        self._clear(target)
        content = archive.extractfile(member)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
            while content is not None and (piece := content.read(1024 * 1024)):
                file.write(piece)
            os.fchmod(file.fileno(), mode | stat.S_IRUSR)


def _first(root: str, paths: tuple[str, ...]) -> str:
    """Give the first that is there as a path inside; links are followed within the root."""
    return next((f"/{path}" for path in paths if os.path.lexists(f"{root}/{path}")), "")
