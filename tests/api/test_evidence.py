"""What can be shown for a run: never more than what the harness has seen itself."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest

from a3s_code import AsyncAgent, FileSessionStore, Session
from a3s_code.errors import InvalidValue, RunCancelled
from a3s_code.testing import calls, says
from a3s_code.workspace import snapshots
from a3s_code.workspace.snapshot_take import SnapshotLimits
from api.house import House, come
from needed import needs_bwrap

TEST = {"id": "tests", "command": "grep -qx right answer"}


def write(text: str, path: str = "answer") -> Any:
    return calls("write", file_path=path, content=text)


def begin(house: House, *turns: Any, **options: Any) -> Session:
    wanted = {"commands": [TEST], "max_rounds": 0}
    return house.session(*turns, permissive=True, **{"verification": wanted, **options})


def test_it_says_what_was_asked_what_changed_and_what_was_checked(house: House) -> None:
    house.put("answer", "wrong\n")
    session = begin(house, write("right\n"), calls("bash", command="echo x > made"), says("Done."))
    session.send("put it right")
    evidence = session.evidence()

    assert (evidence.verdict, evidence.prompt, evidence.status) == (
        "passed",
        "put it right",
        "completed",
    )
    changed = {file.path: (file.before[:7], file.after[:7]) for file in evidence.files}
    assert changed == {"answer": ("sha256:", "sha256:"), "made": ("", "git:100")}
    (check,) = evidence.checks
    assert (check.standing, check.ran.exit_code, check.ran.tree) == ("fresh", 0, evidence.tree)
    assert session.get_artifact(check.ran.output_uri) is not None
    assert msgspec.json.decode(msgspec.json.encode(evidence))["schema"] == "a3s.evidence.v1"
    assert evidence.as_json()["checks"][0]["ran"]["command"] == TEST["command"]


@pytest.mark.parametrize("change", ["byte", "mode", "gone", "new", "same size and times"])
def test_whatever_is_changed_by_hand_makes_it_stale(house: House, change: str) -> None:
    session = begin(house, write("right\n"), says("Done."))
    session.send("do it")
    place = house.root / "answer"
    was = place.stat()
    match change:
        case "byte":
            place.write_text("right \n")
        case "mode":
            place.chmod(0o755)
        case "gone":
            place.unlink()
        case "new":
            house.put("other")
        case _:
            place.write_text("wrong\n")
            os.utime(place, ns=(was.st_atime_ns, was.st_mtime_ns))
    evidence = session.evidence()
    assert evidence.verdict == "needs_review"
    assert evidence.checks[0].standing == "stale"
    assert session.verification_summary()["status"] == "needs_review"


def test_what_others_change_is_not_what_the_run_has_changed(house: House) -> None:
    makes = {"id": "t", "command": "touch made; grep -qx right answer"}
    session = begin(
        house, write("right\n"), says("Done."), verification={"commands": [makes], "max_rounds": 0}
    )
    session.send("do it")
    house.put("by hand", "x")
    session.evidence()
    session.write_file("by-host", "x")
    session.bash("touch by-host-too")
    evidence = session.evidence()
    assert [file.path for file in evidence.files] == ["answer"]
    assert evidence.by_products == ("made",)
    assert not evidence.may_have_changed_more


def test_what_a_command_may_have_changed_is_said_when_nobody_can_tell(house: House) -> None:
    session = house.session(calls("bash", command="echo x > made"), says("Done."), permissive=True)
    session.send("do it")
    evidence = session.evidence()
    assert (evidence.files, evidence.may_have_changed_more) == ((), True)
    assert evidence.verdict == "needs_review"


def test_a_report_of_somebody_else_is_kept_apart_and_proves_nothing(house: House) -> None:
    session = house.session(write("x"), says("All tests pass."), permissive=True)
    session.send("do it")
    assert session.evidence().verdict == "needs_review"
    check = {"id": "ci", "kind": "test", "description": "ci", "status": "passed"}
    report = {"schema": "a3s.verification_report.v1", "subject": "ci", "checks": [check]}
    session.record_verification_reports([report])

    evidence = session.evidence()
    assert evidence.verdict == "needs_review"
    assert evidence.checks == ()
    assert [(each.id, each.made_by) for each in evidence.reported] == [("ci", "host")]


def test_each_run_has_its_own(house: House) -> None:
    session = begin(house, write("right\n"), says("Done."), says("Nothing to do."))
    session.send("one")
    session.send("two")
    first, second = (session.evidence(run["id"]) for run in session.runs())

    assert (first.verdict, second.verdict) == ("passed", "skipped")
    assert session.evidence() == msgspec.structs.replace(second, log=None)
    with pytest.raises(InvalidValue, match="There is no run 'nobody'"):
        session.evidence("nobody")


def test_what_the_host_checks_after_a_run_is_of_that_run(house: House) -> None:
    session = house.session(write("right\n"), says("Done."), permissive=True)
    session.send("do it")
    session.verify_commands("tests", [TEST])
    assert session.evidence().verdict == "passed"
    assert len(session.evidence().checks) == 1


def test_a_session_that_only_ran_checks_has_evidence_of_them(house: House) -> None:
    house.put("answer", "right\n")
    session = house.session()
    session.verify_commands("tests", [TEST])
    evidence = session.evidence()
    assert (evidence.run_id, evidence.verdict) == ("", "passed")


def test_it_names_the_log_that_it_is_about(house: House, tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    session = begin(house, write("right\n"), says("Done."), session_store=store)
    session.send("do it")
    log = session.evidence().log
    head = session.log_head()
    assert log is not None
    assert head is not None
    assert (log.records - 1, log.sha256) == (head["sequence"], head["hash"])


def test_evidence_outlives_the_session(house: House, tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    session = begin(house, write("right\n"), says("Done."), session_store=store)
    session.send("do it")
    before = session.evidence()
    session.close()
    again = house.agent.resume_session(session.session_id, session_store=store)

    assert again.evidence(before.run_id).verdict == "passed"
    house.put("answer", "Right\n")
    assert again.evidence(before.run_id).verdict == "needs_review"


def test_without_git_nothing_is_passed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from a3s_code.workspace import shadow_program

    monkeypatch.setattr(shadow_program, "GIT", "no-such-git", raising=False)
    bin_ = house.root.parent / "bin"
    bin_.mkdir()
    for name in ("bash", "sh", "grep", "env"):
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True)
        (bin_ / name).symlink_to(found.stdout.strip())
    monkeypatch.setenv("PATH", str(bin_))
    session = begin(house, write("right\n"), says("Done."))
    result = session.send("do it")

    assert result.verification_status == "needs_review"
    assert "no_tree" in {risk["kind"] for risk in result.verification_summary["risks"]}
    evidence = session.evidence()
    assert (evidence.verdict, evidence.tree) == ("needs_review", "")
    assert "git" in evidence.trouble


def test_a_workspace_that_is_too_large_is_not_passed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "SnapshotLimits", lambda: SnapshotLimits(max_files=1))
    house.put("one")
    house.put("two")
    session = begin(house, write("right\n"), says("Done."))
    result = session.send("do it")
    assert result.verification_status == "needs_review"
    assert "more than 1 files" in session.evidence().trouble


def test_a_file_that_no_tree_holds_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "SnapshotLimits", lambda: SnapshotLimits(max_file_bytes=10))
    house.put("large", "x" * 11)
    session = begin(house, write("right\n"), says("Done."))
    session.send("do it")
    assert session.evidence().not_covered == ("large",)


def test_a_write_while_checks_run_is_no_by_product_of_theirs(house: House) -> None:
    slow = {"id": "slow", "command": "touch begun; while [ ! -e go ]; do sleep 0.01; done"}
    (house.root / ".gitignore").write_text("begun\ngo\n")
    session = begin(house, write("x"), says("Done."), verification={"commands": [slow]})

    def meddle() -> None:
        come(lambda: house.has("begun"))
        session.write_file("meanwhile.py", "x = 1\n")
        house.put("go")

    meddling = threading.Thread(target=meddle)
    meddling.start()
    result = session.send("do it")
    meddling.join()
    assert session.verification_reports()[0]["risks"][0]["kind"] == "changed_files"
    assert result.verification_status == "passed"  # they ran once more, on what was there then


def test_a_write_that_is_taken_back_before_the_check_ends_is_told(house: House) -> None:
    house.put("answer", "wrong\n")
    waits = "touch went; while [ ! -e go ]; do sleep 0.01; done; grep -qx right answer"
    holds = "; was=$?; rm went go; touch saw; while [ -e saw ]; do sleep 0.01; done; exit $was"
    session = house.session(permissive=True)

    def swap() -> None:
        come(lambda: house.has("went"))
        session.write_file("answer", "right\n")
        house.put("go")
        come(lambda: house.has("saw"))
        session.write_file("answer", "wrong\n")
        (house.root / "saw").unlink()

    thread = threading.Thread(target=swap)
    thread.start()
    report = session.verify_commands("t", [{"id": "t", "command": waits + holds}])
    thread.join()
    (check,) = report["checks"]
    assert (check["status"], check["ran"]["tree"]) == ("passed", check["ran"]["tree_after"])
    assert (report["status"], report["risks"][0]["kind"]) == ("needs_review", "changed_files")
    assert "answer" in report["risks"][0]["text"]


async def test_a_cancel_while_a_check_runs_is_clean(house: House) -> None:
    hangs = {"id": "hangs", "command": "touch at; sleep 60"}
    async with AsyncAgent(house.serve(write("x"), says("Done.")).acl()) as agent:
        wanted = {"commands": [hangs, TEST]}
        session = agent.session(house.root, permissive=True, verification=wanted)
        running = asyncio.create_task(session.send("do it"))
        await asyncio.to_thread(come, lambda: house.has("at"))
        assert await session.cancel()
        with pytest.raises(RunCancelled):
            await running

        assert session.runs()[0]["status"] == "cancelled"
        (report,) = session.verification_reports()
        assert [check["status"] for check in report["checks"]] == ["needs_review", "needs_review"]
        assert session.active_tools() == []
        assert (await session.evidence()).verdict == "needs_review"


def test_a_run_that_was_killed_in_its_checks_is_checked_when_it_goes_on(
    house: House, tmp_path: Path
) -> None:
    server = house.serve(write("right\n"), says("Done."), says("Done again."))
    code = f"""
        from a3s_code import Agent, FileSessionStore
        agent = Agent({server.acl()!r})
        wanted = {{"commands": [{{"id": "t", "command": "touch at; sleep 60"}}]}}
        session = agent.session({str(house.root)!r}, session_id="s", permissive=True,
            session_store=FileSessionStore({str(tmp_path / "sessions")!r}), verification=wanted)
        session.send("do it")
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    come(lambda: house.has("at"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    (house.root / "at").unlink()

    store = FileSessionStore(tmp_path / "sessions")
    from a3s_code import Agent

    with Agent(server.acl()) as agent:
        session = agent.resume_session("s", session_store=store, verification={"commands": [TEST]})
        (cut,) = session.runs()
        assert session.evidence(cut["id"]).verdict == "needs_review"
        assert session.resume_run(cut["id"]).verification_status == "passed"
        evidence = session.evidence()
        assert evidence.verdict == "passed"
        assert [file.path for file in evidence.files] == ["answer"]


@needs_bwrap
def test_a_check_is_held_as_the_commands_of_the_model_are(house: House, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    tries = {"id": "t", "command": f"echo x > {outside}; test ! -e node_modules/b || exit 3"}
    house.put(".gitignore", "node_modules\n")
    house.put("node_modules/a", "installed")
    session = house.session(
        write("right\n"),
        says("Done."),
        verification={"commands": [tries], "red_before_green": True, "max_rounds": 0},
    )
    session.send("do it")
    assert not outside.exists()
    assert len(session.verification_reports()) == 1


@pytest.fixture
def shown_house() -> Iterator[House]:
    """Give a workspace that programs in a sandbox see from elsewhere, as those in /tmp are not."""
    with TemporaryDirectory(prefix=".a3s-code-test-", dir=Path.home()) as root:
        house = House(Path(root))
        yield house
        house.close()


@needs_bwrap
def test_a_copy_finds_the_dependencies_of_the_workspace_and_cannot_change_them(
    shown_house: House,
) -> None:
    house = shown_house
    house.put(".gitignore", "node_modules\n")
    house.put("node_modules/a", "installed")
    house.put("answer", "wrong\n")
    uses = "cat node_modules/a && grep -qx right answer"
    command = {"id": "t", "command": f"echo x > node_modules/b_$PPID 2>&1; {uses}"}
    session = house.session(
        write("right\n"),
        says("Done."),
        verification={"commands": [command], "red_before_green": True, "max_rounds": 0},
    )
    assert session.send("do it").verification_status == "passed"
    assert len(list((house.root / "node_modules").glob("b_*"))) == 1  # of the check itself
