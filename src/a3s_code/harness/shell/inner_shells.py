"""Texts that a command has a shell run: `sh -c`, `eval`, `trap`, `source`."""

from __future__ import annotations

import msgspec

from a3s_code.harness.shell.started import Started, program, unsure
from a3s_code.harness.shell.words import ANY_HOLE, Words, has_hole, listed, may_be_option

SHELLS = listed("sh bash dash zsh ksh mksh ash rbash yash posh sash oksh lksh loksh pdksh")

_LIKE_BASH = listed("sh bash dash ash rbash posh")
"""Of those that read what is a command as bash does, but for `$'…'`, which not all know."""

_LONG_OPTIONS = listed(
    """
    debug debugger dump-po-strings dump-strings login noediting noprofile norc posix
    pretty-print protected restricted verbose wordexp
    """
)
"""Of bash, which takes them with one dash too."""


def shell(words: Words) -> Started:
    """Read `sh [options] -c script …`; a shell that reads its input runs the unknown."""
    at, has_script, reads_input = 1, False, False
    while at < len(words) and words[at][:1] in ("-", "+") and len(words[at]) > 1:
        word = words[at]
        at += 1
        if word == "--":
            break
        if word.lstrip("-") in ("rcfile", "init-file"):
            return unsure(words, "what the start file of a shell runs")
        if word.startswith("--") or word[1:] in _LONG_OPTIONS:
            continue
        has_script = has_script or "c" in word  # `+c` is the same option
        reads_input = reads_input or ("s" in word and word[0] == "-")
        at += word.count("o") + word.count("O")  # each takes a word, wherever it stands
    if has_script and words[at : at + 1] == ("-",):
        at += 1
    if any(map(may_be_option, words[1:at])):
        return unsure(words, "what a shell runs with options only known when it runs")
    operand = words[at] if at < len(words) else ""
    if has_script and operand:
        started = _script(operand, words)
        dialect = _dialect(program(words[0]), operand)
        return msgspec.structs.replace(started, unknown=started.unknown or dialect)
    if not operand or reads_input or operand == "-" or _is_stream(operand):
        return unsure(words, "what a shell reads as its script")
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
        doubt = unsure(words, f"what {words[0]} runs, which is put together at run time")
        return Started(scripts=[known], maybe=doubt.maybe, unknown=doubt.unknown)
    return Started(scripts=[text])


def eval_(words: Words) -> Started:
    """Read `eval TEXT …`."""
    rest = words[2:] if words[1:2] == ("--",) else words[1:]
    return _script(" ".join(rest), words) if rest else Started()


def trap(words: Words) -> Started:
    """Read `trap ACTION SIGNAL …`."""
    rest = words[2:] if words[1:2] == ("--",) else words[1:]
    if rest and has_hole(rest[0]):
        return unsure(words, "what a trap runs")
    if len(rest) < 2 or rest[0] in ("-", "", "-l", "-p"):  # noqa: PLR2004 - an action and a signal
        return Started()
    return _script(rest[0], words)


def source(words: Words) -> Started:
    """Read `source FILE`, which is a file of its own unless it is a stream."""
    operand = words[1:2]
    if operand and _is_stream(operand[0]):
        return unsure(words, "what the sourced text runs")
    return Started()
