"""
What bash really runs is what the analysis names, however deep it is wrapped.

A command of stubs is put into wrappers, lists, substitutions and functions at random, and
run by bash with the real wrappers. Every stub that ran must have been named, and the analysis
must have been sure of most of them: one that asks about everything would hold, too.
"""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from a3s_code.harness.shell.analysis import analyse
from harness.shell.stubs import BASH, Stubs, explains

TEXTS, DEPTH = 220, 4
STUBS = ("m1", "m2", "m3", "rm", "ls")
REAL = ("env", "find", "nice", "nohup", "setsid", "sh", "stdbuf", "timeout", "xargs", "cat", "true")

Make = Callable[[random.Random, int], str]

SPELLINGS = ("{0}", "'{0}'", '"{0}"', "\\{0}", "$'{0}'", "{0}''", "r=1 {0}")
WRAPPERS = (
    "env {0}",
    "env A=1 B=2 {0}",
    "env -u Q {0}",
    "nice -n 5 {0}",
    "nice -5 {0}",
    "timeout 9 {0}",
    "timeout -k 1 9s {0}",
    "nohup {0}",
    "setsid -w {0}",
    "stdbuf -oL {0}",
    "command {0}",
    "exec {0}",
    "! {0}",
    "A=1 {0}",
    "find . -maxdepth 0 -exec {0} \\;",
    "find . -maxdepth 0 -exec {0} {{}} +",
    "echo a | xargs -n1 {0}",
    "echo a | xargs -I% {0} %",
)
"""Around one simple command."""
TAKING_TEXT = (
    "sh -c {0}",
    "sh -ec {0} zero one",
    "eval {0}",
    "trap {0} EXIT",
    "env sh -c {0}",
    "env -S {0}",
)
AROUND = (
    "({0})",
    "{{ {0}; }}",
    "{0} > out",
    "{0} 2>&1",
    "if {0}; then {1}; else {0}; fi",
    "for i in 1; do {0}; done",
    "case a in b) {1};; a) {0};; esac",
    "f() {{ {0}; }}; f",
    "function g {{ {0}; }}; g",
    ': "$({0})"',
    ": $({0})",
    "x=$({0})",
    "cat <({0})",
    "cat <<E\n$({0})\nE",
    "cat <<< $({0})",
    "[[ -z $({0}) ]]",
    "time {0}",
)
BETWEEN = ("{0} && {1}", "{0}; {1}", "{0}\n{1}", "{0} | {1}", "{0} || {1}", "{0} & {1}; wait")


def leaf(chance: random.Random, _: int) -> str:
    name = chance.choice(STUBS)
    return f"{chance.choice(SPELLINGS).format(name)} {chance.choice(('a', '-f x', '')).strip()}"


def simple(chance: random.Random, depth: int) -> str:
    if depth == 0 or chance.random() < 0.3:
        return leaf(chance, depth).removeprefix("r=1 ").strip()
    if chance.random() < 0.3:
        return chance.choice(TAKING_TEXT[:3]).format(shlex.quote(any_of(chance, depth - 1)))
    return chance.choice(WRAPPERS[:12]).format(simple(chance, depth - 1))


def any_of(chance: random.Random, depth: int) -> str:
    if depth == 0:
        return leaf(chance, depth).strip()
    inner = [any_of(chance, depth - 1) for _ in range(2)]
    kind = chance.random()
    if kind < 0.35:
        return chance.choice(WRAPPERS).format(simple(chance, depth - 1))
    if kind < 0.55:
        return chance.choice(TAKING_TEXT).format(shlex.quote(inner[0]))
    if kind < 0.8:
        return chance.choice(AROUND).format(*inner)
    return chance.choice(BETWEEN).format(*inner)


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_every_program_that_a_wrapped_command_starts_is_named(tmp_path: Path) -> None:
    stubs = Stubs(tmp_path, STUBS, REAL)
    chance = random.Random(2026)
    sure = named = 0
    for command in (any_of(chance, chance.randint(1, DEPTH)) for _ in range(TEXTS)):
        analysis = analyse(command)
        if analysis.unresolved or any(found.unknown for found in analysis.commands):
            continue
        sure += 1
        for ran in stubs.run(command):
            assert explains(analysis, ran), (command, ran, analysis)
            named += 1
    assert sure > TEXTS * 0.6
    assert named > TEXTS / 2
