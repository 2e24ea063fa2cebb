"""
The `search_skills` tool: how a model finds skills, which no prompt lists.

Source:
    SPEC 5.17; A3S Code README 3.x, "Skills are loaded on demand"; DESIGN 6.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec

from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool

if TYPE_CHECKING:  # most sessions have none
    from a3s_code.capabilities.skills.registry import SkillRegistry
    from a3s_code.capabilities.skills.skill import Skill

MAX_DESCRIPTION_CHARS = 500
"""Of a skill's description, as a search shows it."""


class SearchSkillsArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: Annotated[
        str,
        msgspec.Meta(
            min_length=1, description="The work to do, in a few words: 'review api design'."
        ),
    ]
    limit: Annotated[int, msgspec.Meta(ge=1, le=20, description="How many to show at most.")] = 5


@tool(SearchSkillsArgs, effect=Effect.READ, subject="query")
async def search_skills(args: SearchSkillsArgs, context: ToolContext) -> Observation:  # noqa: ARG001
    """Find skills, instructions for kinds of work: names and descriptions, best match first."""
    return _shown([], args.query)


def search_in(skills: SkillRegistry) -> Tool:
    """Give the tool of a session that has skills. What is registered later is found as well."""
    return replace(search_skills, run=partial(_search, skills))


async def _search(
    skills: SkillRegistry, args: SearchSkillsArgs, context: ToolContext
) -> Observation:
    del context
    from asyncio import to_thread  # a session is made without asyncio; DESIGN 7

    search = partial(skills.search, args.query, args.limit, for_model=True)
    return _shown(await to_thread(search), args.query)  # the first search indexes all texts


def _shown(found: list[Skill], query: str) -> Observation:
    names = [skill.name for skill in found]
    if not found:
        text = f"No skill fits {query[:200]!r}. Go on without one, or try other words."
    else:
        text = "\n".join(f"{at}. {_row(skill)}" for at, skill in enumerate(found, 1))
    return Observation(text, metadata={"skills": names})


def _row(skill: Skill) -> str:
    said = skill.description
    if len(said) > MAX_DESCRIPTION_CHARS:
        said = f"{said[:MAX_DESCRIPTION_CHARS]}…"
    return f"{skill.name}: {said}" if said else skill.name
