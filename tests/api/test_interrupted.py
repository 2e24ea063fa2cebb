"""What a process that was killed had begun: looked up, told, and never repeated unasked."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSessionStore, PermissionPolicy, Session, SessionOptions
from a3s_code.errors import InvalidType, InvalidValue, LimitReached
from a3s_code.kernel.events import ConfirmationReceived, SessionId
from a3s_code.kernel.ports import Action, Allow, Ask
from a3s_code.testing import CrashingStore, CrashTally, Rule, Script, Turn, calls, says
from api.house import House, come, meanwhile, unanswered

PROGRAM = """
import os, signal
from a3s_code import Agent, Effect, FileSessionStore, PermissionPolicy, function_tool
from a3s_code.kernel.ports import Allow

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

class Yes:
    async def approve(self, action, ask):
        return Allow("yes")

def save(path: str) -> str:
    "Save something."
    return "saved"

agent = Agent({acl!r})
session = agent.session({root!r}, session_id="job-1", session_store=Killing({store!r}), **{options})
session.send("go")
print("survived")
"""


class Job:
    """A session whose process is killed, and that goes on in this one."""

    def __init__(self, house: House, tmp_path: Path) -> None:
        self.house, self.directory = house, tmp_path / "sessions"

    def die(
        self,
        *turns: Any,
        before: str,
        left: int = 0,
        options: str = "dict(permissive=True)",
        **script: Any,
    ) -> None:
        """Play `turns` in a process that is killed before it records `before` once more."""
        server = self.house.serve(*turns, **script)
        program = PROGRAM.format(
            left=left,
            before=before,
            acl=server.acl(),
            root=str(self.house.root),
            store=str(self.directory),
            options=options,
        )
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == -9, ended.stderr

    def resume(
        self, *turns: Any, rules: tuple[Rule, ...] = (), default: Turn | None = None, **options: Any
    ) -> Session:
        agent = self.house.employ(*turns, rules=rules, default=default)
        store = FileSessionStore(self.directory)
        return agent.resume_session("job-1", SessionOptions(session_store=store, **options))

    def results(self) -> list[str]:
        """Give what the model was told of its calls in the last request."""
        messages = self.house.bodies[-1]["messages"]
        return [row["content"] for row in messages if row["role"] == "tool"]


@pytest.fixture
def job(house: House, tmp_path: Path) -> Job:
    return Job(house, tmp_path)


def exits(job: Job) -> list[Path]:
    """Give the exit records that are there."""
    return [path for path in (job.directory / "exits").rglob("*") if path.is_file()]


# Settled


def test_a_write_that_was_done_is_told_so_and_is_not_repeated(job: Job, house: House) -> None:
    job.die(calls("write", file_path="a", content="x"), before="EffectSettled")
    session = job.resume(says("I see."))

    assert session.in_doubt() == []
    assert session.resume_run(session.runs()[0]["id"]).text == "I see."
    (told,) = job.results()
    assert told.startswith("Done. ")
    assert house.get("a") == "x"
    assert [row["name"] for row in session.trace_events()] == []


def test_a_write_that_was_not_done_is_told_so(job: Job, house: House) -> None:
    house.put("a", "old")
    job.die(calls("write", file_path="a", content="x"), before="FileChanging")
    session = job.resume(says("I see."))
    session.send("what happened?")

    (told,) = job.results()
    assert told.startswith("Not done. ")
    assert house.get("a") == "old"


def test_a_command_that_had_ended_is_settled_by_the_record_of_its_exit(
    job: Job, house: House
) -> None:
    job.die(calls("bash", command="echo x >> count; exit 3"), before="EffectSettled")
    session = job.resume(says("I see."))
    session.send("what happened?")

    assert session.in_doubt() == []
    (told,) = job.results()
    assert told.startswith("Failed. ")
    assert "exit status 3" in told
    assert house.get("count") == "x\n"
    assert exits(job) == []


# In doubt


@pytest.mark.parametrize(("how", "status"), [("PIPE", 141), ("KILL", 137)])
def test_a_command_that_was_stopped_as_the_end_of_our_process_stops_it_is_in_doubt(
    how: str, status: int, job: Job, house: House
) -> None:
    """Nobody reads its output any more, so it may have come to that by our end alone."""
    job.die(calls("bash", command=f"echo x >> count; kill -{how} $$"), before="EffectSettled")
    session = job.resume(says("I see."))

    (doubt,) = session.in_doubt()
    assert doubt["reason"] == f"it was stopped on its way, with exit status {status}"
    assert house.get("count") == "x\n"


KILLING = 'echo x >> count; kill -9 "$(cut -d" " -f4 /proc/$PPID/stat)"; sleep 600'
"""Does its work, kills the process that waits for it, and goes on until it is killed too."""


@pytest.fixture
def in_doubt(job: Job) -> Job:
    """Leave a session with a command that nobody can tell the end of."""
    job.die(calls("bash", command=KILLING), before="nothing")
    return job


def test_a_command_that_was_killed_is_in_doubt_and_everybody_is_told(
    in_doubt: Job, house: House
) -> None:
    session = in_doubt.resume(says("I see."))
    (row,) = session.in_doubt()

    assert row["tool"] == "bash"
    assert row["args"] == {"command": KILLING}
    assert row["run_id"] == session.runs()[0]["id"]
    assert row["since_ms"] > 0
    assert row["reason"] == "nothing tells whether it took effect"
    session.send("what happened?")
    (told,) = in_doubt.results()
    assert told.startswith("Outcome unknown: ")
    assert session.in_doubt() == [row]
    house.agent.close()
    assert in_doubt.resume().in_doubt() == [row]


def test_the_same_call_is_not_repeated_when_nobody_can_be_asked(
    in_doubt: Job, house: House
) -> None:
    session = in_doubt.resume(calls("bash", command=KILLING), says("Denied."), permissive=True)
    session.send("go on")

    assert house.get("count") == "x\n"
    assert "may have taken effect already" in in_doubt.results()[-1]


class Yes:
    """Allows what it is asked, and notes it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def approve(self, action: Action, ask: Ask) -> Allow:
        self.asked.append(ask.reason)
        return Allow("said so")


