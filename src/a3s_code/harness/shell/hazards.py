"""
What a known program does beyond what its name says, by its options and words.

Two kinds. *Unknown*: it runs something that the words do not show (`python -c`, `git -c
core.pager=…`, `tar --checkpoint-action`), so no deny rule can be said to hold. *Beyond*: it
writes a file or is told where to look by the environment (`sort -o`, `PATH=… ls`), which
an allow rule with a wildcard does not grant.

The tables name what is known to be dangerous among programs people allow. A program that
is not in them is judged by the policy on its text alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from a3s_code.harness.shell import git
from a3s_code.harness.shell.words import HOLES, has_hole, listed, may_be_option
from a3s_code.harness.shell.wrappers import Words, program


class Hazard(NamedTuple):
    """Reasons, each empty when it does not apply."""

    unknown: str = ""
    beyond: str = ""


# Variables that change what later programs are, load, run or where they connect.
_POISON = re.compile(
    r"PATH|HOME|IFS|ENV|CDPATH|TMPDIR|SHELL\w*|GLOBIGNORE|EXECIGNORE|FPATH|PS[0-4]"
    r"|BASH\w*|PROMPT_COMMAND|INPUTRC|HIST\w*|(?:LD|DYLD|GIT|PYTHON|PERL|RUBY|NODE|NPM)\w+"
    r"|(?:JAVA|XDG|SSH|GPG|LESS|MAN|MAKE|CARGO|RUST|GO|CURL|WGET|SSL|OPENSSL|GLIBC|GEM|PIP|UV)\w*"
    r"|\w*(?:PAGER|EDITOR|PROXY|OPTIONS|CONFIG\w*|BROWSER|ASKPASS|_RC|PRELOAD)|VISUAL|LOCPATH"
    r"|GCONV_PATH|HOSTALIASES|RES_OPTIONS|MALLOC_\w*|TERMINFO\w*|NLSPATH|C[CX]\w*|LDFLAGS"
    r"|(?:https?|ftp|all|no)_proxy"
)
_HARMLESS = listed(
    """
    LANG LANGUAGE TZ NO_COLOR FORCE_COLOR CLICOLOR TERM CI COLUMNS LINES DEBUG VERBOSE
    """
)


def poisoned(names: Iterable[str]) -> str:
    """Say which of the variables that a script assigns may change its later commands."""
    bad = next((name for name in names if _POISON.fullmatch(name)), "")
    return f"{bad} changes what it runs or where it looks" if bad else ""


def prefixed(names: Iterable[str]) -> str:
    """Say which variable put before a command may change what that command does."""
    for name in names:
        if name not in _HARMLESS and not name.startswith("LC_"):
            return f"{name}=… in front may change what it does"
    return ""


def hazard_of(words: Words) -> Hazard:
    """Tell what the words of one command do beyond its name."""
    name = program(words[0])
    if has_hole(words[0]):
        return Hazard(unknown="a command whose name is only known when it runs")
    judge = _PROGRAMS.get(name) or _PROGRAMS.get(name.rstrip("0123456789."))
    if judge is not None:
        return judge(words[1:])
    return Hazard()


def _option(word: str, *names: str) -> bool:
    """Whether `word` is, or is short for, one of the long options."""
    given = word.partition("=")[0]
    return len(given) > 2 and any(name.startswith(given) for name in names)  # noqa: PLR2004 - `--`


def _inline(letters: str, *longs: str) -> Callable[[Words], Hazard]:
    """Judge an interpreter: code among its words, or read from its input."""

    def judge(args: Words) -> Hazard:
        for word in args:
            if word == "-" or may_be_option(word):
                return Hazard(unknown="what the code it reads does")
            if word.startswith("--"):
                if _option(word, *longs):
                    return Hazard(unknown="what the code among its words does")
            elif not word.startswith("-"):
                return Hazard()
            elif any(letter in word[1:] for letter in letters):
                return Hazard(unknown="what the code among its words does")
        return Hazard(unknown="what the code it reads does")

    return judge


def _options(
    *longs: str, shorts: str = "", unknown: str = "", beyond: str = ""
) -> Callable[[Words], Hazard]:
    """Judge a program that is dangerous with some options only."""

    def judge(args: Words) -> Hazard:
        for word in args:
            if word == "--":
                break
            if word.startswith("--"):
                bad = _option(word, *longs)
            elif word.startswith("-"):
                bad = any(letter in word[1:] for letter in shorts)
            else:
                bad = False
            if bad or may_be_option(word):
                return Hazard(unknown, beyond or unknown)
        return Hazard()

    return judge


def _always(unknown: str) -> Callable[[Words], Hazard]:
    return lambda _: Hazard(unknown)


def _starting(marks: tuple[str, ...], unknown: str) -> Callable[[Words], Hazard]:
    """Judge by how any of the words begins."""
    begins = (*marks, *HOLES)
    return lambda args: Hazard(
        unknown if any(word.startswith(begins) or may_be_option(word) for word in args) else ""
    )


def _subscripts(*options: str) -> Callable[[Words], Hazard]:
    """Judge a builtin that evaluates the subscript of a variable it is given."""

    def judge(args: Words) -> Hazard:
        used = not options or any(word.startswith(options) or may_be_option(word) for word in args)
        if used and any("[" in word or has_hole(word) for word in args):
            return Hazard(unknown="what the subscript of a variable evaluates to")
        return Hazard()

    return judge


def _double_bracket(args: Words) -> Hazard:
    """Judge `[[ … ]]`, whose operators are fixed before anything is expanded."""
    named = {"-v", "-R"} & set(args)
    evaluates = named and any("[" in word or has_hole(word) for word in args)
    return Hazard("what the subscript of a variable evaluates to" if evaluates else "")


def _declare(args: Words) -> Hazard:
    for word in args:
        if word[:1] in ("-", "+") and any(letter in word for letter in "inx"):
            bad = set(word) & set("in") and any(_evaluates(other) for other in args)
            return Hazard(unknown="what an assigned value evaluates to" if bad else "")
    return _subscripts()(tuple(word.partition("=")[0] for word in args))


def _evaluates(word: str) -> bool:
    value = word.partition("=")[2]
    return "[" in word or (bool(value) and not re.fullmatch(r"[+-]?[0-9]+", value))


def _let(args: Words) -> Hazard:
    plain = all(re.fullmatch(r"[A-Za-z_]\w*(=[0-9]+|\+\+|--)|[0-9+*/-]+", word) for word in args)
    return Hazard("" if plain else "what arithmetic on variables evaluates")


_FIND_WRITES = ("-delete", "-fls", "-fprint", "-fprint0", "-fprintf")


def _find(args: Words) -> Hazard:
    for word in args:
        if word in _FIND_WRITES:
            return Hazard(beyond=f"find {word} changes files")
        if may_be_option(word):
            return Hazard(beyond="a word may become an action such as -delete")
    return Hazard()


MAX_SED_CHARS = 1_000
_SED_OPTIONS = re.compile(r"-[nErsuz]+|--(?:quiet|silent|regexp-extended|posix|debug)")
_SED_SCRIPT = re.compile(
    r"(?:(?:[0-9]+|\$|/[^/\\]*/)(?:,(?:[0-9]+|\$|/[^/\\]*/))?!?)?"
    r"(?:[pdqnDPNGgHhx=]|s([/|#,])[^\\;\n]*\1[^\\;\n]*\1[gpI0-9]*)?"
)


def _sed(args: Words) -> Hazard:
    scripts: list[str] = []
    operands: list[str] = []
    expects = False
    for word in args:
        if expects or word.startswith("--expression="):
            scripts.append(word if expects else word.partition("=")[2])
            expects = False
        elif word in ("-e", "--expression"):
            expects = True
        elif not word.startswith("-") and not may_be_option(word):
            operands.append(word)
        elif not _SED_OPTIONS.fullmatch(word):
            return Hazard(beyond="sed may change files with these options")
    text = ";".join(scripts or operands[:1])
    plain = len(text) <= MAX_SED_CHARS and all(
        _SED_SCRIPT.fullmatch(part.strip()) for part in text.split(";")
    )
    return Hazard() if plain else Hazard("what a sed script runs", "sed may write files")


def _awk(args: Words) -> Hazard:
    text = " ".join(args)
    risky = re.search(r"system|getline|[|>@]|(?:^| )-(?:f|i|l|E)|--(?:f|i|l|e)", text)
    return Hazard("what an awk program runs or writes" if risky or has_hole(text) else "")


def _make(args: Words) -> Hazard:
    for at, word in enumerate(args):
        source = args[at + 1] if word in ("-f", "--file") and at + 1 < len(args) else word
        if _option(word, "--eval") or word.startswith(("-E", "SHELL=", "MAKEFLAGS=")):
            return Hazard("what the given recipe runs")
        if source.startswith("/dev/") or source == "-" or has_hole(word):
            return Hazard("what the recipe it reads runs")
    return Hazard()


def _mapfile(args: Words) -> Hazard:
    used = any(word.startswith("-C") for word in args)
    return Hazard("what its callback runs" if used else "")


def _set(args: Words) -> Hazard:
    risky = any(word[:1] in "-+" and set(word[1:]) & set("ako") for word in args if word)
    known = all(word in ("pipefail", "errexit", "nounset", "xtrace") for word in args[1:])
    return Hazard(beyond="a shell option that later commands feel" if risky and not known else "")


_PROGRAMS: dict[str, Callable[[Words], Hazard]] = {
    "alias": lambda args: Hazard("what an alias stands for" if args else ""),
    "awk": _awk,
    "bind": _always("what a key binding runs"),
    "bun": _inline("e", "--eval", "--print"),
    "compgen": _options(shorts="CF", unknown="what completion runs"),
    "complete": _options(shorts="CF", unknown="what completion runs"),
    "crontab": _always("what the schedule runs"),
    "date": _options("--set", shorts="s", beyond="date sets the clock"),
    "declare": _declare,
    "deno": _starting(("eval", "repl"), "what the code among its words does"),
    "ed": _always("what an editor is told to run"),
    "emacs": _starting(("-", "+"), "what an editor is told to run"),
    "enable": _options(shorts="f", unknown="what a loaded builtin does"),
    "ex": _always("what an editor is told to run"),
    "export": _declare,
    "fc": _always("which earlier command runs again"),
    "find": _find,
    "gawk": _awk,
    "git": lambda args: Hazard(*git.judge(args)),
    "hash": _options(shorts="p", unknown="which program a name stands for"),
    "less": _starting(("+", "-o", "-O", "-k", "--"), "what a pager is told to run"),
    "let": _let,
    "local": _declare,
    "lua": _inline("e"),
    "make": _make,
    "gmake": _make,
    "man": _options("--pager", "--html", shorts="PH", unknown="which pager it starts"),
    "mapfile": _mapfile,
    "mawk": _awk,
    "more": _starting(("+",), "what a pager is told to run"),
    "nano": _options("--speller", shorts="s", unknown="which program it starts"),
    "node": _inline("ep", "--eval", "--print"),
    "nvim": _starting(("-", "+"), "what an editor is told to run"),
    "osascript": _always("what the code among its words does"),
    "perl": _inline("eEMmnp"),
    "php": _inline("rBRE", "--run"),
    "printf": _subscripts("-v"),
    "pypy": _inline("c"),
    "python": _inline("c"),
    "read": _subscripts(),
    "readarray": _mapfile,
    "readonly": _declare,
    "rg": _options("--pre", "--hostname-bin", unknown="which program it starts"),
    "rsync": _options("--rsh", "--rsync-path", shorts="e", unknown="which program it starts"),
    "ruby": _inline("er"),
    "scp": _options(shorts="SoF", unknown="which program it starts"),
    "sed": _sed,
    "set": _set,
    "sftp": _options(shorts="SoF", unknown="which program it starts"),
    "shopt": _always("how the rest of the text is read"),
    "sort": _options(
        "--output", "--compress-program", shorts="o", beyond="sort writes a file or starts one"
    ),
    "sqlite3": lambda args: Hazard(
        "what its dot commands run" if len(args) != 1 or args[0][:1] in "-." else ""
    ),
    "tar": _options(
        "--checkpoint-action",
        "--to-command",
        "--use-compress-program",
        "--rsh-command",
        "--info-script",
        "--new-volume-script",
        shorts="IF",
        unknown="which program tar starts",
    ),
    "test": _subscripts("-v", "-R"),
    "[": _subscripts("-v", "-R"),
    "[[": _double_bracket,
    "tree": _options("--output", shorts="o", beyond="tree writes a file"),
    "typeset": _declare,
    "unset": _subscripts(),
    "vi": _starting(("-", "+"), "what an editor is told to run"),
    "vim": _starting(("-", "+"), "what an editor is told to run"),
    "wait": _subscripts("-p"),
    "zip": _options("--unzip-command", shorts="T", unknown="which program it starts"),
}
