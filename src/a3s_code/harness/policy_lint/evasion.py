"""Denies and asks that another spelling of the same thing walks around."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from a3s_code.harness.languages import TooManyStates
from a3s_code.harness.patterns import Kind
from a3s_code.harness.policy_lint.case import (
    Case,
    Finding,
    Placed,
    command_of,
    path_of,
    shown,
    unknown,
)
from a3s_code.harness.policy_lint.respelling import respellings
from a3s_code.harness.shell.words import listed
from a3s_code.harness.tool_names import SHELL_TOOL
from a3s_code.harness.trial import STRICTNESS

# Programs that do nothing without an operand, so a rule need not stop them alone.
_NEED_OPERANDS = listed(
    """
    cat chgrp chmod chown cp curl dd env eval exec find grep head install kill killall ln mkdir
    mv nice nohup pkill rm rmdir scp sed shred ssh sudo tail tee timeout touch truncate unlink
    wget xargs
    """
)
_OPERATORS = re.compile(r"\s*(&&|\|\||[;|])\s*")
_WILDCARDS = re.compile(r"\*+|\?")


def check(case: Case) -> Iterator[Finding]:
    for placed in case.rules("deny", "ask"):
        if placed.rule.covers_all:
            continue
        try:
            found = _first(case, placed)
        except TooManyStates:
            found = unknown(placed)
        if found is not None:
            yield found


def _first(case: Case, placed: Placed) -> Finding | None:
    """Give one finding: who knows of one way around a rule writes another rule."""
    if case.about_shell(placed.rule):
        for line in _lines(placed):
            if found := _around(case, placed, SHELL_TOOL, line):
                return found
    for name in case.trial.about(placed.rule):
        if case.trial.kind(name) is Kind.PATH:
            for path in _paths(placed):
                if found := _around(case, placed, name, path):
                    return found
    return None


def _around(case: Case, placed: Placed, name: str, text: str) -> Finding | None:
    decided = case.decided(name, text)
    if STRICTNESS[decided] >= STRICTNESS[placed.among]:
        return None
    by = f" by {case.allowed_by(name, text)}" if decided == "allow" else ""
    does = "allowed" if decided == "allow" else "only asked for"
    return Finding(
        placed,
        "evaded",
        f"{name} {shown(text)} is {does}{by}; this rule does not match it",
        (name, text),
    )


def _lines(placed: Placed) -> Iterator[str]:
    """Give command lines that the rule may mean and that it may not match."""
    source = placed.rule.text.source
    if _OPERATORS.search(source):
        yield _OPERATORS.sub(r"  \1  ", _WILDCARDS.sub("x", source))
        return
    command = command_of(placed.rule)
    words = tuple(command.split())
    if not words or words[0] == "x":
        return
    if source.endswith(" *") and words[0] not in _NEED_OPERANDS:
        yield shlex.join(words[:-1])
    for other in respellings(words):
        yield shlex.join(other)


def _paths(placed: Placed) -> Iterator[str]:
    """Give a deeper path for a pattern that looks as if it meant any directory."""
    source = placed.rule.path.source
    path = path_of(placed.rule)
    if path and "/" not in source and source.startswith("*"):
        yield f"x/{path}"
