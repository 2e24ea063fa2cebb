from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from a3s_code.kernel.events import SessionId
from a3s_code.persistence.writer_locks import WriterLocks

HOLD = """
import sys, time
from pathlib import Path
from a3s_code.persistence.writer_locks import WriterLocks
locks = WriterLocks(Path(sys.argv[1]))
print(locks.take("7", 7, "me"), flush=True)
time.sleep(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.lock"


def test_a_session_has_one_writer_also_within_a_process(path: Path) -> None:
    one, two = WriterLocks(path), WriterLocks(path)

    assert one.take(SessionId(str(3)), 3, "me")
    assert one.take(SessionId(str(3)), 3, "me")
    assert not two.take(SessionId(str(3)), 3, "me")
    assert two.take(SessionId(str(4)), 4, "me")
    one.drop(SessionId(str(3)), "me")
    assert two.take(SessionId(str(3)), 3, "me")
    two.drop(SessionId(str(99)), "me")
    one.close()
    two.close()


def test_closing_lets_go_of_all(path: Path) -> None:
    one, two = WriterLocks(path), WriterLocks(path)
    assert all(one.take(SessionId(str(number)), number, "me") for number in range(500))
    one.close()

    assert all(two.take(SessionId(str(number)), number, "me") for number in range(500))
    two.close()


def test_a_writer_that_was_killed_locks_nobody_out(path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        locks = WriterLocks(path)
        assert not locks.take(SessionId(str(7)), 7, "me")
        holder.send_signal(signal.SIGKILL)
        holder.wait(20)

        assert locks.take(SessionId(str(7)), 7, "me")
    locks.close()


def test_a_program_that_the_writer_started_does_not_keep_its_locks(path: Path) -> None:
    one, two = WriterLocks(path), WriterLocks(path)
    assert one.take(SessionId(str(1)), 1, "me")
    with subprocess.Popen(["sleep", "600"], close_fds=False) as program:
        one.close()
        assert two.take(SessionId(str(1)), 1, "me")
        program.kill()
    two.close()


FORKS = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
"""Newer Pythons warn of forks with threads; these forks only wait, or close a file."""


@FORKS
@pytest.mark.parametrize("let_go", ["drop", "close"])
def test_what_was_let_go_of_is_free_also_while_a_fork_has_the_file_open(
    let_go: str, path: Path
) -> None:
    """As every program has it for a moment while it is being started."""
    one, two = WriterLocks(path), WriterLocks(path)
    assert one.take(SessionId("1"), 1, "me")
    fork = _forked(signal.pause)
    if let_go == "drop":
        one.drop(SessionId("1"), "me")
    else:
        one.close()
    is_free = two.take(SessionId("1"), 1, "me")
    os.kill(fork, signal.SIGKILL)
    os.waitpid(fork, 0)

    assert is_free
    two.close()


@FORKS
def test_a_fork_that_closes_its_side_takes_nothing_from_its_parent(path: Path) -> None:
    one, two = WriterLocks(path), WriterLocks(path)
    assert one.take(SessionId("1"), 1, "me")
    os.waitpid(_forked(one.close), 0)

    assert not two.take(SessionId("1"), 1, "me")
    one.close()


def _forked(act: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        act()
    finally:
        os._exit(0)


def test_the_file_is_for_its_owner_alone_and_never_a_link(path: Path, tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        locks = WriterLocks(path)
        assert locks.take(SessionId("1"), 1, "me")
        locks.close()
    finally:
        os.umask(previous)
    assert oct(path.stat().st_mode & 0o777) == "0o600"

    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        WriterLocks(link).take(SessionId("1"), 1, "me")
