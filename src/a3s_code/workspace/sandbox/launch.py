"""
The launcher in Python, a program of its own: `python -I -S launch.py FD PROGRAM ARGUMENT...`.

See `launcher.py` for the orders that it reads from FD. It imports nothing of this package.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Sequence
from typing import NoReturn

FAILED, MISSING, UNUSABLE = 125, 127, 126
_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_NO_NEW_PRIVILEGES, _FILTER = 38, 1


def main(arguments: Sequence[str]) -> NoReturn:
    fd, *argv = arguments
    with os.fdopen(int(fd), "rb") as orders:
        lines = [line.split() for line in orders.read().decode().splitlines()]
    added = obey(lines)
    inherited = {name: value for name, value in os.environb.items() if name != b"LC_ALL"}
    try:
        os.execvpe(argv[0], argv, {**inherited, **added})  # noqa: S606 - that is its work
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(MISSING if isinstance(error, FileNotFoundError) else UNUSABLE)


def obey(lines: Sequence[Sequence[str]]) -> dict[bytes, bytes]:
    """Follow the orders, and give what is to be added to the environment."""
    system = System()
    added: dict[bytes, bytes] = {}
    for what, *words in lines:
        match what:
            case "calls":
                system.prctl, system.prlimit, system.seccomp = map(int, words)
            case "limit":
                resource, soft, hard = map(int, words)
                system.call(system.prlimit, 0, resource, struct.pack("<QQ", soft, hard), 0)
            case "landlock":
                attributes = bytes.fromhex(words[0])
                system.rules = system.call(_CREATE, attributes, len(attributes), 0)
            case "rule":
                system.allow(int(words[0]), bytes.fromhex(words[1]))
            case "filter":
                system.filter = bytes.fromhex(words[0])
            case "env":
                added[bytes.fromhex(words[0])] = bytes.fromhex("".join(words[1:]))
            case _:
                system.fail(f"order {what}")
    system.give_up()
    return added


class System:
    """
    The system calls of the launcher.

    Attributes:
        rules: Descriptor of the rules of Landlock; -1 for none.
    """

    prctl = prlimit = seccomp = 0
    rules = -1
    filter = b""

    def __init__(self) -> None:
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall

    def call(self, number: int, *arguments: int | bytes) -> int:
        long = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
        found = int(self._syscall(ctypes.c_long(number), *long))
        if found < 0:
            self.fail(f"system call {number}: {os.strerror(ctypes.get_errno())}")
        return found

    def allow(self, access: int, path: bytes) -> None:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # it is gone, and nothing need be allowed
            return
        self.call(_ADD_RULE, self.rules, 1, struct.pack("<QI", access, fd), 0)
        os.close(fd)

    def give_up(self) -> None:
        self.call(self.prctl, _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        if self.rules >= 0:
            self.call(_RESTRICT, self.rules, 0)
            os.close(self.rules)
        if self.filter:
            lines = ctypes.create_string_buffer(self.filter, len(self.filter))
            program = struct.pack("<H6xQ", len(self.filter) // 8, ctypes.addressof(lines))
            self.call(self.seccomp, _FILTER, 0, program)

    def fail(self, why: str) -> NoReturn:
        sys.stderr.write(f"a3s-code sandbox: {why}\n")
        sys.exit(FAILED)


if __name__ == "__main__":
    main(sys.argv[1:])