def test_the_same_call_runs_again_when_somebody_says_so_and_is_settled_by_that(
    job: Job, house: House
) -> None:
    command = "echo x >> count"
    job.die(calls("bash", command=command), before="EffectSettled", options="dict(permissive=True)")
    for record in exits(job):
        record.unlink()
    yes = Yes()
    session = job.resume(
        calls("bash", command=command),
        calls("bash", command=command),
        says("Done."),
        permissive=True,
        confirmation_manager=yes,
    )
    session.send("go on")

    assert len(yes.asked) == 1
    assert "cut off before" in yes.asked[0]
    assert session.in_doubt() == []
    assert house.get("count") == "x\n" * 3


@pytest.mark.parametrize("took_effect", [True, False])
def test_the_host_can_settle_what_is_in_doubt(took_effect: bool, in_doubt: Job) -> None:
    session = in_doubt.resume(says("ok"))
    (row,) = session.in_doubt()

    with pytest.raises(InvalidType, match="took_effect"):
        session.resolve_in_doubt(row["call_id"], "n")  # type: ignore[arg-type]
    assert session.resolve_in_doubt(row["call_id"], took_effect) is True
    assert session.in_doubt() == []
    assert session.resolve_in_doubt(row["call_id"], took_effect) is False
    assert session.resolve_in_doubt("nobody", took_effect) is False
    session.send("go on")
    (told,) = in_doubt.results()
    assert told.startswith("Done. " if took_effect else "Not done. ")


def test_a_fork_knows_what_is_in_doubt_and_does_not_repeat_it(
    in_doubt: Job, house: House, tmp_path: Path
) -> None:
    session = in_doubt.resume(calls("bash", command=KILLING), says("Denied."), permissive=True)
    (row,) = session.in_doubt()
    fork = session.fork()

    assert [each["call_id"] for each in fork.in_doubt()] == [row["call_id"]]
    fork.send("go on")
    first, second = in_doubt.results()
    assert first.startswith("Outcome unknown: ")
    assert "may have taken effect already" in second
    assert house.get("count") == "x\n"


