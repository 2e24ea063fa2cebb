"""
What a skill is.

A skill is a text of instructions with a name and a description. It is found by its words, run by
its name, and has no say in what is allowed: its list of tools can only make a run narrower.

Source:
    A3S Code README, "Skills System"; README 3.x, "Skills"; SPEC 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, cast, get_args

import msgspec

from a3s_code.checks import check_text
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.patterns import Rule, parse_rule
from a3s_code.kernel.context import Origin

_GIVEN = frozenset({"", "builtin", "inline", "registry"})

SkillKind: TypeAlias = Literal["instruction", "persona", "tool", "agent"]


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        name: What it is run by; public skills have blanks and capitals in it, too.
        description: What it is for, in words that a search finds.
        body: The Markdown behind the front matter.
        kind: A `persona` takes the place of the role; the others are run when they are needed.
        allowed_tools: Rules of the policy language, such as `read(*)` and `bash(gh issue:*)`;
            None = the skill says nothing of tools, `()` = it needs none.
        disable_model_invocation: A model does not find it; the host can run it.
        directory: Where the files lie that its text names; empty for one that is no directory.
        source: The file that it was read from, or `builtin`, `inline` or `registry`.
        sha256: Of the bytes that it was read from, in hexadecimal.
    """

    name: str
    description: str = ""
    body: str = ""
    kind: SkillKind = "instruction"
    allowed_tools: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()
    version: str = ""
    disable_model_invocation: bool = False
    directory: str = ""
    source: str = ""
    sha256: str = ""

    @property
    def origin(self) -> Origin:
        """Say whose words its text is: the host's where it gave it, anybody's in a file."""
        is_given = self.source in _GIVEN
        return Origin(f"skill://{self.name}", "host" if is_given else "external")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """
        Give `allowed_tools` as rules; none for a skill that says nothing of tools.

        Raises:
            InvalidValue: one of them is no rule; a skill that was read from text has none such.
        """
        return tuple(map(parse_rule, self.allowed_tools or ()))

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Name the tools of `allowed_tools`, each once, in its order."""
        return tuple(dict.fromkeys(rule.tool.source for rule in self.rules))


def check_skill(given: object) -> None:
    """
    Check the values of a skill that a host made: a struct takes whatever it is given.

    Raises:
        InvalidType: it is no skill, or a value is of a wrong kind; says which.
        InvalidValue: there is no such kind of skill, or one of its tools is no rule.
    """
    if not isinstance(given, Skill):
        what = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        raise InvalidType(f"{what} is no Skill.", hint="give Skill(name=..., body=...)")
    check_text("name of a skill", given.name)
    for field in ("description", "body", "kind", "version"):
        check_text(f"{field} of the skill {given.name!r}", getattr(given, field))
    if given.kind not in get_args(SkillKind):
        raise InvalidValue(
            f"kind of the skill {given.name!r} is {given.kind!r}.",
            hint=f"use one of {', '.join(get_args(SkillKind))}",
        )
    for field in ("allowed_tools", "tags"):
        _check_texts(f"{field} of the skill {given.name!r}", getattr(given, field))
    try:
        given.rules  # noqa: B018 - read for what it raises
    except InvalidValue as error:
        raise InvalidValue(
            f"allowed_tools of the skill {given.name!r}: {error.message}", hint=error.hint
        ) from error


def _check_texts(name: str, given: object) -> None:
    if given is None:
        return
    if not isinstance(given, tuple | list):
        raise InvalidType(f"{name} is a {type(given).__name__}, not a tuple of texts.")
    for each in cast("Sequence[object]", given):
        check_text(f"an entry in {name}", each)
