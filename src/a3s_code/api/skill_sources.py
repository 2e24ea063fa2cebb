"""
Where the skills of a session come from.

In this order, of which the later counts: the built-in ones, directories of the configuration,
directories of the session, the host's registry, texts of the options.

Source:
    SPEC 1.4, 1.9, 10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from a3s_code.api.options import InlineSkill
from a3s_code.checks import absolute, check_text, checked_path

ENFORCE = "enforce_active_skill_tool_restrictions"
NAMES = ("builtin_skills", "inline_skills", "skill_dirs", "skills_from_dir", ENFORCE)
"""The options that say it, beside `skill_registry`, which is an object."""


class SkillSources(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What the options say; None where they say nothing. Recorded with the session.

    Attributes:
        dirs: Absolute paths; a relative one was meant from the directory of the process.
        enforced: The lists of tools of the skills there are restrict the session as well.
    """

    builtin: bool | None = None
    dirs: tuple[str, ...] | None = None
    inline: tuple[InlineSkill, ...] | None = None
    enforced: bool | None = None


NO_SOURCES = SkillSources()


def sources_of(given: Mapping[str, Any]) -> SkillSources:
    """
    Read the options.

    Raises:
        InvalidType, InvalidValue: a directory is no path, or a text is none.
    """
    if not any(name in given for name in NAMES):
        return NO_SOURCES
    named: Sequence[Any] | None = given.get("skill_dirs")
    if "skills_from_dir" in given:
        own = checked_path("skills_from_dir", given["skills_from_dir"])
        named = (*(named or ()), own)
    inline: Sequence[InlineSkill] | None = given.get("inline_skills")
    for skill in inline or ():
        _check(skill)
    return SkillSources(
        builtin=given.get("builtin_skills"),
        dirs=None if named is None else absolute(map(_path, named)),
        inline=None if inline is None else tuple(inline),
        enforced=given.get(ENFORCE),
    )


def _path(given: object) -> str:
    return checked_path("skill_dirs", given)


def _check(skill: InlineSkill) -> None:
    for what in InlineSkill.__struct_fields__:
        check_text(f"The {what} of an inline skill", getattr(skill, what))
