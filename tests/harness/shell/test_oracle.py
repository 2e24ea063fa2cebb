"""
What bash really runs is what the analysis says, also for broken and unusual texts.

The texts are known ones with small random damage. Every program on their PATH is a stub
that writes its words down, so the words that ran can be held against the analysis. The
alphabet has no slash: nothing outside the working directory can be named.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from a3s_code.harness.shell.analysis import analyse
from harness.shell.stubs import BASH, Stubs, explains

TEXTS, ENOUGH = 400, 100
"""How many texts are tried, and how many of them the analysis should be sure of at least."""
PROGRAMS = ("rm", "ls", "m", "r", "x", "y", "env", "nice")
SEEDS = (
    "cat <<E\n$(rm x)\nE\nls",
    "ls; rm x",
    "echo \"$(rm x)\" 'a'",
    "if ls; then rm x; fi",
    "for i in a b; do rm $i; done",
    "ls `rm x` | rm y",
    "case a in a) rm x;; esac",
    "{ rm x; } 2>&1",
    "x=rm; $x y",
    "ls 'c' && rm x",
    "[[ -n a ]] && rm x",
    "echo ${x:-$(rm x)}",
    "ls || rm x",
    "a || { rm x; } || ls",
    "ls \\\n rm",
    "ls <<'E'\n$(rm x)\nE\nrm y",
    "time rm x",
    'eval "rm x"',
    "ls # rm x\nrm y",
    "r''m x",
    "{r,}m x",
)
DAMAGE = (
    *"\"'`\\#$(){}[]<>|&;=~*?!\r\t\n ",
    "$(",
    "\\\n",
    "<<E\n",
    "\nE\n",
    "<<<",
    "$'",
    "\\x72",
    "rm",
    "ls ",
    "$x",
    "x=",
    "time ",
    "eval ",
    "! ",
    "2>&1",
    ">f",
    "&>",
    ";;",
    "}",
    "do ",
    "fi",
    "((",
    "$((",
)


def damaged(chance: random.Random) -> str:
    text = list(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        if chance.random() < 0.7:
            text.insert(at, chance.choice(DAMAGE))
        else:
            del text[at : at + chance.randint(1, 2)]
    return "".join(text)


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_what_bash_runs_is_in_the_analysis(tmp_path: Path) -> None:
    stubs = Stubs(tmp_path, PROGRAMS)
    chance = random.Random(1976)
    compared = 0
    for command in (damaged(chance) for _ in range(TEXTS)):
        analysis = analyse(command)
        if analysis.unresolved or any(simple.unknown for simple in analysis.commands):
            continue
        compared += 1
        for ran in stubs.run(command):
            assert explains(analysis, ran), (command, ran, analysis)
    assert compared > ENOUGH
