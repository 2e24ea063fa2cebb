"""
Policy files: permission rules with examples, as text with places.

    default_decision = "ask"

    allow = ["read", "grep", "bash(git status:*)"]

    deny "bash(rm *)" {
      match     = ["rm -rf build", "sudo rm x"]
      not_match = ["rmdir build"]
    }

A list of rules is an attribute, whose items are texts or objects with the keys `rule`, `match`
and `not_match`, or it is blocks labelled by their rules. The same as one JSON object is
read too. Nothing here knows what a rule means.

Source:
    SPEC 1.3, 6.1.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from a3s_code.config.acl import parse
from a3s_code.config.blocks import Entry, Items, Node, Place, Scalar, Source, Table, brief
from a3s_code.config.file_text import read_file
from a3s_code.config.record import snake_case

LISTS = ("allow", "deny", "ask")
_KEYS = (*LISTS, "default_decision", "enabled")
_EXAMPLE_KEYS = {"match": True, "not_match": False}
_RULE_KEYS = ("rule", *_EXAMPLE_KEYS)
_SAMPLE = 'deny = ["bash(rm *)"]'


@dataclass(frozen=True, slots=True)
class Example:
    """A text that its rule has to match, or must not."""

    text: str
    matches: bool
    at: Place


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """`among` is the list that it stands in: `allow`, `deny` or `ask`."""

    among: str
    text: str
    at: Place
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyText:
    """
    What one file says.

    Attributes:
        default_decision: None when the file does not say it.
        at: Where the default decision stands, else the file.
    """

    rules: tuple[WrittenRule, ...]
    default_decision: str | None
    enabled: bool
    at: Place


def read_policy(path: str | os.PathLike[str]) -> PolicyText:
    """
    Read a policy file.

    Raises:
        ConfigError: the file cannot be read, or it is no policy; names the place.
    """
    name, text = read_file(path, hint="give the path of a policy file")
    return policy_text(text, name)


def policy_text(text: str, name: str = "policy.acl") -> PolicyText:
    """
    Read the text of a policy; `name` is what errors call it.

    Raises:
        ConfigError: it is no policy; names the place.
    """
    document = parse(text, name, json=True, example=_SAMPLE)
    return _Reader(document.source).policy(document.root)


@dataclass(frozen=True, slots=True)
class _Reader:
    source: Source

    def policy(self, root: Table) -> PolicyText:
        rules: list[WrittenRule] = []
        default, enabled, at = None, True, Place(self.source.name)
        for entry in root.entries:
            key = self._key(entry, _KEYS)
            if key in LISTS:
                rules.extend(self._rules(key, entry))
            elif key == "enabled":
                enabled = self._flag(entry)
            else:
                default, at = self._text(entry.value, key), self.source.place(entry.value.at)
        self._refuse_repetition(rules)
        return PolicyText(tuple(rules), default, enabled, at)

    def _rules(self, among: str, entry: Entry) -> Iterator[WrittenRule]:
        if entry.is_block:
            yield self._labelled(among, entry)
            return
        if not isinstance(entry.value, Items):
            raise self.source.error(
                f"{among} is no list", entry.value.at, 'write it as ["bash(git *)", "read"]'
            )
        for item in entry.value.values:
            if isinstance(item, Table):
                yield self._object(among, item)
            else:
                yield WrittenRule(among, self._text(item, among), self.source.place(item.at))

    def _labelled(self, among: str, entry: Entry) -> WrittenRule:
        assert isinstance(entry.value, Table)
        if len(entry.labels) != 1:
            raise self.source.error(
                f"a block {among} is labelled with its rule", entry.at, f'write {among} "read" {{}}'
            )
        for inner in entry.value.entries:
            self._key(inner, tuple(_EXAMPLE_KEYS))
        place = self.source.place(entry.at)
        return WrittenRule(among, entry.labels[0], place, self._examples(entry.value))

    def _object(self, among: str, table: Table) -> WrittenRule:
        keys = {self._key(entry, _RULE_KEYS): entry for entry in table.entries}
        if "rule" not in keys:
            raise self.source.error("rule is missing", table.at, 'write rule = "bash(git *)"')
        value = keys["rule"].value
        rule = self._text(value, "rule")
        return WrittenRule(among, rule, self.source.place(value.at), self._examples(table))

    def _examples(self, table: Table) -> tuple[Example, ...]:
        found: list[Example] = []
        for entry in table.entries:
            key = snake_case(entry.key)
            if key not in _EXAMPLE_KEYS:
                continue
            if not isinstance(entry.value, Items):
                raise self.source.error(f"{key} is no list", entry.value.at, "list texts in it")
            found += [
                Example(self._text(item, key), _EXAMPLE_KEYS[key], self.source.place(item.at))
                for item in entry.value.values
            ]
        return tuple(found)

    def _key(self, entry: Entry, known: tuple[str, ...]) -> str:
        key = snake_case(entry.key)
        if key in known:
            if entry.is_block and key not in LISTS:
                raise self.source.error(f"{key} is no block", entry.at, f"write {key} = …")
            return key
        near = difflib.get_close_matches(brief(key).lower(), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        raise self.source.error(f"{brief(entry.key)} is unknown", entry.at, hint)

    def _text(self, node: Node, key: str) -> str:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        hint = "a policy does not depend on the environment; put the text in quotes"
        raise self.source.error(f"{key}: expected text in quotes", node.at, hint)

    def _flag(self, entry: Entry) -> bool:
        if isinstance(entry.value, Scalar) and isinstance(entry.value.value, bool):
            return entry.value.value
        raise self.source.error("enabled: expected true or false", entry.value.at)

    def _refuse_repetition(self, rules: list[WrittenRule]) -> None:
        first: dict[tuple[str, str], Place] = {}
        for rule in rules:
            before = first.setdefault((rule.among, rule.text), rule.at)
            if before is not rule.at:
                hint = f"it is first in line {before.line}"
                raise rule.at.error(f"{brief(rule.text)} is in {rule.among} twice", hint)
