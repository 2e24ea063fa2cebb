"""Parts of the sandbox that can be told without running anything."""

from __future__ import annotations

import asyncio
import errno
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import SandboxUnavailable
from a3s_code.kernel.confinement import Confinement, SandboxPolicy, Violation
from a3s_code.kernel.workspace import Exit
from a3s_code.workspace.sandbox import (
    crowd,
    hidden,
    landlock,
    levels,
    programs,
    protection,
    removal,
    seccomp,
)
from a3s_code.workspace.sandbox.launcher import Orders
from a3s_code.workspace.sandbox.programs import trusted
from a3s_code.workspace.sandbox.promise import Promise
from a3s_code.workspace.sandbox.violations import violations

HELD = Confinement("bwrap", "user", policy=SandboxPolicy(level="bwrap"))
ALLOW, ERROR = 0x7FFF0000, 0x00050000


def decide(program: bytes, audit: int, number: int, *arguments: int) -> int:
    """Run a filter as the kernel would, and give what it returns."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, audit, 0, *padded)
    lines = list(struct.iter_unpack("<HBBI", program))
    at, value = 0, 0
    while True:
        code, if_true, if_false, k = lines[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, k)
        elif code == 0x06:
            return k
        else:
            test = {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[code]
            at += if_true if test else if_false


@pytest.mark.parametrize("name", seccomp.MACHINES)
def test_every_number_of_a_filter_is_decided_as_its_table_says(name: str) -> None:
    kind = seccomp.MACHINES[name]
    program = seccomp.filter_program(kind, seccomp.socket_families(internet=True, unix=False))
    numbers = kind.numbers

    def of(call: str, *arguments: int) -> int:
        return decide(program, kind.audit, numbers[call], *arguments)

    assert of("ptrace", 16, 1) == ERROR | errno.EPERM
    assert of("io_uring_setup") == of("clone3") == ERROR | errno.ENOSYS
    assert of("clone", 17) == ALLOW
    assert of("clone", 0x10000011) == ERROR | errno.EPERM
    assert of("ioctl", 1, 0x5412) == of("ioctl", 1, 0x5412 | 1 << 40) == ERROR | errno.EPERM
    assert of("ioctl", 1, 0x5401) == ALLOW
    assert of("fchmod", 1, 0o644) == ALLOW
    assert of("fchmod", 1, 0o4755) == of("openat", 0, 0, 0, 0o2755) == ERROR | errno.EPERM
    assert of("socket", 2) == of("socket", 10) == ALLOW
    assert of("socket", 1) == of("socket", 16) == ERROR | errno.EAFNOSUPPORT
    assert decide(program, 0x40000003, numbers["prctl"]) == ERROR | errno.ENOSYS
    assert decide(program, kind.audit, 0x40000000 | numbers["ptrace"]) == ERROR | errno.ENOSYS


@pytest.mark.parametrize("name", seccomp.MACHINES)
@given(number=st.integers(0, 600), arguments=st.lists(st.integers(0, 2**64 - 1), max_size=6))
def test_a_filter_always_comes_to_an_end(name: str, number: int, arguments: list[int]) -> None:
    kind = seccomp.MACHINES[name]
    program = seccomp.filter_program(kind, ())
    said = decide(program, kind.audit, number, *arguments)

    assert said == ALLOW or said & 0xFFFF0000 == ERROR


@given(st.dictionaries(st.text("AB_", min_size=1), st.text(), max_size=4))
def test_orders_are_one_word_after_the_other_whatever_a_value_holds(added: dict[str, str]) -> None:
    safe = {name: value for name, value in added.items() if value.isprintable()}
    lines = Orders((1, 2, 3), ((7, 5, 5),), None, b"\n ", safe).text().decode().splitlines()

    read = [line.split(" ") for line in lines if line.startswith("env ")]
    assert {bytes.fromhex(n).decode(): bytes.fromhex(v).decode() for _, n, v in read} == safe
    assert lines[:2] == ["calls 1 2 3", "limit 7 5 5"]


def test_a_level_that_could_not_be_tried_for_a_moment_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str | OSError] = [OSError("no more processes"), ""]

    def said(*_: object) -> str:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(levels, "_said", said)
    monkeypatch.setattr(levels, "_missing", lambda _: "")
    levels._tried_out.cache_clear()
    policy = SandboxPolicy(level="landlock")
    try:
        with pytest.raises(SandboxUnavailable, match="no more processes"):
            levels.confine(policy, str(tmp_path))
        for _ in range(2):
            assert levels.confine(policy, str(tmp_path)).level == "landlock"
    finally:
        levels._tried_out.cache_clear()


def test_a_program_that_others_can_change_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\n")
    (tmp_path / "bwrap").chmod(0o777)
    monkeypatch.setattr(programs, "_DIRECTORIES", (str(tmp_path),))

    assert programs.trusted.__wrapped__("bwrap") == ""


def test_keys_of_the_user_are_hidden_wherever_home_is(tmp_path: Path) -> None:
    for name in (".ssh", ".aws", ".config/gcloud"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".netrc").write_text("machine")
    (tmp_path / ".npmrc").touch()  # holds nothing

    found = {
        os.path.relpath(path, tmp_path)
        for path in hidden.hidden(str(tmp_path))
        if path.startswith(str(tmp_path))
    }
    assert found == {".ssh", ".aws", ".config/gcloud", ".netrc"}


def test_rules_to_read_leave_out_what_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "closed").mkdir()
    paths = {rule.path for rule in landlock.readable_but([str(tmp_path / "closed")])}

    assert str(tmp_path / "open") in paths
    assert not {str(tmp_path / "closed")} & paths


@pytest.mark.parametrize("root", ["/", "/etc", "/usr", "/home", "/var", "/proc/self"])
def test_nothing_is_said_to_be_held_where_programs_may_write_the_system(root: str) -> None:
    assert levels.confine(SandboxPolicy(level="auto"), root).level == "hygiene"
    with pytest.raises(SandboxUnavailable, match="workspace"):
        levels.confine(SandboxPolicy(level="bwrap"), root)


def test_a_home_directory_is_confined_only_where_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "project").mkdir(parents=True)

    assert not levels.confine(SandboxPolicy(), str(tmp_path / "home")).confines
    assert not levels.confine(SandboxPolicy(), str(tmp_path)).confines
    if trusted("bwrap"):
        within = str(tmp_path / "home" / "project")
        assert levels.confine(SandboxPolicy(), within).confines
        assert levels.confine(SandboxPolicy(level="bwrap"), str(tmp_path / "home")).confines


@pytest.mark.parametrize(("level", "store"), [("landlock", "data"), ("bwrap", ".")])
def test_a_level_that_cannot_close_a_store_in_the_workspace_is_not_given(
    tmp_path: Path, level: Any, store: str
) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(SandboxUnavailable, match="store"):
        levels.confine(SandboxPolicy(level=level), str(tmp_path), (str(tmp_path / store),))


def test_a_stand_in_that_was_left_behind_goes_with_the_next_command(tmp_path: Path) -> None:
    root = str(tmp_path)
    killed = """
