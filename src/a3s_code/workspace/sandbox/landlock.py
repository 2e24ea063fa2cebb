"""
Rules of Landlock: which files a program may write and read, held by the kernel without root.

Rules only allow, and each covers all that is below a directory. To hide something, what is
beside it on the way down is allowed one by one; names in those directories can still be
listed, and what is made there later cannot be read.

Source: INVARIANTS, "Sandbox levels and policy shape", level 2; linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import functools
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

_CREATE_RULESET, _VERSION = 444, 1

LEAST_ABI = 3
"""Before it a file could be truncated wherever it is."""

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE = 1 << 14
_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_REFER = 1 << 13
_WRITE = _WRITE_FILE | _REMOVE_AND_MAKE | _REFER | _TRUNCATE
_TCP = 1 | 2
_SCOPES = 1 | 2
_ABI_OF_TCP, _ABI_OF_SCOPES = 4, 6


class Rule(NamedTuple):
    """All of `access` is allowed at and below `path`."""

    path: str
    access: int


class Ruleset(NamedTuple):
    """
    Attributes:
        attributes: `struct landlock_ruleset_attr`: what is refused where no rule allows it.
    """

    attributes: bytes
    rules: tuple[Rule, ...]


@functools.cache
def abi() -> int:
    """Give the version of Landlock that this kernel has; 0 for none."""
    if sys.platform != "linux":
        return 0
    try:
        found = ctypes.CDLL(None, use_errno=True).syscall(_CREATE_RULESET, None, 0, _VERSION)
    except (OSError, AttributeError):
        return 0
    return max(0, int(found))


def ruleset(write: Iterable[str], read: Iterable[Rule] | None, *, tcp: bool) -> Ruleset:
    """
    Give rules under which nothing is written but below `write`.

    Args:
        read: What can be read; None for everything.
        tcp: Connections may be made; what needs a newer kernel is left to the others.
    """
    handled = _WRITE if read is None else _WRITE | _READ
    attributes = struct.pack("<Q", handled)
    if abi() >= _ABI_OF_TCP:
        attributes += struct.pack("<Q", 0 if tcp else _TCP)
    if abi() >= _ABI_OF_SCOPES:
        attributes += struct.pack("<Q", _SCOPES)
    own = _WRITE if read is None else _WRITE | _READ
    rules = (*(_rule(path, own) for path in write), *(read or ()))
    return Ruleset(attributes, tuple(rules))


def holds_signals() -> bool:
    """Say whether programs are kept from signalling what is outside."""
    return abi() >= _ABI_OF_SCOPES


def readable_but(hidden: Iterable[str]) -> tuple[Rule, ...]:
    """Give rules that allow to read everything but what is in `hidden`, real paths."""
    return tuple(_beside("/", frozenset(hidden)))


def readable(paths: Iterable[str]) -> tuple[Rule, ...]:
    """Give rules that allow to read `paths`; those that do not exist are left out."""
    return tuple(_rule(path, _READ) for path in paths if os.path.exists(path))  # noqa: PTH110


def _beside(directory: str, hidden: frozenset[str]) -> Iterator[Rule]:
    prefix = directory.rstrip("/") + "/"
    if not any(path.startswith(prefix) for path in hidden):
        yield Rule(directory, _READ)
        return
    yield Rule(directory, _READ_DIR)
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.path in hidden or entry.is_symlink():
                continue
            if entry.is_dir():
                yield from _beside(entry.path, hidden)
            else:
                yield Rule(entry.path, _READ & _FILE)


def _rule(path: str, access: int) -> Rule:
    return Rule(path, access if os.path.isdir(path) else access & _FILE)  # noqa: PTH112
