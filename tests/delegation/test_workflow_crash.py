"""A process that is killed in the middle of a phase: no step that was completed is asked again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from a3s_code import Agent, FileSessionStore, SessionInUse
from a3s_code.testing import Fault, Rule, When, breaks, on, says
from api.house import House, come

PROGRAM = """
import sys
from a3s_code import Agent, FileSessionStore

agent = Agent({acl!r})
session = agent.session(
    {root!r}, session_id="job-1", session_store=FileSessionStore({store!r}), permissive=True
)

def step(task_id, prompt):
    return {{"task_id": task_id, "agent": "explore", "description": "d", "prompt": prompt}}

with session.workflow() as wf:
    found = wf.phase("find", [step("a", "find A"), step("b", "find B")])
    assert all(each.success for each in found), found
    mended = wf.phase(
        "mend",
        [step(each.task_id, "mend " + each.output) for each in found] + [step("c", "mend C")],
    )
    print("survived", *(each.output for each in mended))
agent.close()
"""


class Job:
    """A program of two phases, each time in a process of its own."""

    def __init__(self, house: House, store: Path) -> None:
        self.house, self.store = house, store

    def start(self, acl: str) -> subprocess.Popen[str]:
        program = PROGRAM.format(acl=acl, root=str(self.house.root), store=str(self.store))
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def asked(self) -> list[str]:
        """Give what was asked, sorted."""
        prompts = [str(body["messages"][-1]["content"]) for body in self.house.bodies]
        return sorted(prompts)

    def killed_when(self, count: int, *rules: Rule) -> None:
        """Run the program until `count` requests came, and kill it."""
        server = self.house.serve(rules=rules)
        process = self.start(server.acl())
        try:
            come(lambda: len(self.house.bodies) >= count or process.poll() is not None)
            come(lambda: self.kept() or process.poll() is not None)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            _, said = process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL, said

    def kept(self) -> bool:
        """Say whether two of the steps of the second phase are on the disk."""
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(self.store / "sessions.db")) as db:
            rows = db.execute(
                "SELECT count(*) FROM records JOIN sessions ON session = number"
                " WHERE id = '.workflow/wf-job-1-0/1:mend'"
                " AND CAST(body AS TEXT) LIKE '%workflow_step_completed%'"
            ).fetchone()
        return rows[0] >= 2

    def finished(self, *rules: Rule) -> str:
        """Run the program to its end in a new process, and give what it printed."""
        process = self.start(self.house.serve(rules=rules).acl())
        printed, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        return printed


def rules(last: Rule) -> tuple[Rule, ...]:
    return (
        on(When(last_user="find A"), says("A1")),
        on(When(last_user="find B"), says("B1")),
        on(When(last_user="mend A1"), says("A2")),
        on(When(last_user="mend B1"), says("B2")),
        last,
    )


@pytest.fixture
def job(house: House, tmp_path: Path) -> Job:
    return Job(house, tmp_path / "sessions")


HANGS = on(When(last_user="mend C"), breaks(Fault.HANG))
ANSWERS = on(When(last_user="mend C"), says("C2"))


def test_a_workflow_that_was_killed_in_its_second_phase_repeats_no_completed_step(job: Job) -> None:
    job.killed_when(5, *rules(HANGS))
    assert job.asked() == ["find A", "find B", "mend A1", "mend B1", "mend C"]

    assert job.finished(*rules(ANSWERS)) == "survived A2 B2 C2\n"
    assert job.asked() == ["mend C"], "what was completed in either phase is not asked again"

    job.finished(*rules(ANSWERS))
    assert len(job.asked()) == 5, "a program that came to its end begins anew"


def test_a_second_process_can_run_no_phase_while_the_first_one_is_in_its_block(
    job: Job, house: House
) -> None:
    process = job.start(house.serve(rules=rules(HANGS)).acl())
    try:
        come(lambda: len(house.bodies) >= 5 or process.poll() is not None)
        with Agent(house.server.acl()) as agent:
            store = FileSessionStore(job.store)
            session = agent.session(house.root, session_store=store, permissive=True)
            wf = session.workflow(root_id="wf-job-1-0")
            for name in ("find", "mend"):  # one that has ended there, and one that goes on
                with pytest.raises(SessionInUse, match="is being run by somebody else"):
                    wf.phase(name, [])
    finally:
        process.kill()
        process.communicate(timeout=30)


def test_ctrl_c_stops_the_steps_and_the_next_run_goes_on(job: Job, house: House) -> None:
    process = job.start(house.serve(rules=rules(HANGS)).acl())
    come(lambda: len(house.bodies) >= 5 or process.poll() is not None)
    come(lambda: job.kept() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)

    assert "KeyboardInterrupt" in said
    assert job.finished(*rules(ANSWERS)) == "survived A2 B2 C2\n"
    assert job.asked() == ["mend C"]
