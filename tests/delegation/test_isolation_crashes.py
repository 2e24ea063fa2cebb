"""What a killed process left of children that had a copy of the workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from a3s_code import FileSessionStore, Session, SessionOptions
from a3s_code.kernel.records import EffectSettled, WorktreeEnded
from a3s_code.testing import Rule, Turn, When, calls, on, says
from api.house import House
from delegation.errands import errand
from delegation.test_child_runs import recorded

PROGRAM = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from a3s_code import Agent, FileSessionStore
from delegation.errands import errand

class Killing(FileSessionStore):
    "Ends the process before a record of one kind could be written; all before it is durable."
    left = {left}
    def append(self, session, record, owner=""):
        if type(record.event).__name__ == {before!r}:
            Killing.left -= 1
        if Killing.left < 0:
            import asyncio, threading
            done = threading.Thread(target=lambda: asyncio.run(self.barrier(session, owner)))
            done.start(); done.join()
            os.kill(os.getpid(), signal.SIGKILL)
        super().append(session, record, owner)

agent = Agent({acl!r})
session = agent.session(
    {root!r}, session_id="job-1", session_store=Killing({store!r}), permissive=True, tools=[errand]
)
session.send("go")
print("survived")
"""

APART = calls("errand", isolation="worktree")


class Job:
    """A session whose process is killed, and that goes on in this one."""

    def __init__(self, house: House, place: Path) -> None:
        self.house, self.store, self.temporary = house, place / "sessions", place / "tmp"
        self.temporary.mkdir()

    def die(
        self,
        *turns: Turn,
        before: str,
        left: int = 0,
        first: Turn = APART,
        rules: tuple[Rule, ...] = (),
    ) -> None:
        """Have a child in a copy play `turns`, and kill the process before a record."""
        server = self.house.serve(first, *turns, rules=rules)
        program = PROGRAM.format(
            tests=str(Path(__file__).parent.parent),
            left=left,
            before=before,
            acl=server.acl(),
            root=str(self.house.root),
            store=str(self.store),
        )
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "TMPDIR": str(self.temporary)},
        )
        assert ended.returncode == -9, ended.stderr

    def resume(self) -> Session:
        agent = self.house.employ(says("I see."))
        options = SessionOptions(session_store=FileSessionStore(self.store), tools=[errand])
        session = agent.resume_session("job-1", options)
        session.send("what happened?")
        return session

    @property
    def copies(self) -> list[Path]:
        return [*self.temporary.glob("a3s-code-worktree-*")]


@pytest.fixture
def job(house: House, tmp_path: Path) -> Job:
    return Job(house, tmp_path)


def in_tree(job: Job, tree: str, path: str) -> str:
    (shadow,) = (job.store / "snapshots").iterdir()
    shown = ["git", f"--git-dir={shadow}", "show", f"{tree}:{path}"]
    return subprocess.run(shown, capture_output=True, text=True, check=True).stdout


def test_a_write_in_a_copy_is_settled_there_and_what_the_child_did_is_kept(
    job: Job, house: House
) -> None:
    house.put("a.txt", "one")
    subprocess.run(["git", "init", "-q"], cwd=house.root, check=True)
    job.die(calls("write", file_path="a.txt", content="two"), before="EffectSettled")
    assert len(job.copies) == 1

    session = job.resume()
    assert session.in_doubt() == []
    written, outer = recorded(session, EffectSettled)[-2:]
    assert {written.outcome, outer.outcome} == {"done", "interrupted"}
    (ended,) = recorded(session, WorktreeEnded)
    assert ended.status == "kept"
    assert in_tree(job, ended.tree, "a.txt") == "two"
    assert house.get("a.txt") == "one"
    assert job.copies == []
    log = session._inner._log()
    assert log is not None
    assert log.state.changes == []


@pytest.mark.parametrize(
    ("before", "left", "status", "told"),
    [
        ("FileChanging", 1, "kept", "Worktree kept: the process ended before it was merged"),
        ("SubagentEnd", 0, "merged", "Merged: a.txt"),
    ],
)
def test_the_notice_of_a_child_that_a_kill_cut_off_says_what_became_of_its_work(
    before: str, left: int, status: str, told: str, job: Job, house: House
) -> None:
    house.put("a.txt", "one")
    first = calls("errand", isolation="worktree", background=True)
    write = calls("write", file_path="a.txt", content="two")
    child = on(When(system="HELPER-ROLE"), write, says("done"))
    rest = calls("bash", command="sleep 30")
    job.die(rest, before=before, left=left, first=first, rules=(child,))
    session = job.resume()
    (row,) = session.subagent_tasks()
    assert row["merge"]["status"] == status
    assert told in json.dumps(house.bodies[-1]["messages"])


def test_a_registration_that_a_killed_process_left_goes(job: Job, house: House) -> None:
    house.put("a.txt", "one")
    own = ["git", "-c", "user.name=u", "-c", "user.email=u@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*own, *words], cwd=house.root, check=True)
    job.die(calls("write", file_path="a.txt", content="two"), before="EffectSettled")
    listed = ["git", "worktree", "list"]
    assert subprocess.check_output(listed, cwd=house.root).count(b"\n") == 2
    job.resume()
    assert subprocess.check_output(listed, cwd=house.root).count(b"\n") == 1


def test_a_merge_that_was_cut_off_is_settled_file_by_file(job: Job, house: House) -> None:
    house.put("a.txt", "one")
    house.put("b.txt", "one")
    job.die(
        calls("write", file_path="a.txt", content="two"),
        calls("write", file_path="b.txt", content="two"),
        says("done"),
        before="FileChanging",
        left=3,
    )
    assert house.get("a.txt") == "two"
    session = job.resume()
    assert session.in_doubt() == []
    (ended,) = recorded(session, WorktreeEnded)
    assert ended.status == "kept"
    assert in_tree(job, ended.tree, "b.txt") == "two"
    assert (house.get("a.txt"), house.get("b.txt")) == ("two", "one")
    assert job.copies == []
    session.rewind(session.checkpoints()[0]["id"])
    assert (house.get("a.txt"), house.get("b.txt")) == ("one", "one")


@pytest.mark.parametrize("before", ["SnapshotTaken", "WorktreeMade", "EffectIntended"])
def test_a_process_that_is_killed_while_a_copy_is_made_leaves_nothing_for_long(
    before: str, job: Job, house: House
) -> None:
    house.put("a.txt", "one")
    left = 1 if before == "EffectIntended" else 0
    job.die(calls("write", file_path="a.txt", content="two"), before=before, left=left)
    session = job.resume()
    assert session.in_doubt() == []
    assert house.get("a.txt") == "one"
    assert job.copies == []


def test_a_copy_that_somebody_works_in_is_not_taken_away(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes have the same temporary directory, and neither sweeps what the other has."""
    house.put("a.txt", "one")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    there: list[int] = []

    def look() -> str:
        """Look at the copies there are."""
        there.append(len([*tmp_path.glob("a3s-code-worktree-*")]))
        return "seen"

    other = house.session(
        calls("errand", isolation="worktree"),
        calls("look"),
        says("done"),
        says("END"),
        permissive=True,
        tools=[errand, look],
    )
    dead = tmp_path / "a3s-code-worktree-0123"
    (dead / "files").mkdir(parents=True)
    (dead / "lock").write_bytes(b"fleeting")
    owned = tmp_path / "a3s-code-worktree-4567"
    owned.mkdir()
    (owned / "lock").write_bytes(b"durable")
    other.send("go")
    assert there == [2]
    assert not dead.exists()
    assert owned.exists()
