"""
Other ways to write a command that do the same: options joined, parted, turned round, in their
long form, behind the operands, or with a harmless one between.

Only ways that the programs named here are known to take.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TypeAlias

from a3s_code.harness.shell.words import listed

Words: TypeAlias = tuple[str, ...]

MAX_LETTERS = 4

_SUBCOMMANDS = listed("cargo docker gh git kubectl npm pip podman")
_JOINED = re.compile(r"-[A-Za-z]{2,}")
_SHORT = re.compile(r"-[A-Za-z]")

# Programs whose short options can be joined, and an option of them that changes nothing.
_HARMLESS = {
    **dict.fromkeys(listed("chgrp chmod chown cp ln mkdir mv rm rmdir"), "-v"),
    "curl": "-s",
    "git checkout": "-q",
    "git clean": "-q",
    "git commit": "-q",
    "git push": "-q",
    "git reset": "-q",
    "git stash": "-q",
    "npm publish": "-s",
    "wget": "-q",
}
_LONG = {
    "chgrp": {"-R": "--recursive"},
    "chmod": {"-R": "--recursive"},
    "chown": {"-R": "--recursive"},
    "cp": {"-r": "--recursive", "-R": "--recursive", "-f": "--force"},
    "curl": {"-o": "--output", "-k": "--insecure"},
    "git branch": {"-d": "--delete", "-f": "--force"},
    "git checkout": {"-f": "--force"},
    "git clean": {"-f": "--force"},
    "git commit": {"-n": "--no-verify", "-a": "--all"},
    "git push": {"-f": "--force", "-d": "--delete"},
    "mv": {"-f": "--force"},
    "rm": {"-r": "--recursive", "-R": "--recursive", "-f": "--force"},
}
_SAME = {"-r": "-R", "-R": "-r"}
_SAME_FOR = listed("cp rm")


def respellings(words: Words) -> Iterator[Words]:
    """Give other words for the same command, the likeliest first, none of them twice."""
    head, rest = _parted(words)
    name = " ".join(head)
    seen = {words}
    for changed in _changes(name, rest):
        made = head + changed
        if made not in seen:
            seen.add(made)
            yield made


def _parted(words: Words) -> tuple[Words, Words]:
    """Part the program, with its subcommand, from its arguments."""
    at = 2 if words[0] in _SUBCOMMANDS and len(words) > 1 else 1
    return words[:at], words[at:]


def _changes(name: str, rest: Words) -> Iterator[Words]:
    if name in _HARMLESS:
        for changed in _joined_and_parted(rest):
            yield changed
            yield from _last_options(changed)
        yield from _with_long(name, rest)
        if name in _SAME_FOR:
            yield tuple(_SAME.get(word, word) for word in rest)
        yield from _last_options(rest)
        yield (_HARMLESS[name], *rest)
        yield from _after_marker(rest)


def _joined_and_parted(rest: Words) -> Iterator[Words]:
    for at, word in enumerate(rest):
        if _JOINED.fullmatch(word) and len(word) <= MAX_LETTERS + 1:
            letters = word[1:]
            parts = tuple(f"-{letter}" for letter in letters)
            yield rest[:at] + parts + rest[at + 1 :]
            for order in itertools.permutations(letters):
                yield (*rest[:at], f"-{''.join(order)}", *rest[at + 1 :])
            yield rest[:at] + parts[::-1] + rest[at + 1 :]
    for at, pair in enumerate(itertools.pairwise(rest)):
        if all(map(_SHORT.fullmatch, pair)):
            yield (*rest[:at], f"{pair[0]}{pair[1][1]}", *rest[at + 2 :])
            yield (*rest[:at], *pair[::-1], *rest[at + 2 :])


def _with_long(name: str, rest: Words) -> Iterator[Words]:
    """Write short options long, and long ones short."""
    long = _LONG.get(name, {})
    short = {word: letter for letter, word in long.items()}
    parted: list[str] = []
    for word in rest:
        joined = _JOINED.fullmatch(word)
        parted += [f"-{letter}" for letter in word[1:]] if joined else [word]
    for table in (long, short):
        yield tuple(table.get(word, word) for word in parted)


def _last_options(rest: Words) -> Iterator[Words]:
    """Put an operand in front of the options."""
    options = tuple(word for word in rest if word.startswith("-"))
    operands = tuple(word for word in rest if not word.startswith("-"))
    if options and operands:
        yield operands + options
        yield (operands[0], *options, *operands[1:])


def _after_marker(rest: Words) -> Iterator[Words]:
    """Put the mark that ends options in front of the operands."""
    at = next((at for at, word in enumerate(rest) if not word.startswith("-")), len(rest))
    if at < len(rest) and "--" not in rest:
        yield (*rest[:at], "--", *rest[at:])
