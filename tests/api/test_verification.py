"""What a session has checked: run by the harness, or reported, and what it comes to."""

from __future__ import annotations

import asyncio
import json
import os
import py_compile
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from a3s_code import (
    AsyncAgent,
    Effect,
    FileSessionStore,
    InvalidType,
    InvalidValue,
    Observation,
    PermissionPolicy,
    RunCancelled,
    Session,
    SessionClosed,
    ToolContext,
    format_verification_summary,
    tool,
)
from a3s_code.api import verification_runs
from a3s_code.api.outlet import Outlet, Seal
from a3s_code.harness.verification.commands import CheckCommand
from a3s_code.kernel.verification import Check, Ran, Report
from a3s_code.testing import calls, says
from a3s_code.workspace import snapshots
from a3s_code.workspace.snapshot_take import SnapshotLimits
from api.house import House, come

DOCUMENTED: dict[str, Any] = {
    "schema": "a3s.verification_report.v1",
    "subject": "sdk:tests",
    "status": "passed",
    "checks": [
        {
            "id": "check:sdk",
            "kind": "test",
            "description": "Run SDK tests",
            "status": "passed",
            "required": True,
        }
    ],
}


def command(line: str, id_: str = "c", **fields: Any) -> dict[str, Any]:
    return {"id": id_, "kind": "test", "description": f"Run {id_}", "command": line, **fields}


def verify(session: Session, *lines: str, **fields: Any) -> dict[str, Any]:
    commands = [command(line, f"c{at}", **fields) for at, line in enumerate(lines)]
    return session.verify_commands("subject", commands)


def statuses(report: dict[str, Any]) -> list[str]:
    return [check["status"] for check in report["checks"]]


def kinds(report: dict[str, Any]) -> list[str]:
    return [risk["kind"] for risk in report["risks"]]


# Running


def test_a_check_is_passed_when_its_command_ended_with_0(house: House) -> None:
    house.put("a", "x")
    report = verify(house.session(), "cat a", "test -e a")

    assert (report["status"], statuses(report)) == ("passed", ["passed", "passed"])
    assert report["made_by"] == "harness"


def test_a_check_never_runs_bytecode_from_before_an_edit(house: House) -> None:
    module = house.put("answer.py", "VALUE = 41\n")
    py_compile.compile(str(module))
    compiled = module.stat()
    house.put("answer.py", "VALUE = 42\n")
    os.utime(module, ns=(compiled.st_atime_ns, compiled.st_mtime_ns))

    report = verify(house.session(), "python3 -c 'import answer; assert answer.VALUE == 42'")

    assert report["status"] == "passed"


def test_a_program_that_is_missing_is_named(house: House) -> None:
    (risk,) = verify(house.session(), "no-such-program -q")["risks"]

    assert (risk["kind"], risk["check"]) == ("check_failed", "c0")
    assert risk["text"].startswith("A program is missing (exit status 127): ")
    assert "no-such-program" in risk["text"]


def test_checks_go_on_after_one_that_failed(house: House) -> None:
    session = house.session()
    report = verify(session, "exit 3", "true")

    assert (report["status"], statuses(report)) == ("failed", ["failed", "passed"])
    assert report["checks"][0]["ran"]["exit_code"] == 3
    assert report["risks"] == [
        {"kind": "check_failed", "text": "It failed with exit status 3.", "check": "c0"}
    ]
    assert report["residual_risks"] == ["It failed with exit status 3."]
    assert session.verification_summary()["failed_check_count"] == 1


def test_an_optional_check_that_failed_fails_the_report(house: House) -> None:
    assert verify(house.session(), "exit 1", required=False)["status"] == "failed"


def test_how_a_check_ran_is_in_its_record(house: House) -> None:
    house.put("a", "x")
    session = house.session()
    (check,) = verify(session, "echo one; echo two >&2; exit 1")["checks"]
    ran = check["ran"]

    assert ran["command"] == "echo one; echo two >&2; exit 1"
    assert len(ran["tree"]) == 40
    assert ran["tree"] == ran["tree_after"]
    assert check["evidence_uris"] == [ran["output_uri"]]
    artifact = session.get_artifact(ran["output_uri"])
    assert artifact is not None
    assert artifact["content"] == "one\ntwo\n[exit status 1]"


