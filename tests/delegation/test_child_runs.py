"""A child run: a conversation of its own, in the log, gate and executor of its session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from a3s_code import ConfirmationPolicy, PermissionPolicy, Session
from a3s_code.api.event import AgentEvent
from a3s_code.delegation.household import ChildHousehold
from a3s_code.errors import LimitReached, RunCancelled
from a3s_code.kernel.events import SubagentEnd, SubagentStart
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.ports import Action, Allow, Ask, Deny
from a3s_code.kernel.records import HistoryAppended, TokensSpent
from a3s_code.testing import Call, Fault, Turn, breaks, calls, refuses, says
from api.house import WIRES, House, come, meanwhile
from delegation.errands import errand

ON = ConfirmationPolicy(enabled=True)
ALL = PermissionPolicy(default_decision="allow")


def begun(house: House, *turns: Turn, **options: Any) -> Session:
    """Make a session that can start children, and allows what nothing says otherwise of."""
    given: JsonObject = {"permission_policy": ALL, **options}
    tools = [errand, *given.pop("tools", ())]
    return house.session(*turns, tools=tools, **given)


def sent(session: Session) -> list[AgentEvent]:
    return list(session.stream("PARENT"))


def kinds(events: list[AgentEvent]) -> list[str]:
    return [event.event_type for event in events]


def ended(events: list[AgentEvent], name: str) -> AgentEvent:
    """Give the end of the only call of a tool."""
    (end,) = (each for each in events if each.event_type == "tool_end" and each.tool_name == name)
    return end


def recorded(session: Session, kind: type) -> list[Any]:
    log = session._inner._log()
    assert log is not None
    return [record.event for record in log.records if isinstance(record.event, kind)]


def asking(**question: Any) -> Any:
    """Make an approver that says yes to everything, and keeps what it was asked."""

    class Person:
        asked: list[tuple[Action, Ask]] = []  # noqa: RUF012 - one for each class made here

        async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
            self.asked.append((action, ask))
            return Allow("fine", **question)

    return Person()


# Its own conversation


@pytest.mark.parametrize("kind", WIRES)
def test_nothing_that_a_child_says_enters_its_parents_conversation_but_its_answer(
    kind: str, house: House
) -> None:
    house.put("a.txt", "ZEBRA")
    session = begun(
        house,
        calls("errand"),
        says("LOOKING ") + calls("read", file_path="a.txt"),
        says("It is striped."),
        says("The child says striped."),
        kind=kind,
    )
    events = sent(session)

    _, first, second, parents = map(json.dumps, house.bodies)
    assert "HELPER-ROLE" in first
    assert "PARENT" not in first
    assert "ZEBRA" in second
    assert "HELPER-ROLE" not in parents
    assert "It is striped." in parents
    for hidden in ("LOOKING", "ZEBRA", "CHILD"):
        assert hidden not in json.dumps(house.bodies[-1]["messages"])
        assert hidden not in json.dumps(session.history())
    said = "".join(event.text or "" for event in events if event.event_type == "text_delta")
    assert said == "The child says striped."


def test_a_plain_answer_of_a_child_is_one_request(house: House) -> None:
    session = begun(house, calls("errand"), says("plain"), says("done"))
    session.send("PARENT")

    assert len(house.bodies) == 3


def test_its_start_progress_and_end_are_in_its_parents_stream(house: House) -> None:
    session = begun(house, calls("errand"), calls("ls"), says("looked"), says("done"))
    events = sent(session)
    of_child = [event for event in events if event.event_type.startswith("subagent_")]

    progress = ["subagent_progress"] * 3
    assert kinds(of_child) == ["subagent_start", *progress, "subagent_end"]
    assert kinds(events).count("turn_start") == 2
    told = [json.loads(event.data or "{}") for event in of_child[1:-1]]
    assert [each["status"] for each in told] == [
        "turn_completed",
        "tool_completed",
        "turn_completed",
    ]
    assert told[0]["metadata"].keys() >= {"turn", "tokens"}
    assert told[1]["metadata"].keys() == {"tool", "exit_code", "output_bytes"}
    assert of_child[-1].tool_output == "looked"
    assert of_child[-1].exit_code == 0
    names = [event.tool_name for event in events if event.event_type == "tool_end"]
    assert names == ["ls", "errand"]


def test_its_calls_stand_inside_the_call_that_started_it_also_when_their_ids_repeat(
    house: House,
) -> None:
    again = Turn(calls=(Call("ls", "{}", id="call_1"),))
    session = begun(house, calls("errand"), again, again, says("looked"), says("x"))
    events = sent(session)

    ids = [event.tool_id for event in events if event.event_type == "tool_start"]
    assert ids == ["call_1", "call_1.1.1", "call_1.1.2"]
    own = [row for row in recorded(session, HistoryAppended) if row.child]
    named = [call.id for row in own for call in row.message.calls]
    assert named == ids[1:]
    assert {row.child for row in own} == {"call_1.1"}
    assert "." not in "".join(row["id"] for row in _calls_of(house.bodies[3]))


def _calls_of(body: JsonObject) -> list[JsonObject]:
    return [call for row in body["messages"] for call in row.get("tool_calls") or ()]


def test_its_whole_transcript_is_an_artifact_without_secrets(house: House) -> None:
    house.put("a.txt", "key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD")
    session = begun(
        house,
        calls("errand"),
        calls("read", file_path="a.txt"),
        says("read it"),
        says("done"),
        default_security=True,
    )
    events = sent(session)
    uri = json.loads(ended(events, "errand").data or "{}")["metadata"]["transcript"]
    kept = session.get_artifact(uri)

    assert kept is not None
    header, *messages = map(json.loads, kept["content"].splitlines())
    assert header["role"] == "HELPER-ROLE"
    assert [row["role"] for row in messages] == ["user", "assistant", "tool", "assistant"]
    assert "sk-proj" not in kept["content"]


# What it may do


def test_a_denied_command_never_runs_inside_a_child(house: House) -> None:
    policy = PermissionPolicy(deny=["bash(touch *)"], default_decision="allow")
    session = begun(
        house,
        calls("errand", allow=["bash(*)"], inheritance="auto_approve"),
        calls("bash", command="touch made"),
        says("could not"),
        says("done"),
        permission_policy=policy,
    )
    events = sent(session)

    assert "permission_denied" in kinds(events)
    assert not house.has("made")


def test_a_child_does_only_what_its_own_rules_name(house: House) -> None:
    house.put("a.py", "PYTHON")
    house.put("b.txt", "SECRET")
    session = begun(
        house,
        calls("errand", allow=["read(*.py)"]),
        calls("read", file_path="a.py"),
        calls("read", file_path="b.txt") + calls("bash", command="touch made"),
        says("read one"),
        says("done"),
    )
    events = sent(session)

    shown = [tool["function"]["name"] for tool in house.bodies[1]["tools"]]
    assert shown == ["read"]
    assert "PYTHON" in json.dumps(house.bodies[2]["messages"])
    told = json.dumps(house.bodies[3]["messages"])
    assert "SECRET" not in told
    assert "not among the tools that helper may use: read(*.py)" in told
    assert not house.has("made")
    assert kinds(events).count("permission_denied") == 2


def test_a_child_with_an_empty_list_has_no_tool(house: House) -> None:
    house.put("a.py", "PYTHON")
    session = begun(
        house, calls("errand", allow=[]), calls("read", file_path="a.py"), says("no"), says("done")
    )
    session.send("PARENT")

    assert not house.bodies[1].get("tools")
    assert "PYTHON" not in json.dumps(house.bodies)


def test_a_child_without_a_list_has_the_tools_of_its_parent_but_those_that_start_children(
    house: House,
) -> None:
    session = begun(house, calls("errand"), says("x"), says("done"))
    session.send("PARENT")

    parents, childs = (
        [tool["function"]["name"] for tool in body["tools"]] for body in house.bodies[:2]
    )
    assert [name for name in parents if name in childs] == childs
    assert "bash" in childs
    assert not {"Skill", "task", "parallel_task"} & set(childs)


def test_a_question_inside_reaches_the_parents_approver_with_the_childs_name(house: House) -> None:
    person = asking()
    session = begun(
        house,
        calls("errand"),
        calls("bash", command="touch made"),
        says("made it"),
        says("done"),
        permission_policy=PermissionPolicy(ask=["bash"], default_decision="allow"),
        confirmation_policy=ON,
        confirmation_manager=person,
    )
    session.send("PARENT")

    ((action, ask),) = person.asked
    assert ask.reason.startswith("Inside helper: ")
    assert action.call.id == "call_1.1.1"
    assert house.has("made")


def test_a_question_inside_is_among_those_of_the_session_and_answered_there(house: House) -> None:
    session = begun(
        house,
        calls("errand"),
        calls("bash", command="touch made"),
        says("made it"),
        says("done"),
        permission_policy=PermissionPolicy(ask=["bash"], default_decision="allow"),
        confirmation_policy=ON,
    )
    with meanwhile(lambda: session.send("PARENT")):
        (question,) = come(session.pending_confirmations)
        assert "Inside helper" in question["reason"]
        assert session.confirm_tool_use(question["tool_id"], approved=True)

    assert house.has("made")


def test_a_yes_that_is_remembered_holds_inside_and_for_the_next_call(house: House) -> None:
    person = asking(remember=("bash(touch *)",))
    session = begun(
        house,
        calls("errand", allow=["bash(*)"]),
        calls("bash", command="touch one"),
        calls("bash", command="touch two"),
        says("made them"),
        says("done"),
        permission_policy=PermissionPolicy(ask=["bash"], default_decision="allow"),
        confirmation_policy=ON,
        confirmation_manager=person,
    )
    session.send("PARENT")

    assert house.has("one")
    assert house.has("two")
    assert len(person.asked) == 1


@pytest.mark.parametrize(("mode", "runs"), [("auto_approve", True), ("deny_on_ask", False)])
def test_a_child_that_does_not_ask_asks_nobody(mode: str, runs: bool, house: House) -> None:
    person = asking()
    session = begun(
        house,
        calls("errand", inheritance=mode),
        calls("bash", command="touch made"),
        says("x"),
        says("done"),
        permission_policy=PermissionPolicy(ask=["bash"], default_decision="allow"),
        confirmation_policy=ON,
        confirmation_manager=person,
    )
    session.send("PARENT")

    assert house.has("made") is runs
    assert person.asked == []


def test_a_protected_place_is_never_approved_by_inheritance(house: House) -> None:
    session = begun(
        house,
        calls("errand", inheritance="auto_approve"),
        calls("write", file_path=".git/hooks/pre-commit", content="x"),
        says("x"),
        says("done"),
    )
    session.send("PARENT")

    assert not house.has(".git/hooks/pre-commit")


def test_hooks_of_the_session_hold_inside(house: House) -> None:
    session = begun(
        house, calls("errand"), calls("bash", command="touch made"), says("x"), says("done")
    )
    asked: list[str] = []

    def no_bash(event: JsonObject) -> JsonObject | None:
        asked.append(event["payload"]["tool"])
        blocked = event["payload"]["tool"] == "bash"
        return {"action": "block", "reason": "not today"} if blocked else None

    session.register_hook("no-bash", "pre_tool_use", handler=no_bash)
    session.send("PARENT")

    assert asked == ["errand", "bash"]
    assert not house.has("made")


def test_a_direct_call_carries_the_hosts_authority_for_itself_alone(house: House) -> None:
    policy = PermissionPolicy(deny=["errand", "bash"], default_decision="allow")
    session = begun(
        house, calls("bash", command="touch made"), says("could not"), permission_policy=policy
    )
    result = session.tool("errand", {})

    assert result.exit_code == 0
    assert result.output == "could not"
    assert not house.has("made")


# Children inside children


def test_a_child_starts_no_child(house: House) -> None:
    session = begun(house, calls("errand"), calls("errand"), says("could not"), says("done"))
    events = sent(session)

    assert len(recorded(session, SubagentStart)) == 1
    inner = next(e for e in events if e.event_type == "tool_end" and e.tool_name == "errand")
    assert inner.exit_code == 1
    assert "helper was not started: runs inside runs go 1 deep at most" in (inner.tool_output or "")


def test_where_depth_allows_a_child_inside_a_child_has_the_rights_of_both(house: House) -> None:
    session = begun(
        house,
        calls("errand", allow=["errand", "read"]),
        calls("errand", allow=["bash", "read(*.py)"]),
        calls("bash", command="touch made") + calls("read", file_path="a.py"),
        says("inner"),
        says("outer"),
        says("done"),
    )
    house.put("a.py", "PYTHON")
    session.tool("ls", {})
    executor = session._inner._engine.executor  # type: ignore[union-attr]
    executor.children = ChildHousehold(executor.children.home, max_depth=2)  # type: ignore[union-attr]
    session.send("PARENT")

    starts = [event.task_id for event in recorded(session, SubagentStart)]
    assert len(starts) == 2
    assert starts[1].startswith(f"{starts[0]}.")
    said = [row for row in recorded(session, HistoryAppended) if row.child == starts[1]]
    assert [row.message.role for row in said] == ["user", "assistant", "tool", "assistant"]
    assert [call.id for call in said[1].message.calls] == [f"{starts[1]}.1", f"{starts[1]}.2"]
    assert not house.has("made")
    assert "PYTHON" in json.dumps(house.bodies[3]["messages"])


# What it takes


def test_its_tokens_count_for_the_run_and_are_told_apart_by_child(house: House) -> None:
    session = begun(
        house, calls("errand"), calls("ls"), says("one"), calls("errand"), says("two"), says("done")
    )
    result = session.send("PARENT")

    by_child: dict[str, int] = {}
    for spent in recorded(session, TokensSpent):
        by_child[spent.child] = by_child.get(spent.child, 0) + spent.usage.total_tokens
        assert spent.model == "openai/m1"
    assert sorted(by_child.values()) == [15, 30]
    assert result.total_tokens == 6 * 15
    assert session._inner._log().state.usage.total_tokens == 6 * 15  # type: ignore[union-attr]


def test_a_limit_inside_is_a_failed_outcome_of_the_call(house: House) -> None:
    session = begun(
        house, calls("errand", max_steps=1), calls("ls"), calls("ls", path="."), says("so be it")
    )
    events = sent(session)
    end = ended(events, "errand")

    assert end.exit_code == 1
    assert "Max tool rounds (1) exceeded" in (end.tool_output or "")
    assert kinds(events)[-1] == "end"
    assert [event.success for event in recorded(session, SubagentEnd)] == [False]


def test_a_child_has_no_more_rounds_than_a_run_of_the_session(house: House) -> None:
    session = begun(
        house,
        calls("errand", max_steps=50),
        calls("ls"),
        calls("ls", path="."),
        says("so be it"),
        max_tool_rounds=1,
    )
    end = ended(sent(session), "errand")

    assert "Max tool rounds (1) exceeded" in (end.tool_output or "")


def test_a_model_that_fails_inside_is_a_failed_outcome_and_the_parent_goes_on(
    house: House,
) -> None:
    session = begun(house, calls("errand"), refuses(400), says("so be it"))
    events = sent(session)

    end = ended(events, "errand")
    assert end.exit_code == 1
    assert end.error_kind
    assert kinds(events)[-1] == "end"


def test_a_model_that_there_is_not_is_told_and_nothing_is_begun(house: House) -> None:
    session = begun(house, calls("errand", model="nobody/knows"), says("so be it"))
    end = ended(sent(session), "errand")

    assert end.exit_code == 1
    assert "nobody" in (end.tool_output or "")
    assert recorded(session, SubagentStart) == []


def test_the_limit_for_a_call_is_that_of_each_call_inside_and_not_of_the_child(
    house: House,
) -> None:
    session = begun(
        house,
        calls("errand"),
        calls("bash", command="sleep 20"),
        Turn(pieces=("it took too long",), delay_s=0.5),
        says("done"),
        tool_timeout_ms=300,
    )
    events = sent(session)

    assert ended(events, "bash").exit_code == 124
    assert ended(events, "errand").tool_output == "it took too long"


# How it ends


def test_cancelling_the_parent_ends_the_child_and_what_it_runs(house: House) -> None:
    session = begun(
        house,
        calls("errand"),
        calls("bash", command="touch begun; sleep 30; touch made"),
        says("I see."),
    )
    with meanwhile(lambda: session.send("PARENT")) as came:
        come(lambda: house.has("begun"))
        session.cancel()

    assert isinstance(came[0], RunCancelled)
    assert not house.has("made")
    assert [event.success for event in recorded(session, SubagentEnd)] == [False]
    last = [row.message for row in recorded(session, HistoryAppended) if row.child][-1]
    assert last.role == "tool", "its own calls have results, too"
    assert session.send("what happened?").text == "I see."


def test_what_a_child_was_saying_when_it_was_stopped_stays_its_own(house: House) -> None:
    hangs = breaks(Fault.HANG_MID, says("HALF of an answer that never comes to its end"))
    session = begun(house, calls("errand"), hangs, says("I see."))
    with meanwhile(lambda: session.send("PARENT")) as came:
        come(lambda: len(house.bodies) == 2)
        come(lambda: session._inner._engine.executor.active)  # type: ignore[union-attr]
        session.cancel()

    assert isinstance(came[0], RunCancelled)
    assert came[0].partial_text == ""
    assert "HALF" not in json.dumps(session.history())
    assert [event.success for event in recorded(session, SubagentEnd)] == [False]


def test_the_time_of_a_run_holds_for_its_children(house: House) -> None:
    hangs = breaks(Fault.HANG_MID, says("never"))
    session = begun(house, calls("errand"), hangs, max_execution_time_ms=400)
    with pytest.raises(LimitReached, match="max_execution_time_ms"):
        session.send("PARENT")

    assert [event.success for event in recorded(session, SubagentEnd)] == [False]


def test_the_time_of_a_run_holds_for_a_child_that_the_host_starts(house: House) -> None:
    session = begun(house, breaks(Fault.HANG_MID, says("never")), max_execution_time_ms=400)
    result = session.tool("errand", {})

    assert result.exit_code == 1
    assert "helper took longer than max_execution_time_ms (400 ms)" in result.output


def test_two_children_of_one_turn_do_not_meet(house: House) -> None:
    session = begun(
        house,
        calls("errand", prompt="one") + calls("errand", prompt="two"),
        says("first"),
        says("second"),
        says("done"),
    )
    events = sent(session)

    outputs = [e.tool_output for e in events if e.event_type == "tool_end"]
    assert outputs == ["first", "second"]


# Its prompt


@pytest.mark.parametrize("raises", [False, True])
def test_a_hook_that_blocks_the_prompt_of_a_child_ends_it_before_a_model_is_asked(
    house: House, raises: bool
) -> None:
    def answer(event: JsonObject) -> JsonObject | None:
        if event["payload"]["prompt"] != "CHILD":
            return None
        if raises:
            raise ValueError("it broke")
        return {"action": "block", "reason": "not on a Friday"}

    session = begun(house, calls("errand"), says("It was not let in."))
    session.register_hook("guard", "pre_prompt", handler=answer)
    events = sent(session)
    end = ended(events, "errand")

    assert end.error_kind == "run.hook_blocked"
    assert ("it broke" if raises else "not on a Friday") in (end.tool_output or "")
    assert "CHILD" not in [
        user for request in house.server.requests for user in request.asked.users
    ]
    assert len(house.bodies) == 2
    assert recorded(session, SubagentEnd)[0].success is False
    assert session.runs()[-1]["status"] == "completed"


def test_a_hook_is_told_the_prompt_of_a_child_with_its_own_system_prompt(house: House) -> None:
    heard: list[Any] = []
    session = begun(house, calls("errand"), says("From the child."), says("Done."))
    session.register_hook("h", "pre_prompt", handler=lambda it: heard.append(it["payload"]))
    sent(session)

    assert [told["prompt"] for told in heard] == ["PARENT", "CHILD"]
    assert heard[1]["system_prompt"].startswith("HELPER-ROLE")
    assert heard[1]["message_count"] == 0
