from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from a3s_code.errors import InvalidValue, PathRefused, ProgramMissing, WorkspaceError
from a3s_code.kernel.workspace import Command, Exit
from a3s_code.workspace import process_tree, program
from a3s_code.workspace import processes as module
from a3s_code.workspace.process_tree import MARK, started_since
from a3s_code.workspace.processes import LocalProcesses

from .conftest import open_descriptors, until

PACKAGES = os.pathsep.join([str(Path(module.__file__).parents[2]), *filter(None, sys.path)])


@pytest.fixture
def processes(tmp_path: Path) -> LocalProcesses:
    return LocalProcesses(tmp_path)


def bash(script: str, **options: object) -> Command:
    return Command(("bash", "-c", script), **options)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


async def pids_in(path: Path, count: int) -> list[int]:
    """Wait until `count` processes have written their ids there."""
    await until(lambda: len(words(path)) >= count)
    return [int(word) for word in words(path)]


def words(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


async def test_output_and_errors_keep_their_order(processes: LocalProcesses) -> None:
    for _ in range(20):
        end = await processes.run(bash("echo one; echo two >&2; echo three"))
        assert end == Exit(0, b"one\ntwo\nthree\n")


async def test_errors_can_be_kept_apart(processes: LocalProcesses) -> None:
    shown: list[bytes] = []
    end = await processes.run(bash("echo out; echo err >&2", separate_stderr=True), shown.append)
    assert (end.output, end.stderr) == (b"out\n", b"err\n")
    assert shown == [b"out\n"]


async def test_the_status_tells_how_it_ended(processes: LocalProcesses) -> None:
    assert (await processes.run(bash("exit 7"))).status == 7
    assert (await processes.run(bash("kill -TERM $$"))).status == 128 + signal.SIGTERM
    late = await processes.run(bash("echo early; sleep 50", timeout_s=0.3))
    assert (late.status, late.timed_out, late.output) == (124, True, b"early\n")


async def test_the_program_reads_what_it_is_given_and_else_the_end(
    processes: LocalProcesses,
) -> None:
    data = os.urandom(3_000_000)
    assert (await processes.run(Command(("cat",), stdin=data))).output == data
    assert await processes.run(Command(("cat",), timeout_s=10)) == Exit(0, b"")


async def test_no_shell_sees_the_arguments(processes: LocalProcesses) -> None:
    hostile = ("$(touch pwned)", "a;b", "'\"", "new\nline", "*", "`id`")
    end = await processes.run(Command(("printf", "%s\\0", *hostile)))
    assert end.output.decode().split("\0")[:-1] == list(hostile)


async def test_it_runs_in_a_directory_of_the_workspace(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "out").symlink_to("/etc")
    assert (await processes.run(Command(("pwd",)))).output.decode() == f"{tmp_path}\n"
    assert (
        await processes.run(Command(("pwd",), cwd="src"))
    ).output.decode() == f"{tmp_path}/src\n"
    for cwd in ("..", "/etc", "out", "nothing"):
        with pytest.raises(PathRefused):
            await processes.run(Command(("pwd",), cwd=cwd))


@pytest.mark.parametrize("free", [0, 1, 2, 3])
async def test_without_free_descriptors_nothing_is_started_and_that_is_said(
    free: int, processes: LocalProcesses
) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + free, before[1]))
    try:
        with pytest.raises(WorkspaceError, match=r"Too many open files|cannot be"):
            await processes.run(bash("true"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_a_missing_workspace_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be opened"):
        await LocalProcesses(tmp_path / "none").run(Command(("true",)))


async def test_a_program_that_is_not_there_is_named(processes: LocalProcesses) -> None:
    with pytest.raises(ProgramMissing, match="no-such-program is not installed"):
        await processes.run(Command(("no-such-program",)))
    with pytest.raises(WorkspaceError) as error:
        await processes.run(Command(("/bin/true", "x" * 3_000_000)))
    assert error.value.hint == "pass long text through a file"
    for argv in ((), ("true", "a\0b"), ("true", "\ud800")):
        with pytest.raises(InvalidValue):
            await processes.run(Command(argv))


async def test_a_part_of_the_path_that_is_closed_to_us_does_not_hide_what_is_wrong(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    (tmp_path / "tool").touch()  # there, and not executable
    (tmp_path / "tool").chmod(0o644)
    with pytest.raises(ProgramMissing):
        await processes.run(Command(("tool",), extra_env={"PATH": str(tmp_path)}))
    with pytest.raises(ProgramMissing):
        await processes.run(Command(("tool",), extra_env={"PATH": f"{tmp_path}:/bin"}))
    end = await processes.run(Command(("true",), extra_env={"PATH": f"{tmp_path}/tool:/bin"}))
    assert end.status == 0


async def test_the_middle_of_much_output_is_dropped_and_counted(processes: LocalProcesses) -> None:
    script = "head -c 5000000 /dev/zero | tr '\\0' a; echo END"
    end = await processes.run(bash(f"echo START; {script}", max_output_bytes=1_000))
    assert len(end.output) == 1_000
    assert end.output.startswith(b"START\naaa")
    assert end.output.endswith(b"aaaEND\n")
    assert end.dropped_bytes == 5_000_010 - 1_000


async def test_a_flood_is_bounded_and_ends_with_the_timeout(processes: LocalProcesses) -> None:
    end = await processes.run(bash("yes", timeout_s=0.3, max_output_bytes=10_000))
    assert end.timed_out
    assert len(end.output) == 10_000
    assert end.dropped_bytes > 0


async def test_output_is_shown_as_it_comes(processes: LocalProcesses, tmp_path: Path) -> None:
    shown: list[bytes] = []
    os.mkfifo(tmp_path / "fifo")
    ran = asyncio.ensure_future(processes.run(bash("echo a; read < fifo; echo b"), shown.append))
    await until(lambda: bool(shown))
    assert shown == [b"a\n"]
    await processes.run(bash("echo > fifo"))
    await asyncio.wait_for(ran, 20)
    assert shown == [b"a\n", b"b\n"]


async def test_a_viewer_that_fails_ends_the_program_and_is_heard(
    processes: LocalProcesses,
) -> None:
    def broken(_piece: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(processes.run(bash("echo $$; sleep 50"), broken), 20)


SECRETS = {
    "ANTHROPIC_API_KEY": "canary",
    "OPENAI_API_KEY": "canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
    "GITHUB_TOKEN": "canary",
    "DATABASE_URL": "postgres://u:canary@h/d",
    "HTTPS_PROXY": "http://u:canary@h",
    "LD_PRELOAD_X": "canary",
    "BASH_ENV": "/canary",
    "PYTHONPATH": "/canary",
    "SSH_AUTH_SOCK": "/canary",
}


async def test_no_secret_of_the_host_reaches_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("HOUSE", "allowed")
    processes = LocalProcesses(tmp_path, pass_env=["HOUSE"])
    end = await processes.run(Command(("env",), extra_env={"GIVEN": "yes", "TERM": "ours"}))
    lines = end.output.decode().splitlines()
    assert not [line for line in lines if "canary" in line]
    assert {"LC_ALL=C", "HOUSE=allowed", "GIVEN=yes", "TERM=ours"} <= set(lines)


async def test_a_program_gets_no_descriptor_besides_the_three(processes: LocalProcesses) -> None:
    secret = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        end = await processes.run(
            Command((sys.executable, "-c", "import os; print(os.listdir('/proc/self/fd'))"))
        )
    finally:
        os.close(secret)
    assert end.output == b"['0', '1', '2', '3']\n"  # 3 is that of listdir itself


async def test_a_program_has_no_terminal_and_a_session_of_its_own(
    processes: LocalProcesses,
) -> None:
    script = "import os; print(os.getsid(0) == os.getpgid(0) == os.getpid())"
    assert (await processes.run(Command((sys.executable, "-c", script)))).output == b"True\n"
    assert (await processes.run(bash("exec < /dev/tty"))).status == 1


SILENT = "> /dev/null 2>&1 < /dev/null"
NOTE = "echo $$ >> pids"
CHILD = f"sh -c '{NOTE}; sleep 100'"
DAEMON = f"(setsid sh -c '{NOTE}; exec sleep 100' {SILENT} &)"
TREES = {
    "child": f"{CHILD} & {NOTE}; wait",
    "deaf to signals": f"trap '' TERM INT HUP; {NOTE}; {NOTE}; while :; do sleep 1; done",
    "own session": f"setsid {CHILD} & {NOTE}; wait",
    "own group": f"set -m; {CHILD} & {NOTE}; wait",
    "double fork": f"{DAEMON}; {NOTE}; exec sleep 100",
    "cleared environment": f"env -i setsid {CHILD} & {NOTE}; wait",
    "stopped": f"sh -c '{NOTE}; kill -STOP $$; sleep 100' & {NOTE}; wait",
    "deep down": f"f() {{ setsid {CHILD}; }}; ( ( f; true ) & wait; true ) & {NOTE}; wait",
}


@pytest.mark.parametrize("script", TREES.values(), ids=TREES.keys())
async def test_the_whole_tree_is_gone_after_a_cancel(
    processes: LocalProcesses, tmp_path: Path, script: str
) -> None:
    ran = asyncio.ensure_future(processes.run(bash(script)))
    pids = await pids_in(tmp_path / "pids", 2)
    assert all(map(alive, pids))
    ran.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(ran), 20)
    assert not [pid for pid in pids if alive(pid)]


async def test_a_process_that_begins_a_program_just_then_is_gone_after_a_cancel(
    processes: LocalProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment cannot be read for a moment."""
    looked: set[str] = set()
    contents = process_tree._contents

    def blank_at_first(path: str) -> bytes:
        is_first = path.endswith("/environ") and path not in looked
        looked.add(path)
        return b"" if is_first else contents(path)

    ran = asyncio.ensure_future(processes.run(bash(TREES["double fork"])))
    pids = await pids_in(tmp_path / "pids", 2)
    monkeypatch.setattr(process_tree, "_contents", blank_at_first)
    ran.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(ran), 20)
    assert not [pid for pid in pids if alive(pid)]


@pytest.mark.parametrize("script", TREES.values(), ids=TREES.keys())
async def test_the_whole_tree_is_gone_after_the_timeout(
    processes: LocalProcesses, tmp_path: Path, script: str
) -> None:
    end = await asyncio.wait_for(processes.run(bash(script, timeout_s=0.7)), 20)
    assert end.timed_out
    pids = await pids_in(tmp_path / "pids", 2)
    assert not [pid for pid in pids if alive(pid)]


@pytest.mark.parametrize(
    "background",
    [
        "sleep 100 & echo $! > pids",
        "nohup sleep 100 > /dev/null 2>&1 & echo $! > pids",
        f"{DAEMON}; while [ ! -s pids ]; do sleep 0.01; done",
    ],
    ids=["job", "nohup", "daemon"],
)
async def test_nothing_in_the_background_outlives_the_call(
    processes: LocalProcesses, tmp_path: Path, background: str
) -> None:
    end = await asyncio.wait_for(processes.run(bash(f"{background}; echo done")), 20)
    assert end == Exit(0, b"done\n")
    assert not [pid for pid in await pids_in(tmp_path / "pids", 1) if alive(pid)]


async def test_a_daemon_is_found_among_many_younger_processes(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    script = f"{DAEMON}; while [ ! -s pids ]; do sleep 0.01; done; for i in {{1..80}}; do env; done"
    await asyncio.wait_for(processes.run(bash(script)), 60)
    assert not [pid for pid in await pids_in(tmp_path / "pids", 1) if alive(pid)]


async def test_output_that_is_still_on_its_way_is_not_lost(processes: LocalProcesses) -> None:
    end = await processes.run(bash("exec > >(sleep 0.05; cat); echo late"))
    assert end.output == b"late\n"


@pytest.fixture
def bystander() -> Iterator[int]:
    """A process of the host that is none of ours."""
    with subprocess.Popen(["sleep", "100"], start_new_session=True) as other:
        yield other.pid
        other.kill()


async def test_others_are_left_alone(processes: LocalProcesses, bystander: int) -> None:
    await processes.run(bash("sleep 100 & sleep 100", timeout_s=0.2))
    await processes.run(bash("sleep 100 &"))
    assert alive(bystander)


async def test_a_harness_inside_a_command_is_killed_with_its_own_commands(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    inner = (
        "import asyncio, sys; from a3s_code.kernel.workspace import Command;"
        "from a3s_code.workspace.processes import LocalProcesses;"
        "asyncio.run(LocalProcesses('.').run(Command(('sh', '-c', 'echo $$ > pids; sleep 100'))))"
    )
    command = Command((sys.executable, "-c", inner), extra_env={"PYTHONPATH": PACKAGES})
    ran = asyncio.ensure_future(processes.run(command))
    pids = await pids_in(tmp_path / "pids", 1)
    ran.cancel()
    await asyncio.wait({ran})
    assert not [pid for pid in pids if alive(pid)]


def zombies() -> list[int]:
    mine: list[int] = []
    for pid in started_since(-1):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] == "Z" and int(fields[1]) == os.getpid():
            mine.append(pid)
    return mine


async def test_no_descriptor_and_no_zombie_is_left(processes: LocalProcesses) -> None:
    async def all_kinds() -> None:
        await processes.run(bash("echo x", separate_stderr=True, stdin=b"y"))
        await processes.run(bash("sleep 100 & sleep 100", timeout_s=0.05))
        await processes.run(bash("setsid sleep 100 &"))
        with pytest.raises(ProgramMissing):
            await processes.run(Command(("no-such-program",), stdin=b"x"))
        with pytest.raises(PathRefused):
            await processes.run(Command(("true",), cwd=".."))
        ran = asyncio.ensure_future(processes.run(bash("sleep 100")))
        await asyncio.sleep(0.02)
        ran.cancel()
        await asyncio.wait({ran})

    await all_kinds()
    before = open_descriptors()
    for _ in range(5):
        await all_kinds()
    assert open_descriptors() == before
    assert not zombies()


async def test_a_second_cancel_leaves_nothing_behind_either(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    ran = asyncio.ensure_future(processes.run(bash(TREES["double fork"])))
    pids = await pids_in(tmp_path / "pids", 2)
    ran.cancel()
    await asyncio.sleep(0)
    ran.cancel()
    await asyncio.wait({ran})
    await until(lambda: not any(map(alive, pids)))


async def test_a_second_cancel_takes_no_kill_back_that_waits_for_a_thread(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    is_free = threading.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    ran = asyncio.ensure_future(processes.run(bash(TREES["double fork"])))
    pids = await pids_in(tmp_path / "pids", 2)
    busy = asyncio.ensure_future(asyncio.to_thread(is_free.wait, 20))
    await asyncio.sleep(0)
    for _ in range(3):
        ran.cancel()
        await asyncio.sleep(0.01)
    is_free.set()
    await asyncio.wait({ran, busy})
    assert ran.cancelled()
    assert not [pid for pid in pids if alive(pid)]


async def test_sixteen_run_at_once(processes: LocalProcesses) -> None:
    ends = await asyncio.gather(*(processes.run(bash(f"sleep 0.2; echo {n}")) for n in range(16)))
    assert [int(end.output) for end in ends] == list(range(16))


def test_it_works_on_a_loop_outside_the_main_thread(processes: LocalProcesses) -> None:
    ends: list[Exit] = []
    thread = threading.Thread(
        target=lambda: ends.append(asyncio.run(processes.run(bash("echo hi"))))
    )
    thread.start()
    thread.join(20)
    assert ends == [Exit(0, b"hi\n")]


async def test_it_works_where_processes_have_no_descriptors(
    processes: LocalProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert await processes.run(bash("echo hi; exit 3")) == Exit(3, b"hi\n")
    late = await asyncio.wait_for(processes.run(bash("sleep 100", timeout_s=0.2)), 20)
    assert late.timed_out


async def test_the_marks_of_nested_harnesses_add_up(
    processes: LocalProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, "outer")
    end = await processes.run(bash(f'echo "${MARK}"'))
    assert end.output.startswith(b"outer:")


def test_the_drain_is_short() -> None:
    assert program.DRAIN_S <= 0.5
