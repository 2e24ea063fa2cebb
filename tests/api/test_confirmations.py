"""Questions at the border: who is asked, who answers, and what goes on with a session."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    ConfirmationPolicy,
    FileSessionStore,
    PermissionPolicy,
    Session,
    SessionClosed,
    SessionOptions,
)
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.ports import Action, Allow, Ask
from a3s_code.testing import calls, says
from api.house import House, come, meanwhile

ASK = PermissionPolicy(ask=["bash", "write"], default_decision="allow")
ON = ConfirmationPolicy(enabled=True)
TOUCH = calls("bash", command="touch made")


def asked(house: House, *turns: Any, **options: Any) -> Session:
    given: dict[str, Any] = {"permission_policy": ASK, "confirmation_policy": ON, **options}
    return house.session(*(turns or (TOUCH, says("Done."))), **given)


def answering(session: Session, **answer: Any) -> list[dict[str, Any]]:
    """Send, and answer every question in this thread while another one runs; give the questions."""
    questions: list[dict[str, Any]] = []
    with meanwhile(lambda: session.send("go")) as came:
        questions += come(lambda: came or session.pending_confirmations())
        for question in questions:
            assert session.confirm_tool_use(question["tool_id"], **answer)
    assert came[0].text == "Done."
    return questions


def told(house: House) -> str:
    return str(house.bodies[-1]["messages"])


# Questions and answers


def test_the_example_of_the_documents_runs_as_written(house: House) -> None:
    opts = SessionOptions()
    opts.permission_policy = PermissionPolicy(ask=["bash*"], default_decision="allow")
    opts.confirmation_policy = ConfirmationPolicy(
        enabled=True,
        default_timeout_ms=30_000,
        timeout_action="reject",
        yolo_lanes=["query"],
    )
    session = house.employ(TOUCH, says("Done.")).session(house.root, opts)

    for pending in session.pending_confirmations():
        session.confirm_tool_use(pending["tool_id"], approved=True, reason="Reviewed")
    assert session.pending_confirmations() == []


def test_a_question_says_all_that_an_answer_needs(house: House) -> None:
    command = "touch made # \x1b[2K\u202e\u3164"
    session = asked(house, calls("bash", command=command), says("Done."))
    (question,) = answering(session, approved=False, reason="not now")

    assert question["tool_name"] == "bash"
    assert question["args"] == {"command": command}
    assert 0 < question["remaining_ms"] <= 30_000
    assert "needs approval by the rule bash" in question["reason"]
    assert "touch made # \\x1b[2K\\u202e\\u3164" in question["view"]
    assert "not now" in told(house)
    assert not house.has("made")


def test_a_question_shows_the_whole_of_a_long_call(house: House) -> None:
    content = "x" * 200_000 + "the tail"
    session = asked(house, calls("write", file_path="f", content=content), says("Done."))
    (question,) = answering(session, approved=True)

    assert content in question["view"]
    assert house.get("f") == content


def test_what_a_caller_makes_of_a_question_changes_nothing(house: House) -> None:
    session = asked(house)
    with meanwhile(lambda: session.send("go")):
        (question,) = come(session.pending_confirmations)
        question["args"]["command"] = "touch evil"
        session.confirm_tool_use(question["tool_id"], approved=True)

    assert house.has("made")
    assert not house.has("evil")


def test_a_file_that_is_edited_while_the_question_waits_is_not_overwritten(house: House) -> None:
    house.put("f", "old")
    session = asked(house, calls("write", file_path="f", content="new"), says("Done."))
    with meanwhile(lambda: session.send("go")):
        (question,) = come(session.pending_confirmations)
        house.put("f", "mine")
        session.confirm_tool_use(question["tool_id"], approved=True)

    assert house.get("f") == "mine"
    assert "f was changed" in told(house)


def test_an_unknown_question_is_not_answered(house: House) -> None:
    session = asked(house)

    assert session.confirm_tool_use("nope", approved=True) is False
    assert session.cancel_confirmations() == 0
    assert session.pending_confirmations() == []


def test_cancelling_the_questions_says_no_to_each(house: House) -> None:
    session = asked(house)
    with meanwhile(lambda: session.send("go")) as came:
        come(session.pending_confirmations)
        assert session.cancel_confirmations() == 1

    assert came[0].text == "Done."
    assert "the question was cancelled" in told(house)
    assert not house.has("made")


@pytest.mark.parametrize("end", [Session.cancel, Session.close])
def test_a_question_ends_with_its_run(end: Callable[[Session], Any], house: House) -> None:
    session = asked(house)
    with meanwhile(lambda: session.send("go")) as came:
        come(session.pending_confirmations)
        end(session)

    assert isinstance(came[0], Exception)
    assert not house.has("made")
    if end is Session.close:
        with pytest.raises(SessionClosed):
            session.pending_confirmations()
    else:
        assert session.pending_confirmations() == []


def test_time_that_is_over_is_an_event_and_a_no(house: House) -> None:
    session = asked(
        house, confirmation_policy=ConfirmationPolicy(enabled=True, default_timeout_ms=20)
    )
    events = {event.event_type: event for event in session.stream("go")}

    assert json.loads(events["confirmation_timeout"].data or "")["action_taken"] == "rejected"
    assert "nobody answered in time" in told(house)
    assert not house.has("made")


def test_policy_off_denies_and_says_how_to_turn_it_on(house: House) -> None:
    session = asked(house, confirmation_policy=ConfirmationPolicy())
    session.send("go")

    assert "ConfirmationPolicy(enabled=True)" in told(house)
    assert not house.has("made")


# Whoever the host lets answer


class Bell:
    """Answers in the thread that it is called in, when it is told to."""

    def __init__(self) -> None:
        self.rung, self.seen = threading.Event(), threading.Event()

    def __call__(self, action: Action, ask: Ask) -> bool:
        self.seen.set()
        return self.rung.wait(10)


def test_a_function_that_waits_does_not_hold_the_session_up(house: House) -> None:
    bell = Bell()
    session = asked(house, confirmation_manager=bell, confirmation_policy=None)
    with meanwhile(lambda: session.send("go")) as came:
        assert bell.seen.wait(10)
        assert len(session.pending_confirmations()) == 1
        bell.rung.set()

    assert came[0].text == "Done."
    assert house.has("made")


def test_the_time_of_the_policy_holds_for_a_confirmer_too(house: House) -> None:
    bell = Bell()
    policy = ConfirmationPolicy(enabled=True, default_timeout_ms=20)
    asked(house, confirmation_manager=bell, confirmation_policy=policy).send("go")
    bell.rung.set()

    assert "nobody answered in time" in told(house)
    assert not house.has("made")


@pytest.mark.parametrize("wrong", [5, object(), "yes"])
def test_what_cannot_be_asked_is_no_confirmer(wrong: Any, house: House) -> None:
    agent = house.employ()
    with pytest.raises(InvalidType, match="confirmation_manager"):
        agent.session(house.root, confirmation_manager=wrong)


# Rules that answers make


def kept(house: House, *turns: Any, **options: Any) -> Session:
    store = FileSessionStore(house.root.parent / "store")
    return asked(house, *turns, session_store=store, session_id="s", **options)


def resumed(house: House, *turns: Any, **options: Any) -> Session:
    house.agent.close()
    agent = house.employ(*(turns or (TOUCH, says("Done."))))
    store = FileSessionStore(house.root.parent / "store")
    return agent.resume_session("s", SessionOptions(session_store=store), **options)


def test_always_is_a_rule_that_is_recorded_listed_and_goes_on_with_the_session(
    house: House,
) -> None:
    session = kept(house, TOUCH, says("Done."))
    (question,) = answering(session, approved=True, remember=["bash(touch made)"])
    assert question["rules"] == ["bash(touch made)"]
    (rule,) = session.granted_rules()
    assert (rule["rule"], rule["tool_id"]) == ("bash(touch made)", question["tool_id"])

    later = resumed(house)
    later.send("once more")
    assert later.granted_rules() == [rule]
    assert later.pending_confirmations() == []
    assert "Permission denied" not in told(house)


def test_another_policy_ends_the_rules_that_answers_made(house: House) -> None:
    answering(kept(house, TOUCH, says("Done.")), approved=True, remember="bash(touch made)")
    later = resumed(
        house,
        permission_policy=PermissionPolicy(ask=["*"]),
        confirmation_policy=ConfirmationPolicy(),
    )
    later.send("once more")

    assert later.granted_rules() == []
    assert "Permission denied" in told(house)


def test_no_rule_allows_what_the_policy_denies(house: House) -> None:
    policy = PermissionPolicy(ask=["bash"], deny=["bash(touch evil)"])
    session = asked(
        house,
        TOUCH,
        calls("bash", command="touch evil"),
        says("Done."),
        permission_policy=policy,
    )
    answering(session, approved=True, remember=["bash"])

    assert house.has("made")
    assert not house.has("evil")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"approved": True, "remember": ["bash("]}, InvalidValue),
        ({"approved": True, "remember": 5}, InvalidType),
        ({"approved": False, "remember": ["bash"]}, InvalidValue),
    ],
)
def test_a_rule_that_cannot_be_made_leaves_the_question_open(
    answer: dict[str, Any], error: type[Exception], house: House
) -> None:
    session = asked(house)
    with meanwhile(lambda: session.send("go")):
        (question,) = come(session.pending_confirmations)
        with pytest.raises(error):
            session.confirm_tool_use(question["tool_id"], **answer)
        assert len(session.pending_confirmations()) == 1
        assert session.confirm_tool_use(question["tool_id"], approved=False)
    assert session.granted_rules() == []


@pytest.mark.parametrize(
    ("given", "runs"), [("bash(touch made)", True), (["bash(touch made)"], True), (5, False)]
)
def test_an_approver_may_give_one_rule_or_several_and_nothing_else(
    given: Any, runs: bool, house: House
) -> None:
    session = asked(
        house,
        TOUCH,
        says("Done."),
        confirmation_manager=lambda action, ask: Allow("yes", remember=given),  # pyright: ignore[reportUnknownLambdaType]
    )
    assert session.send("go").text == "Done."

    assert house.has("made") is runs
    assert [rule["rule"] for rule in session.granted_rules()] == ["bash(touch made)"] * runs


# What goes on with a session


def test_how_questions_are_put_goes_on_with_the_session(house: House) -> None:
    """Without it a resumed session would deny, or with an approver ask without a limit."""
    policy = ConfirmationPolicy(
        enabled=True, default_timeout_ms=20, timeout_action="reject", yolo_lanes=["query"]
    )
    kept(house, says("Done."), confirmation_policy=policy).send("go")
    asked_once: list[str] = []

    def wait(action: Action, ask: Ask) -> Allow:
        asked_once.append(action.subject)
        threading.Event().wait(5)
        return Allow("too late")

    later = resumed(house, confirmation_manager=wait)
    later.send("once more")

    assert asked_once == ["touch made"]
    assert "nobody answered in time" in told(house)
    assert not house.has("made")


def test_policy_off_goes_on_with_the_session(house: House) -> None:
    kept(house, says("Done."), confirmation_policy=ConfirmationPolicy()).send("go")
    later = resumed(house, confirmation_manager=lambda *_: True)
    later.send("once more")

    assert not house.has("made")


# The example


@pytest.fixture
def loop() -> Any:
    path = Path(__file__).parents[2] / "examples/hitl_confirmation_loop.py"
    spec = importlib.util.spec_from_file_location("hitl_confirmation_loop", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("said", "runs"), [("y", True), ("n", False), ("", False)])
def test_the_example_asks_a_person_and_does_as_told(
    said: str, runs: bool, loop: Any, house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    session = house.employ(TOUCH, says("Done.")).session(house.root, loop.options())
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return said

    assert loop.run(session, "go", answer) == "Done."
    assert len(asked) == 1
    assert house.has("made") is runs
    assert "command: touch made" in capsys.readouterr().out


def test_the_example_asks_no_more_about_what_is_always_allowed(loop: Any, house: House) -> None:
    session = house.employ(TOUCH, TOUCH, says("Done.")).session(house.root, loop.options())
    answers = iter(["a"])

    assert loop.run(session, "go", lambda _: next(answers)) == "Done."
    assert [rule["rule"] for rule in session.granted_rules()] == ["bash(touch made)"]
