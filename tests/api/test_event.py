from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import a3s_code
from a3s_code import EventType
from a3s_code.api.event import AgentEvent, project
from a3s_code.kernel import events
from a3s_code.kernel.events import RUN_EVENTS, RunEvent, tag_of
from api.house import listed

SOURCE = Path(a3s_code.__file__).parent

SPEC_3_1: dict[str, str] = {
    "agent_start": "prompt",
    "agent_mode_changed": "mode agent description",
    "turn_start": "turn",
    "turn_end": "turn usage",
    "text_delta": "text",
    "reasoning_delta": "text",
    "tool_start": "id name",
    "tool_input_delta": "delta",
    "tool_output_delta": "id name delta",
    "tool_end": "id name output exit_code metadata error_kind",
    "agent_end": "text usage verification_summary meta",
    "error": "message",
    "permission_denied": "tool_id tool_name args reason",
    "confirmation_required": "tool_id tool_name args timeout_ms",
    "confirmation_received": "tool_id approved reason",
    "confirmation_timeout": "tool_id action_taken",
    "external_task_pending": "task_id session_id lane command_type payload timeout_ms",
    "external_task_completed": "task_id session_id success",
    "context_resolving": "providers",
    "context_resolved": "total_items total_tokens",
    "context_compacted": "session_id before_messages after_messages percent_before",
    "command_dead_lettered": "command_id command_type lane error attempts",
    "command_retry": "command_id command_type lane attempt delay_ms",
    "queue_alert": "level alert_type message",
    "task_updated": "session_id tasks",
    "planning_start": "prompt",
    "planning_end": "plan estimated_steps",
    "step_start": "step_id description step_number total_steps",
    "step_end": "step_id status step_number total_steps",
    "goal_extracted": "goal",
    "goal_progress": "goal progress completed_steps total_steps",
    "goal_achieved": "goal total_steps duration_ms",
    "memory_stored": "memory_id memory_type importance tags",
    "memory_recalled": "memory_id content relevance",
    "memories_searched": "query tags result_count",
    "memory_cleared": "tier count",
    "subagent_start": "task_id session_id parent_session_id agent description",
    "subagent_progress": "task_id session_id status metadata",
    "subagent_end": "task_id session_id agent output success",
    "persistence_failed": "session_id operation error",
    "budget_threshold_hit": "resource kind consumed limit message",
    "passivation_requested": "reason deadline_ms",
    "peer_invocation": "from_session_id from_tenant_id correlation_id",
}

NOBODY_YET = listed(
    """
    command_dead_lettered command_retry external_task_completed
    external_task_pending passivation_requested peer_invocation queue_alert
    """
)
"""Types whose feature is still to come. A name leaves this set when something emits it."""

BY_TAG: dict[str, type[RunEvent]] = {
    str(event.__struct_config__.tag): event for event in RUN_EVENTS
}
NOT_EMITTING = {"kernel/events.py", "kernel/run_events.py", "api/event.py"}


def test_every_documented_event_exists_with_its_fields() -> None:
    assert set(SPEC_3_1) <= set(BY_TAG)
    for tag, fields in SPEC_3_1.items():
        assert set(fields.split()) <= set(BY_TAG[tag].__struct_fields__), tag


def test_every_event_type_is_a_constant_and_the_other_way_round() -> None:
    constants = {value for name, value in vars(EventType).items() if name.isupper()}

    assert constants == set(BY_TAG) | {"start", "end"}
    assert all(getattr(EventType, value.upper()) == value for value in constants)


def test_the_events_that_nobody_emits_yet_are_known_and_only_become_fewer() -> None:
    made: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if str(path.relative_to(SOURCE)) not in NOT_EMITTING:
            made |= _called(ast.parse(path.read_text(encoding="utf-8")))
    unused = {tag for tag, event in BY_TAG.items() if event.__name__ not in made}

    assert sorted(unused) == NOBODY_YET