def test_the_tree_is_another_one_when_a_byte_is(house: House) -> None:
    house.put("a", "x")
    session = house.session()
    before = verify(session, "true")["checks"][0]["ran"]["tree"]
    house.put("a", "y")

    assert verify(session, "true")["checks"][0]["ran"]["tree"] != before


def test_the_whole_of_a_long_output_is_kept(house: House) -> None:
    session = house.session()
    (check,) = verify(session, "seq 1 40000")["checks"]
    artifact = session.get_artifact(check["ran"]["output_uri"])

    assert artifact is not None
    assert artifact["content"].splitlines() == [str(n) for n in range(1, 40_001)]


def test_a_check_that_changes_files_is_not_passed_without_a_look(house: House) -> None:
    house.put("a", "x")
    report = verify(house.session(), "echo y > a; echo z > b", "true")

    assert (report["status"], statuses(report)) == ("needs_review", ["passed", "passed"])
    (risk,) = report["risks"]
    assert (risk["kind"], risk["check"]) == ("changed_files", "c0")
    assert "ran: a. " in risk["text"]  # `b` is its by-product
    first, second = (check["ran"] for check in report["checks"])
    assert first["tree"] != first["tree_after"] == second["tree"] == second["tree_after"]


def test_a_check_that_takes_too_long_is_failed(house: House) -> None:
    report = verify(house.session(), "echo begun; sleep 60", timeout_ms=300)
    (check,) = report["checks"]

    assert (check["status"], kinds(report)) == ("failed", ["timed_out"])
    assert check["ran"]["exit_code"] is None


def test_a_check_that_the_session_stops_for_its_own_limit_is_failed(house: House) -> None:
    report = verify(house.session(tool_timeout_ms=500), "sleep 60")

    assert (statuses(report), kinds(report)) == (["failed"], ["timed_out"])


def test_a_check_that_a_hook_forbids_did_not_run(house: House) -> None:
    house.put("a", "x")
    session = house.session()
    session.register_hook(
        "no",
        "pre_tool_use",
        handler=lambda event: {"action": "block", "reason": "not on a Friday"},
    )
    report = verify(session, "rm a", "true")

    assert house.has("a")
    assert (report["status"], statuses(report)) == ("needs_review", ["needs_review"] * 2)
    assert kinds(report) == ["not_run", "not_run"]
    assert "not on a Friday" in report["residual_risks"][0]
    assert "ran" not in report["checks"][0]
    assert session.verification_summary()["pending_required_check_count"] == 2


def test_the_command_of_record_is_the_one_that_a_hook_made_of_it(house: House) -> None:
    session = house.session()
    session.register_hook(
        "other",
        "pre_tool_use",
        handler=lambda event: {"action": "modify", "args": {"command": "true"}},
    )
    (check,) = verify(session, "exit 1")["checks"]

    assert (check["status"], check["ran"]["command"]) == ("passed", "true")


def test_an_optional_check_whose_program_is_missing_is_left_out(house: House) -> None:
    report = verify(house.session(), "no-such-program-here", "true", required=False)

    assert (report["status"], statuses(report)) == ("passed", ["skipped", "passed"])
    assert "no-such-program-here" in report["checks"][0]["residual_risk"]


def test_a_required_check_whose_program_is_missing_is_failed(house: House) -> None:
    assert statuses(verify(house.session(), "no-such-program-here")) == ["failed"]


def test_nothing_passes_on_files_that_nobody_can_name(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "SnapshotLimits", lambda: SnapshotLimits(max_files=1))
    house.put("a")
    house.put("b")
    report = verify(house.session(), "true", "true")

    assert (report["status"], statuses(report)) == ("needs_review", ["passed", "passed"])
    assert kinds(report) == ["no_tree"]
    assert [check["ran"]["tree"] for check in report["checks"]] == ["", ""]


