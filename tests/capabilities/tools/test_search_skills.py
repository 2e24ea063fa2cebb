from __future__ import annotations

import pytest

from a3s_code import Skill, SkillRegistry
from a3s_code.capabilities.tools.search_skills import (
    MAX_DESCRIPTION_CHARS,
    search_in,
    search_skills,
)
from capabilities.conftest import Workspace


def registry(*skills: Skill) -> SkillRegistry:
    made = SkillRegistry()
    for skill in skills:
        made.register(skill)
    return made


async def test_names_and_descriptions_are_shown_the_best_first(workspace: Workspace) -> None:
    tool = search_in(
        registry(
            Skill(name="a", description="Write release notes", body="secret text"),
            Skill(name="release-notes", description="Group changes"),
        )
    )
    shown = await workspace.run(tool, query="release notes")
    assert shown.text == "1. release-notes: Group changes\n2. a: Write release notes"
    assert shown.metadata == {"skills": ["release-notes", "a"]}
    assert (await workspace.run(tool, query="notes", limit=1)).text.startswith("1. release-notes")


@pytest.mark.parametrize("query", ["zzzzqq", "!?", "x" * 10_000])
async def test_when_nothing_fits_it_says_so_and_has_not_failed(
    workspace: Workspace, query: str
) -> None:
    for tool in (search_skills, search_in(registry(Skill(name="a")))):
        shown = await workspace.run(tool, query=query)
        assert not shown.failed
        assert shown.exit_code == 0
        assert "No skill fits" in shown.text
        assert len(shown.text) < 300


async def test_a_model_is_not_shown_what_is_kept_from_it(workspace: Workspace) -> None:
    tool = search_in(registry(Skill(name="a", tags=("pears",), disable_model_invocation=True)))
    assert "No skill fits" in (await workspace.run(tool, query="pears")).text


async def test_a_long_description_is_cut(workspace: Workspace) -> None:
    tool = search_in(registry(Skill(name="a", description="pears " * 1_000)))
    assert len((await workspace.run(tool, query="pears")).text) < MAX_DESCRIPTION_CHARS + 20


async def test_what_is_registered_later_is_found(workspace: Workspace) -> None:
    skills = SkillRegistry()
    tool = search_in(skills)
    assert "No skill fits" in (await workspace.run(tool, query="pears")).text
    skills.register(Skill(name="pears"))
    assert "pears" in (await workspace.run(tool, query="pears")).text
