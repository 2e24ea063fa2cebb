"""What a command starts in its turn, as its words tell it."""

from __future__ import annotations

import msgspec

from a3s_code.harness.shell.words import Words

MAX_TAILS = 64
MAX_TAIL_CHARS = 16 * 1024


class Started(msgspec.Struct):
    """
    Attributes:
        commands: Commands that run, by their words.
        scripts: Shell texts that run.
        maybe: Commands that may run, for deny and ask rules only.
        lent: Where the program begins that is run in the environment of a project, by best
            guess; the command's own rule grants it as long as it starts no other one.
        assigned: Variables set for what runs.
        unknown: What runs that the words do not tell; empty when they tell all.
    """

    commands: list[Words] = msgspec.field(default_factory=list[Words])
    scripts: list[str] = msgspec.field(default_factory=list[str])
    maybe: tuple[str, ...] = ()
    lent: tuple[Words, ...] = ()
    assigned: tuple[str, ...] = ()
    unknown: str = ""


def program(word: str) -> str:
    """The name of the program that a command word runs."""
    return word.rstrip("/").rpartition("/")[2] or word


def unsure(words: Words, unknown: str) -> Started:
    """Take every tail of some words as what may run, when they do not tell what does."""
    # What is cut off here is not lost: the unknown is a subject of its own.
    fitting = sum(map(len, words)) * min(len(words), MAX_TAILS) <= MAX_TAIL_CHARS
    last = min(len(words), MAX_TAILS if fitting else 2)
    return Started(maybe=tuple(" ".join(words[at:]) for at in range(1, last)), unknown=unknown)