def test_the_policy_of_the_model_does_not_hold_for_checks_of_the_host(house: House) -> None:
    session = house.session(permission_policy=PermissionPolicy(deny=["bash"]))

    assert verify(session, "true")["status"] == "passed"


def test_secrets_do_not_enter_the_record(house: House) -> None:
    secret = "ghp_" + "a1B2" * 9
    session = house.session(default_security=True)
    report = verify(session, f"echo {secret}; exit 1")
    said = json.dumps([report, session.verification_reports(), session.trace_events()])

    assert secret not in said
    artifact = session.get_artifact(report["checks"][0]["ran"]["output_uri"])
    assert artifact is not None
    assert secret not in artifact["content"]


async def test_what_was_stopped_is_in_the_report_as_not_run(house: House) -> None:
    async with AsyncAgent(house.serve().acl()) as agent:
        session = agent.session(house.root)
        commands = [command("true", "a"), command("touch at; sleep 60", "b"), command("true", "c")]
        checking = asyncio.create_task(session.verify_commands("s", commands))
        await asyncio.to_thread(come, lambda: house.has("at"))
        assert await session.cancel()
        with pytest.raises(RunCancelled):
            await checking

        (report,) = session.verification_reports()
        assert statuses(report) == ["passed", "needs_review", "needs_review"]
        assert kinds(report) == ["not_run", "not_run"]
        assert (await session.verification_summary())["status"] == "needs_review"


def test_checks_of_one_list_run_one_after_the_other(house: House) -> None:
    house.put(".gitignore", "log\n")
    lines = [f"echo begin {n} >> log; sleep 0.05; echo end {n} >> log" for n in range(3)]
    report = verify(house.session(), *lines)

    assert report["status"] == "passed"
    said = house.get("log").splitlines()
    assert said == [f"{word} {n}" for n in range(3) for word in ("begin", "end")]


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ([], "nothing to verify"),
        ([{"id": "a"}], "missing required field `command`"),
        ([command("true", "a"), command("true", "a")], "the id 'a'"),
        ([command("true", comand="x")], "unknown field `comand`"),
        ([command("true", timeout_ms=0)], "timeout_ms"),
        ([command("true", timeout_ms=600_001)], "timeout_ms"),
        ([command("")], "command"),
        ([command("true", required="no")], "required"),
        (["true"], "Expected `object`"),
        ([command("a\ud800")], "Unicode|surrogates|encode"),
    ],
)
def test_nothing_runs_of_a_list_with_a_mistake(
    commands: list[Any], said: str, house: House
) -> None:
    session = house.session()
    with pytest.raises(InvalidValue, match=said):
        session.verify_commands("s", [*commands[:1], *commands[1:]])

    assert session.verification_reports() == []


@pytest.mark.parametrize("commands", ["true", command("true"), None, 7])
def test_commands_are_a_list(commands: Any, house: House) -> None:
    with pytest.raises(InvalidType, match="not a list"):
        house.session().verify_commands("s", commands)


@pytest.mark.parametrize("subject", ["", "x" * 501, None, 7])
def test_a_subject_is_a_name(subject: Any, house: House) -> None:
    with pytest.raises((InvalidType, InvalidValue), match="subject"):
        house.session().verify_commands(subject, [command("true")])


async def test_a_report_of_the_host_meanwhile_is_not_taken_for_that_of_the_harness(
    house: House,
) -> None:
    class Meanwhile(Outlet):
        async def barrier(self) -> None:
            await session.record_verification_reports([DOCUMENTED])
            await super().barrier()

    async with AsyncAgent(house.serve().acl()) as agent:
        session = agent.session(house.root)
        engine = await session._awake()
        sink = Meanwhile(engine.log, Seal())
        failing = (CheckCommand(id="c", command="exit 1"),)
        made = await verification_runs.verify(engine, sink, "required", failing)
        assert len(session.verification_reports()) > 1

    assert (made.made_by, made.report.subject) == ("harness", "required")


# Reporting