def test_the_same_command_with_another_timeout_is_the_same(in_doubt: Job, house: House) -> None:
    again = calls("bash", command=KILLING, timeout=60_000)
    session = in_doubt.resume(again, says("Denied."), permissive=True)
    session.send("go on")

    assert house.get("count") == "x\n"


def test_a_command_that_does_something_else_is_not_asked_about(in_doubt: Job, house: House) -> None:
    other = calls("bash", command="echo y >> count")
    session = in_doubt.resume(other, says("Done."), permissive=True)
    session.send("go on")

    assert house.get("count") == "x\ny\n"
    assert len(session.in_doubt()) == 1


def test_a_function_of_the_host_that_writes_is_in_doubt(job: Job) -> None:
    job.die(
        calls("save", path="a"),
        before="EffectSettled",
        options="dict(permissive=True, tools=[function_tool(save, effect=Effect.WRITE)])",
    )
    session = job.resume(says("I see."))

    assert [row["tool"] for row in session.in_doubt()] == ["save"]


# Resuming a run


def test_a_resumed_run_does_only_what_was_not_started(job: Job, house: House) -> None:
    turn = (
        calls("bash", command="echo 1 >> count")
        + calls("bash", command="echo 2 >> count")
        + calls("write", file_path="last", content="x")
    )
    job.die(turn, before="EffectIntended", left=1)
    session = job.resume(says("All done."))
    (first,) = session.runs()
    result = session.resume_run(first["id"])

    assert result.text == "All done."
    assert house.get("count") == "1\n2\n"
    assert house.get("last") == "x"
    assert unanswered(house.bodies[-1]) == []
    again = session.runs()[1]
    assert (again["prompt"], again["status"]) == ("go", "completed")
    assert session.runs()[0]["status"] == "failed"
    assert result.tool_calls_count == 3


def test_a_run_that_died_before_its_prompt_was_recorded_begins_anew(job: Job, house: House) -> None:
    job.die(says("never"), before="HistoryAppended")
    session = job.resume(says("Hello."))

    assert session.resume_run(session.runs()[0]["id"]).text == "Hello."
    assert [row["role"] for row in session.history()] == ["user", "assistant"]


def test_a_resumed_run_counts_what_the_one_before_has_used(house: House) -> None:
    session = house.session(calls("ls"), calls("ls", path="a"), says("Done."), max_tool_rounds=1)
    house.put("a/b")
    with pytest.raises(LimitReached) as caught:
        session.send("look")
    result = session.resume_run(caught.value.run_id)

    assert result.text == "Done."
    assert result.tool_calls_count == 2
    assert [row["status"] for row in session.runs()] == ["failed", "completed"]


def test_a_run_that_cannot_be_resumed_says_why(house: House) -> None:
    session = house.session(default=says("Hello."))
    with pytest.raises(InvalidValue, match="no run 'run-x'"):
        session.resume_run("run-x")
    session.send("hi")
    with pytest.raises(InvalidValue, match="is completed"):
        session.resume_run(session.runs()[0]["id"])
    house.server.play(Script(default=calls("ls")))
    with pytest.raises(LimitReached):
        session.send("loop", history=[])
    with pytest.raises(InvalidValue, match="history of its own"):
        session.resume_run(session.runs()[-1]["id"])
    with pytest.raises(LimitReached):
        session.send("loop")
    failed = session.runs()[-1]["id"]
    session.send("/clear")
    with pytest.raises(InvalidValue, match="was cleared"):
        session.resume_run(failed)
    house.server.play(Script(default=says("Hello.")))
    session.send("hi")
    with pytest.raises(InvalidValue, match="Other runs have gone on"):
        session.resume_run(failed)


# Questions


