"""
The tools that a skill names, in the forms that there are.

    read(*), grep(TODO:*), Bash(gh issue:*)     commas
    Read Grep Bash(git add:*)                   blanks, in older files
    [read, "bash(git *)"]                       a list, also of YAML

Each becomes a rule of the policy language (`harness.patterns`). Some tools have another name here
than in public skills; those are renamed. A tool that nobody has does no harm: a list can only make
a run narrower.

Source:
    SPEC 10; A3S Code README 3.x, "Skills".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from a3s_code.errors import InvalidValue
from a3s_code.harness.patterns import parse_rule

MAX_RULES = 500
MAX_RULE_CHARS = 1_000

_OURS = {
    "agent": "task",
    "multiedit": "edit",
    "todowrite": "update_plan",
    "webfetch": "web_fetch",
    "websearch": "web_search",
}
"""By the name in public skills, in lower case, what the tool is called here."""

_QUOTES = "'\""
_NAMES = re.compile(r"[\w*]")
"""What a part has that is more than a mark of a list."""


def tool_rules(given: str | Iterable[str]) -> tuple[str, ...]:
    """
    Give the rules of a list of tools, each once, in its order.

    Raises:
        InvalidValue: a part is no rule; names it.
    """
    texts = [given] if isinstance(given, str) else given
    parts = (part for text in texts for part in _parts(_unlisted(text)) if _NAMES.search(part))
    rules: dict[str, None] = {}
    for part in parts:
        if len(rules) >= MAX_RULES or len(part) > MAX_RULE_CHARS:
            raise InvalidValue(
                "The list of tools is too long.",
                hint=f"name {MAX_RULES} tools at most, each in {MAX_RULE_CHARS} characters",
            )
        rules[_rule(part)] = None
    return tuple(rules)


def _unlisted(text: str) -> str:
    """Take the brackets from a list that was written as text."""
    text = text.strip()
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _parts(text: str) -> Iterator[str]:
    """Split at commas and blanks that stand outside of parentheses."""
    depth, part = 0, ""
    for char in text:
        depth += (char == "(") - (char == ")")
        if depth > 0 or not (char == "," or char.isspace()):
            part += char
        elif part:
            yield part
            part = ""
    if part:
        yield part


def _rule(part: str) -> str:
    name, opened, pattern = part.strip(_QUOTES).partition("(")
    rule = f"{_OURS.get(name.lower(), name)}{opened}{pattern}"
    parse_rule(rule)
    return rule