def test_a_report_of_somebody_else_counts_and_is_said_to_be_one(house: House) -> None:
    session = house.session()
    session.record_verification_reports([DOCUMENTED])
    (row,) = session.verification_reports()
    summary = session.verification_summary()

    assert (row["subject"], row["status"], row["made_by"]) == ("sdk:tests", "passed", "host")
    assert (summary["status"], summary["required_check_count"]) == ("passed", 1)
    assert (summary["run_check_count"], summary["reported_check_count"]) == (0, 1)
    assert "1 reported but not run by it" in session.verification_summary_text()


def test_what_was_run_is_not_undone_by_what_is_reported(house: House) -> None:
    session = house.session()
    session.verify_commands("sdk:tests", [command("exit 1")])
    session.record_verification_reports([DOCUMENTED])

    assert session.verification_summary()["status"] == "failed"
    session.verify_commands("sdk:tests", [command("exit 0")])
    assert session.verification_summary()["status"] == "passed"
    assert len(session.verification_reports()) == 3


def test_all_reports_are_taken_or_none(house: House) -> None:
    session = house.session()
    with pytest.raises(InvalidValue, match=r"Verification report 2 is not accepted: .*`x`|missing"):
        session.record_verification_reports([DOCUMENTED, {"x": 1}])

    assert session.verification_reports() == []


def test_a_status_that_is_none_is_told_those_there_are(house: House) -> None:
    check = {**DOCUMENTED["checks"][0], "status": "fine"}
    with pytest.raises(InvalidValue, match="give one of 'failed', 'needs_review', 'passed'"):
        house.session().record_verification_reports([{**DOCUMENTED, "checks": [check]}])


def test_a_report_can_be_given_as_a_value(house: House) -> None:
    session = house.session()
    check = Check(id="c", kind="test", description="d", status="passed")
    session.record_verification_reports([Report(subject="s", checks=(check,))])

    assert session.verification_reports()[0]["status"] == "passed"


def test_nobody_else_says_that_the_harness_ran_something(house: House) -> None:
    ran = Ran(command="make", exit_code=0)
    check = Check(id="c", kind="test", description="d", status="passed", ran=ran)
    session = house.session()
    with pytest.raises(InvalidValue, match="`ran`"):
        session.record_verification_reports([Report(subject="s", checks=(check,))])


# Where it is told


def test_the_result_and_the_end_of_a_run_say_what_was_checked(house: House) -> None:
    session = house.session(says("One."), says("Two."), says("Three."))
    assert session.send("x").verification_status == "skipped"
    session.verify_commands("s", [command("exit 1"), command("true", "d")])
    result = session.send("y")
    (*_, end) = session.stream("z")

    assert result.verification_status == "failed"
    assert (result.failed_verification_count, result.verification_report_count) == (1, 1)
    assert json.loads(result.verification_summary_json) == session.verification_summary()
    assert result.verification_summary_text == session.verification_summary_text()
    assert end.verification_summary_text == session.verification_summary_text()
    assert end.verification_summary_json == result.verification_summary_json


def test_a_command_of_the_session_says_what_was_checked(house: House) -> None:
    session = house.session()
    session.record_verification_reports([DOCUMENTED])

    assert session.send("/help").verification_status == "passed"


def test_a_report_that_is_made_in_a_run_is_in_its_stream(house: House) -> None:
    session = house.session(
        calls("bash", command="until [ -e go ]; do sleep 0.05; done"), says(".")
    )
    seen: list[Any] = []

    def watch() -> None:
        seen.extend(session.stream("x"))

    watching = threading.Thread(target=watch)
    watching.start()
    come(lambda: [tool for tool in session.active_tools() if tool["name"] == "bash"])
    session.record_verification_reports([DOCUMENTED])
    house.put("go")
    watching.join()

    (event,) = [event for event in seen if event.event_type == "verification"]
    row = json.loads(event.data)
    assert (row["subject"], row["status"], row["made_by"]) == ("sdk:tests", "passed", "host")
    run_id = session.runs()[0]["id"]
    assert session.verification_reports()[0]["run_id"] == run_id
    assert "verification" in [each["event"]["type"] for each in session.run_events(run_id)]


