"""Work that a skill does: a run inside a call, which a kill may cut off anywhere."""

from __future__ import annotations

import re

from a3s_code import AsyncAgent
from a3s_code.capabilities.skills.registry import SkillRegistry
from a3s_code.capabilities.skills.skill import Skill
from a3s_code.testing import CrashStage, Script, When, calls, on, says
from crash.scenario import COUNTER, ask, count

SCRIBE = Skill(
    name="scribe", body="SCRIBE", allowed_tools=("write(notes.txt)", "read(*)", "bash(*)")
)
RUN = calls("Skill", skill_name="scribe", prompt="Write it, and count it.")


def inside(results: int, last: str = "") -> When:
    return When(system="SCRIBE", tool_results=results, last=re.compile(last))


SCRIPT = Script(
    rules=(
        on(inside(0), calls("write", file_path="notes.txt", content="final\n")),
        on(inside(1), calls("read", file_path=COUNTER)),  # it may have been here before
        on(inside(2, r"\bthree\b"), says("It is counted.")),
        on(inside(2), count("three")),
        on(inside(3), says("Written and counted.")),
        on(When(last=re.compile("^Have it written.$|Interrupted|^Not ")), RUN),
    ),
    default=says("That is done."),
)


async def skilled(stage: CrashStage) -> None:
    """Have a skill write and count; what was cut off is run again, and looks first."""
    skills = SkillRegistry()
    skills.register_unchecked(SCRIBE)
    async with AsyncAgent(stage.config) as agent:
        session = await stage.session(agent, permissive=True, skill_registry=skills)
        await ask(session, "Have it written.")
        await stage.compare(session)
