"""
What a shell command would run: every simple command, every file it writes.

    analyse("cd src && env A=1 make > log")
      commands  cd src · env A=1 make · make
      writes    log

Pipelines, lists, substitutions, here-documents, functions, loops and both branches of a
condition are all taken as run. A wrapper such as `env` or `sh -c` is listed, and so is what
it starts. What the text does not tell stays visible: as `UNKNOWN` in a word, as `unknown`
of one command, or as `unresolved` of the whole.

Nothing here decides and nothing is executed; the result depends on the text alone, so it is
kept for the most recent commands.
"""

from __future__ import annotations

import functools
import itertools
import re

import msgspec

from a3s_code.harness.shell import git, syntax, variables
from a3s_code.harness.shell.effect_free import effect_free_words
from a3s_code.harness.shell.programs import declares_unknown, hazard_of
from a3s_code.harness.shell.releases import release_among, release_of
from a3s_code.harness.shell.script import Script
from a3s_code.harness.shell.started import Started, program
from a3s_code.harness.shell.variables import NO_PREFIX, Prefix, set_by
from a3s_code.harness.shell.words import ANY_HOLE, Unreadable, Words, words_of
from a3s_code.harness.shell.wrappers import started_by

MAX_WRAPPERS = 12
MAX_COMMANDS = 500
MAX_SUSPECTS = 200
MAX_TAILS = 16


class SimpleCommand(msgspec.Struct, frozen=True):
    """
    One program or builtin with its words.

    Attributes:
        words: After quote removal and brace expansion; `UNKNOWN` and `GLOB` stand for
            text that only a run can tell.
        also: Other texts of the same command, for rules that forbid: the program without
            its directory, git without its options, what a wrapper may start.
        unknown: What it runs that its words do not show; empty when they show all.
        beyond: Why an allow rule with a wildcard does not grant it; empty when it does.
        release: What it publishes, or may publish through what it starts; mostly nothing.
    """

    words: Words
    also: tuple[str, ...] = ()
    unknown: str = ""
    beyond: str = ""
    release: str = ""

    @property
    def text(self) -> str:
        """What permission patterns match: the words joined by one blank."""
        return " ".join(self.words)


class Analysis(msgspec.Struct, frozen=True):
    """
    Attributes:
        commands: Every simple command that could run, in the order of the text.
        writes: Files that redirections write; `UNKNOWN` in a name that is not known.
        reads: Files that redirections read.
        unresolved: Why the text is not statically known; empty when it is. The other
            attributes then hold what could be seen.
        suspects: For a text that is unresolved, stretches that look like commands.
        plain: Only commands in lists and pipelines; see `script.Script`.
    """

    commands: tuple[SimpleCommand, ...] = ()
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    unresolved: str = ""
    suspects: tuple[str, ...] = ()
    plain: bool = True


@functools.lru_cache(maxsize=256)
def analyse(command: str) -> Analysis:
    """
    Find every simple command that `command` could run under bash.

    Any text is accepted. Longer than `syntax.MAX_BYTES`, nested too deep or not understood
    means `unresolved`, never an error; the time it takes is bounded by these limits.
    """
    budget = syntax.Budget()
    script = syntax.parse(command, budget)
    found = _Found(budget, plain=script.plain)
    found.add(script, depth=0)
    unresolved = found.unresolved
    return Analysis(
        commands=tuple(found.commands),
        writes=tuple(found.writes),
        reads=tuple(found.reads),
        unresolved=unresolved,
        suspects=_suspects(command) if unresolved else (),
        plain=found.plain,
    )


def effect_free(command: str) -> bool:
    """
    Whether `command` surely changes nothing, so that it may run beside any other call.

    True only when it is fully known, made of pipelines and lists without redirections,
    assignments, functions and background jobs, and each command of it is on the closed
    list of `effect_free.py`.
    """
    analysis = analyse(command)
    return (
        bool(analysis.commands)
        and analysis.plain
        and not analysis.unresolved
        and all(not found.unknown and effect_free_words(found.words) for found in analysis.commands)
    )