def test_a_resumed_session_knows_what_was_checked(house: House, tmp_path: Path) -> None:
    agent = house.employ()
    store = FileSessionStore(tmp_path / "sessions")
    session = agent.session(house.root, session_store=store, session_id="one")
    session.verify_commands("s", [command("true")])
    before = session.verification_reports()
    session.close()
    again = agent.resume_session("one", session_store=store)

    assert again.verification_reports() == before
    assert again.verification_summary()["status"] == "passed"
    uri = before[0]["checks"][0]["ran"]["output_uri"]
    assert again.get_artifact(uri) is not None


def test_a_closed_session_checks_nothing(house: House) -> None:
    session = house.session()
    session.close()
    for ask in (
        session.verification_reports,
        session.verification_summary,
        session.verification_summary_text,
        session.verification_presets,
        lambda: session.verify_commands("s", [command("true")]),
        lambda: session.record_verification_reports([DOCUMENTED]),
    ):
        with pytest.raises(SessionClosed):
            ask()


def test_a_session_that_was_not_used_has_checked_nothing(house: House) -> None:
    session = house.session()

    assert session.verification_reports() == []
    assert session.verification_summary()["status"] == "skipped"
    assert session.verification_summary_text() == "Verification skipped: no reports."


# In words


def test_a_summary_is_said_the_same_from_its_object_and_its_json(house: House) -> None:
    session = house.session()
    verify(session, "exit 1")
    summary = session.verification_summary()

    assert format_verification_summary(summary) == session.verification_summary_text()
    assert format_verification_summary(json.dumps(summary)) == session.verification_summary_text()


@pytest.mark.parametrize("given", [7, None, [1]])
def test_a_summary_is_an_object(given: Any) -> None:
    with pytest.raises(InvalidType):
        format_verification_summary(given)


@pytest.mark.parametrize("given", [{}, "", "{", "[]", {"status": "well"}, {"status": 1}])
def test_what_is_no_summary_is_refused(given: Any) -> None:
    with pytest.raises(InvalidValue, match="no verification summary"):
        format_verification_summary(given)


# Presets


def test_presets_are_what_verify_commands_takes(house: House) -> None:
    house.put("package.json", '{"scripts": {"test": "true"}}')
    session = house.session()
    (preset,) = session.verification_presets()
    report = session.verify_commands(preset["id"], preset["commands"])

    assert preset["project_kind"] == "node"
    assert [check["id"] for check in report["checks"]] == ["node:test"]


def test_a_workspace_of_several_kinds_has_a_preset_for_each(house: House) -> None:
    house.put("Cargo.toml")
    house.put("go.mod")
    house.put("package.json", '{"scripts": {"lint": "eslint ."}}')
    house.put("setup.py")
    presets = house.session().verification_presets()

    assert [each["project_kind"] for each in presets] == ["rust", "node", "python", "go"]


# Calls


async def test_what_a_call_reports_is_a_claim(house: House) -> None:
    class NoArgs(msgspec.Struct, frozen=True):
        pass

    @tool(NoArgs, effect=Effect.READ)
    async def boast(args: NoArgs, context: ToolContext) -> Observation:
        """Say that all is well."""
        assert context.report is not None
        ran = Ran(command="make test", exit_code=0)
        check = Check(id="c", kind="test", description="d", status="passed", ran=ran)
        context.report(Report(subject="tests", checks=(check,)))
        return Observation("All is well.")

    async with AsyncAgent(house.serve(calls("boast"), says("Done.")).acl()) as agent:
        session = agent.session(house.root, tools=[boast], permissive=True)
        await session.verify_commands("tests", [command("exit 1")])
        result = await session.send("go")

    assert result.verification_status == "failed"
    assert result.verification_report_count == 2


async def test_a_model_that_says_so_does_not_make_a_run_verified(house: House) -> None:
    async with AsyncAgent(house.serve(says("All tests pass.")).acl()) as agent:
        result = await agent.session(house.root).send("go")

    assert result.verification_status == "skipped"
