"""
What a host trusts of what a directory brings along: a record kept outside of it.

A repository may supply configuration, skills, agents, hooks, servers and commands. They are
data until somebody said yes to exactly these bytes: an entry is a kind, a path and a digest,
and another digest at the same path is not trusted, so a change asks again. What has no entry
does nothing.

Source:
    DESIGN 5, "Repository content is data"; INVARIANTS 14.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from a3s_code.errors import ConfigError

Kind: TypeAlias = Literal["agents", "commands", "configuration", "hooks", "mcp_servers", "skills"]

FORMAT = 1
MAX_RECORD_BYTES = 4 * 1024 * 1024
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Trusted(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    One thing that somebody said yes to.

    Attributes:
        path: Absolute, without links.
        sha256: Of its bytes, in hexadecimal; of `files` as well, where there are some.
        since_ms: Unix milliseconds.
        files: SHA-256 of each file that it was trusted with, by path, so that it can be told
            which one is another. Nothing is decided by them.
    """

    kind: Kind
    path: str
    sha256: str
    since_ms: int
    files: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class _Record(msgspec.Struct, frozen=True):
    format: int
    trusted: tuple[Trusted, ...] = ()


class Trust:
    """
    The record of one host; only what was read last is answered from it, nothing is kept.

    Args:
        file: Where it is kept. It must lie outside every directory that it is about. It need
            not exist: then nothing is trusted.
    """

    __slots__ = ("file",)

    def __init__(self, file: Path) -> None:
        self.file = file

    def covers(self, kind: Kind, path: str | os.PathLike[str], sha256: str) -> bool:
        """
        Tell whether exactly this may take effect.

        Raises:
            ConfigError: the record cannot be read or is not ours alone; then nothing is trusted.
        """
        known = self.known(kind, path)
        return known is not None and known.sha256 == sha256

    def known(self, kind: Kind, path: str | os.PathLike[str]) -> Trusted | None:
        """
        Give what was trusted at this path, whatever is there now; None when nothing was.

        Raises:
            ConfigError: as `covers`.
        """
        real = os.path.realpath(path)
        of_path = (one for one in self.entries() if (one.kind, one.path) == (kind, real))
        return next(of_path, None)

    def entries(self) -> Sequence[Trusted]:
        """
        Give all entries by path.

        Raises:
            ConfigError: as `covers`.
        """
        try:
            with self.file.open("rb") as file:
                self._check(os.fstat(file.fileno()))
                data = file.read(MAX_RECORD_BYTES + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}") from None
        try:
            record = msgspec.json.decode(data, type=_Record)
        except msgspec.MsgspecError:
            raise self._unusable("is damaged") from None
        if record.format != FORMAT:
            raise self._unusable(f"has the format {record.format}, which is not ours")
        return record.trusted

    def grant(
        self,
        kind: Kind,
        path: str | os.PathLike[str],
        sha256: str,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """
        Trust these bytes at this path, and no others that were there before.

        Args:
            files: See `Trusted.files`.

        Raises:
            ConfigError: as `covers`, or the record cannot be written.
        """
        now_ms = time.time_ns() // 1_000_000
        entry = Trusted(kind, os.path.realpath(path), sha256, now_ms, dict(files or {}))
        with self._changing() as entries:
            kept = [one for one in entries if (one.kind, one.path) != (kind, entry.path)]
            self._write([*kept, entry])

    def revoke(self, directory: str | os.PathLike[str]) -> Sequence[Trusted]:
        """
        Trust nothing any more at or below `directory`; give what was.

        Raises:
            ConfigError: as `grant`.
        """
        real = os.path.realpath(directory).rstrip("/")
        with self._changing() as entries:
            gone = [one for one in entries if f"{one.path}/".startswith(f"{real}/")]
            if gone:
                self._write([one for one in entries if one not in gone])
        return gone

    @contextmanager
    def _changing(self) -> Generator[Sequence[Trusted]]:
        """Let one process at a time read and write."""
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.file.with_suffix(".lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield self.entries()
        except OSError as error:
            raise self._unusable(f"cannot be written: {error.strerror}") from None

    def _write(self, entries: Sequence[Trusted]) -> None:
        """Put it there at once, for its owner alone."""
        record = _Record(FORMAT, tuple(sorted(entries, key=lambda one: (one.path, one.kind))))
        data = msgspec.json.format(msgspec.json.encode(record)) + b"\n"
        if len(data) > MAX_RECORD_BYTES:
            raise self._unusable(f"would have more than {MAX_RECORD_BYTES} bytes")
        made = self.file.with_suffix(f".{os.getpid()}")
        try:
            with open(made, "wb", opener=_private) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            made.replace(self.file)
        finally:
            made.unlink(missing_ok=True)

    def _check(self, facts: os.stat_result) -> None:
        if facts.st_uid != os.geteuid() or facts.st_mode & _OTHERS_MAY_WRITE:
            raise self._unusable("belongs to somebody else, or others may write it")

    def _unusable(self, what: str) -> ConfigError:
        return ConfigError(
            f"the record of what is trusted {what}",
            file=str(self.file),
            hint="remove or mend it; what it named is asked for again",
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
