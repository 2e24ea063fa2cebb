"""Nothing gets out of a sandbox: every attempt of `probes.py`, at each level and in each form."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from a3s_code.errors import WorkspaceError
from a3s_code.kernel.confinement import (
    Confinement,
    SandboxLimits,
    SandboxPolicy,
    SandboxReads,
)
from a3s_code.kernel.workspace import Command, Exit
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.sandbox import landlock, launcher, levels, protection
from a3s_code.workspace.sandbox.protection import Protected, StandIns
from a3s_code.workspace.sandbox.sandbox import Sandbox
from needed import has_bwrap

PROBES = (Path(__file__).parent / "probes.py").read_text()
KEPT = 77
MARK = "SECRET_OF_THE_HOST"
LIMITS = SandboxLimits(
    cpu_s=2, processes=40, memory_bytes=1 << 30, open_files=64, file_bytes=1 << 20
)


class Place(NamedTuple):
    """
    Attributes:
        root: The workspace; `outside` is beside it.
    """

    root: Path
    outside: Path
    held: Confinement

    @property
    def processes(self) -> LocalProcesses:
        return LocalProcesses(self.root, held=self.held)

    async def run(self, *argv: str, timeout_s: float = 30.0) -> Exit:
        return await self.processes.run(Command(argv, timeout_s=timeout_s))

    async def attempt(self, name: str, *arguments: object) -> Exit:
        python = "/usr/bin/python3" if self.held.form == "dropped" else sys.executable
        return await self.run(python, "-I", "-c", PROBES, name, *map(str, arguments))


VIEWS = [("bwrap", "owner"), ("bwrap", "other")]
CASES = [*VIEWS, ("landlock", "owner"), ("landlock", "other")]


@pytest.fixture
def base() -> Iterator[Path]:
    """
    Give a directory that everybody may enter.

    Every run of pytest closes the directory of all others to other users.
    """
    with tempfile.TemporaryDirectory(prefix="a3s-code-escapes-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(params=CASES, ids="-".join)
def place(request: pytest.FixtureRequest, base: Path) -> Place:
    """Give a workspace of ours, or of somebody else, as only root can serve it."""
    return _place(base, *request.param)


@pytest.fixture(params=VIEWS, ids="-".join)
def view(request: pytest.FixtureRequest, base: Path) -> Place:
    """Give one of those at the level that can mount over a place."""
    return _place(base, *request.param)


def _place(base: Path, level: Any, whose: str) -> Place:
    needed = {
        "Linux": sys.platform == "linux",
        "bwrap": level != "bwrap" or has_bwrap(),
        "Landlock": level != "landlock" or landlock.abi() >= landlock.LEAST_ABI,
        "root": whose == "owner" or os.geteuid() == 0,
        "/usr/bin/python3": whose == "owner" or Path("/usr/bin/python3").exists(),
    }
    for name, is_there in needed.items():
        if not is_there:
            pytest.skip(f"needs {name}")
    root, outside = base / "ws", base / "outside"
    for each in (root, outside):
        each.mkdir()
    (outside / "file").write_text("as it was")
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / ".git" / "config").write_text("[core]\n")
    (root / ".vscode").mkdir()
    if whose == "other":
        for each in (root, *root.rglob("*"), outside, outside / "file"):
            os.chown(each, 64321, 64321)
    policy = SandboxPolicy(level=level, limits=LIMITS)
    held = levels.confine(policy, str(root))
    if os.geteuid() == 0:
        assert held.form == {"owner": "kept_root", "other": "dropped"}[whose]
    return Place(root, outside, held)


@contextlib.contextmanager
def unchanged(directory: Path) -> Iterator[None]:
    before = _digest(directory)
    yield
    assert _digest(directory) == before


def _digest(directory: Path) -> str:
    rows = [
        f"{path.relative_to(directory)} {path.lstat().st_mode} {path.read_bytes()!r}"
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    ]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


async def test_a_program_works_in_the_workspace_and_in_its_own_tmp(place: Place) -> None:
    script = 'echo x > made && echo y > "$TMPDIR/z" && cat made "$TMPDIR/z" && echo > /dev/null'
    ended = await place.run("sh", "-c", script)

    assert (ended.status, ended.output) == (0, b"x\ny\n")
    assert (place.root / "made").read_text() == "x\n"


# Files

FILES: list[tuple[str, tuple[str, ...]]] = [
    ("write", ("{outside}/new",)),
    ("write", ("{outside}/file",)),
    ("write", ("/etc/a3s-code-escaped",)),
    ("write", ("/usr/a3s-code-escaped",)),
    ("write", ("{home}/.a3s-code-escaped",)),
    ("write", ("../outside/file",)),
    ("write", ("/proc/sys/kernel/hostname",)),
    ("write", ("/proc/sys/kernel/core_pattern",)),
    ("write", ("/proc/sysrq-trigger",)),
    ("write", ("/sys/kernel/uevent_helper",)),
    ("setting", ("kernel/core_pattern",)),
    ("setting", ("vm/overcommit_memory",)),
    ("through_a_link", ("{outside}/file",)),
    ("through_a_link", ("/etc/hostname",)),
    ("through_a_hard_link", ("{outside}/file",)),
    ("over_proc_root", ("{outside}/file",)),
    ("device", ("memory",)),
    ("read", ("/etc/shadow",)),
    ("read", ("/etc/gshadow",)),
    ("read_device", ("/dev/mem",)),
    ("read_device", ("/dev/kmsg",)),
    ("read_device", ("/dev/vda",)),
    ("read_device", ("/dev/sda",)),
    ("read_device", ("/proc/kcore",)),
    ("make_with_owners_rights", ("suid",)),
    ("open_with_owners_rights", ("suid2",)),
    ("remount", ("/",)),
    ("remount", (".git/hooks",)),
    ("leave_by_chroot", ()),
]


@pytest.mark.parametrize(("name", "arguments"), FILES, ids=lambda it: " ".join(it) or "none")
async def test_nothing_outside_is_touched(
    place: Place, name: str, arguments: tuple[str, ...]
) -> None:
    words = {"outside": str(place.outside), "home": str(Path.home())}
    with unchanged(place.outside):
        ended = await place.attempt(name, *(each.format(**words) for each in arguments))

    assert ended.status == KEPT, ended.output
    assert b"a3s-code-escaped" not in (await place.run("ls", "/etc")).output


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("write", (".git/hooks/post-commit",)),
        ("write", (".git/config",)),
        ("write", (".git/config.worktree",)),
        ("write", (".mcp.json",)),
        ("write", (".vscode/tasks.json",)),
        ("write", (".claude/settings.json",)),
        ("rename_away", (".git", "config")),
        ("rename_away", (".git/hooks", "post-commit")),
        ("rename_away", (".vscode", "tasks.json")),
        ("swap_for_a_link", (".git", "elsewhere")),
    ],
    ids=" ".join,
)
async def test_what_is_protected_stays_as_it_is_also_when_it_is_not_there(
    view: Place, name: str, arguments: tuple[str, ...]
) -> None:
    with unchanged(view.root):
        ended = await view.attempt(name, *arguments)

    assert ended.status == KEPT, ended.output
    assert sorted(path.name for path in view.root.iterdir()) == [".git", ".vscode"]


@pytest.mark.parametrize("path", [".mcp.json", ".git/commondir"])
async def test_what_came_into_being_although_it_is_protected_is_removed_and_told(
    place: Place, path: str
) -> None:
    ended = await place.attempt("write", path)

    assert not (place.root / path).exists()
    if ended.status == 0:
        (said,) = ended.violations
        assert (said.name, said.is_certain) == (str(place.root / path), True)


async def test_what_was_planted_under_the_time_of_a_stand_in_is_found_all_the_same(
    place: Place,
) -> None:
    ended = await place.attempt("plant", ".idea", "workspace.xml", protection.STAMP_NS)

    assert not (place.root / ".idea").exists()
    if place.held.level == "landlock":
        assert [said.name for said in ended.violations] == [str(place.root / ".idea")]


async def test_a_hook_that_was_changed_in_its_place_is_told(place: Place) -> None:
    hook = place.root / ".git" / "hooks" / "pre-commit"
    hook.write_text("as it was")
    os.chown(hook, *(place.held.uid or 0, place.held.gid or 0)) if os.geteuid() == 0 else None
    ended = await place.attempt("change_unseen", ".git/hooks/pre-commit")

    if place.held.level == "landlock":
        assert [said.name for said in ended.violations] == [str(hook.parent)]
    else:
        assert hook.read_text() == "as it was"


async def test_a_protected_tree_that_is_too_deep_to_walk_is_removed_and_fails_nothing(
    place: Place,
) -> None:
    ended = await place.attempt("deep", ".idea", 1200)

    assert ended.status == (KEPT if place.held.level == "bwrap" else 0), ended.output
    assert not (place.root / ".idea").exists()


async def test_no_repository_comes_into_being_around_the_workspace(view: Place) -> None:
    shutil.rmtree(view.root / ".git")
    await view.run("sh", "-c", "mkdir objects refs; echo [core] > config; echo ref: x > HEAD")

    assert not (view.root / "HEAD").exists()


@pytest.mark.parametrize(
    "target", ["src", "/etc/passwd", "nowhere", "../outside", "../outside/file"]
)
@pytest.mark.parametrize("name", [".git", ".mcp.json", ".bashrc", ".envrc"])
async def test_a_protected_link_stays_and_keeps_no_command_from_running(
    place: Place, name: str, target: str
) -> None:
    shutil.rmtree(place.root / ".git")
    (place.root / "src").mkdir()
    (place.root / "src" / "file").write_text("as it was")
    (place.root / name).symlink_to(target)
    with unchanged(place.outside):
        ended = await place.run("sh", "-c", f"echo ran; rm {name}; mkdir {name}; echo x > src/file")

    assert ended.output.startswith(b"ran\n")
    assert os.readlink(place.root / name) == target  # noqa: PTH115
    if target == "src" and place.held.level == "bwrap":
        assert (place.root / "src" / "file").read_text() == "as it was"


async def test_what_is_hidden_is_not_shown_through_a_protected_link(view: Place) -> None:
    (view.outside / "file").write_text(MARK)
    (view.root / ".vscode").rmdir()
    (view.root / ".vscode").symlink_to("../outside")
    reads = SandboxReads("deny_list", (str(view.outside),))
    held = levels.confine(SandboxPolicy(level="bwrap", read=reads), str(view.root))
    script = "echo ran; cat .vscode/file ../outside/file"
    ended = await view._replace(held=held).run("sh", "-c", script)

    assert ended.output.startswith(b"ran\n")
    assert MARK.encode() not in ended.output


async def test_settings_that_are_there_are_not_changed_whoever_reads_them(view: Place) -> None:
    settings = view.root / ".envrc"
    settings.write_text("as it was")
    await view.run("sh", "-c", "echo changed > .envrc; rm -f .envrc")

    assert settings.read_text() == "as it was"


async def test_shared_memory_is_bounded_and_nothing_else_of_the_devices_takes_files(
    view: Place,
) -> None:
    policy = SandboxPolicy(level="bwrap", limits=SandboxLimits(tmp_bytes=1 << 20))
    small = view._replace(held=levels.confine(policy, str(view.root)))
    ended = await small.run("sh", "-c", "head -c 4194304 /dev/zero > /dev/shm/x; stat -c %s $_")
    assert ended.status != 0 or int(ended.output.split()[-1]) <= 1 << 20
    assert b"No space left" in ended.output
    assert (await small.run("sh", "-c", "echo x > /dev/x")).status != 0


async def test_no_terminal_of_the_user_is_opened(place: Place) -> None:
    master, slave = os.openpty()
    try:
        if os.geteuid() == 0:
            os.chown(os.ttyname(slave), place.held.uid or 0, place.held.gid or 0)
        ended = await place.attempt("terminal", os.ttyname(slave))
    finally:
        os.close(master)
        os.close(slave)

    assert ended.status == KEPT, ended.output


# Processes


@pytest.mark.parametrize("name", ["send_signal", "trace", "read_memory"])
@pytest.mark.parametrize("whom", ["the host", "its parent"])
async def test_no_process_outside_is_reached(place: Place, name: str, whom: str) -> None:
    pid = os.getpid() if whom == "the host" else os.getppid()
    ended = await place.attempt(name, pid)

    assert ended.status == KEPT, ended.output


async def test_nobodys_environment_is_seen(place: Place) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "60", env={MARK: "1"})
    try:
        ended = await place.attempt("see_any", MARK)
    finally:
        bystander.kill()
        await bystander.wait()

    assert ended.status == KEPT, ended.output


@pytest.mark.parametrize(
    "name", ["trace_child", "descriptors", "new_rights", "terminal_input", "io_uring"]
)
async def test_nothing_is_inherited_or_gained(place: Place, name: str) -> None:
    fd = os.open("/etc", os.O_RDONLY)
    try:
        os.set_inheritable(fd, True)
        ended = await place.attempt(name)
    finally:
        os.close(fd)

    assert ended.status == KEPT, ended.output


async def test_there_is_no_capability_and_none_to_be_had(place: Place) -> None:
    # Only root can empty the bounding set; to others it gives nothing, without new privileges.
    is_bounded = place.held.form != "user" or place.held.level == "bwrap"
    sets = ("CapEff", "CapPrm", "CapAmb", *(("CapBnd",) if is_bounded else ()))
    ended = await place.attempt("capability", *sets)

    assert ended.status == KEPT, ended.output


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("namespace", ("10000000",)),
        ("namespace", ("00020000",)),
        ("namespace", ("40000000",)),
        ("namespace_by_clone", ("10000000",)),
        ("namespace_by_clone3", ()),
        ("namespace_by_program", ()),
        *(
            ("call_exists", (name,))
            for name in (
                *("bpf", "perf_event_open", "userfaultfd", "keyctl", "kexec_load", "init_module"),
                *("syslog", "open_by_handle_at", "open_tree", "fsopen", "pidfd_getfd", "setns"),
            )
        ),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, tuple) else it,
)
async def test_the_kernel_is_not_asked_for_more(
    place: Place, name: str, arguments: tuple[str, ...]
) -> None:
    ended = await place.attempt(name, *arguments)

    assert ended.status == KEPT, ended.output


# Network


@pytest.mark.parametrize("how", ["connect", "bash_connect"])
async def test_no_server_of_the_host_is_reached(place: Place, how: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        ended = await place.attempt(how, "127.0.0.1", server.getsockname()[1])
        with pytest.raises(BlockingIOError):
            server.accept()

    assert ended.status == KEPT, ended.output


async def test_no_datagram_leaves(place: Place) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0)
        ended = await place.attempt("datagram", "127.0.0.1", server.getsockname()[1])
        with pytest.raises(BlockingIOError):
            server.recv(8)

    assert ended.status == KEPT, ended.output


@pytest.mark.parametrize("address", ["{root}/sock", "@a3s-code-escape-probe"])
async def test_no_local_socket_is_reached(place: Place, address: str) -> None:
    name = address.format(root=place.root)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + name[1:] if name.startswith("@") else name)
        server.listen()
        ended = await place.attempt("unix", name)

    assert ended.status == KEPT, ended.output


@pytest.mark.parametrize(
    ("number", "kind"), [(16, 3), (17, 3), (40, 1), (38, 5), (1, 1), (2, 3), (10, 3)]
)
async def test_no_socket_of_another_family_is_made(place: Place, number: int, kind: int) -> None:
    ended = await place.attempt("family", number, kind)

    assert ended.status == KEPT, ended.output


# Limits


async def test_a_fork_bomb_ends(place: Place) -> None:
    ended = await place.attempt("forks", 200)

    assert ended.status == KEPT or any(each.kind == "limit" for each in ended.violations)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("memory", (4 << 30,)), ("descriptors_flood", (200,)), ("big_file", (4 << 20,))],
)
async def test_a_bomb_is_contained(place: Place, name: str, arguments: tuple[int, ...]) -> None:
    ended = await place.attempt(name, *arguments)

    assert ended.status == KEPT, ended.output
    assert not (place.root / "big").exists() or (place.root / "big").stat().st_size <= 1 << 20


async def test_the_processor_is_not_taken_for_ever(place: Place) -> None:
    limits = msgspec.structs.replace(LIMITS, cpu_s=1)
    policy = msgspec.structs.replace(place.held.policy, limits=limits)
    held = msgspec.structs.replace(place.held, policy=policy)
    ended = await place._replace(held=held).attempt("processor")

    assert ended.status > 128, ended.output


# Programs of the caller's own before ours


async def test_nothing_that_a_call_adds_to_the_environment_reaches_a_helper(place: Place) -> None:
    evil = place.root / "evil.pl"
    evil.write_text("BEGIN { open(F, '>', 'reached') } 1;")
    added = {
        "PERL5OPT": "-Mevil",
        "PERL5LIB": str(place.root),
        "LD_PRELOAD": str(place.root / "evil.so"),
        "BASH_ENV": str(evil),
        "PATH": f"{place.root}:{os.environ['PATH']}",
    }
    for name in ("bwrap", "setpriv", "perl"):
        (place.root / name).write_text("#!/bin/sh\ntouch reached\n")
        (place.root / name).chmod(0o755)
    command = Command(("/bin/sh", "-c", "true"), extra_env=added)
    await place.processes.run(command)

    assert not (place.root / "reached").exists()


@pytest.mark.parametrize("given", ["C.UTF-8", ""])
@pytest.mark.parametrize("launched_by", ["perl", "python"])
async def test_a_program_has_the_locale_of_the_host_and_not_that_of_the_launcher(
    place: Place, launched_by: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    if given:
        monkeypatch.setenv("LC_ALL", given)
    if launched_by == "python":
        _launch_by_python(place, monkeypatch)
    ended = await place.run("sh", "-c", 'echo "${LC_ALL-none}"')

    assert ended.output.decode() == f"{given or 'none'}\n"


async def test_a_command_leaves_its_status_where_it_cannot_write(
    place: Place, tmp_path: Path
) -> None:
    record = tmp_path / "exits" / "s" / "record"
    script = f"echo 0 > {record}; echo 0 > {record}.new; exit 7"
    command = Command(("sh", "-c", script), exit_record=str(record))
    ended = await place.processes.run(command)

    assert ended.status == 7
    assert record.read_text() == "7"


@pytest.mark.parametrize("where", [".git/objects", ".git/secret", ".vscode"])
async def test_a_policy_can_hide_what_is_protected_or_in_it(view: Place, where: str) -> None:
    directory = view.root / where
    directory.mkdir(exist_ok=True)
    (directory / "key").write_text(MARK)
    reads = SandboxReads("deny_list", (str(directory),))
    held = levels.confine(SandboxPolicy(level="bwrap", read=reads), str(view.root))
    ended = await view._replace(held=held).run("cat", f"{where}/key")

    assert MARK.encode() not in ended.output


async def test_keys_of_the_user_whose_rights_programs_have_are_hidden(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = _place(base, "bwrap", "other")
    home = base / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "key").write_text(MARK)
    for each in (home, *home.rglob("*")):
        os.chown(each, 64321, 64321)
    known = pwd.struct_passwd(("them", "x", 64321, 64321, "", str(home), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: known)
    ended = await view.run("cat", f"{home}/.ssh/key")

    assert ended.status != 0
    assert MARK.encode() not in ended.output


async def test_a_place_of_the_harness_in_the_workspace_is_neither_seen_nor_replaced(
    view: Place,
) -> None:
    store = view.root / "data" / "sessions"
    store.mkdir(parents=True)
    (store / "sessions.db").write_text(MARK)
    if view.held.uid is not None:
        for each in (store.parent, store, store / "sessions.db"):
            os.chown(each, view.held.uid, view.held.uid)
    held = levels.confine(SandboxPolicy(level="bwrap"), str(view.root), (str(store),))
    with unchanged(view.root):
        ended = await view._replace(held=held).run(
            "sh",
            "-c",
            "cat data/sessions/*; rm -rf data; mv data x; echo x > data/sessions/x; true",
        )

    assert ended.status == 0
    assert MARK.encode() not in ended.output
    assert (store / "sessions.db").read_text() == MARK


@pytest.mark.parametrize("inside", [True, False])
async def test_a_policy_can_hide_more(place: Place, inside: bool) -> None:
    if inside and place.held.level != "bwrap":
        return  # what may be written can be read there; docs/sandbox.md
    secret = (place.root if inside else place.root.parent) / "secret"
    secret.write_text("hidden")
    secret.chmod(0o644)
    reads = msgspec.structs.replace(place.held.policy.read, paths=(str(secret),))
    policy = msgspec.structs.replace(place.held.policy, read=reads)
    held = msgspec.structs.replace(place.held, policy=policy)
    ended = await Place(place.root, place.outside, held).attempt("read", secret)

    assert ended.status == KEPT, ended.output


# Whether the attempts are any good


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("write", ("{outside}/new",)),
        ("through_a_link", ("{outside}/file",)),
        ("through_a_hard_link", ("{outside}/file",)),
        ("write", (".git/hooks/post-commit",)),
        ("rename_away", (".git", "config")),
        ("swap_for_a_link", (".git", "elsewhere")),
        ("make_with_owners_rights", ("suid",)),
        ("open_with_owners_rights", ("suid2",)),
        ("send_signal", ("{pid}",)),
        ("trace_child", ()),
        ("terminal_input", ()),
        ("family", ("16", "3")),
        ("family", ("1", "1")),
        ("connect", ("127.0.0.1", "{port}")),
        ("bash_connect", ("127.0.0.1", "{port}")),
        ("forks", ("60", "0")),
        ("descriptors_flood", ("200",)),
        ("big_file", (str(4 << 20),)),
        ("call_exists", ("bpf",)),
        ("call_exists", ("keyctl",)),
        ("call_exists", ("fsopen",)),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, tuple) else it,
)
async def test_the_same_attempts_succeed_where_nothing_holds_them(
    tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    if os.geteuid() != 0 and name in {"call_exists", "terminal_input"}:
        pytest.skip("needs root")
    root, outside = tmp_path / "ws", tmp_path / "outside"
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / ".git" / "config").touch()
    outside.mkdir()
    (outside / "file").touch()
    place = Place(root, outside, levels.confine(SandboxPolicy(level="hygiene"), str(root)))
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = {"outside": outside, "pid": os.getpid(), "port": server.getsockname()[1]}
        ended = await place.attempt(name, *(each.format(**words) for each in arguments))

    assert ended.status == 0, ended.output


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("write", ("/etc/a3s-code-escaped",)),
        ("call_exists", ("bpf",)),
        ("family", ("1", "1")),
        ("forks", ("200",)),
        ("descriptors_flood", ("200",)),
        ("descriptors", ()),
        ("new_rights", ()),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, tuple) else it,
)
async def test_the_launcher_in_python_holds_the_same(
    place: Place, name: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    _launch_by_python(place, monkeypatch)
    ended = await place.attempt(name, *arguments)

    assert ended.status == KEPT or ended.violations, ended.output


def _launch_by_python(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "trusted", lambda _: "")
    if place.held.form == "dropped":  # this Python may be where nobody else gets
        monkeypatch.setattr(launcher.sys, "executable", "/usr/bin/python3")
        monkeypatch.setattr(launcher, "__file__", _copied(place.root))


def _copied(directory: Path) -> str:
    copy = directory / "launch.py"
    copy.write_bytes(Path(launcher.__file__).with_name("launch.py").read_bytes())
    copy.chmod(0o644)
    return str(copy.with_name("launcher.py"))


# The end


BACKGROUND = "(setsid sh -c 'sleep 300 & exec sleep 301' >/dev/null 2>&1 &) ; sleep 0.2; echo up"


def _living(mark: str) -> list[str]:
    found = subprocess.run(
        ["grep", "-lsaF", "-e", mark, *map(str, Path("/proc").glob("[0-9]*/environ"))],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.split()


async def test_nothing_outlives_its_command(place: Place) -> None:
    mark = os.urandom(8).hex()
    command = Command(("sh", "-c", BACKGROUND), extra_env={"WHOSE": mark})
    ended = await place.processes.run(command)

    assert ended.output == b"up\n"
    assert _living(mark) == []


async def test_nothing_outlives_a_command_that_is_cancelled(place: Place) -> None:
    mark = os.urandom(8).hex()
    started = asyncio.Event()
    script = f"{BACKGROUND}; exec sleep 302"
    command = Command(("sh", "-c", script), extra_env={"WHOSE": mark})
    running = asyncio.ensure_future(place.processes.run(command, lambda _: started.set()))
    await asyncio.wait_for(started.wait(), 20)
    assert _living(mark)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert _living(mark) == []


HARNESS = """
import asyncio, sys
from a3s_code.kernel.confinement import SandboxPolicy
from a3s_code.kernel.workspace import Command
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.sandbox.levels import confine

