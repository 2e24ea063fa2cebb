"""Patterns that nothing can match, and patterns that do not match what they spell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from a3s_code.harness.languages import JSON_OBJECTS, NORMAL_PATHS, TooManyStates, uncovered
from a3s_code.harness.patterns import Kind, Rule
from a3s_code.harness.policy_lint.case import Case, Finding, shown, unknown
from a3s_code.harness.tool_names import SHELL_TOOL

_WILDCARDS = re.compile(r"\*+|\?")


def check(case: Case) -> Iterator[Finding]:
    """Find rules that match nothing for at least one of their tools."""
    for placed in case.rules():
        for name in case.trial.about(placed.rule):
            try:
                problem = _problem(case, placed.rule, placed.among, name)
            except TooManyStates:
                yield unknown(placed)
                break
            if problem:
                yield Finding(placed, "nothing", problem)
                break


def _problem(case: Case, rule: Rule, among: str, name: str) -> str:
    if rule.covers_all:
        return ""
    match case.trial.kind(name):
        case Kind.COMMAND:
            return _unspelled(case, rule, among)
        case Kind.PATH:
            return _pathless(rule)
        case Kind.TEXT:
            return _not_json(rule, name) if _takes_json(case, name) else ""


def _pathless(rule: Rule) -> str:
    if uncovered(rule.path, [], NORMAL_PATHS) is not None:
        return ""
    return (
        "it matches no path: paths have no `.`, no empty name and no slash at the end, and go "
        "up only in front"
    )


def _takes_json(case: Case, name: str) -> bool:
    return case.trial.tools[name].path is None and name != SHELL_TOOL


def _not_json(rule: Rule, name: str) -> str:
    if uncovered(rule.text, [], JSON_OBJECTS) is not None:
        return ""
    return f"it matches nothing: rules about {name} are held against its arguments as JSON"


def _unspelled(case: Case, rule: Rule, among: str) -> str:
    """Say that a rule does not match the command that its own text would be."""
    lines = {_WILDCARDS.sub(filling, rule.text.source) for filling in ("x", " x", "")}
    if any(case.trial.matches(rule, among, line) for line in lines):
        return ""
    line = _WILDCARDS.sub("x", rule.text.source)
    return (
        f"it does not match {shown(line)}: a line is taken apart into simple commands, and "
        "each is held against rules without its quotes and with one blank between its words"
    )
