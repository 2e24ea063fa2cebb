"""`verification="required"`: what a model says about its work counts for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from a3s_code import FileSessionStore, Session
from a3s_code.errors import InvalidType, InvalidValue, LimitReached
from a3s_code.testing import breaks, calls, says
from api.house import House

TEST = {"id": "tests", "command": "grep -qx right answer || { echo the answer is wrong; exit 3; }"}


def write(text: str, path: str = "answer") -> Any:
    return calls("write", file_path=path, content=text)


def begin(house: House, *turns: Any, verification: Any = None, **options: Any) -> Session:
    wanted = {"commands": [TEST], **(verification or {})}
    return house.session(*turns, permissive=True, verification=wanted, **options)


def shown(house: House, request: int) -> str:
    """Give the last message of a request."""
    return str(house.bodies[request]["messages"][-1])


def test_a_run_whose_checks_pass_is_passed(house: House) -> None:
    session = begin(house, write("right\n"), says("Done."))
    result = session.send("do it")

    assert (result.text, result.verification_status) == ("Done.", "passed")
    (report,) = session.verification_reports()
    assert (report["subject"], report["made_by"]) == ("required", "harness")
    assert report["checks"][0]["ran"]["exit_code"] == 0


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_model_that_claims_success_is_sent_back_with_what_the_check_said(
    house: House, kind: str
) -> None:
    session = begin(
        house, write("wrong\n"), says("All tests pass."), write("right\n"), says("Now."), kind=kind
    )
    result = session.send("do it")

    assert (result.text, result.verification_status) == ("Now.", "passed")
    back = shown(house, 2)
    assert "the answer is wrong" in back
    assert "status 3" in back
    assert "a3s://tool-output/bash/" in back
    assert house.get("answer") == "right\n"


def test_a_model_that_only_claims_success_is_never_passed(house: House) -> None:
    lie = says("All tests pass, I have checked it.")
    session = begin(house, write("wrong\n"), lie, lie, lie, verification={"max_rounds": 2})
    result = session.send("do it")

    assert result.verification_status == "needs_review"
    assert result.text == "All tests pass, I have checked it."
    assert result.failed_verification_count == 1
    kinds = {risk["kind"] for risk in result.verification_summary["risks"]}
    assert kinds == {"check_failed", "not_run"}
    assert len(house.bodies) == 4
    assert len(session.verification_reports()) == 1  # nothing changed, so nothing ran again
    assert session.evidence().verdict == "failed"


def test_the_words_of_the_user_stay_the_only_ones_of_a_user(house: House) -> None:
    session = begin(house, write("wrong\n"), says("Done."), write("right\n"), says("Done."))
    session.send("do it")

    said = [row for row in session.history() if row["role"] == "user"]
    texts = [block.get("text") for row in said for block in row["content"] if "text" in block]
    assert texts == ["do it"]


def test_a_run_that_changed_nothing_needs_no_check(house: House) -> None:
    house.put("answer", "wrong\n")
    session = begin(house, calls("read", file_path="answer"), says("It says wrong."))
    result = session.send("what does it say?")

    assert result.verification_status == "skipped"
    assert session.verification_reports() == []


def test_a_command_that_left_the_files_as_they_were_needs_no_check(house: House) -> None:
    command = calls("bash", command="echo x > new; rm new")
    result = begin(house, command, says("Done.")).send("do it")
    assert result.verification_status == "skipped"


def test_a_command_that_changed_files_does(house: House) -> None:
    session = begin(house, calls("bash", command="echo right > answer"), says("Done."))
    assert session.send("do it").verification_status == "passed"


def test_a_model_that_edits_after_the_checks_is_checked_again(house: House) -> None:
    turns = [write("right\n"), says("Done."), write("wrong\n"), says("Better.")]
    session = begin(house, *turns, verification={"max_rounds": 0})
    assert session.send("one").verification_status == "passed"
    assert session.send("two").verification_status == "needs_review"


def test_a_check_that_writes_caches_passes(house: House) -> None:
    caches = {"id": "t", "command": "mkdir -p __pycache__ && date +%N > __pycache__/a.pyc"}
    session = begin(house, write("x"), says("Done."), verification={"commands": [caches]})
    assert session.send("do it").verification_status == "passed"
    assert session.verification_summary()["status"] == "passed"


def test_a_formatter_is_run_on_what_it_left(house: House) -> None:
    formats = {"id": "format", "kind": "format", "command": "sed -i 's/ *$//' answer"}
    session = begin(
        house, write("right   \n"), says("Done."), verification={"commands": [formats, TEST]}
    )
    result = session.send("do it")

    assert result.verification_status == "passed"
    first, second = session.verification_reports()
    assert [risk["kind"] for risk in first["risks"]] == ["changed_files"]
    assert second["risks"] == []


def test_a_check_that_always_changes_a_source_is_never_passed(house: House) -> None:
    stamps = {"id": "stamp", "command": "date +%N >> answer"}
    session = begin(house, write("x"), says("Done."), verification={"commands": [stamps]})
    result = session.send("do it")

    assert result.verification_status == "needs_review"
    assert len(house.bodies) == 2  # the model can do nothing about it


def test_one_byte_that_is_changed_by_hand_makes_it_stale(house: House) -> None:
    session = begin(house, write("right\n"), says("Done."))
    session.send("do it")
    house.put("other", "x")

    summary = session.verification_summary()
    assert summary["status"] == "needs_review"
    assert [risk["kind"] for risk in summary["risks"]] == ["stale"]
    (house.root / "other").unlink()
    assert session.verification_summary()["status"] == "passed"


def test_what_passed_on_other_files_before_the_run_does_not_count_against_it(house: House) -> None:
    session = begin(house, write("right\n"), says("Done."))
    session.verify_commands("lint", [{"id": "lint", "command": "true"}])
    assert session.send("do it").verification_status == "passed"
    summary = session.verification_summary()
    assert (summary["status"], summary["pending_subjects"]) == ("needs_review", ["lint"])


def test_what_failed_before_the_run_counts_until_it_is_checked_again(house: House) -> None:
    session = begin(house, write("right\n"), says("Done."))
    session.verify_commands("lint", [{"id": "lint", "command": "false"}])
    assert session.send("do it").verification_status == "failed"


def test_what_passed_before_a_run_that_is_not_checked_is_stale(house: House) -> None:
    session = house.session(write("x"), says("All tests pass."), permissive=True)
    session.verify_commands("tests", [{"id": "t", "command": "true"}])
    assert session.send("do it").verification_status == "needs_review"


def test_what_a_rule_denies_is_not_run_because_it_is_required(house: House) -> None:
    from a3s_code import PermissionPolicy

    policy = PermissionPolicy(allow=["write"], deny=["bash(grep:*)"])
    session = house.session(
        write("right\n"), says("Done."), permission_policy=policy, verification={"commands": [TEST]}
    )
    result = session.send("do it")

    assert result.verification_status == "needs_review"
    assert session.verification_reports()[0]["checks"][0].get("ran") is None


def test_what_would_be_asked_runs_because_the_host_named_it(house: House) -> None:
    from a3s_code import PermissionPolicy

    policy = PermissionPolicy(allow=["write"])
    bash = calls("bash", command="touch evil")
    session = house.session(
        write("right\n"),
        bash,
        says("Done."),
        permission_policy=policy,
        verification={"commands": [TEST]},
    )
    assert session.send("do it").verification_status == "passed"
    assert not house.has("evil")


def test_the_checks_of_the_project_are_taken_when_none_are_named(house: House) -> None:
    house.put("go.mod", "module x\n")
    wanted = {"mode": "required", "max_rounds": 0}
    session = house.session(write("x"), says("Done."), permissive=True, verification=wanted)
    session.send("do it")
    (report,) = session.verification_reports()
    assert "go test ./..." in [
        check["ran"]["command"] for check in report["checks"] if "ran" in check
    ]


def test_a_project_without_checks_needs_a_review(house: House) -> None:
    session = house.session(write("x"), says("Done."), permissive=True, verification="required")
    result = session.send("do it")
    assert result.verification_status == "needs_review"
    assert "No check is known" in result.verification_summary_text


def test_limits_end_the_run_with_what_was_said(house: House) -> None:
    turns = [write("wrong\n"), says("Done."), write("wrong 1\n"), write("wrong 2\n"), says("x")]
    session = begin(house, *turns, max_tool_rounds=2)
    result = session.send("do it")

    assert (result.text, result.verification_status) == ("Done.", "needs_review")
    assert session.runs()[0]["status"] == "completed"
    assert session.send("again").text == "x"


def test_what_was_being_said_when_time_ran_out_stays_in_the_conversation(house: House) -> None:
    talk = breaks("hang_mid", says("I mend it, and then the rest"))
    session = begin(house, write("wrong\n"), says("Done."), talk, max_execution_time_ms=4_000)
    assert session.send("do it").text == "Done."

    last = session.history()[-1]["content"][0]["text"]
    assert last.startswith("I mend")
    assert last.endswith("(Response interrupted by a limit of the session.)")


def test_limits_before_an_answer_raise_as_ever(house: House) -> None:
    session = begin(house, write("1"), write("2"), write("3"), max_tool_rounds=2)
    with pytest.raises(LimitReached):
        session.send("do it")


def test_unfinished_answers_are_asked_to_go_on_first(house: House) -> None:
    session = begin(house, write("right\n"), says("Now I will run the tests."), says("Done."))
    assert session.send("do it").text == "Done."
    assert len(session.verification_reports()) == 1


def test_a_resumed_session_is_as_strict_as_it_was(house: House, tmp_path: Any) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    session = begin(
        house, write("wrong\n"), says("Done."), session_store=store, verification={"max_rounds": 0}
    )
    session.send("one")
    session.close()
    agent = house.employ(write("still wrong\n"), says("Done."))
    again = agent.resume_session(session.session_id, session_store=store, permissive=True)
    assert again.send("two").verification_status == "needs_review"
    assert len(again.verification_reports()) == 2


def test_a_resumed_session_can_be_told_to_require_nothing(house: House, tmp_path: Any) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    session = begin(house, says("Hello."), session_store=store)
    session.send("one")
    session.close()
    agent = house.employ(write("wrong\n"), says("Done."))
    again = agent.resume_session(session.session_id, session_store=store, verification="off")
    again.send("two")
    assert again.verification_reports() == []


def test_an_output_is_shown_by_its_end_and_not_as_a_whole(house: House) -> None:
    long = {"id": "long", "command": "seq 20000; echo the end; exit 1"}
    session = begin(
        house,
        write("x"),
        says("Done."),
        says("Done."),
        verification={"commands": [long], "max_rounds": 1},
    )
    session.send("do it")
    back = shown(house, 2)
    assert "the end" in back
    assert "characters before this are left out" in back
    assert len(back) < 8_000


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("sometimes", InvalidValue),
        (3, InvalidType),
        ({"mode": "required", "round": 3}, InvalidValue),
        ({"max_rounds": -1}, InvalidValue),
        ({"commands": [{"id": "x"}]}, InvalidValue),
        ({"commands": "make test"}, InvalidType),
        ({"red_before_green": "yes"}, InvalidValue),
    ],
)
def test_what_it_cannot_mean_is_refused_when_the_session_is_made(
    house: House, given: Any, error: type[Exception]
) -> None:
    agent = house.employ(says("x"))
    with pytest.raises(error):
        agent.session(house.root, verification=given)
