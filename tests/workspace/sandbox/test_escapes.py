"""Nothing gets out of a sandbox: every attempt of `probes.py`, at each level and in each form."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from a3s_code.kernel.confinement import (
    Confinement,
    SandboxLimits,
    SandboxPolicy,
    SandboxReads,
)
from a3s_code.kernel.workspace import Command, Exit
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.sandbox import launcher, levels, protection
from a3s_code.workspace.sandbox.programs import trusted

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


@pytest.fixture(params=CASES, ids="-".join)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a workspace of ours, or of somebody else, as only root can serve it."""
    return _place(tmp_path, *request.param)


@pytest.fixture(params=VIEWS, ids="-".join)
def view(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give one of those at the level that can mount over a place."""
    return _place(tmp_path, *request.param)


def _place(tmp_path: Path, level: Any, whose: str) -> Place:
    needed = {
        "Linux": sys.platform == "linux",
        "bwrap": level != "bwrap" or trusted("bwrap"),
        "root": whose == "owner" or os.geteuid() == 0,
        "/usr/bin/python3": whose == "owner" or Path("/usr/bin/python3").exists(),
    }
    for name, is_there in needed.items():
        if not is_there:
            pytest.skip(f"needs {name}")
    root, outside = tmp_path / "ws", tmp_path / "outside"
    for each in (root, outside):
        each.mkdir()
    (outside / "file").write_text("as it was")
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / ".git" / "config").write_text("[core]\n")
    (root / ".vscode").mkdir()
    if whose == "other":
        for each in (tmp_path, *tmp_path.parents[:2]):
            each.chmod(0o755)
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

    assert ended.status == 0, ended.output
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
    "name", ["trace_child", "descriptors", "capability", "new_rights", "terminal_input", "io_uring"]
)
async def test_nothing_is_inherited_or_gained(place: Place, name: str) -> None:
    fd = os.open("/etc", os.O_RDONLY)
    try:
        os.set_inheritable(fd, True)
        ended = await place.attempt(name)
    finally:
        os.close(fd)

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
    ended = await place.attempt("processor")

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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = _place(tmp_path, "bwrap", "other")
    home = tmp_path / "home"
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
        ("forks", ("60",)),
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
    monkeypatch.setattr(launcher, "trusted", lambda _: "")
    if place.held.form == "dropped":  # this Python may be where nobody else gets
        monkeypatch.setattr(launcher.sys, "executable", "/usr/bin/python3")
        monkeypatch.setattr(launcher, "__file__", _copied(place.root))
    ended = await place.attempt(name, *arguments)

    assert ended.status == KEPT or ended.violations, ended.output


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
    await harness.wait()
    for _ in range(60):  # within three seconds
        if not (left := _living(mark)):
            break
        await asyncio.sleep(0.05)

    assert left == []
