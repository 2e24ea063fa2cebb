"""
Attempts to get out, run inside a sandbox: `python -c PROBES name argument...`.

Each is a function that returns when it could do what it must not be able to, and raises
when it was kept from it.
"""

# ruff: noqa: PTH101, PTH102, PTH103, PTH104, PTH116, PTH123, PTH208, PTH211, T201
from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

_IS_X86 = platform.machine() == "x86_64"
_NUMBERS = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "mount": (165, 40),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone": (56, 220),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "syslog": (103, 116),
    "open_by_handle_at": (304, 265),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "clone3": (435, 435),
    "pidfd_getfd": (438, 438),
}


def _call(name: str, *arguments: object) -> int:
    number = _NUMBERS[name][0 if _IS_X86 else 1]
    found = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), name)
    return found


# Files


def write(path: str) -> None:
    Path(path).write_text("escaped")


def read(path: str) -> None:
    if not Path(path).read_bytes():
        raise PermissionError(path)


def read_device(path: str) -> None:
    with open(path, "rb") as file:
        if not file.read(512):
            raise PermissionError(path)


def through_a_link(path: str) -> None:
    Path("link").unlink(missing_ok=True)
    Path("link").symlink_to(path)
    write("link")


def through_a_hard_link(path: str) -> None:
    os.link(path, "hard")
    write("hard")


def rename_away(path: str, child: str) -> None:
    os.rename(path, f"{path}.away")
    os.mkdir(path)
    write(f"{path}/{child}")


def swap_for_a_link(path: str, target: str) -> None:
    os.rename(path, f"{path}.away")
    os.symlink(target, path)


def plant(directory: str, name: str, time_ns: str) -> None:
    os.makedirs(directory, exist_ok=True)
    os.chmod(directory, 0o755)
    Path(directory, name).write_text("planted")
    os.utime(directory, ns=(int(time_ns), int(time_ns)))


def change_unseen(path: str) -> None:
    """Change a file, and leave its size and all times that can be set as they were."""
    found, text = os.stat(path), Path(path).read_text()
    Path(path).write_text(text.upper())
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def deep(directory: str, levels: str) -> None:
    os.makedirs(directory, exist_ok=True)
    os.chmod(directory, 0o755)
    os.chdir(directory)
    for _ in range(int(levels)):
        os.mkdir("below")
        os.chdir("below")


def terminal(path: str) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_NOCTTY))


def make_with_owners_rights(path: str) -> None:
    Path(path).write_text("#!/bin/sh\n")
    os.chmod(path, 0o4755)


def open_with_owners_rights(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o4755))
    if not os.stat(path).st_mode & 0o4000:
        raise PermissionError(path)


def device(path: str) -> None:
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 1))


def remount(path: str) -> None:
    _call("mount", None, path.encode(), None, 0x20 | 0x1000, None)


def leave_by_chroot() -> None:
    os.mkdir("jail")
    _call("chroot", b"jail")


def over_proc_root(path: str) -> None:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        place = Path(f"/proc/{pid}/root{path}")
        try:
            with place.open("a"):
                return
        except OSError:
            continue
    raise PermissionError(path)


# Processes


def see(pid: str, mark: str) -> None:
    if mark.encode() not in Path(f"/proc/{pid}/environ").read_bytes():
        raise PermissionError(pid)


def see_any(mark: str) -> None:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes():
                return
        except OSError:
            continue
    raise PermissionError("nobody")


def send_signal(pid: str) -> None:
    os.kill(int(pid), 0)


def trace(pid: str) -> None:
    _call("ptrace", 16, int(pid), 0, 0)


def trace_child() -> None:
    child = os.fork()
    if child == 0:
        time.sleep(5)
        os._exit(0)
    try:
        _call("ptrace", 16, child, 0, 0)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def read_memory(pid: str) -> None:
    buffer = ctypes.create_string_buffer(8)
    piece = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    _call("process_vm_readv", int(pid), piece, 1, piece, 1, 0)


def descriptors() -> None:
    own = {name for name in os.listdir("/proc/self/fd") if int(name) > 2}
    if len(own) <= 1:  # the one that lists them
        raise PermissionError("none was inherited")


def capability(*sets: str) -> None:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in sets and int(value, 16):
            return
    raise PermissionError("none")


def new_rights() -> None:
    text = Path("/proc/self/status").read_text()
    if "NoNewPrivs:\t1" in text:
        raise PermissionError("no new privileges")


# Namespaces and the kernel


def namespace(flag: str) -> None:
    _call("unshare", int(flag, 16))


def namespace_by_clone(flag: str) -> None:
    made = _call("clone", int(flag, 16) | signal.SIGCHLD, 0, 0, 0, 0)
    if made == 0:
        os._exit(0)


def namespace_by_clone3() -> None:
    _call("clone3", None, 0)


def namespace_by_program() -> None:
    subprocess.run(["unshare", "-Ur", "true"], check=True, capture_output=True)


def call(name: str) -> None:
    _call(name, 0, 0, 0, 0, 0)


def call_exists(name: str) -> None:
    """As `call`, for one that complains of its arguments when it is there."""
    try:
        _call(name, 0, 0, 0, 0, 0)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOSYS):
            raise


def io_uring() -> None:
    _call("io_uring_setup", 8, ctypes.create_string_buffer(120))


def terminal_input() -> None:
    leader, follower = os.openpty()
    for code in (0x5412, 0x5412 | 1 << 32):
        try:
            fcntl.ioctl(follower, code & 0xFFFFFFFF, b"x")
        except OSError as error:
            if error.errno == errno.EPERM:
                continue
            raise
        os.close(leader)
        return
    raise PermissionError("TIOCSTI")


def setting(name: str) -> None:
    place = Path("/proc/sys", name)
    place.write_text(place.read_text())


# Network


def connect(host: str, port: str) -> None:
    socket.create_connection((host, int(port)), 3).close()


def bash_connect(host: str, port: str) -> None:
    subprocess.run(
        ["bash", "-c", f"exec 9<>/dev/tcp/{host}/{port}"], check=True, capture_output=True
    )


def datagram(host: str, port: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0.3)
        sender.sendto(b"escaped", (host, int(port)))
        sender.recv(8)


def family(number: str, kind: str) -> None:
    socket.socket(int(number), int(kind)).close()


def unix(address: str) -> None:
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(name)


# Limits


def forks(most: str, seen_s: str = "5") -> None:
    children: list[int] = []
    try:
        for _ in range(int(most)):
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            children.append(child)
        time.sleep(float(seen_s))  # whoever counts them has the time to
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


def memory(size: str) -> None:
    held = mmap.mmap(-1, int(size))
    held[:4096] = b"x" * 4096


def descriptors_flood(most: str) -> None:
    for _ in range(int(most)):
        os.open("/dev/null", os.O_RDONLY)


def big_file(size: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("big", "wb") as file:
        file.seek(int(size))
        file.write(b"x")
        file.flush()


def processor() -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        pass


KEPT, ESCAPED = 77, 0

if __name__ == "__main__":
    try:
        globals()[sys.argv[1]](*sys.argv[2:])
    except (OSError, MemoryError, subprocess.CalledProcessError, ValueError) as error:
        print(f"kept: {error!r}")
        sys.exit(KEPT)
    print("escaped")
    sys.exit(ESCAPED)
