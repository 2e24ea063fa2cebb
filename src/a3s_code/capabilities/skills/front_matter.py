"""
The front matter of a Markdown file: what stands between its first line `---` and the next.

It is YAML. Public files often are not quite: a description with a colon in it, a `*` without
quotes. What YAML does not read is read line by line, a key and its text, as its writer meant it.

Source:
    SPEC 10.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from a3s_code.errors import InvalidValue

if TYPE_CHECKING:  # PyYAML is loaded when the first front matter is read; DESIGN 7
    from a3s_code.capabilities.skills.bounded_yaml import Value

MAX_CHARS = 64 * 1024
"""Of the front matter alone."""

_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_END = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE)
_KEY = re.compile(r"([A-Za-z][\w-]{0,63})[ \t]*:(?:[ \t]+(.*))?$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_LEAST_QUOTED = 2


class FrontMatter(NamedTuple):
    """
    Attributes:
        fields: By the key in lower case, with `-` between its words: texts, and lists of texts.
            What is neither is not in it.
        body: What stands behind it.
        nested: The others, such as mappings, by the same keys.
    """

    fields: dict[str, str | list[str]]
    body: str
    nested: Mapping[str, Value] = MappingProxyType({})


def split(text: str) -> FrontMatter | None:
    """
    Read a file's front matter; None for a file without one.

    Raises:
        InvalidValue: it is never closed, too long, uses anchors, is nested too deeply, or names
            no keys.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    opened = _FENCE.match(text)
    if opened is None:
        return None
    closed = _END.search(text, opened.end() + 1)
    if closed is None:
        raise InvalidValue("Its front matter is never closed.", hint="end it with a line ---")
    inside = text[opened.end() + 1 : closed.start()]
    if len(inside) > MAX_CHARS:
        raise InvalidValue(
            f"Its front matter has {len(inside)} characters.", hint=f"{MAX_CHARS} are the most"
        )
    fields, nested = _fields(inside)
    return FrontMatter(fields, text[closed.end() + 1 :].strip("\n"), nested)


def whole(text: str) -> FrontMatter:
    """
    Read a file that is YAML from its beginning to its end, as if all of it were front matter.

    Raises:
        InvalidValue: it is no YAML, too long, uses anchors, is nested too deeply, or names no keys.
    """
    from a3s_code.capabilities.skills.bounded_yaml import NoYaml, read_yaml

    if len(text) > MAX_CHARS:
        raise InvalidValue(f"It has {len(text)} characters.", hint=f"{MAX_CHARS} are the most")
    try:
        read = read_yaml(text.removeprefix("\ufeff"))
    except NoYaml as error:
        raise InvalidValue(f"It cannot be read as YAML: {error}.") from None
    if not isinstance(read, dict):
        raise InvalidValue("It names no keys.", hint="write name: and description:")
    return FrontMatter(_flat(read, {}), "", _nested(read))


def _fields(inside: str) -> tuple[dict[str, str | list[str]], Mapping[str, Value]]:
    from a3s_code.capabilities.skills.bounded_yaml import NoYaml, read_yaml

    if not inside.strip():
        return {}, {}
    loose = _by_lines(inside)
    try:
        read = read_yaml(inside)
    except NoYaml as error:
        if not loose:
            raise InvalidValue(f"Its front matter cannot be read: {error}.") from None
        return loose, {}
    if not isinstance(read, dict):
        raise InvalidValue("Its front matter names no keys.", hint="write name: and description:")
    return _flat(read, loose), _nested(read)


def _nested(read: dict[str, Value]) -> Mapping[str, Value]:
    return {
        _plain_key(key): value
        for key, value in read.items()
        if isinstance(value, dict) or not all(isinstance(item, str) for item in value)
    }


def _flat(read: dict[str, Value], loose: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
    """Keep texts and lists of texts; a text that only looks like more is taken from its line."""
    fields: dict[str, str | list[str]] = {}
    for given, value in read.items():
        key = _plain_key(given)
        if isinstance(value, str):
            fields[key] = value.strip()
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            fields[key] = [item for item in value if isinstance(item, str)]
        elif loose.get(key):
            fields[key] = loose[key]
    return fields


def _plain_key(key: str) -> str:
    return _CAMEL.sub("-", key.strip()).lower().replace("_", "-")


def _by_lines(inside: str) -> dict[str, str | list[str]]:
    """Read `key: text` and the indented lines below it, whatever else stands there."""
    fields: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in inside.split("\n"):
        found = _KEY.match(line)
        if found is not None:
            lines = fields[_plain_key(found[1])] = [(found[2] or "").strip()]
        elif line[:1] in {" ", "\t", "-"}:
            lines.append(line.strip())
    return {key: _value(lines) for key, lines in fields.items()}


def _value(lines: list[str]) -> str | list[str]:
    first, *rest = lines
    first = "" if _BLOCK.fullmatch(first) else first
    items = [line.removeprefix("-").strip() for line in rest if line.startswith("-")]
    if items and not first:
        return [_unquoted(item) for item in items]
    return _unquoted(" ".join(line for line in (first, *rest) if line))


def _unquoted(text: str) -> str:
    if len(text) >= _LEAST_QUOTED and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return _COMMENT.sub("", text).strip()