import os, sys
from a3s_code.workspace.sandbox import protection
protection.StandIns().put(protection.protected_in((sys.argv[1],), "/nowhere"))
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", killed, root], check=False)
    assert (tmp_path / ".mcp.json").exists()

    again = protection.protected_in((root,), "/nowhere")
    stand_ins = protection.StandIns()
    stand_ins.put(again)
    stand_ins.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_stand_in_stays_for_as_long_as_a_command_needs_it(tmp_path: Path) -> None:
    found = protection.protected_in((str(tmp_path),), "/nowhere")
    stand_ins = protection.StandIns()
    stand_ins.put(found)
    stand_ins.put(found)
    stand_ins.remove()
    assert (tmp_path / ".git").is_dir()
    stand_ins.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_stand_in_stays_for_as_long_as_a_command_of_somebody_else_needs_it(
    tmp_path: Path,
) -> None:
    found = protection.protected_in((str(tmp_path),), "/nowhere")
    ours, theirs = protection.StandIns(), protection.StandIns()
    ours.put(found)
    theirs.put(found)
    theirs.remove()
    assert (tmp_path / ".vscode").exists()
    ours.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_made_in_place_of_a_stand_in_is_left_alone(tmp_path: Path) -> None:
    found = protection.protected_in((str(tmp_path),), "/nowhere")
    stand_ins = protection.StandIns()
    stand_ins.put(found)
    (tmp_path / ".git" / "config").write_text("[core]")
    stand_ins.remove()

    assert protection.restored(found) == []
    assert (tmp_path / ".git" / "config").read_text() == "[core]"


