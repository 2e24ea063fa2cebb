"""The crash kit finds what it is there to find; `tests/crash` shows that we pass it."""

from __future__ import annotations

import subprocess
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from a3s_code import AsyncAgent, FileSessionStore
from a3s_code.errors import UsageError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Record
from a3s_code.testing import CrashReport, CrashRig, CrashStage, Script, When, calls, crash, on, says
from a3s_code.testing.crash_orders import Perform
from a3s_code.testing.crash_runner import CrashRunner, name_of

COUNT = calls("bash", command="echo one >> counter.txt")
SCRIPT = Script(rules=(on(When(last="Count."), COUNT),), default=says("Done."))


async def counts_each_time(stage: CrashStage) -> None:
    """Asks again whatever the record says, and says that nothing is in doubt."""
    async with AsyncAgent(stage.config) as agent:
        session = await stage.session(agent, permissive=True)
        stage.doubt(())
        await session.send("Count.")


async def talks(stage: CrashStage) -> None:
    async with AsyncAgent(stage.config) as agent:
        session = await stage.session(agent)
        await session.send("Hello.")


def writes_at_once(stage: CrashStage) -> None:
    """Notes the process in a file: one more each time."""
    with (stage.workspace / "runs.txt").open("a") as file:
        file.write("run\n")
    stage.tally.reach("in the middle")


def fails(stage: CrashStage) -> None:
    raise RuntimeError(f"nothing works in {stage.session_id}")


def hangs(stage: CrashStage) -> None:
    time.sleep(600)


def leaves_a_program(stage: CrashStage) -> None:
    subprocess.Popen(["sleep", "611"], start_new_session=True)


class ForgetfulStore(FileSessionStore):
    """Acknowledges what it writes only when it is closed."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._later: list[tuple[SessionId, Record, str]] = []

    def append(self, session: SessionId, record: Record, owner: str = "") -> None:
        self._later.append((session, record, owner))

    async def barrier(self, session: SessionId, owner: str = "") -> None:
        pass

    async def close(self) -> None:
        for session, record, owner in self._later:
            super().append(session, record, owner)
        await super().close()


def forgetful(directory: Path) -> ForgetfulStore:
    return ForgetfulStore(directory)


def faults_of(report: CrashReport, kind: str) -> list[str]:
    return [fault for fault in report.faults if kind in fault]


def test_the_example_of_the_kit_is_a_test_that_passes(tmp_path: Path) -> None:
    assert crash.__doc__ is not None
    example = crash.__doc__.split("\n\n    # test_my_agent.py\n")[1].split("\n\nA scenario")[0]
    path = tmp_path / "test_my_agent.py"
    path.write_text(textwrap.dedent(example))
    space: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), space)

    test = space["test_my_agent_survives_a_kill_anywhere"]
    assert isinstance(test, Callable)
    test()


def test_a_store_that_acknowledges_too_early_is_found_out() -> None:
    report = CrashRig(talks, store=forgetful, workers=1).kill_everywhere(3)

    assert faults_of(report, "was acknowledged and is lost"), report


def test_effects_that_are_repeated_or_forgotten_are_found_out() -> None:
    report = CrashRig(
        counts_each_time, SCRIPT, counters=("counter.txt",), workers=2
    ).kill_everywhere(100, ("after barrier", "append of EffectSettled"))

    assert faults_of(report, "done more than once: 'one' of counter.txt"), report
    assert report.repeated > 0
    assert faults_of(report, "is neither settled nor in doubt"), report


def test_a_workspace_that_came_out_different_is_found_out() -> None:
    report = CrashRig(writes_at_once, workers=1).kill_everywhere()
    forgiven = CrashRig(writes_at_once, differs=("runs.*",), workers=1).kill_everywhere()

    assert report.faults == ("killed at 1 (in the middle): runs.txt has another content",)
    assert forgiven.faults == ()
    assert forgiven.kills == 1


def test_a_scenario_that_fails_is_reported_with_its_traceback() -> None:
    report = CrashRig(fails, workers=1).kill_everywhere()

    assert all("nothing works in crash" in fault for fault in report.faults)
    assert report.faults[0].startswith("killed nowhere: failed with status 1")


def test_a_scenario_that_hangs_is_ended_and_reported() -> None:
    report = CrashRig(hangs, deadline_s=0.5, workers=1).kill_everywhere()

    assert "killed nowhere: did not end in 0 s" in report.faults


def test_a_program_that_is_left_running_is_found_and_ended(tmp_path: Path) -> None:
    for name in ("store", "workspace"):
        (tmp_path / name).mkdir()
    with CrashRunner(name_of(leaves_a_program), None) as runner:
        ended = runner.obey(Perform(str(tmp_path), "crash", "", "", 10.0))

    assert ended.orphans == ("sleep 611",)


def test_a_function_that_another_process_cannot_find_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot find"):
        CrashRig(lambda stage: None)
