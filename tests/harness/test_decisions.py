"""What was decided about calls is read from the log."""

from __future__ import annotations

from a3s_code.harness.decisions import facts_of, plan_shown
from a3s_code.harness.pins import Facts
from a3s_code.kernel.events import (
    ConfirmationReceived,
    ConfirmationRequired,
    ConfirmationTimeout,
    PermissionDenied,
    RunId,
    TaskUpdated,
)
from a3s_code.kernel.pinned import Verdict
from a3s_code.kernel.records import Event, FileChanging, FileImage, FileLeft, Record, RuleGranted


def facts(*events: Event, calls: tuple[str, ...] = ("c1",)) -> Facts:
    records = [Record(at, 0, RunId("r1"), event) for at, event in enumerate(events)]
    return facts_of(records, calls)


def asked(id_: str = "c1", command: str = "make deploy") -> ConfirmationRequired:
    args = {"command": command}
    return ConfirmationRequired(
        tool_id=id_, tool_name="bash", args=args, timeout_ms=0, part=command
    )


def test_what_a_person_approved_and_denied_is_known_with_their_reason() -> None:
    found = facts(
        asked(),
        ConfirmationReceived(tool_id="c1", approved=True),
        asked("c1.2", "rm -rf build"),
        ConfirmationReceived(tool_id="c1.2", approved=False, reason="not now"),
    )
    assert found.verdicts == (
        Verdict("bash", "make deploy", approved=True),
        Verdict("bash", "rm -rf build", approved=False, reason="not now"),
    )


def test_a_denial_is_told_once_in_the_words_of_who_made_it() -> None:
    found = facts(
        asked(),
        ConfirmationReceived(tool_id="c1", approved=False, reason="not now"),
        PermissionDenied(
            tool_id="c1", tool_name="bash", args={}, reason="Denied.", part="make deploy"
        ),
    )
    assert found.verdicts == (Verdict("bash", "make deploy", approved=False, reason="not now"),)


def test_silence_and_standing_rules_are_decisions_too() -> None:
    found = facts(
        asked(),
        ConfirmationTimeout(tool_id="c1", action_taken="rejected"),
        RuleGranted(call_id="c1", rules=("bash(make test)",), before="1", after="2"),
    )
    assert found.verdicts == (
        Verdict("bash", "make deploy", approved=False, reason="nobody answered in time"),
        Verdict("from now on", "bash(make test)", approved=True),
    )


def test_a_yes_that_was_taken_back_is_none() -> None:
    yes = ConfirmationReceived(tool_id="c1", approved=True, reason="go")
    no = ConfirmationReceived(tool_id="c1", approved=False, reason="stop")
    assert facts(asked(), yes, asked(), no).verdicts == (
        Verdict("bash", "make deploy", approved=False, reason="stop"),
    )


def test_other_calls_are_left_out() -> None:
    denied = PermissionDenied(tool_id="c2", tool_name="bash", args={}, reason="no")
    assert facts(asked("c2"), denied) == Facts()


def test_long_arguments_are_cut() -> None:
    denied = PermissionDenied(tool_id="c1", tool_name="w", args={"content": "x" * 999}, reason="")
    (verdict,) = facts(denied).verdicts
    assert len(verdict.about) < 250


def test_files_that_were_changed_and_not_those_that_were_left() -> None:
    image = FileImage()
    changes = [
        FileChanging(call_id="c1", tool="write", path=path, before=image, after=image)
        for path in ("a", "b", "a")
    ]
    assert facts(*changes, FileLeft(call_id="c1", path="b")).changed == ("a",)


def test_a_plan_is_the_last_one_of_its_conversation_and_its_run() -> None:
    shown = [
        Record(at, 0, RunId(run), TaskUpdated(session_id=session, tasks=({"content": content},)))
        for at, (run, session, content) in enumerate(
            [("r1", "s", "one"), ("r1", "s", "two"), ("r2", "s", "three"), ("r2", "c", "four")]
        )
    ]
    newest = shown[::-1]

    assert plan_shown(newest, "s") == ({"content": "three"},)
    assert plan_shown(newest, "s", RunId("r1")) == ({"content": "two"},)
    assert plan_shown(newest, "c") == ({"content": "four"},)
    assert plan_shown(newest, "c", RunId("r1")) == plan_shown(newest, "d") == ()