@pytest.fixture
def asked(job: Job) -> Job:
    """Leave a session whose process died before an answer about a command was recorded."""
    job.die(
        calls("bash", command="echo x >> count"),
        before="ConfirmationReceived",
        options='dict(permission_policy=PermissionPolicy(ask=["bash"]), '
        "confirmation_manager=Yes())",
    )
    return job


@pytest.mark.parametrize("approved", [True, False])
def test_a_question_survives_its_process_and_is_answered_in_the_next(
    approved: bool, asked: Job, house: House
) -> None:
    session = asked.resume(says("I see."))
    (question,) = session.pending_confirmations()

    assert question["tool_name"] == "bash"
    assert question["args"] == {"command": "echo x >> count"}
    assert session.confirm_tool_use(question["tool_id"], approved, "because") is True
    assert session.pending_confirmations() == []
    assert session.confirm_tool_use(question["tool_id"], True) is False
    house.agent.close()
    later = asked.resume(says("I see."))
    later.resume_run(later.runs()[0]["id"])
    assert house.has("count") is approved
    (told,) = asked.results()
    assert ("because" in told) is not approved


def test_a_question_that_nobody_answered_is_put_again(asked: Job, house: House) -> None:
    yes = Yes()
    session = asked.resume(says("I see."), confirmation_manager=yes)
    session.resume_run(session.runs()[0]["id"])

    assert len(yes.asked) == 1
    assert house.get("count") == "x\n"


def test_an_answer_is_durable_when_it_is_taken(asked: Job, house: House) -> None:
    session = asked.resume(says("I see."))
    (question,) = session.pending_confirmations()
    session.confirm_tool_use(question["tool_id"], True)
    records = asyncio.run(FileSessionStore(asked.directory).load(SessionId("job-1"), None))

    assert isinstance(records[-1].event, ConfirmationReceived)
    assert house.has("count") is False


@pytest.mark.parametrize("answer", ["no", 0, None])
def test_only_a_bool_answers_a_question(answer: Any, asked: Job, house: House) -> None:
    session = asked.resume(says("I see."))
    (question,) = session.pending_confirmations()

    with pytest.raises(InvalidType, match="approved"):
        session.confirm_tool_use(question["tool_id"], answer)
    with pytest.raises(InvalidType, match="reason"):
        session.confirm_tool_use(question["tool_id"], False, 5)  # type: ignore[arg-type]
    assert session.pending_confirmations() == [question]
    assert not house.has("count")


def test_a_question_is_gone_when_the_conversation_went_on_without_it(asked: Job) -> None:
    session = asked.resume(says("I see."))
    session.send("never mind")

    assert session.pending_confirmations() == []


class Nobody:
    """Is asked, and does not answer."""

    async def approve(self, action: Action, ask: Ask) -> Allow:
        await asyncio.Event().wait()
        raise AssertionError


def test_a_question_can_be_answered_while_the_approver_is_asked(house: House) -> None:
    session = house.session(
        calls("bash", command="echo x >> count"),
        says("Done."),
        permission_policy=PermissionPolicy(ask=["bash"]),
        confirmation_manager=Nobody(),
    )
    with meanwhile(lambda: session.send("go")) as came:
        (question,) = come(session.pending_confirmations)
        assert session.confirm_tool_use(question["tool_id"], True) is True

    assert came[0].text == "Done."
    assert house.get("count") == "x\n"


def test_a_store_around_one_on_the_disk_settles_commands_as_that_one_does(job: Job) -> None:
    """It names the directory; beside the records there are what commands leave."""
    tally = CrashTally(job.directory.parent / "tally.jsonl")
    inner = FileSessionStore(job.directory)
    around = CrashingStore(inner, tally)
    session = job.house.session(
        calls("bash", command="touch a"), says("Done."), permissive=True, session_store=around
    )
    session.send("go")
    (place,) = session.checkpoints()

    assert around.directory == inner.directory == job.directory.absolute()
    assert session.rewind(place["id"])["removed"] == ["a"]
    assert (job.directory / "exits").is_dir()
