from __future__ import annotations

import pytest

from a3s_code.capabilities.function_tool import RESERVED_NAMES
from a3s_code.capabilities.git.tool import GIT_TOOLS
from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.kernel.tool import Tool

ALL = [*CORE_TOOLS, *GIT_TOOLS]


def test_models_are_told_of_the_core_tools_in_one_order() -> None:
    names = [tool.name for tool in CORE_TOOLS]
    files, search = ["read", "write", "edit", "patch"], ["grep", "glob", "ls"]
    delegation = ["task", "parallel_task"]
    skills = ["search_skills", "Skill"]
    shown = [*files, *search, "bash", *delegation, "generate_object", *skills]
    assert names == [*shown, "batch", "update_plan", "program"]


def test_no_function_of_a_host_can_take_the_name_of_a_built_in_tool() -> None:
    assert {tool.name.lower() for tool in ALL} <= RESERVED_NAMES


@pytest.mark.parametrize("tool", ALL, ids=lambda tool: tool.name)
def test_a_schema_is_an_object_that_takes_no_unknown_argument(tool: Tool) -> None:
    assert tool.summary
    assert tool.schema["type"] == "object"
    assert tool.schema["additionalProperties"] is False
    assert "title" not in tool.schema


@pytest.mark.parametrize("tool", ALL, ids=lambda tool: tool.name)
def test_every_argument_is_explained_by_a_description_or_its_choices(tool: Tool) -> None:
    for name, schema in tool.schema["properties"].items():
        assert schema.get("description") or schema.get("enum"), name
