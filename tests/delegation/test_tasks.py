"""The tool `task`: what a parent, its model and its host, gets of a delegated run."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from a3s_code import PermissionPolicy, Session, ToolResult
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.messages import JsonObject, Message, Text, Usage
from a3s_code.kernel.ports import Reply
from a3s_code.testing import Call, Turn, When, breaks, calls, on, refuses, says
from api.house import House

ALL = PermissionPolicy(default_decision="allow")
JOB = {"agent": "general", "description": "d", "prompt": "CHILD-JOB"}


def begun(house: House, *turns: Turn, **options: Any) -> Session:
    given: JsonObject = {"permission_policy": ALL, **options}
    return house.session(*turns, **given)


def asked(house: House, *turns: Turn, request: JsonObject | None = None, **options: Any) -> Any:
    """Hand one task to an agent, and give the session and the result."""
    session = begun(house, *turns, **options)
    return session, session.task({**JOB, **(request or {})})


def whole(session: Session, uri: str) -> str:
    kept = session.get_artifact(uri)
    assert kept is not None
    return str(kept["content"])


# What comes back


def test_a_plain_answer_is_one_request_and_comes_back_as_it_is(house: House) -> None:
    session, result = asked(house, says("It is in auth.py."))

    assert len(house.bodies) == 1
    assert result.output == "It is in auth.py."
    assert (result.exit_code, result.metadata["success"]) == (0, True)
    assert result.metadata["agent"] == "general"
    assert result.metadata["session_id"] == f"task-run-{result.metadata['task_id']}"
    assert whole(session, result.metadata["artifact_uri"]) == "It is in auth.py."
    assert "CHILD-JOB" in whole(session, result.metadata["trace_uri"])


def test_of_a_long_answer_the_parent_sees_head_and_tail_and_where_the_whole_is(
    house: House,
) -> None:
    answer = "A" * 3_000 + "MIDDLE" * 100 + "Z" * 800
    session, result = asked(house, says(answer, piece_chars=0))
    facts = result.metadata
    uri = facts["artifact_uri"]

    assert result.output.startswith("A" * 3_000 + "\n[600 characters left out]\n" + "Z" * 800)
    assert "MIDDLE" not in result.output
    assert uri in result.output
    assert whole(session, uri) == answer
    assert facts["output_bytes"] == len(answer)
    assert facts["truncated"] is True
    assert facts["artifact_id"] == session.get_artifact(uri)["artifact_id"]
    assert session.tool("read", {"file_path": uri}).exit_code == 0


def test_a_model_reads_no_more_of_a_child_than_its_bounded_answer(house: House) -> None:
    house.put("secret.txt", "TRANSCRIPT-DETAIL")
    session = begun(
        house,
        calls("task", **JOB),
        calls("read", file_path="secret.txt"),
        says("child summary"),
        says("parent done"),
    )
    session.send("PARENT")
    told = json.dumps(house.bodies[-1]["messages"])

    assert "child summary" in told
    assert "Files read: secret.txt" in told
    assert "TRANSCRIPT-DETAIL" not in told


def test_secrets_are_in_no_artifact_and_no_report(house: House) -> None:
    secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"
    session, result = asked(
        house,
        calls("bash", command=f"echo {secret}"),
        says(f"Findings:\n- the key is {secret}"),
        default_security=True,
    )

    assert secret not in result.output
    assert secret not in json.dumps(result.metadata)
    assert secret not in whole(session, result.metadata["artifact_uri"])


# The report


def test_the_report_says_what_the_harness_saw_and_what_the_child_says(house: House) -> None:
    house.put("src/a.py", "one\n")
    house.put("src/b.py", "two\n")
    said = "Both are wrong.\n\nFindings:\n- a is old\n\nRisks:\n- b may break\n\nConfidence: low"
    session, result = asked(
        house,
        calls("read", file_path="src/a.py") + calls("grep", pattern="two", path="src"),
        calls("read", file_path="src/missing.py"),
        calls("edit", file_path="src/b.py", old_string="two", new_string="2"),
        calls("bash", command="exit 3"),
        says(said),
    )
    report = result.metadata["report"]

    assert report["summary"] == "Both are wrong."
    assert report["findings"] == ["a is old"]
    assert report["risks"] == ["b may break"]
    assert report["confidence"] == "low"
    assert report["files_inspected"] == ["src/a.py"]
    assert report["places_searched"] == ["src"]
    assert report["files_changed"] == ["src/b.py"]
    assert report["evidence"] == [{"kind": "command", "text": "exit 3", "exit_code": 3}]
    assert whole(session, report["trace_uri"])
    assert whole(session, report["artifact_uri"]) == said
    assert "Files changed: src/b.py" in result.output
    assert "Ran: `exit 3` (exit 3)" in result.output


def test_what_a_child_claims_never_stands_among_what_was_seen(house: House) -> None:
    said = "I changed a.py and all tests passed.\n\nFiles changed:\n- a.py\n\nEvidence: pytest ok"
    _, result = asked(house, says(said))
    report = result.metadata["report"]

    assert report["files_changed"] == []
    assert report["files_inspected"] == []
    assert report["evidence"] == []


def test_calls_inside_containers_of_a_child_are_seen_too(house: House) -> None:
    house.put("a.txt", "x")
    items = [
        {"tool": "read", "args": {"file_path": "a.txt"}},
        {"tool": "write", "args": {"file_path": "b.txt", "content": "y"}},
    ]
    script = "export default async function run(ctx) { await ctx.bash('true'); }"
    _, result = asked(
        house,
        calls("batch", invocations=items),
        calls("program", source=script),
        says("done"),
    )
    report = result.metadata["report"]

    assert report["files_inspected"] == ["a.txt"]
    assert report["files_changed"] == ["b.txt"]
    assert [row["text"] for row in report["evidence"]] == ["true"]


def test_a_report_that_a_child_makes_is_evidence_of_a_claim(house: House) -> None:
    script = """export default async function run(ctx) {
      await ctx.verify('mine', [{id: 'a', kind: 'test', description: 'd', status: 'passed'}]);
    }"""
    _, result = asked(
        house,
        calls("program", source=script),
        says("All verified."),
    )
    (row,) = result.metadata["report"]["evidence"]

    assert (row["kind"], row["text"], row["made_by"]) == ("verification", "mine", "program")
    assert row["status"] == "needs_review"


# An answer of a form

FORM = {
    "type": "object",
    "properties": {"count": {"type": "integer", "minimum": 1}},
    "required": ["count"],
    "additionalProperties": False,
}


def test_a_child_is_told_the_schema_and_its_value_is_the_result(house: House) -> None:
    _, result = asked(house, says('{"count": 3}'), request={"output_schema": FORM})

    assert result.metadata["structured"] == {"count": 3}
    assert len(house.bodies) == 1
    system = house.bodies[0]["messages"][0]["content"]
    assert '"minimum":1' in system
    assert system.count("## Response Format") == 1


def test_an_answer_that_does_not_fit_goes_back_with_what_is_wrong(house: House) -> None:
    _, result = asked(
        house,
        says("There are three."),
        says('```json\n{"count": 0}\n```'),
        says('{"count": 3}'),
        request={"output_schema": FORM},
    )
    first, second = (body["messages"][-1]["content"] for body in house.bodies[1:])

    assert result.metadata["structured"] == {"count": 3}
    assert "there is no JSON in the answer" in first
    assert "/count: wanted minimum 1; found 0" in second


def test_an_answer_that_never_fits_is_a_failure_and_never_a_value(house: House) -> None:
    wrong = [says(f'{{"count": "{number}"}}') for number in range(3)]
    session, result = asked(house, *wrong, request={"output_schema": FORM})

    assert len(house.bodies) == 3
    assert result.exit_code == 1
    assert result.error_kind == "child.output_invalid"
    assert "/count" in result.metadata["error"]["message"]
    assert result.metadata["success"] is False
    assert "structured" not in result.metadata
    assert whole(session, result.metadata["artifact_uri"]) == '{"count": "2"}'


def test_an_answer_in_two_pieces_is_judged_as_one(house: House) -> None:
    _, result = asked(
        house,
        says('{"cou', stop="length"),
        says('nt": 3}'),
        request={"output_schema": FORM},
    )
    assert result.metadata["structured"] == {"count": 3}


def test_a_value_of_any_type_can_be_asked_for(house: House) -> None:
    schema = {"type": "array", "items": {"type": "string"}}
    _, result = asked(house, says('["a", "b"]'), request={"output_schema": schema})
    assert result.metadata["structured"] == ["a", "b"]


def test_a_schema_that_is_none_is_refused_before_anything_runs(house: House) -> None:
    session = begun(house, calls("task", **JOB, output_schema={"type": "nonsense"}), says("ok"))
    with pytest.raises(InvalidValue, match="output_schema"):
        session.task({**JOB, "output_schema": {"type": "nonsense"}})
    assert house.bodies == []

    events = list(session.stream("PARENT"))
    (end,) = (event for event in events if event.event_type == "tool_end")
    assert end.exit_code == 1
    assert "output_schema: The schema cannot be used" in (end.tool_output or "")
    assert not [event for event in events if event.event_type == "subagent_start"]


# What goes wrong


def failed(result: ToolResult, kind: str) -> str:
    assert result.exit_code == 1
    assert result.error_kind == kind
    assert result.metadata["success"] is False
    assert result.metadata["error"]["type"] == kind
    return result.output


def test_a_model_that_fails_is_a_failed_task_and_the_session_goes_on(house: House) -> None:
    session, result = asked(house, refuses(400), says("still here"))

    failed(result, "model.refused")
    assert session.send("PARENT").text == "still here"


def test_an_empty_answer_is_a_failed_task(house: House) -> None:
    _, result = asked(house, says(""), says(""))
    assert "ended without an answer" in failed(result, "child.empty_answer")


def test_a_refusal_is_a_failed_task(house: House) -> None:
    _, result = asked(house, says("I will not.", stop="content_filter"))
    assert "I will not." in failed(result, "child.refused")


def test_a_child_that_takes_too_long_is_a_failed_task(house: House) -> None:
    session = begun(house, breaks("hang", says("never")), says("still here"))
    result = session.tool("parallel_task", {"tasks": [JOB], "timeout_ms": 100})

    (row,) = result.metadata["results"]
    assert row["error"]["type"] == "child.timeout"
    assert result.error_kind == "partial_failure"
    assert session.send("PARENT").text == "still here"


def test_a_child_that_goes_round_in_circles_is_a_failed_task(house: House) -> None:
    _, result = asked(
        house, calls("ls"), calls("ls", path="."), says("x"), request={"max_steps": 1}
    )
    assert "Max tool rounds (1) exceeded" in failed(result, "run.limit")


def test_a_child_whose_calls_are_garbage_is_a_failed_task(house: House) -> None:
    garbage = Turn(calls=(Call("ls", "{not json"),))
    _, result = asked(house, *[garbage] * 4)
    failed(result, "run.limit")


def test_a_child_that_never_stops_talking_is_ended_while_it_speaks(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a3s_code.delegation.flood.MAX_SAID_CHARS", 10_000)
    flood = says("x" * 100_000, piece_chars=1_000)
    session, result = asked(house, flood, says("still here"))

    assert "said more than" in failed(result, "child.flooded")
    assert len(whole(session, result.metadata["trace_uri"])) < 10_000
    assert session.send("PARENT").text == "still here"


def test_a_child_that_calls_without_end_is_ended_before_it_does(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a3s_code.delegation.flood.MAX_CALLS", 20)
    many = calls("write", file_path="made", content="x")
    for number in range(30):
        many += calls("ls", path=f"d{number}")
    _, result = asked(house, many)

    assert "more than 20 tool calls" in failed(result, "child.flooded")
    assert not house.has("made")


def test_a_flood_of_output_inside_is_bounded_like_any_other(house: House) -> None:
    command = f"{sys.executable} -c \"print('x' * 30_000_000)\""
    _, result = asked(house, calls("bash", command=command), says("that was long"))

    assert result.exit_code == 0
    assert len(result.output) < 5_000


def test_an_agent_that_nobody_knows_is_told_with_those_that_are_near(house: House) -> None:
    session = begun(house, calls("task", **{**JOB, "agent": "explorer"}), says("ok"))
    events = list(session.stream("PARENT"))
    (end,) = (event for event in events if event.event_type == "tool_end")

    assert end.exit_code == 1
    assert "Near ones: explore. There are: explore, general" in (end.tool_output or "")


# What the host may ask


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        ({**JOB, "agent": "bogus"}, InvalidValue, "There is no agent 'bogus'"),
        ({"agent": "explore"}, InvalidValue, "needs description, prompt"),
        ({**JOB, "promt": "x"}, InvalidValue, "has no key 'promt'"),
        ({**JOB, "prompt": "  "}, InvalidValue, "the prompt is empty"),
        ({**JOB, "prompt": 3}, InvalidType, "`prompt`"),
        ({**JOB, "max_steps": 0}, InvalidType, "`max_steps`"),
        ({**JOB, "isolation": "moon"}, InvalidType, "`isolation`"),
        ({**JOB, "output_schema": "x"}, InvalidType, "`output_schema`"),
        ("explore", InvalidType, "takes a dict"),
    ],
)
def test_a_request_that_is_none_is_refused_at_the_border(
    request_: Any, error: type[Exception], said: str, house: House
) -> None:
    session = begun(house, says("never"))
    with pytest.raises(error, match=said):
        session.task(request_)
    with pytest.raises(error, match=said):
        session.tasks([request_])
    assert house.bodies == []


@pytest.mark.parametrize("requests", [{}, "explore", 3, None])
def test_tasks_takes_a_list(requests: Any, house: House) -> None:
    with pytest.raises(InvalidType, match="takes a list"):
        begun(house).tasks(requests)


@pytest.mark.parametrize("count", [0, 33])
def test_tasks_takes_one_to_thirty_two(count: int, house: House) -> None:
    with pytest.raises(InvalidValue, match=f"got {count} tasks"):
        begun(house).tasks([JOB] * count)


def test_older_names_are_the_same(house: House) -> None:
    session = begun(house, default=says("C"))

    assert session.delegate_task("explore", "d", "p").output == "C"
    (row,) = session.parallel_task([JOB]).metadata["results"]
    assert row["output"] == "C"


# Inside programs, and deeper


def test_a_program_calls_task_where_its_list_names_it(house: House) -> None:
    script = """export default async function run(ctx) {
      return (await ctx.tool('task', {agent: 'general', description: 'd', prompt: 'p'})).output;
    }"""
    session = begun(house, default=says("from the child"))
    ran = {"source": script, "allowed_tools": ["task"]}

    assert session.program(ran).metadata["script_result"] == "from the child"
    without = session.program({"source": script})
    assert without.exit_code == 1
    assert "a program may call it when allowed_tools names it" in without.output


def test_a_task_inside_a_program_inside_a_task_stands_too_deep(house: House) -> None:
    script = """export default async function run(ctx) {
      return await ctx.tool('task', {agent: 'general', description: 'd', prompt: 'INNER'});
    }"""
    named = {"source": script, "allowed_tools": ["task"]}
    session, result = asked(house, calls("program", **named), says("could not"))

    assert result.output.startswith("could not")
    assert "INNER" not in json.dumps([body["messages"][1:2] for body in house.bodies])
    assert "runs inside another run" in json.dumps(house.bodies[-1]["messages"])
    starts = [row for row in session.trace_events() if row["name"] == "task"]
    assert [row["success"] for row in starts] == [False, True]


def test_a_batch_starts_no_task(house: House) -> None:
    items = [{"tool": "task", "args": JOB}]
    session = begun(house, says("never"))
    result = session.tool("batch", {"invocations": items})

    assert result.exit_code == 1
    assert house.bodies == []


# Who may do it


@pytest.mark.parametrize("agent", ["general", "general-purpose"])
@pytest.mark.parametrize("name", ["task", "parallel_task"])
def test_an_agent_that_is_denied_is_denied_by_every_name_and_way(
    agent: str, name: str, house: House
) -> None:
    policy = PermissionPolicy(deny=["task(general)"], default_decision="allow")
    job = {**JOB, "agent": agent}
    other = {**JOB, "agent": "explore"}
    args = job if name == "task" else {"tasks": [other, job]}
    session = begun(house, calls(name, **args), says("ok"), permission_policy=policy)
    events = list(session.stream("PARENT"))
    told = [event.event_type for event in events]

    assert "permission_denied" in told
    assert "subagent_start" not in told
    assert len(house.bodies) == 2


def test_another_name_of_an_agent_is_as_good_as_its_own(house: House) -> None:
    job = {**JOB, "agent": "general-purpose"}
    rules = (on(When(last_user="CHILD-JOB"), says("from general")),)
    session = house.session(
        calls("task", **job),
        calls("parallel_task", tasks=[job]),
        rules=rules,
        default=says("ok"),
        permission_policy=ALL,
    )
    events = list(session.stream("PARENT"))
    starts = [event for event in events if event.event_type == "subagent_start"]

    assert [event.tool_name for event in starts] == ["general", "general"]
    assert json.dumps(house.bodies[-1]["messages"]).count("from general") == 2
    assert session.task(job).metadata["agent"] == "general"


def test_a_model_that_would_end_its_task_is_a_failed_task_beside_others(house: House) -> None:
    class Rude:
        ref = "rude/one"
        context_window = 100_000
        asked = 0

        async def reply(self, request: Any, listener: Any) -> Any:
            self.asked += 1
            if self.asked == 1:
                raise asyncio.CancelledError
            return Reply(Message("assistant", (Text("fine"),)), Usage())

    session = house.session(llm_client=Rude(), permission_policy=ALL)
    result = session.tasks([JOB, {**JOB, "prompt": "STAY"}])
    rows = result.metadata["results"]

    assert [row["success"] for row in rows] == [False, True]
    assert rows[0]["error"]["type"] == "child.failed"
    assert rows[1]["output"] == "fine"
