"""Rules that never decide, because others decide first or say the same."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from a3s_code.harness.languages import (
    ANY_TEXT,
    COMMAND_WORDS,
    NORMAL_PATHS,
    TooManyStates,
    Universe,
    uncovered,
    universe,
)
from a3s_code.harness.patterns import Kind, Pattern, Rule
from a3s_code.harness.policy_lint.case import Case, Finding, Placed, shown, unknown
from a3s_code.harness.shell.protected import protected
from a3s_code.harness.trial import Trial, rules_of

_EARLIER = {"deny": (), "allow": ("deny",), "ask": ("deny", "allow")}
_NEVER = {"allow": "allows", "ask": "asks"}


def check(case: Case) -> Iterator[Finding]:
    """Find rules that could be taken out: their texts are all decided by others."""
    for placed in case.rules():
        try:
            yield from _found(case, placed)
        except TooManyStates:
            yield unknown(placed)


def _found(case: Case, placed: Placed) -> Iterator[Finding]:
    rule, among = placed.rule, placed.among
    if _matches_nothing(case.trial, rule):
        return
    earlier = list(case.rules(*_EARLIER[among])) if _EARLIER[among] else []
    by = _fewest(case.trial, earlier, rule)
    if by:
        yield _never(case, placed, by)
        return
    others = _others(case, placed)
    by = _fewest(case.trial, others, rule)
    if by and not _stands_for_itself(case.trial, placed, by):
        yield Finding(placed, "redundant", f"{_named(by)} {_covers(by)} all that it matches")


def _never(case: Case, placed: Placed, by: Sequence[Placed]) -> Finding:
    sentence = f"it never {_NEVER[placed.among]}: {_named(by)} {_covers(by)} all that it matches"
    for name in case.trial.about(placed.rule):
        text = _witness(case, placed, by, name)
        decided = case.decided(name, text) if text else ""
        if decided and decided != placed.among:
            proof = f", so {name} {shown(text)} is decided as {decided}"
            return Finding(placed, "unreachable", f"{sentence}{proof}", (name, text))
    return Finding(placed, "unreachable", sentence)


def _witness(case: Case, placed: Placed, by: Sequence[Placed], name: str) -> str:
    """Give a text of the rule that the covering ones decide; empty when there is none."""
    kind = case.trial.kind(name)
    if kind is Kind.TEXT:
        return ""
    denied = any(each.among == "deny" for each in by)
    before = () if denied else _about(case.policy.deny, name)
    stopped = [rule.pattern(kind) for rule in before]
    among = NORMAL_PATHS if kind is Kind.PATH else COMMAND_WORDS
    return uncovered(placed.rule.pattern(kind), stopped, among) or ""


def _named(by: Sequence[Placed]) -> str:
    return " and ".join(placed.named for placed in by)


def _covers(by: Sequence[Placed]) -> str:
    return "covers" if len(by) == 1 else "cover"


def _others(case: Case, placed: Placed) -> list[Placed]:
    """Give the rules of the same list; of two that say the same, only the later has the other."""
    rules = rules_of(case.policy, placed.among)
    at = rules.index(placed.rule)
    kept = [
        rule
        for index, rule in enumerate(rules)
        if index != at and (index < at or not covers(case.trial, [placed.rule], rule))
    ]
    return [Placed(placed.among, rule) for rule in kept]


def _stands_for_itself(trial: Trial, placed: Placed, by: Sequence[Placed]) -> bool:
    """
    Whether an allow rule grants what a broader one does not.

    A rule without wildcards also grants protected places and what its command does beyond its
    name, and one for everything grants what cannot be known.
    """
    if placed.among != "allow":
        return False
    if placed.rule.covers_all:
        return not any(each.rule.covers_all for each in by)
    if not placed.rule.literal or any(each.rule.literal for each in by):
        return False
    kinds = {trial.kind(name) for name in trial.about(placed.rule)}
    return kinds != {Kind.PATH} or bool(protected(placed.rule.path.source))


def _fewest(trial: Trial, rules: Sequence[Placed], inner: Rule) -> Sequence[Placed]:
    """Give the rules that cover one, without those that are not needed; none when they do not."""
    if not covers(trial, [placed.rule for placed in rules], inner):
        return ()
    for placed in rules:
        if covers(trial, [placed.rule], inner):
            return (placed,)
    needed = list(rules)
    for placed in rules:
        fewer = [each for each in needed if each is not placed]
        needed = fewer if covers(trial, [each.rule for each in fewer], inner) else needed
    return needed


def covers(trial: Trial, outer: Sequence[Rule], inner: Rule) -> bool:
    """
    Whether every call that `inner` matches is matched by one of `outer`; exact.

    Raises:
        TooManyStates: it takes too long to tell.
    """
    if not outer:
        return False
    names = trial.about(inner)
    if not all(_covers_for(trial.kind(name), _about(outer, name), inner) for name in names):
        return False
    is_open = bool(inner.server) or any(mark in inner.tool.source for mark in "*?")
    if names and not is_open:
        return True
    return _covers_for(Kind.TEXT, [rule for rule in outer if _covers_names(rule, inner)], inner)


def _about(rules: Sequence[Rule], name: str) -> list[Rule]:
    return [rule for rule in rules if rule.names(name)]


def _covers_for(kind: Kind, outer: Sequence[Rule], inner: Rule) -> bool:
    patterns = [rule.pattern(kind) for rule in outer]
    sample = _sample(inner.pattern(kind), universe(kind))
    if sample is None or not any(pattern.matches(sample) for pattern in patterns):
        return sample is None and bool(patterns)
    return uncovered(inner.pattern(kind), patterns, universe(kind)) is None


@functools.lru_cache(maxsize=1024)
def _sample(pattern: Pattern, among: Universe) -> str | None:
    """Give one text that the pattern matches; most rules do not cover it, and that is told."""
    return uncovered(pattern, [], among)


def _covers_names(outer: Rule, inner: Rule) -> bool:
    """Whether `outer` is about every tool, known or not, that `inner` is about."""
    names = [inner.tool, *([Pattern(f"{inner.server}**")] if inner.server else [])]
    whole = [outer.tool, *([Pattern(f"{outer.server}**")] if outer.server else [])]
    return all(uncovered(name, whole, ANY_TEXT) is None for name in names)


def _matches_nothing(trial: Trial, rule: Rule) -> bool:
    """Whether no text is matched; then every rule covers it, which says nothing."""
    kinds = {trial.kind(name) for name in trial.about(rule)} or {Kind.TEXT}
    return all(uncovered(rule.pattern(kind), [], universe(kind)) is None for kind in kinds)
