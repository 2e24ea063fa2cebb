"""
Whether a skill is fit to be offered.

A skill gains nothing by its list of tools, so nothing here keeps anybody safe; the gate does. What
is refused is what an honest skill does not need: another skill's name, a free hand for commands and
files, and words that talk a model out of what it was told.

Source:
    SPEC 10, "DefaultSkillValidator"; the extension points of the A3S Code README.
"""

from __future__ import annotations

import re
from typing import Protocol, runtime_checkable

from a3s_code.capabilities.skills.skill import Skill
from a3s_code.errors import SkillRefused

MAX_NAME_CHARS = 64
MAX_BODY_BYTES = 10 * 1024
RESERVED_NAMES = frozenset(
    {
        "builtin-tools",
        "code-review",
        "code-search",
        "delegate-task",
        "explain-code",
        "find-bugs",
        "find-skills",
    }
)
"""The names of the skills that come with the package."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FREE_HAND = re.compile(r"(bash|write|edit|patch)\(\s*(\*\*?|:\*)\s*\)", re.IGNORECASE)
_INJECTION = re.compile(
    r"ignore\s+(?:(?:all|any|the|your)\s+)*(?:previous|prior|above)\b"
    r"|disregard\s+(?:(?:all|any|the|your)\s+)*(?:previous|prior|above)\b"
    r"|forget\s+(?:(?:all|any|the|your|everything)\s+)*(?:previous|prior|above)\b"
    r"|override\s+(?:the\s+|your\s+)?system\b"
    r"|new\s+system\s+prompt\b"
    r"|you\s+are\s+now\b"
    r"|act\s+as\s+root\b"
    r"|sudo\s+mode\b"
    r"|</?\s*system\s*>",
    re.IGNORECASE,
)


@runtime_checkable
class SkillValidator(Protocol):
    """
    Says which skills are accepted.

    Asked by `SkillRegistry.register`, and once for each skill that a session's directories hold.
    Built-in skills and those of `add_instruction` and `add_persona` are not asked about.
    """

    def validate(self, skill: Skill) -> None:
        """
        Raises:
            SkillRefused: it is not; says which kind of fault it has.
        """
        ...


class DefaultSkillValidator:
    """
    Accepts a skill with a kebab-case name of 1 to 64 characters that no built-in skill has, a body
    of 10 KiB at most, no wildcard for `bash`, `write`, `edit` or `patch`, and no phrase that
    talks a model out of its instructions.

    Args:
        is_public: The skills come as files that others wrote. Then names, which are free
            there, and sizes, which the loader bounds, are not looked at.
    """

    __slots__ = ("is_public",)

    def __init__(self, *, is_public: bool = False) -> None:
        self.is_public = is_public

    def validate(self, skill: Skill) -> None:
        if not self.is_public:
            _check_name(skill.name)
            _check_size(skill)
        _check_tools(skill)
        _check_words(skill)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_CHARS:
        raise SkillRefused(
            f"{name!r} cannot be the name of a skill.",
            kind="InvalidName",
            hint="use 1 to 64 lower-case letters, digits and single hyphens between them",
        )
    if name in RESERVED_NAMES:
        raise SkillRefused(
            f"{name!r} is the name of a built-in skill.", kind="ReservedName", hint="rename it"
        )


def _check_size(skill: Skill) -> None:
    size = len(skill.body.encode("utf-8", "surrogatepass"))
    if size > MAX_BODY_BYTES:
        raise SkillRefused(
            f"The skill {skill.name!r} has {size} bytes of text.",
            kind="ContentTooLarge",
            hint=f"keep it below {MAX_BODY_BYTES}, and put the rest into files beside it",
        )


def _check_tools(skill: Skill) -> None:
    wide = next((rule for rule in skill.allowed_tools or () if _FREE_HAND.fullmatch(rule)), None)
    if wide is not None:
        raise SkillRefused(
            f"The skill {skill.name!r} asks for {wide}.",
            kind="DangerousTools",
            hint="name the commands or files that it needs",
        )


def _check_words(skill: Skill) -> None:
    found = _INJECTION.search(skill.body) or _INJECTION.search(skill.description)
    if found is not None:
        raise SkillRefused(
            f"The skill {skill.name!r} says {found.group()!r}.",
            kind="PromptInjection",
            hint="reword it, or give a skill_registry with a validator of your own",
        )