def test_a_tree_of_any_depth_and_any_rights_is_removed(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    top.mkdir()
    outside.write_text("as it was")
    here = Path.cwd()
    os.chdir(top)
    try:
        for number in range(1500):
            Path(f"{number}").write_text("x")
            Path("link").symlink_to(outside)
            Path("below").mkdir(mode=0o700)
            os.chdir("below")
        Path("closed").mkdir(mode=0o000)
    finally:
        os.chdir(here)

    assert removal.removed(str(top))
    assert not top.exists()
    assert outside.read_text() == "as it was"


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 300 * 1024])
def test_what_is_promised_is_read_as_a_whole(size: int) -> None:
    given = os.urandom(size)
    promise = Promise(lambda: given)
    with os.fdopen(promise.handed(10), "rb") as reader:
        promise.keep()
        assert reader.read() == given


def test_of_a_promise_that_is_larger_than_a_pipe_nothing_is_read() -> None:
    def refuse() -> bytes:
        raise OSError(errno.EROFS, "read-only")

    for work in (lambda: bytes(1 << 24), refuse):
        promise = Promise(work)
        with os.fdopen(promise.handed(10), "rb") as reader:
            with pytest.raises(OSError, match=r"."):
                promise.keep()
            promise.break_off()
            assert reader.read() == b""


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("bash: line 1: /etc/x: Read-only file system", Violation("path", "/etc/x")),
        ("cat: /etc/shadow: Permission denied", Violation("path", "/etc/shadow")),
        ("touch: cannot touch '/usr/a b': Read-only file system", Violation("path", "/usr/a b")),
        (
            "PermissionError: [Errno 13] Permission denied: '/root/.ssh/id'",
            Violation("path", "/root/.ssh/id"),
        ),
        ("curl: (6) Could not resolve host: example.org", Violation("host", "example.org")),
        (
            "Could not connect to https://user:word@pypi.org/simple: Network is unreachable",
            Violation("host", "pypi.org"),
        ),
        ("rm: cannot remove \u2018/a b\u2019: Permission denied", Violation("path", "/a b")),
        ("open '/x' : Operation not permitted", Violation("path", "/x")),
        ("Temporary failure in name resolution", Violation("host", "")),
    ],
)
def test_what_was_refused_is_read_from_what_was_printed(output: str, expected: Violation) -> None:
    assert violations(Exit(1, output.encode()), HELD) == (expected,)


def test_the_end_of_a_long_name_is_what_is_told() -> None:
    for mark in (b"", b"'", b"\xe2\x80\x98"):
        text = mark + b"a" * 60_000 + b"/x: Permission denied"
        (found,) = violations(Exit(1, text), HELD)
        assert len(found.name) <= 400
        assert found.name.endswith("a/x")


def test_a_command_that_succeeded_was_refused_nothing() -> None:
    assert violations(Exit(0, b"x: Permission denied"), HELD) == ()


@given(st.text())
def test_any_output_can_be_read(output: str) -> None:
    for found in violations(Exit(1, output.encode("utf-8", "surrogatepass")), HELD):
        assert len(found.name) <= 400
        assert not found.is_certain


# How many there may be


class Counted:
    """Stands for a tree of processes; only their number is asked for."""

    leader = 0

    def __init__(self, living: int) -> None:
        self._living = living

    def strays(self) -> dict[int, bytes]:
        return dict.fromkeys(range(self._living), b"")


async def test_a_wait_that_is_cancelled_while_it_ends_stays_cancelled() -> None:
    """Also when the bound is passed in the same turn, which cancels nothing else."""

    async def endless() -> None:
        await asyncio.Event().wait()

    tree: Any = Counted(2)
    waiting = asyncio.ensure_future(crowd.within(endless(), tree, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(crowd.TooMany):
        await crowd.within(endless(), tree, 1)
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0
    assert asyncio.all_tasks() == {current}


async def test_what_goes_wrong_while_they_are_counted_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def endless() -> None:
        await asyncio.Event().wait()

    def fails() -> int:
        raise OSError("nobody knows")

    monkeypatch.setattr(crowd, "last_id", fails)
    tree: Any = Counted(1)
    with pytest.raises(OSError, match="nobody knows"):
        await crowd.within(endless(), tree, 1)
