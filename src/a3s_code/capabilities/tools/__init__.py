"""The core tools, in the one order in which models are told of them."""

from __future__ import annotations

from a3s_code.capabilities.tools import (
    bash,
    edit,
    glob,
    grep,
    ls,
    patch,
    program,
    read,
    search_skills,
    skill,
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
    search_skills.search_skills,
    skill.skill_,
    program.program,
)
