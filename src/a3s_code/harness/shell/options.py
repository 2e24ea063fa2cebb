"""
Options among the words of a command, read as `getopt` reads them.

Short options may stand together in one word; one that takes a value has the rest of its word
for it, or else the next word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from a3s_code.harness.shell.words import listed


class Option(NamedTuple):
    """
    Attributes:
        name: The letter, or the long name with its dashes; empty for an operand.
        value: Of an option that takes one; the operand itself.
        ends: No option follows: this is an operand behind `--`.
    """

    name: str
    value: str = ""
    ends: bool = False


def options(
    args: tuple[str, ...], values: str = "", *, attached: str = "", long_values: str = ""
) -> Iterator[Option]:
    """
    Give options and operands in order.

    Args:
        values: Letters of the short options that take a value.
        attached: Letters of those that only take the rest of their word.
        long_values: The long options that take the next word, with their dashes.
    """
    waiting = list(reversed(args))
    long_names = listed(long_values)
    while waiting:
        word = waiting.pop()
        if word == "--":
            yield from (Option("", rest, ends=True) for rest in reversed(waiting))
            return
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            takes_next = not equals and name in long_names and waiting
            yield Option(name, waiting.pop() if takes_next else value)
        elif word.startswith("-") and word != "-":
            yield from _cluster(word[1:], values, attached, waiting)
        else:
            yield Option("", word)


def _cluster(letters: str, values: str, attached: str, waiting: list[str]) -> Iterator[Option]:
    for at, letter in enumerate(letters, 1):
        rest = letters[at:]
        if letter in values:
            yield Option(letter, rest or (waiting.pop() if waiting else ""))
            return
        if letter in attached:
            yield Option(letter, rest)
            return
        yield Option(letter)


def letters_of(word: str) -> str:
    """Give the letters of a word of short options, its values taken for letters too."""
    return word[1:] if word.startswith("-") and not word.startswith("--") else ""


def is_long(word: str, *names: str) -> bool:
    """Whether `word` is, or is short for, one of the long options `names`."""
    given = word.partition("=")[0]
    return len(given) > len("--") and any(name.startswith(given) for name in names)


def option_words(args: tuple[str, ...]) -> tuple[str, ...]:
    """
    Give the words that may be options.

    Behind `--` those that begin with a dash still count: an option before it may have taken
    the `--` for its value.
    """
    end = args.index("--") if "--" in args else len(args)
    return (*args[:end], *(word for word in args[end + 1 :] if word.startswith("-")))
