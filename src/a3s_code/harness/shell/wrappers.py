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

from a3s_code.harness.shell.launchers import CONTAINER_TOOLS, LAUNCHERS, RUNNERS
from a3s_code.harness.shell.options import is_long, letters_of
from a3s_code.harness.shell.words import (
    ANY_HOLE,
    UNKNOWN,
    Words,
    has_hole,
    listed,
    may_be_option,
)

_Read: TypeAlias = tuple[dict[str, str], int]

MAX_TAILS = 64
MAX_TAIL_CHARS = 16 * 1024
MAX_LENT = 6

_ASSIGNMENT = re.compile(r"[^=]*=.*", re.DOTALL)


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

_SHELLS = listed("sh bash dash zsh ksh mksh ash rbash yash posh sash oksh lksh loksh pdksh")

_LIKE_BASH = listed("sh bash dash ash rbash posh")
"""Of those that read what is a command as bash does, but for `$'…'`, which not all know."""

_LONG_OPTIONS = listed(
    """
    debug debugger dump-po-strings dump-strings login noediting noprofile norc posix
    pretty-print protected restricted verbose wordexp
    """
)
"""Of bash, which takes them with one dash too."""

_LOOKS = listed("describe get images info inspect logs ps top version")
_LOADER = re.compile(r"ld-linux[-.\w]*|ld-musl[-.\w]*|ld-\d[-.\w]*|ld64[-.\w]*")


def program(word: str) -> str:
    """The name of the program that a command word runs."""
    return word.rstrip("/").rpartition("/")[2] or word


def started_by(words: Words) -> Started:
    """Tell what the command of `words` runs besides itself."""
    name = program(words[0])
    if name in _WRAPPERS:
        return _wrapped(name, _WRAPPERS[name], words)
    if name in _SHELLS:
        return _shell(words)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(words)
    if name in LAUNCHERS or _LOADER.fullmatch(name):
        return _unsure(words, f"what {name} starts")
    return Started()


def _unsure(words: Words, unknown: str) -> Started:
    # What is cut off here is not lost: the unknown is a subject of its own.
    fitting = sum(map(len, words)) * min(len(words), MAX_TAILS) <= MAX_TAIL_CHARS
    last = min(len(words), MAX_TAILS if fitting else 2)
    return Started(maybe=tuple(" ".join(words[at:]) for at in range(1, last)), unknown=unknown)


def _wrapped(name: str, wrapper: _Wrapper, words: Words) -> Started:
    at = 1
    options: dict[str, str] = {}
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        if words[at] == "--":
            at += 1
            break
        found = _option(wrapper, words, at)
        if found is None:
            return _unsure(words, f"what {name} starts with the option {words[at]}")
        options |= found[0]
        at = found[1]
        if name == "env" and options.keys() & {"S", "split-string"}:
            break  # what it is split into stands here, with options of its own
    if name == "env" and words[at : at + 1] == ("-",):
        at += 1
    if options.keys() & set(wrapper.prints):
        return Started()
    if any(map(has_hole, (*words[1:at], *words[at : at + wrapper.operands]))):
        return _unsure(words, f"what {name} starts with options only known when it runs")
    return _behind(name, wrapper, options, words[at:])


def _behind(name: str, wrapper: _Wrapper, options: dict[str, str], rest: Words) -> Started:
    split = options.get("S", options.get("split-string")) if name == "env" else None
    if split is not None:
        if re.search(r"[$\\#]", split):
            return _unsure(("env", split, *rest), "what env -S starts")
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


def _shell(words: Words) -> Started:
    """Read `sh [options] -c script …`; a shell that reads its input runs the unknown."""
    at, has_script, reads_input = 1, False, False
    while at < len(words) and words[at][:1] in ("-", "+") and len(words[at]) > 1:
        word = words[at]
        at += 1
        if word == "--":
            break
        if word.lstrip("-") in ("rcfile", "init-file"):
            return _unsure(words, "what the start file of a shell runs")
        if word.startswith("--") or word[1:] in _LONG_OPTIONS:
            continue
        has_script = has_script or "c" in word  # `+c` is the same option
        reads_input = reads_input or ("s" in word and word[0] == "-")
        at += word.count("o") + word.count("O")  # each takes a word, wherever it stands
    if has_script and words[at : at + 1] == ("-",):
        at += 1
    if any(map(may_be_option, words[1:at])):
        return _unsure(words, "what a shell runs with options only known when it runs")
    operand = words[at] if at < len(words) else ""
    if has_script and operand:
        started = _script(operand, words)
        dialect = _dialect(program(words[0]), operand)
        return msgspec.structs.replace(started, unknown=started.unknown or dialect)
    if not operand or reads_input or operand == "-" or _is_stream(operand):
        return _unsure(words, "what a shell reads as its script")
    return Started()


def _dialect(shell: str, text: str) -> str:
    """Say that another shell than bash may make other commands of a text."""
    if shell not in _LIKE_BASH:
        return f"what {shell} makes of its script"
    if shell not in ("bash", "rbash") and "$" in text and "'" in text and "\\" in text:
        return f"what {shell} makes of a $'…' string"
    return ""


def _is_stream(path: str) -> bool:
    return path.startswith(("/dev/", "/proc/")) or has_hole(path)


def _script(text: str, words: Words) -> Started:
    """Take `text` as a shell script, unless a part of it is only known at run time."""
    if has_hole(text):
        known = ANY_HOLE.sub(" ", text)
        unsure = _unsure(words, f"what {words[0]} runs, which is put together at run time")
        return Started(scripts=[known], maybe=unsure.maybe, unknown=unsure.unknown)
    return Started(scripts=[text])


def _eval(words: Words) -> Started:
    rest = words[2:] if words[1:2] == ("--",) else words[1:]
    return _script(" ".join(rest), words) if rest else Started()


def _trap(words: Words) -> Started:
    rest = words[2:] if words[1:2] == ("--",) else words[1:]
    if rest and has_hole(rest[0]):
        return _unsure(words, "what a trap runs")
    if len(rest) < 2 or rest[0] in ("-", "", "-l", "-p"):  # noqa: PLR2004 - an action and a signal
        return Started()
    return _script(rest[0], words)


def _source(words: Words) -> Started:
    operand = words[1:2]
    if operand and _is_stream(operand[0]):
        return _unsure(words, "what the sourced text runs")
    return Started()


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
        started = _unsure(words, "what find starts with words only known when it runs")
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
    return Started() if looks else _unsure(words, f"what {program(words[0])} starts")


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
        return _unsure(words, "what fd starts")
    return Started()


_SPECIAL: dict[str, Callable[[Words], Started]] = {
    ".": _source,
    "busybox": _busybox,
    **dict.fromkeys(CONTAINER_TOOLS, _container),
    **dict.fromkeys(RUNNERS, _runner),
    "eval": _eval,
    "fd": _fd,
    "fdfind": _fd,
    "find": _find,
    "source": _source,
    "trap": _trap,
}
