"""The core tools, in the one order in which models are told of them."""

from __future__ import annotations

from a3s_code.capabilities.tools import (
    bash,
    batch,
    edit,
    generate_object,
    glob,
    grep,
    ls,
    parallel_task,
    patch,
    program,
    read,
    search_skills,
    skill,
    task,
    update_plan,
    write,
)
from a3s_code.kernel.tool import Tool

CORE_TOOLS: tuple[Tool, ...] = (
    read.read,
    write.write,
    edit.edit,
    patch.patch,
    grep.grep,
    glob.glob,
    ls.ls,
    bash.bash,
    task.task,
    parallel_task.parallel_task,
    generate_object.generate_object,
    search_skills.search_skills,
    skill.skill_,
    batch.batch,
    update_plan.update_plan,
    program.program,
)
