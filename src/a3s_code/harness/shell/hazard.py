"""
What a known program may do beyond its name, and the judges that need no table of their own.

Two kinds. *Unknown*: it runs something that the words do not show (`python -c`, `git -c
core.pager=…`, `tar --checkpoint-action`), so no deny rule can be said to hold. *Beyond*: it
writes a file or is told where to look by the environment (`sort -o`, `PATH=… ls`), which
an allow rule with a wildcard does not grant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from a3s_code.harness.shell.options import is_long, letters_of, option_words
from a3s_code.harness.shell.words import HOLES, Words, may_be_option


class Hazard(NamedTuple):
    """Reasons, each empty when it does not apply."""

    unknown: str = ""
    beyond: str = ""


Judge: TypeAlias = Callable[[Words], Hazard]
"""Tells what a program does beyond its name, by the words after it."""


def always(unknown: str) -> Judge:
    return lambda _: Hazard(unknown)


def by_options(*longs: str, shorts: str = "", unknown: str = "", beyond: str = "") -> Judge:
    """Judge a program that is dangerous with some options only, wherever they stand."""
    letters = frozenset(shorts)

    def judge(args: Words) -> Hazard:
        for word in option_words(args):
            is_one = word[:1] == "-" and (
                not letters.isdisjoint(letters_of(word)) or is_long(word, *longs)
            )
            if is_one or may_be_option(word):
                return Hazard(unknown, beyond or unknown)
        return Hazard()

    return judge


def by_start(marks: tuple[str, ...], unknown: str) -> Judge:
    """Judge by how any of the words begins."""
    begins = (*marks, *HOLES)
    return lambda args: Hazard(
        unknown if any(word.startswith(begins) or may_be_option(word) for word in args) else ""
    )
