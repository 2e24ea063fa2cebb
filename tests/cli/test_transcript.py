"""What a run looks like, from its events alone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable

from a3s_code import AgentEvent
from a3s_code.cli.transcript import SHOWN_CHARS, show, show_json


def shown(*events: AgentEvent) -> tuple[int, str, list[str]]:
    """Give the status, the output and the lines of notes."""
    out, note = io.StringIO(), io.StringIO()
    status = show(events, out, note)
    return status, out.getvalue(), note.getvalue().splitlines()


def arguments(id_: str, *deltas: str) -> Iterable[AgentEvent]:
    return (AgentEvent("tool_input_delta", delta, tool_id=id_) for delta in deltas)


def test_arguments_of_calls_that_arrive_mixed_up_belong_to_their_calls() -> None:
    _, _, notes = shown(
        *arguments("a", '{"x"'),
        *arguments("b", '{"y": '),
        *arguments("a", ": 1}"),
        *arguments("b", "2}"),
        AgentEvent("tool_start", tool_name="second", tool_id="b"),
        AgentEvent("tool_start", tool_name="first", tool_id="a"),
    )

    assert notes == ['-> second {"y": 2}', '-> first {"x": 1}']


def test_arguments_of_an_attempt_that_was_cut_off_are_forgotten() -> None:
    _, _, notes = shown(
        AgentEvent("turn_start", turn=1),
        *arguments("a", '{"half'),
        AgentEvent("turn_start", turn=1),
        *arguments("a", '{"whole": 1}'),
        AgentEvent("tool_start", tool_name="t", tool_id="a"),
    )

    assert notes == ['-> t {"whole": 1}']


def test_arguments_stand_on_one_line() -> None:
    _, _, notes = shown(
        *arguments("a", '{\n  "x": 1\n}'), AgentEvent("tool_start", tool_name="t", tool_id="a")
    )

    assert notes == ['-> t { "x": 1 }']


def test_text_ends_its_line_before_a_note_and_at_the_end() -> None:
    status, out, _ = shown(
        AgentEvent("text_delta", "Looking"),
        AgentEvent("tool_start", tool_name="ls", tool_id="a"),
        AgentEvent("text_delta", "Done.\n"),
        AgentEvent("end", "Done.\n"),
    )

    assert (status, out) == (0, "Looking\nDone.\n")


def test_a_line_that_is_too_long_for_a_terminal_is_cut() -> None:
    _, _, notes = shown(AgentEvent("tool_end", tool_name="t", tool_output="x" * 1_000, exit_code=0))

    assert notes == ["<- t", "   " + "x" * SHOWN_CHARS]


def test_a_failure_is_status_1_and_so_is_a_run_without_an_end() -> None:
    error = AgentEvent("error", error="the model\x1b[2J is gone", error_kind="model")

    assert shown(error) == (1, "", ["!! the model\\x1b[2J is gone"])
    assert shown()[0] == 1
    assert show_json([error], io.StringIO()) == 1
    assert show_json([AgentEvent("end", "yes")], io.StringIO()) == 0


def test_an_event_with_line_ends_is_still_one_line_of_json() -> None:
    out = io.StringIO()
    show_json([AgentEvent("end", "one\ntwo\u2028three")], out)

    assert out.getvalue().count("\n") == 1


def test_what_happened_is_told_in_words_and_not_as_json() -> None:
    _, _, notes = shown(
        AgentEvent("permission_denied", data='{"args":{"a":1},"reason":"no {rule} allows it"}'),
        AgentEvent("sandbox_violation", data='{"kind":"host","name":"example.com"}'),
        AgentEvent("model_retry", data='{"reason":"it broke","attempt":2,"delay_ms":1200}'),
        AgentEvent("model_retry", data='{"attempt":2}'),
        AgentEvent("capability_missing", data='{"name":"x"}'),
        AgentEvent("context_compacted", data='{"before_messages":40,"after_messages":23}'),
        AgentEvent("compaction_failed", data='{"reason":"no summary"}'),
    )

    assert notes == [
        "!! permission_denied: no {rule} allows it",
        "!! sandbox_violation: host example.com",
        "!! model_retry: it broke; attempt 2 follows in 1200 ms",
        '!! model_retry: {"attempt":2}',
        '!! capability_missing: {"name":"x"}',
        "!! context_compacted: 40 messages are 23 now",
        "!! compaction_failed: no summary",
    ]


def test_files_that_are_no_skills_are_named_and_the_rest_is_counted() -> None:
    rows = [{"path": f"s/{at}\x1b.md", "reason": "It is broken."} for at in range(7)]
    data = json.dumps({"count": 1, "sha256": "", "skipped": rows, "more_skipped": 3})
    _, _, notes = shown(AgentEvent("skills_loaded", data=data))

    assert notes[0] == "!! skill_skipped: s/0\\x1b.md: It is broken."
    assert notes[5:] == ["!! skill_skipped: 5 more"]
    assert shown(AgentEvent("skills_loaded", data='{"count":3,"sha256":""}'))[2] == []


def child(id_: str, agent: str, description: str) -> AgentEvent:
    return AgentEvent("subagent_start", tool_id=id_, tool_name=agent, prompt=description)


def test_of_children_that_work_at_once_each_line_says_whose_it_is() -> None:
    _, _, notes = shown(
        AgentEvent("tool_start", tool_name="parallel_task", tool_id="a"),
        child("a.1", "explore", "find the parser"),
        child("a.2", "explore", "find the\ncache"),
        AgentEvent("tool_start", tool_name="ls", tool_id="a.1.1"),
        AgentEvent("tool_start", tool_name="batch", tool_id="a.2.1"),
        AgentEvent("tool_start", tool_name="read", tool_id="a.2.1.1"),
        AgentEvent("tool_end", tool_name="read", tool_id="a.2.1.1", tool_output="no", exit_code=1),
        AgentEvent("subagent_end", tool_id="a.2", tool_name="explore", exit_code=1),
        AgentEvent("subagent_end", tool_id="a.1", tool_name="explore", exit_code=0),
    )

    assert notes == [
        "-> parallel_task",
        "   >> explore: find the parser",
        r"   >> explore 2: find the\ncache",
        "   -> explore: ls",
        "   -> explore 2: batch",
        "   -> explore 2: read",
        "   <- explore 2: read failed (1)",
        "      no",
        "   << explore 2: failed",
        "   << explore: done",
    ]


def test_what_a_child_does_in_the_background_stands_apart_from_the_calls_of_the_run() -> None:
    _, _, notes = shown(
        AgentEvent("tool_start", tool_name="task", tool_id="a"),
        child("a.1", "general", "tidy up"),
        AgentEvent("tool_end", tool_name="task", tool_id="a", tool_output="", exit_code=0),
        AgentEvent("tool_start", tool_name="ls", tool_id="b"),
        AgentEvent("tool_start", tool_name="read", tool_id="a.1.1"),
    )

    assert notes[-3:] == ["<- task", "-> ls", "   -> general: read"]