root, level, mark, script = sys.argv[1:]
held = confine(SandboxPolicy(level=level), root)
programs = LocalProcesses(root, guard=Guard(), held=held)
command = Command(("sh", "-c", script + "; exec sleep 303"), extra_env={"WHOSE": mark})
asyncio.run(programs.run(command, lambda piece: print(piece.decode(), flush=True)))
"""


async def test_nothing_outlives_the_harness_that_is_killed(place: Place) -> None:
    mark = os.urandom(8).hex()
    arguments = (str(place.root), place.held.level, mark, BACKGROUND)
    harness = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HARNESS, *arguments), stdout=asyncio.subprocess.PIPE
    )
    assert harness.stdout is not None
    assert await harness.stdout.readline() == b"up\n"
    assert _living(mark)
    harness.kill()
    await harness.communicate()
    for _ in range(60):  # within three seconds
        if not (left := _living(mark)):
            break
        await asyncio.sleep(0.05)

    assert left == []


async def test_a_workspace_that_is_made_later_can_be_written(place: Place) -> None:
    root = place.root / "later"
    processes = LocalProcesses(root, held=place.held)
    root.mkdir()
    os.chown(root, place.held.uid or -1, place.held.gid or -1)
    ended = await processes.run(Command(("touch", "made")))

    assert (ended.status, (root / "made").exists()) == (0, True), ended.output


async def test_a_program_whose_view_never_came_does_not_run(view: Place) -> None:
    prepared = Sandbox(view.held, str(view.root)).prepare(
        ("touch", str(view.root / "ran")), {"PATH": os.defpath}, {}, str(view.root)
    )
    started = await asyncio.create_subprocess_exec(
        *prepared.argv, env=prepared.environment, pass_fds=prepared.fds, cwd=view.root
    )
    prepared.close()
    prepared.end()

    assert await asyncio.wait_for(started.wait(), 20) != 0
    assert sorted(path.name for path in view.root.iterdir()) == [".git", ".vscode"]


def _descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


async def test_a_workspace_that_cannot_be_protected_runs_nothing(
    view: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    processes = view.processes
    await processes.run(Command(("true",)))
    before = _descriptors()
    monkeypatch.setattr(StandIns, "put", refuse)
    with pytest.raises(WorkspaceError, match="touch cannot be started"):
        await processes.run(Command(("touch", "ran")))

    assert _descriptors() == before
    assert not (view.root / "ran").exists()


async def test_a_command_that_is_cancelled_while_it_is_prepared_leaves_nothing(
    view: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on, put = threading.Event(), threading.Event(), StandIns.put

    def slowly(self: StandIns, protected: Protected) -> None:
        reached.set()
        assert go_on.wait(20)
        put(self, protected)

    monkeypatch.setattr(StandIns, "put", slowly)
    running = asyncio.ensure_future(view.processes.run(Command(("touch", "ran"))))
    assert await asyncio.to_thread(reached.wait, 20)
    running.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert sorted(path.name for path in view.root.iterdir()) == [".git", ".vscode"]


async def test_stand_ins_are_gone_when_commands_ran_together(view: Place) -> None:
    processes = view.processes
    script = "sleep 0.$1; touch .mcp.json .claude/x"
    commands = [Command(("sh", "-c", script, "sh", str(n))) for n in range(1, 6)]
    ended = await asyncio.gather(*map(processes.run, commands))

    assert all(each.status for each in ended)
    assert sorted(path.name for path in view.root.iterdir()) == [".git", ".vscode"]
