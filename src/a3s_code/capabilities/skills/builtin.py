"""
The skills that come with the package: texts of ours in `builtin/`, opt-in.

Source:
    SPEC 10; A3S Code README, "Skills System"; DESIGN 6.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec

from a3s_code.capabilities.skills.skill import Skill
from a3s_code.capabilities.skills.text import skill_of
from a3s_code.errors import PackageUnreadable

SOURCE = "builtin"

_TEXTS = Path(__file__).with_name("builtin")
_NAMES = (
    "code-search",
    "code-review",
    "explain-code",
    "find-bugs",
    "builtin-tools",
    "delegate-task",
    "find-skills",
)


class SkillInfo(msgspec.Struct, frozen=True):
    """What `builtin_skills` tells of a skill."""

    name: str
    description: str
    kind: str


def builtin_skills() -> list[SkillInfo]:
    """
    List the skills that `builtin_skills=True` adds to a session: four for code, three for tools.

    Raises:
        PackageUnreadable: a text of this package is not there.
    """
    return [SkillInfo(skill.name, skill.description, skill.kind) for skill in texts()]


@lru_cache(maxsize=1)
def texts() -> tuple[Skill, ...]:
    """
    Read them, once.

    Raises:
        PackageUnreadable: as `builtin_skills`.
    """
    return tuple(map(_text, _NAMES))


def _text(name: str) -> Skill:
    try:
        data = (_TEXTS / f"{name}.md").read_bytes()
    except OSError as error:
        raise PackageUnreadable(
            f"{error.filename}: {error.strerror}.",
            hint="let the process open more files, or install the package again",
        ) from error
    skill = skill_of(data, name=name, source=SOURCE)
    assert skill is not None, name
    return skill
