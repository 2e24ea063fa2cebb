"""Values of a wrong kind are refused when the session is created, whatever the option."""

from __future__ import annotations

import re
from typing import Any

import pytest

from a3s_code import (
    AutoDelegationConfig,
    FileMemoryStore,
    SessionOptions,
    SystemPromptSlots,
    WorkerAgentSpec,
)
from a3s_code.api import option_types
from a3s_code.api.settings import fold
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.memory import MemoryStore
from api.house import House

WRONG: list[tuple[str, Any]] = [
    ("permissive", "false"),
    ("permissive", 1),
    ("auto_save", "no"),
    ("default_security", "no"),
    ("continuation_enabled", 0),
    ("goal_tracking", "yes"),
    ("role", 5),
    ("guidelines", ["a"]),
    ("session_id", 5),
    ("tenant_id", 5),
    ("model", b"openai/m"),
    ("prompt_slots", {"role": "x"}),
    ("prompt_slots", SystemPromptSlots(role=5)),  # pyright: ignore[reportArgumentType] - the claim
    ("file_session_store", 5),
    ("memory_dir", 5),
    ("worker_agents", ["x"]),
    ("worker_agents", WorkerAgentSpec.read_only("scout", "Looks.")),
    ("skill_dirs", "skills"),
    ("skill_dirs", [5]),
    ("inline_skills", ["be brief"]),
    ("tools", "bash"),
    ("temperature", True),
    ("temperature", "hot"),
    ("temperature", float("nan")),
    ("max_tool_rounds", 2.5),
    ("max_tool_rounds", True),
    ("max_parallel_tasks", 0),
    ("auto_compact_threshold", "80%"),
    ("auto_delegation", True),
    ("command_env", ["A=1"]),
    ("artifact_store_limits", 5),
    ("queue_config", {}),
    ("llm_client", "openai/m"),
    ("session_store", "sessions"),
    ("memory_store", FileMemoryStore),
    ("skills_from_dir", ""),
    ("file_memory", ""),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_of_a_wrong_kind_is_refused_by_name(name: str, value: Any, house: House) -> None:
    agent = house.employ()
    with pytest.raises((InvalidType, InvalidValue), match=name):
        agent.session(house.root, **{name: value})


@pytest.mark.parametrize(
    "right",
    [
        {"permissive": False, "auto_save": True, "temperature": 1, "session_id": "a"},
        {"file_session_store": "sessions", "worker_agents": []},
        {"worker_agents": (WorkerAgentSpec.read_only("scout", "Looks."),)},
        {"auto_delegation": AutoDelegationConfig(), "command_env": {"A": "1"}},
    ],
)
def test_values_of_the_right_kind_are_accepted(right: dict[str, Any], house: House) -> None:
    assert house.employ().session(house.root, **right).session_id


@pytest.mark.parametrize("name", sorted(option_types._KINDS))
def test_every_kind_belongs_to_an_option_and_none_is_never_looked_at(name: str) -> None:
    assert name in SessionOptions._names
    assert fold(SessionOptions(**{name: None})) == fold(SessionOptions())


@pytest.mark.parametrize("order", [("tool_timeout", "tool_timeout_ms"), ("tool_timeout_ms", "x")])
def test_an_older_name_counts_where_the_newer_one_is_none(order: tuple[str, str]) -> None:
    options = SessionOptions()
    for name in ("tool_timeout_ms", "tool_timeout") if order[1] == "x" else order:
        setattr(options, name, 5 if name == "tool_timeout" else None)

    assert fold(options).limits.tool_timeout_ms == 5


def test_a_class_in_place_of_an_object_is_told_from_one(house: House) -> None:
    with pytest.raises(
        InvalidType, match=r"the class FileMemoryStore, .*FileMemoryStore\(\.\.\.\)"
    ):
        house.employ().session(house.root, memory_store=FileMemoryStore)


def test_a_memory_store_is_asked_for_every_method_of_its_port() -> None:
    port = {name for name in vars(MemoryStore) if not name.startswith("_")}

    class Lacking:
        pass

    with pytest.raises(InvalidType) as raised:
        option_types.check_foreign("memory_store", Lacking())
    assert port <= set(re.findall(r"\w+", str(raised.value)))
