"""
The tool `Skill`: runs a skill as a child of the call.

The text of the skill is the role of the child. What its `allowed-tools` name is all that the child
sees and may do, within what its parent may; an empty list leaves it no tool, and a skill without
a list has the tools of its parent, but those that start further runs. Nothing that a skill says
widens a policy.

Source:
    SPEC 5.17, 6.4; DESIGN 2, 5 and 6; A3S Code README 3.x, "Skills".
"""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from a3s_code.kernel.children import ChildOutcome, ChildSpec
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, failure, tool

if TYPE_CHECKING:  # most sessions have none
    from a3s_code.capabilities.skills.outcomes import Outcomes
    from a3s_code.capabilities.skills.registry import SkillRegistry
    from a3s_code.capabilities.skills.skill import Skill

MAX_NEAR = 3
"""Names of skills that a call of none is told."""
NOTHING_ASKED = "Do what your role describes, and answer with what came of it."


class SkillArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    skill_name: Annotated[str, msgspec.Meta(description="Its name, as search_skills gives it.")]
    prompt: Annotated[
        str | None, msgspec.Meta(description="What it is to do; it sees nothing else of this.")
    ] = None
    args: Annotated[
        str | dict[str, Any] | None, msgspec.Meta(description="Its arguments, if it takes any.")
    ] = None


@tool(SkillArgs, effect=Effect.CONTAINER, subject="skill_name", name="Skill")
async def skill_(args: SkillArgs, context: ToolContext) -> Observation:
    """
    Run a skill by its name in a run of its own, with only the tools that it may use, and get its
    answer. search_skills finds skills.
    """
    from a3s_code.capabilities.skills.outcomes import Outcomes
    from a3s_code.capabilities.skills.registry import SkillRegistry

    return await _run(Outcomes(SkillRegistry()), args, context)


def skill_of(skills: SkillRegistry, unscored: SkillRegistry | None = None) -> Tool:
    """
    Give the tool of a session that has skills. What is registered later is run as well.

    Rules are about the skill that is found, however a call spells its name.

    Args:
        unscored: See `Outcomes`.
    """
    from a3s_code.capabilities.skills.outcomes import Outcomes

    run = partial(_run, Outcomes(skills, unscored))
    return replace(skill_, run=run, subject_of=partial(_found, skills))


def _found(skills: SkillRegistry, args: SkillArgs) -> str:
    skill = skills.get(args.skill_name)
    return skill.name if skill is not None else args.skill_name


async def _run(outcomes: Outcomes, args: SkillArgs, context: ToolContext) -> Observation:
    skills = outcomes.skills
    skill = skills.get(args.skill_name)
    if skill is None:
        return _unknown(args.skill_name, skills)
    if skill.disable_model_invocation and not context.is_direct:
        text = f"The skill {skill.name!r} is run by the user alone; do without it."
        return failure(text, "not_invocable", skill=skill.name)
    if context.children is None:
        return failure("No skill can be run here.", "unsupported")
    outcome = await context.children.start(_spec(skill, args, context.root))
    untold = await outcomes.tell(skill, outcome)
    return _observation(skill, outcome, {"scorer": untold} if untold else {})


def _unknown(name: str, skills: SkillRegistry) -> Observation:
    names = [skill.name for skill in skills.all() if not skill.disable_model_invocation]
    near = _near(name, names) or [each.name for each in skills.search(name, for_model=True)]
    near = near[:MAX_NEAR]
    if near:
        way_on = f"Near ones: {', '.join(near)}."
    else:
        way_on = "search_skills finds those there are." if names else "This session has none."
    return failure(f"There is no skill {name!r}. {way_on}", "not_found", skill=name, near=near)


def _near(name: str, names: Sequence[str]) -> list[str]:
    folded = {each.casefold(): each for each in names}
    found = difflib.get_close_matches(name.casefold(), folded, n=MAX_NEAR)
    return [folded[each] for each in found]


def _spec(skill: Skill, args: SkillArgs, root: str) -> ChildSpec:
    role = "\n\n".join(part for part in (skill.body.strip(), _place(skill, root)) if part)
    return ChildSpec(
        agent=f"skill {skill.name}",
        description=skill.description,
        role=role or skill.description or skill.name,
        role_origin=skill.origin,
        prompt=_prompt(args),
        allow=skill.allowed_tools,
    )


def _prompt(args: SkillArgs) -> str:
    given = args.args
    written = canonical(given).decode() if isinstance(given, dict) else given or ""
    if not args.prompt:
        return written or NOTHING_ASKED
    return f"{args.prompt}\n\nArguments: {written}" if written else args.prompt


def _place(skill: Skill, root: str) -> str:
    """Say where the files lie that the text of a skill names."""
    if not skill.directory:
        return ""
    if posixpath.commonpath([root, skill.directory]) == root:
        within = posixpath.relpath(skill.directory, root)
        return f"Files that this text names lie in `{within}` of the workspace."
    return (
        f"Files that this text names lie in `{skill.directory}`, outside the workspace: tools that "
        "read and write files do not reach them."
    )


def _observation(skill: Skill, outcome: ChildOutcome, more: JsonObject) -> Observation:
    facts = _facts(skill, outcome) | more
    if not outcome.kind:
        return Observation(outcome.text, metadata={"skill": facts})
    said = f"\nIt had said:\n{outcome.text}" if outcome.text else ""
    text = f"The skill {skill.name!r} did not come to its end: {outcome.error}{said}"
    failed = failure(text, "skill_failed", skill=skill.name, cause=outcome.kind)
    return replace(failed, metadata={"skill": facts})


def _facts(skill: Skill, outcome: ChildOutcome) -> JsonObject:
    return {
        "name": skill.name,
        "task_id": outcome.id,
        "tool_calls": outcome.tool_calls,
        "turns": outcome.turns,
        "tokens": outcome.usage.total_tokens,
        "transcript_uri": outcome.transcript or None,
    }