def _called(tree: ast.AST) -> set[str]:
    """Name everything that is called in a module."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {
        func.id if isinstance(func, ast.Name) else func.attr
        for func in calls
        if isinstance(func, ast.Name | ast.Attribute)
    }


# What callers see of an event


def sample(event: type[RunEvent]) -> RunEvent:
    """Make an event with telling values in all of its fields."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(event):
        values[field.name] = _value(field.name, str(field.type))
    return msgspec.convert({"type": event.__struct_config__.tag, **values}, event)


def _value(name: str, kind: str) -> Any:
    samples: dict[str, Any] = {
        "Binding": {"args_sha256": "the a", "tool_sha256": "the t", "policy_version": "the p"},
        "verification.Report": {
            "subject": "the s",
            "checks": [
                {
                    "id": "the i",
                    "kind": "the k",
                    "description": "the d",
                    "status": "failed",
                    "ran": {"command": "the c", "tree": "the t"},
                }
            ],
            "residual_risks": [{"kind": "stale", "text": "the r"}],
        },
        "Literal": "host",
        "ContextLeftOut": [{"source": "the s", "why": "the w"}],
        "SkillSkipped": [{"path": "the p", "reason": "the r", "kind": "the k"}],
        "bool": True,
        "tuple[dict": [{"k": f"the {name}"}],
        "tuple": [f"the {name}"],
        "dict": {"type": f"the {name}"},
        "Usage": {"prompt_tokens": 3, "completion_tokens": 4},
        "float": 7,
        "int": 7,
    }
    return next((sample for part, sample in samples.items() if part in kind), f"the {name}")


@pytest.mark.parametrize("event", RUN_EVENTS, ids=lambda event: str(event.__struct_config__.tag))
def test_nothing_of_an_event_is_lost_in_the_callers_view(event: type[RunEvent]) -> None:
    happened = sample(event)
    view = project(happened)
    shown = str(msgspec.to_builtins(view))

    short = {"agent_start": "start", "agent_end": "end"}
    assert view.event_type == short.get(tag_of(happened), tag_of(happened))
    missing = [leaf for leaf in _leaves(msgspec.to_builtins(happened)) if leaf not in shown]
    assert [leaf for leaf in missing if leaf != tag_of(happened)] == []


def _leaves(value: Any) -> Iterator[str]:
    """Give every single value inside of JSON; what is true may be shown as an exit code of 0."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    elif value is not True:
        yield str(value)


def test_a_child_that_failed_has_an_exit_code_of_1() -> None:
    ended = events.SubagentEnd(task_id="t", session_id="s", agent="a", output="o", success=False)

    assert project(ended) == AgentEvent(
        "subagent_end", text="s", tool_name="a", tool_id="t", tool_output="o", exit_code=1
    )


def test_what_is_told_of_a_child_has_its_id_and_its_session_in_one_place() -> None:
    facts = {"task_id": "t", "session_id": "s"}
    begun = events.SubagentStart(parent_session_id="p", agent="a", description="d", **facts)
    row = events.SubagentProgress(status="turn_completed", metadata={"turn": 1}, **facts)
    ended = events.SubagentEnd(agent="a", output="o", success=True, **facts)

    assert [(each.tool_id, each.text) for each in map(project, (begun, row, ended))] == [
        ("t", "s")
    ] * 3
    told = {**facts, "status": "turn_completed", "metadata": {"turn": 1}}
    assert msgspec.json.decode(project(row).data or "") == told


def test_data_is_json_of_what_has_no_attribute() -> None:
    hit = events.BudgetThresholdHit(resource="usd", kind="soft", consumed=1.5, limit=2.0)

    assert msgspec.json.decode(project(hit).data or "") == {
        "resource": "usd",
        "kind": "soft",
        "consumed": 1.5,
        "limit": 2.0,
    }
    assert project(events.TextDelta(text="a")).data is None
