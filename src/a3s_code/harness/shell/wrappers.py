"""
What a command starts in its turn: `env`, `sudo`, `xargs`, `find -exec`, `sh -c`, `eval`, …

A wrapper whose options are all known here gives the command it runs. With an option that is
not known, or for a program that starts others in ways of its own (`ssh`, `docker exec`,
`strace`), every tail of its words may be that command: the tails are given as `maybe`, and
what runs counts as unknown.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from a3s_code.harness.shell.inner_shells import SHELLS, eval_, shell, source, trap
from a3s_code.harness.shell.launchers import CONTAINER_TOOLS, LAUNCHERS, RUNNERS
from a3s_code.harness.shell.options import is_long, letters_of
from a3s_code.harness.shell.started import Started, program, unsure
from a3s_code.harness.shell.words import (
    UNKNOWN,
    Words,
    has_hole,
    listed,
    may_be_option,
)

_Read: TypeAlias = tuple[dict[str, str], int]

MAX_LENT = 6

_ASSIGNMENT = re.compile(r"[^=]*=.*", re.DOTALL)


class _Wrapper(msgspec.Struct, frozen=True):
    """
    How to find the command among the words of a wrapper.

    Attributes:
        flags, values: Letters of short options without and with a value.
        attached: Flags that take the rest of their word for a value.
        long_flags, long_values: Names of long options without and with one.
        operands: Words between the options and the command.
        assigns: `NAME=value` words may stand before the command.
        digits: `-5` is an option.
        prints: With one of these letters it runs nothing.
    """

    flags: str = ""
    values: str = ""
    attached: str = ""
    long_flags: str = ""
    long_values: str = ""
    operands: int = 0
    assigns: bool = False
    digits: bool = False
    prints: str = ""


_WRAPPERS = {
    "builtin": _Wrapper(),
    "chronic": _Wrapper(),
    "command": _Wrapper(flags="p", prints="vV"),
    "doas": _Wrapper(flags="nL", values="uaC"),
    "env": _Wrapper(
        flags="i0v",
        values="uCS",
        long_flags="ignore-environment null debug",
        long_values="unset chdir split-string",
        assigns=True,
    ),
    "exec": _Wrapper(flags="cl", values="a"),
    "ionice": _Wrapper(flags="t", values="cn", long_flags="ignore", long_values="class classdata"),
    "nice": _Wrapper(values="n", long_values="adjustment", digits=True),
    "nohup": _Wrapper(),
    "setsid": _Wrapper(flags="cfw", long_flags="ctty fork wait"),
    "stdbuf": _Wrapper(values="ioe", long_values="input output error"),
    "sudo": _Wrapper(flags="AbEHkKnPSB", values="ughpCDRTrt", assigns=True),
    # As a keyword `time` lets assignments follow; as a program it has these options.
    "time": _Wrapper(flags="pvaq", values="fo", assigns=True),
    "timeout": _Wrapper(
        flags="v",
        values="ks",
        long_flags="foreground preserve-status verbose",
        long_values="kill-after signal",
        operands=1,
    ),
    "watch": _Wrapper(
        flags="bcdegptx",
        values="n",
        long_flags="beep color differences errexit chgexit precise no-title exec",
        long_values="interval",
    ),
    "xargs": _Wrapper(
        flags="0rtpoxeil",
        attached="eil",
        values="adEILnPs",
        long_flags="null no-run-if-empty verbose interactive open-tty exit show-limits",
        long_values="arg-file delimiter max-lines max-args max-procs max-chars",
    ),
}

_LOOKS = listed("describe get images info inspect logs ps top version")
_LOADER = re.compile(r"ld-linux[-.\w]*|ld-musl[-.\w]*|ld-\d[-.\w]*|ld64[-.\w]*")


def started_by(words: Words) -> Started:
    """Tell what the command of `words` runs besides itself."""
    name = program(words[0])
    if name in _WRAPPERS:
        return _wrapped(name, _WRAPPERS[name], words)
    if name in SHELLS:
        return shell(words)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(words)
    if name in LAUNCHERS or _LOADER.fullmatch(name):
        return unsure(words, f"what {name} starts")
    return Started()


def _wrapped(name: str, wrapper: _Wrapper, words: Words) -> Started:
    at = 1
    options: dict[str, str] = {}
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        if words[at] == "--":
            at += 1
            break
        found = _option(wrapper, words, at)
        if found is None:
            return unsure(words, f"what {name} starts with the option {words[at]}")
        options |= found[0]
        at = found[1]
        if name == "env" and options.keys() & {"S", "split-string"}:
            break  # what it is split into stands here, with options of its own
    if name == "env" and words[at : at + 1] == ("-",):
        at += 1
    if options.keys() & set(wrapper.prints):
        return Started()
    if any(map(has_hole, (*words[1:at], *words[at : at + wrapper.operands]))):
        return unsure(words, f"what {name} starts with options only known when it runs")
    return _behind(name, wrapper, options, words[at:])


def _behind(name: str, wrapper: _Wrapper, options: dict[str, str], rest: Words) -> Started:
    split = options.get("S", options.get("split-string")) if name == "env" else None
    if split is not None:
        if re.search(r"[$\\#]", split):
            return unsure(("env", split, *rest), "what env -S starts")
        rest = (*_split(split), *rest)
        if rest and rest[0].startswith("-"):
            return Started(commands=[("env", *rest)])
    assigned: list[str] = []
    while wrapper.assigns and rest and _ASSIGNMENT.fullmatch(rest[0]):
        assigned.append(rest[0].partition("=")[0].rstrip("+"))
        rest = rest[1:]
    rest = rest[wrapper.operands :]
    while name == "time" and rest[:1] == ("!",):
        rest = rest[1:]
    if name == "xargs":
        return _xargs(options, rest)
    if name == "watch" and not options.keys() & {"x", "exec"}:
        return Started(scripts=[" ".join(rest)])
    return Started(commands=[rest] if rest else [], assigned=tuple(assigned))


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return [UNKNOWN]


def _option(wrapper: _Wrapper, words: Words, at: int) -> _Read | None:
    """Read the option at `at`: what it sets, and where the next word is."""
    word = words[at]
    if may_be_option(word):
        return None
    if word.startswith("--"):
        return _long_option(wrapper, words, at)
    if wrapper.digits and word[1:].isdigit():
        return {}, at + 1
    return _short_options(wrapper, words, at)


def _long_option(wrapper: _Wrapper, words: Words, at: int) -> _Read | None:
    name, equals, value = words[at][2:].partition("=")
    if name in wrapper.long_values.split():
        return ({name: value}, at + 1) if equals else _with_next(name, words, at)
    return ({name: value}, at + 1) if name in wrapper.long_flags.split() else None


def _short_options(wrapper: _Wrapper, words: Words, at: int) -> _Read | None:
    word = words[at]
    options: dict[str, str] = {}
    for index, letter in enumerate(word[1:], 2):
        if letter in wrapper.values and word[index:]:
            return options | {letter: word[index:]}, at + 1
        if letter in wrapper.values:
            found = _with_next(letter, words, at)
            return found and (options | found[0], found[1])
        if letter not in wrapper.flags + wrapper.prints:
            return None
        if letter in wrapper.attached and word[index:]:
            return None
        options[letter] = ""
    return options, at + 1


def _with_next(name: str, words: Words, at: int) -> _Read | None:
    return ({name: words[at + 1]}, at + 2) if at + 1 < len(words) else None


def _xargs(options: dict[str, str], rest: Words) -> Started:
    if not rest:
        return Started(commands=[("echo", UNKNOWN)])
    marks = [options.get("I", ""), "{}" if "i" in options else ""]
    if any(marks):
        for mark in filter(None, marks):
            rest = tuple(word.replace(mark, UNKNOWN) for word in rest)
        return Started(commands=[rest])
    return Started(commands=[(*rest, UNKNOWN)])


def _busybox(words: Words) -> Started:
    rest = words[1:]
    if not rest or rest[0].startswith("-"):
        return Started()
    return Started(commands=[rest])


_FD_RUNS = ("--exec", "--exec-batch")
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


def _find(words: Words) -> Started:
    started = Started()
    if any(may_be_option(word) or (word[:1] in ";+" and has_hole(word)) for word in words[1:]):
        started = unsure(words, "what find starts with words only known when it runs")
    at = 1
    while at < len(words):
        if words[at] not in _FIND_RUNS:
            at += 1
            continue
        end = at + 1
        while end < len(words) and not _ends(words, at, end):
            end += 1
        inner = tuple(word.replace("{}", UNKNOWN) for word in words[at + 1 : end])
        if inner:
            started.commands.append(inner)
        at = end + 1
    return started


def _ends(words: Words, at: int, end: int) -> bool:
    """Whether the command of `-exec` ends here: `+` is a word of it unless it follows `{}`."""
    gathers = words[at] in ("-exec", "-execdir") and words[end - 1] == "{}"
    return words[end] == ";" or (words[end] == "+" and gathers)


def _container(words: Words) -> Started:
    looks = _LOOKS.intersection(words[1:2])
    return Started() if looks else unsure(words, f"what {program(words[0])} starts")


def _runner(words: Words) -> Started:
    """Read `uv run [options] program …`; an option may have taken the word after it."""
    verbs = RUNNERS[program(words[0])]
    _, verb, *rest = (*words, "")[: max(len(words), 2)]
    if "" in verbs:
        rest = list(words[1:])
    elif verb not in verbs:
        return Started()
    last = min(len(rest), MAX_LENT)
    tails = [tuple(rest[at:]) for at in range(last) if not rest[at].startswith("-")]
    if rest and not rest[0].startswith("-"):
        tails = tails[:1]
    plain = [(program(tail[0]), *tail[1:]) for tail in tails]
    return Started(maybe=tuple(map(" ".join, (*tails, *plain))), lent=tuple(tails))


def _fd(words: Words) -> Started:
    if any(set("xX") & set(letters_of(word)) or is_long(word, *_FD_RUNS) for word in words[1:]):
        return unsure(words, "what fd starts")
    return Started()


_SPECIAL: dict[str, Callable[[Words], Started]] = {
    ".": source,
    "busybox": _busybox,
    **dict.fromkeys(CONTAINER_TOOLS, _container),
    **dict.fromkeys(RUNNERS, _runner),
    "eval": eval_,
    "fd": _fd,
    "fdfind": _fd,
    "find": _find,
    "source": source,
    "trap": trap,
}
