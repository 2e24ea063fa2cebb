"""A process that was killed in the middle of a child run: settled, told, and never repeated."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSessionStore, PermissionPolicy, Session, SessionOptions
from a3s_code.kernel.events import SubagentEnd
from a3s_code.testing import Fault, Rule, When, breaks, calls, on, says
from api.house import House
from delegation.errands import errand

TESTS = Path(__file__).parent.parent
PROGRAM = """
import asyncio, os, signal, sys, threading
sys.path.insert(0, {tests!r})
from a3s_code import Agent, ConfirmationPolicy, FileSessionStore, PermissionPolicy
from delegation.errands import errand

class Killing(FileSessionStore):
    "Ends the process before a record of one kind could be written; all before it is durable."
    left = {left}
    def append(self, session, record, owner=""):
        if type(record.event).__name__ == {before!r}:
            Killing.left -= 1
        if Killing.left < 0:
            done = threading.Thread(target=lambda: asyncio.run(self.barrier(session, owner)))
            done.start(); done.join()
            os.kill(os.getpid(), signal.SIGKILL)
        super().append(session, record, owner)

def die(action, ask):
    os.kill(os.getpid(), signal.SIGKILL)

session = Agent({acl!r}).session(
    {root!r}, session_id="job-1", session_store=Killing({store!r}), tools=[errand],
    permission_policy=PermissionPolicy(ask=["write(asked)"], default_decision="allow"),
    confirmation_policy=ConfirmationPolicy(enabled=True), confirmation_manager=die,
)
session.send("go")
print("survived")
"""


class Job:
    """A session whose process is killed inside a child, and that goes on in this one."""

    def __init__(self, house: House, store: Path) -> None:
        self.house, self.store = house, store

    def die(self, *turns: Any, before: str, left: int = 0, rules: tuple[Rule, ...] = ()) -> None:
        """Play `turns` in a process that is killed before it records `before` once more."""
        program = PROGRAM.format(
            tests=str(TESTS),
            left=left,
            before=before,
            acl=self.house.serve(*turns, rules=rules).acl(),
            root=str(self.house.root),
            store=str(self.store),
        )
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == -9, ended.stderr

    def resume(self, *turns: Any) -> Session:
        options = SessionOptions(
            session_store=FileSessionStore(self.store),
            tools=[errand],
            permission_policy=PermissionPolicy(default_decision="allow"),
        )
        return self.house.employ(*turns).resume_session("job-1", options)

    def results(self) -> list[str]:
        """Give what the model was told of its calls in the last request."""
        messages = self.house.bodies[-1]["messages"]
        return [row["content"] for row in messages if row["role"] == "tool"]


@pytest.fixture
def job(house: House, tmp_path: Path) -> Job:
    return Job(house, tmp_path / "sessions")


WRITE = calls("write", file_path="a", content="x")


def test_a_child_that_was_cut_off_is_told_as_not_run_to_its_end_and_is_not_run_again(
    job: Job, house: House
) -> None:
    job.die(calls("errand"), WRITE, says("written"), before="EffectSettled")
    session = job.resume(says("I see."))
    log = session._inner._log()
    assert log is not None
    ends = [each.event for each in log.records if isinstance(each.event, SubagentEnd)]

    assert [(end.task_id, end.success) for end in ends] == [("call_1.1", False)]
    assert session.resume_run(session.runs()[0]["id"]).text == "I see."
    (told,) = job.results()
    assert told.startswith("Interrupted. ")
    assert house.get("a") == "x"
    assert len(house.bodies) == 1, "the child is not asked again"
    assert session.in_doubt() == []


def test_a_command_of_a_child_that_nothing_tells_the_end_of_is_in_doubt_with_its_arguments(
    job: Job, house: House
) -> None:
    command = "echo x >> count; kill -9 $$"
    job.die(calls("errand"), calls("bash", command=command), before="EffectSettled")
    session = job.resume(says("I see."))
    session.send("what happened?")

    (doubt,) = session.in_doubt()
    assert doubt["call_id"] == "call_1.1.1"
    assert doubt["args"] == {"command": command}
    assert house.get("count") == "x\n"


def test_the_tokens_of_a_child_that_was_cut_off_count_for_the_run_that_goes_on(job: Job) -> None:
    job.die(calls("errand"), WRITE, says("written"), before="EffectSettled")
    session = job.resume(says("I see."))

    assert session.resume_run(session.runs()[0]["id"]).total_tokens == 3 * 15


def test_a_child_whose_end_is_recorded_is_told_by_its_answer(job: Job) -> None:
    job.die(calls("errand"), WRITE, says("written"), says("done"), before="HistoryAppended", left=6)
    session = job.resume(says("I see."))
    session.send("what happened?")

    (told,) = job.results()
    assert told == "written"


def test_a_question_of_a_child_that_was_cut_off_waits_for_no_answer(job: Job, house: House) -> None:
    asked = calls("write", file_path="asked", content="x")
    job.die(calls("errand"), asked, before="nothing")
    session = job.resume(says("I see."))

    assert session.pending_confirmations() == []
    assert session.resume_run(session.runs()[0]["id"]).text == "I see."
    (told,) = job.results()
    assert told.startswith("Interrupted. ")
    assert not house.has("asked")


BEGIN = calls("errand", background=True)


def test_a_child_in_the_background_that_was_cut_off_is_told_once_and_not_run_again(
    job: Job, house: House
) -> None:
    command = "echo x >> count; kill -9 $PPID; sleep 60"
    rule = on(When(system="HELPER-ROLE"), calls("bash", command=command))
    turns = (BEGIN, breaks(Fault.HANG, says("never")))
    job.die(*turns, before="EffectSettled", left=1, rules=(rule,))
    session = job.resume(says("I see."), says("Still."))
    (row,) = session.subagent_tasks()

    assert (row["status"], row["output"]) == (
        "failed",
        "The process ended before this was over.",
    )
    session.send("what happened?")
    session.send("and now?")
    assert [each["call_id"] for each in session.in_doubt()] == ["call_1.1.1"]
    told = json.dumps(house.bodies[-1]["messages"])
    assert told.count("has ended: failed") == 1
    assert len(house.bodies) == 2, "the child is not asked again"


def test_a_notice_that_is_in_the_log_is_not_told_again_after_a_kill(job: Job, house: House) -> None:
    rule = on(When(system="HELPER-ROLE"), says("FOUND-IT"))
    turns = (BEGIN, calls("bash", command="sleep 0.5"), says("ok"))
    job.die(*turns, before="RunStatusChanged", rules=(rule,))
    session = job.resume(says("I see."))
    session.send("what happened?")

    assert json.dumps(house.bodies[-1]["messages"]).count("FOUND-IT") == 1


def test_what_a_child_in_the_background_asked_waits_for_no_answer_after_a_kill(
    job: Job, house: House
) -> None:
    rule = on(When(system="HELPER-ROLE"), calls("write", file_path="asked", content="x"))
    job.die(BEGIN, breaks(Fault.HANG, says("never")), before="nothing", rules=(rule,))
    session = job.resume(says("I see."))

    assert session.pending_confirmations() == []
    assert not house.has("asked")