class _Found:
    """What one analysis gathers over a text and the texts that it runs."""

    def __init__(self, budget: syntax.Budget, *, plain: bool) -> None:
        self.commands: list[SimpleCommand] = []
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.unresolved = ""
        self.plain = plain
        self._poison = self._runs = ""
        self._arrays = self._declares = False
        self._run_by = ""
        self._budget = budget

    def add(self, script: Script, depth: int, prefix: Prefix = NO_PREFIX) -> None:
        self.writes += script.writes
        self.reads += script.reads
        self.unresolved = self.unresolved or script.problem
        names = [*script.assigned, *(each for by in script.commands for each in set_by(by))]
        self._poison = self._poison or variables.poisoned(names)
        self._runs = self._runs or variables.run_by(names)
        if names or script.prefixes:
            every = itertools.chain(names, *script.prefixes.values())
            self.unresolved = self.unresolved or variables.evaluated(every)
        self._arrays = self._arrays or script.arrays
        self._declares = self._declares or any(map(declares_unknown, script.commands))
        if self._arrays and self._declares:
            self.unresolved = self.unresolved or "an array may be read out of a value"
        for at, words in enumerate(script.commands):
            names = script.prefixes.get(at)
            own = variables.prefixed(names).over(prefix) if names else prefix
            self._command(words, own, depth)

    def _command(self, words: Words, prefix: Prefix, depth: int) -> None:
        if depth > MAX_WRAPPERS:
            self.unresolved = self.unresolved or "its wrappers are nested too deep"
        elif len(self.commands) >= MAX_COMMANDS:
            self.unresolved = self.unresolved or f"it has more than {MAX_COMMANDS} commands"
        elif words:
            self._list(words, prefix, depth)

    def _list(self, words: Words, prefix: Prefix, depth: int) -> None:
        known, started = _known(words)
        unknown = known.unknown or prefix.runs or self._runs
        beyond = prefix.beyond or self._poison or known.beyond
        if unknown != known.unknown or beyond != known.beyond:
            known = msgspec.structs.replace(known, unknown=unknown, beyond=beyond)
        self.commands.append(known)
        if started is None:
            return
        inner = variables.prefixed(started.assigned).over(prefix)
        lent = next(filter(_starts_another, started.lent), ())
        for command in (*started.commands, lent):
            self._command(command, inner, depth + 1)
        for text in started.scripts:
            nested = syntax.parse(text, self._budget)
            self.plain = self.plain and nested.plain
            self.add(nested, depth + 1, inner)


@functools.lru_cache(maxsize=512)
def _known(words: Words) -> tuple[SimpleCommand, Started | None]:
    """Give one command as its words tell it, and what it starts; None when that is nothing."""
    started, hazard = started_by(words), hazard_of(words)
    # What runs unseen is told by words behind it, as in `git rebase -x "git push"`.
    tails = _tails(words) if hazard.unknown else ()
    command = SimpleCommand(
        words,
        also=tuple(dict.fromkeys((*_spellings(words), *started.maybe))),
        unknown=started.unknown or hazard.unknown,
        beyond=hazard.beyond,
        release=release_of(words) or release_among((*started.maybe, *tails)),
    )
    starts = started.commands or started.scripts or started.lent
    return command, started if starts else None


def _tails(words: Words) -> tuple[str, ...]:
    return tuple(" ".join(words[at:]) for at in range(1, min(len(words), MAX_TAILS)))


def _starts_another(words: Words) -> bool:
    started = started_by(words)
    known = not (started.commands or started.scripts or started.unknown or started.lent)
    return not known or bool(hazard_of(words).unknown)


def _spellings(words: Words) -> list[str]:
    """Other ways to write the command that a rule against it may mean."""
    name = program(words[0])
    found = [] if name == words[0] else [" ".join((name, *words[1:]))]
    if name == "git" and words[1:2] and words[1].startswith("-"):
        found.append(" ".join((name, *git.subcommand(words[1:]))))
    return found


def _suspects(command: str) -> tuple[str, ...]:
    """Stretches of a text that could not be read which look like a denied command might."""
    found: dict[str, None] = {}
    head = command[: syntax.MAX_BYTES]
    for pieces in (re.split(r"[;&|()\n`<>]", head), re.split(r"[;&|(){}\n`<>]", head)):
        for piece in pieces[:MAX_SUSPECTS]:
            words = _crude_words(piece)
            if words:
                found.update(dict.fromkeys((" ".join(words), *_spellings(words))))
    return tuple(found)


def _crude_words(piece: str) -> Words:
    words: list[str] = []
    for word in re.sub("[\"'\\\\]", "", ANY_HOLE.sub("", piece)).split():
        if words or word not in syntax.RESERVED_WORDS:
            try:
                words.extend(words_of(word))
            except Unreadable:
                words.append(word)
    return tuple(words)
