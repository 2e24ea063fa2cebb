"""
A filter of system calls, as the kernel's own program for it, made here and in no other language.

Refused is what no build or test needs and what reaches into other processes, into the kernel,
or out of the namespaces: tracing, mounting, new namespaces, `bpf`, `io_uring` (whose calls no
filter sees), keys, sockets of other families than allowed, typing into a terminal, and files
that would run with the rights of their owner. A call that is refused gives an error to the
program; nothing is killed. `clone3` and `openat2`, whose arguments a filter cannot read, are
said not to exist, and programs take the older call then.

Source: INVARIANTS, "Sandbox levels and policy shape", level 3; linux/audit.h, linux/filter.h.
"""

from __future__ import annotations

import errno
import platform
import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple

_LOAD_WORD, _EQUALS, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_X32 = 0x40000000

_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
_TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX: put characters into the input of a terminal."""
_OWNERS_RIGHTS = 0o6000
"""Set-user-id and set-group-id."""


class Machine(NamedTuple):
    """
    Attributes:
        audit: How the kernel names this kind of machine to a filter.
        numbers: Of system calls, by name.
    """

    audit: int
    numbers: dict[str, int]


def _table(text: str) -> dict[str, int]:
    words = text.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


_SHARED = _table("""
    landlock_create_ruleset 444 landlock_add_rule 445 landlock_restrict_self 446
    io_uring_setup 425 io_uring_enter 426 io_uring_register 427 open_tree 428 move_mount 429
    fsopen 430 fsconfig 431 fsmount 432 fspick 433 clone3 435 openat2 437 pidfd_getfd 438
    mount_setattr 442 quotactl_fd 443 fchmodat2 452
""")
"""The same on every machine."""

MACHINES = {
    "x86_64": Machine(
        0xC000003E,
        _SHARED
        | _table("""
    open 2 ioctl 16 socket 41 clone 56 chmod 90 fchmod 91 creat 85 ptrace 101 syslog 103
    mknod 133 uselib 134 vhangup 153 pivot_root 155 prctl 157 adjtimex 159 chroot 161 acct 163
    settimeofday 164 mount 165 umount2 166 swapon 167 swapoff 168 reboot 169 sethostname 170
    setdomainname 171 iopl 172 ioperm 173 init_module 175 delete_module 176 quotactl 179
    lookup_dcookie 212 clock_settime 227 kexec_load 246 add_key 248 request_key 249 keyctl 250
    openat 257 mknodat 259 fchmodat 268 unshare 272 perf_event_open 298 fanotify_init 300
    prlimit64 302 name_to_handle_at 303 open_by_handle_at 304 clock_adjtime 305 setns 308
    process_vm_readv 310 process_vm_writev 311 kcmp 312 finit_module 313 seccomp 317
    kexec_file_load 320 bpf 321 userfaultfd 323
    """),
    ),
    "aarch64": Machine(
        0xC00000B7,
        _SHARED
        | _table("""
    lookup_dcookie 18 ioctl 29 mknodat 33 umount2 39 mount 40 pivot_root 41 chroot 51 fchmod 52
    fchmodat 53 openat 56 vhangup 58 quotactl 60 acct 89 unshare 97 kexec_load 104
    init_module 105 delete_module 106 clock_settime 112 syslog 116 ptrace 117 reboot 142
    sethostname 161 setdomainname 162 prctl 167 settimeofday 170 adjtimex 171 socket 198
    add_key 217 request_key 218 keyctl 219 clone 220 swapon 224 swapoff 225
    perf_event_open 241 prlimit64 261 fanotify_init 262 name_to_handle_at 264
    open_by_handle_at 265 clock_adjtime 266 setns 268 process_vm_readv 270
    process_vm_writev 271 kcmp 272 finit_module 273 seccomp 277 bpf 280 userfaultfd 282
    kexec_file_load 294
    """),
    ),
}

_FORBIDDEN = [
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "kcmp",
    "pidfd_getfd",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "unshare",
    "setns",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "keyctl",
    "add_key",
    "request_key",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "reboot",
    "swapon",
    "swapoff",
    "syslog",
    "acct",
    "quotactl",
    "quotactl_fd",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "iopl",
    "ioperm",
    "uselib",
    "vhangup",
    "lookup_dcookie",
    "fanotify_init",
    "name_to_handle_at",
    "open_by_handle_at",
]
_ABSENT = ["io_uring_setup", "io_uring_enter", "io_uring_register", "clone3", "openat2"]

_MODES = {
    "chmod": 1,
    "fchmod": 1,
    "fchmodat": 2,
    "fchmodat2": 2,
    "open": 2,
    "creat": 1,
    "openat": 3,
    "mknod": 1,
    "mknodat": 2,
}
"""Calls that give a file its mode, and which of their arguments it is, from 0."""


def machine() -> Machine | None:
    """Give what is known of this kind of machine; None for none."""
    return MACHINES.get(platform.machine())


def filter_program(kind: Machine, families: Iterable[int]) -> bytes:
    """
    Give the filter as an array of `struct sock_filter`.

    Args:
        families: Of sockets that a program may make.
    """
    numbers = kind.numbers
    lines = [
        _load(_ARCHITECTURE),
        *_unless(kind.audit, errno.ENOSYS),
        _load(_NUMBER),
        *_if(_AT_LEAST, _X32, errno.ENOSYS),
    ]
    for names, error in ((_FORBIDDEN, errno.EPERM), (_ABSENT, errno.ENOSYS)):
        for name in (name for name in names if name in numbers):
            lines += _if(_EQUALS, numbers[name], error)
    lines += _call(numbers["clone"], 0, _if(_ANY_BIT, _NAMESPACES, errno.EPERM))
    typing = [line for code in _TERMINAL_INPUT for line in _if(_EQUALS, code, errno.EPERM)]
    lines += _call(numbers["ioctl"], 1, typing)
    for name in (name for name in _MODES if name in numbers):
        mode = _MODES[name]
        lines += _call(numbers[name], mode, _if(_ANY_BIT, _OWNERS_RIGHTS, errno.EPERM))
    lines += _sockets(numbers["socket"], families)
    return b"".join([*lines, _line(_RETURN, _ALLOW)])


def socket_families(*, internet: bool, unix: bool) -> tuple[int, ...]:
    """Give the families of sockets for a policy."""
    inet = (socket.AF_INET, socket.AF_INET6) if internet else ()
    return (*map(int, inet), *((int(socket.AF_UNIX),) if unix else ()))


def _sockets(number: int, families: Iterable[int]) -> list[bytes]:
    allowed = [
        line
        for family in families
        for line in (_line(_EQUALS, family, 0, 1), _line(_RETURN, _ALLOW))
    ]
    return _call(number, 0, [*allowed, _line(_RETURN, _ERROR | errno.EAFNOSUPPORT)])


def _call(number: int, argument: int, body: list[bytes]) -> list[bytes]:
    """Give what looks at one argument of one call; its low half, which is all the kernel reads."""
    inside = [_load(_ARGUMENTS + 8 * argument), *body, _line(_RETURN, _ALLOW)]
    return [_line(_EQUALS, number, 0, len(inside)), *inside]


def _if(test: int, value: int, error: int) -> list[bytes]:
    return [_line(test, value, 0, 1), _line(_RETURN, _ERROR | error)]


def _unless(value: int, error: int) -> list[bytes]:
    return [_line(_EQUALS, value, 1, 0), _line(_RETURN, _ERROR | error)]


def _load(offset: int) -> bytes:
    return _line(_LOAD_WORD, offset)


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
