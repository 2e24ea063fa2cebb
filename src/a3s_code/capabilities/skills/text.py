"""
A skill from the text of its file.

Source:
    SPEC 10; A3S Code README, "Skills System". Keys that are not ours are left alone.
"""

from __future__ import annotations

import codecs
import hashlib

from a3s_code.capabilities.skills.front_matter import FrontMatter, split
from a3s_code.capabilities.skills.skill import Skill, SkillKind
from a3s_code.capabilities.skills.tool_list import tool_rules
from a3s_code.errors import InvalidValue

MAX_NAME_CHARS = 128
MAX_DESCRIPTION_CHARS = 4_096
MAX_TAGS = 100
DERIVED_CHARS = 200
"""Of a description that is taken from the text."""

_YES, _NO = frozenset({"true", "yes", "on", "1"}), frozenset({"", "false", "no", "off", "0"})


def skill_of(data: bytes, *, name: str, source: str, directory: str = "") -> Skill | None:
    """
    Read the bytes of a file; None for a Markdown file that is no skill.

    Args:
        name: What it is called when its text does not say.
        directory: What it is the `SKILL.md` of. That is a skill also without front matter; any
            other file without one, such as a README, is none.

    Raises:
        InvalidValue: it is binary, not UTF-8, or its front matter is wrong; says how.
    """
    text = decoded(data)
    matter = split(text)
    if matter is None:
        if not directory:
            return None
        matter = FrontMatter({}, text.strip("\n"))
    if not matter.body.strip() and not matter.fields:
        raise InvalidValue("It is empty.")
    return _skill(matter, name, source, directory, hashlib.sha256(data).hexdigest())


def inline_skill(name: str, kind: SkillKind, content: str) -> Skill:
    """
    Make a skill of the text that a host gives; name and kind are the host's, whatever it says.

    Raises:
        InvalidValue: it begins with a front matter that is wrong, or the name cannot be one.
    """
    matter = split(content) or FrontMatter({}, content.strip("\n"))
    fields: dict[str, str | list[str]] = {**matter.fields, "name": name, "kind": kind}
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    return _skill(FrontMatter(fields, matter.body), name, "inline", "", digest)


def decoded(data: bytes) -> str:
    """
    Raises:
        InvalidValue: it is no UTF-8 text; says what it seems to be.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InvalidValue("It is UTF-16.", hint="save it as UTF-8")
    if b"\0" in data:
        raise InvalidValue("It is binary, not text.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidValue(f"Its line {line} is not UTF-8.", hint="save it as UTF-8") from None


def _skill(matter: FrontMatter, name: str, source: str, directory: str, digest: str) -> Skill:
    fields, body, _ = matter
    kind = line(fields, "kind").lower()
    return Skill(
        name=_name(line(fields, "name") or name),
        description=_description(fields, body),
        body=body,
        kind=_kind(kind),
        allowed_tools=_tools(fields),
        tags=_tags(fields),
        version=line(fields, "version"),
        disable_model_invocation=flag(fields, "disable-model-invocation"),
        directory=directory,
        source=source,
        sha256=digest,
    )


def line(fields: dict[str, str | list[str]], key: str) -> str:
    """Give a value as one line of text."""
    value = fields.get(key, "")
    return " ".join((value if isinstance(value, str) else " ".join(value)).split())


def _name(name: str) -> str:
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise InvalidValue(
            f"{name[:MAX_NAME_CHARS]!r} cannot be the name of a skill.",
            hint=f"use 1 to {MAX_NAME_CHARS} characters in one line",
        )
    return name


def _kind(kind: str) -> SkillKind:
    """Read a kind; one that we do not know, which public files have, is an instruction."""
    match kind:
        case "persona" | "tool" | "agent":
            return kind
        case _:
            return "instruction"


def _description(fields: dict[str, str | list[str]], body: str) -> str:
    """Give what it says of itself, or else how its text begins."""
    said = line(fields, "description")
    if said:
        return said[:MAX_DESCRIPTION_CHARS]
    lines = (line.strip() for line in body.split("\n"))
    return next((line for line in lines if line and line[0] not in "#<`-="), "")[:DERIVED_CHARS]


def _tools(fields: dict[str, str | list[str]]) -> tuple[str, ...] | None:
    given = fields.get("allowed-tools")
    return None if given is None else tool_rules(given)


def _tags(fields: dict[str, str | list[str]]) -> tuple[str, ...]:
    given = fields.get("tags", [])
    tags = given.strip("[]").split(",") if isinstance(given, str) else given
    return tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))[:MAX_TAGS]


def flag(fields: dict[str, str | list[str]], key: str) -> bool:
    """
    Read a value that says yes or no; one that is not there says no.

    Raises:
        InvalidValue: it says neither.
    """
    value = line(fields, key).lower()
    if value not in _YES | _NO:
        raise InvalidValue(f"{key} is {value!r}.", hint="write true or false")
    return value in _YES
