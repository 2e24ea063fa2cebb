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
from collections.abc import Iterable
from typing import NamedTuple

from a3s_code.harness.shell import git
from a3s_code.harness.shell.interpreters import INTERPRETERS
from a3s_code.harness.shell.judges import Hazard, Judge, Words, always, by_options, by_start
from a3s_code.harness.shell.scripted import SCRIPTED
from a3s_code.harness.shell.words import has_hole, listed, may_be_option
from a3s_code.harness.shell.wrappers import program

# Variables that change what later programs are, load, run or where they connect.
_POISON = re.compile(
    r"PATH|HOME|IFS|ENV|CDPATH|TMPDIR|SHELL\w*|GLOBIGNORE|EXECIGNORE|FPATH|PS[0-4]"
    r"|BASH\w*|PROMPT_COMMAND|INPUTRC|HIST\w*|(?:LD|DYLD|GIT|PYTHON|PERL|RUBY|NODE|NPM)\w+"
    r"|(?:JAVA|XDG|SSH|GPG|LESS|MAN|MAKE|CARGO|RUST|GO|CURL|WGET|SSL|OPENSSL|GLIBC|GEM|PIP|UV)\w*"
    r"|\w*(?:PAGER|EDITOR|PROXY|OPTIONS|CONFIG\w*|BROWSER|ASKPASS|_RC|PRELOAD)|VISUAL|LOCPATH"
    r"|GCONV_PATH|HOSTALIASES|RES_OPTIONS|MALLOC_\w*|TERMINFO\w*|NLSPATH|C[CX]\w*|LDFLAGS"
    r"|(?:https?|ftp|all|no)_proxy"
)
# Of those, the ones whose value is itself a command, a text that is expanded, or a library.
_RUNS = re.compile(
    r"PS[0-4]|ENV|BASH_ENV|BASH_FUNC\w*|PROMPT_COMMAND|INPUTRC|LD_(?:PRELOAD|AUDIT|LIBRARY_PATH)"
    r"|DYLD_\w+|\w*(?:PAGER|EDITOR|ASKPASS)|VISUAL|BROWSER|LESS(?:OPEN|CLOSE)|LESSKEY\w*"
    r"|GIT_(?:EXTERNAL_DIFF|SSH\w*|PROXY_COMMAND|CONFIG\w*|EXEC_PATH|TEMPLATE_DIR)"
    r"|(?:MAKE|GNUMAKE)FLAGS|MAKEFILES|PERL5(?:OPT|DB)|RUBYOPT|NODE_OPTIONS|JAVA_TOOL_OPTIONS"
    r"|JDK_JAVA_OPTIONS|PYTHON(?:STARTUP|BREAKPOINT|INSPECT)|TAR_OPTIONS|RIPGREP_CONFIG_PATH"
    r"|RSYNC_\w+|CVS_RSH|SVN_(?:SSH|EDITOR)|FZF_\w+|EXINIT|VIMINIT|MANOPT|\w*RUSTC_WRAPPER"
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


def run_by(names: Iterable[str]) -> str:
    """Say which variable set for a command may make it run what its words do not show."""
    bad = next((name for name in names if _RUNS.fullmatch(name)), "")
    return f"what {bad} makes it run" if bad else ""


class Prefix(NamedTuple):
    """
    What variables put before a command do to it.

    Attributes:
        beyond: Which may change what it does; empty when none does.
        runs: Which may make it run what its words do not show.
    """

    beyond: str = ""
    runs: str = ""

    def over(self, outer: Prefix) -> Prefix:
        """Give both: this one and that of the command around it."""
        return Prefix(self.beyond or outer.beyond, self.runs or outer.runs)


NO_PREFIX = Prefix()


def prefixed(names: Iterable[str]) -> Prefix:
    """Say which variable put before a command may change what that command does."""
    names = tuple(names)
    for name in names:
        if name not in _HARMLESS and not name.startswith("LC_"):
            return Prefix(f"{name}=… in front may change what it does", run_by(names))
    return NO_PREFIX


def hazard_of(words: Words) -> Hazard:
    """Tell what the words of one command do beyond its name."""
    name = program(words[0])
    if has_hole(words[0]):
        return Hazard(unknown="a command whose name is only known when it runs")
    judge = _PROGRAMS.get(name) or _PROGRAMS.get(name.rstrip("0123456789.-"))
    if judge is not None:
        return judge(words[1:])
    return Hazard()


def _subscripts(*options: str) -> Judge:
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


def _set(args: Words) -> Hazard:
    risky = any(word[:1] in "-+" and set(word[1:]) & set("ako") for word in args if word)
    known = all(word in ("pipefail", "errexit", "nounset", "xtrace") for word in args[1:])
    return Hazard(beyond="a shell option that later commands feel" if risky and not known else "")


def _database(args: Words) -> Hazard:
    """Judge a client whose own commands start programs, such as `\\!`."""
    given = any(word.startswith(("-c", "-e", "--command", "--execute")) for word in args)
    text = " ".join(args).lower()
    risky = any(mark in text for mark in ("\\", "program", "system", "pager", "edit"))
    return Hazard("" if given and not risky else "what its own commands run")


_STARTS_ONE = "which program it starts"
_EDITORS = listed("ex gview gvim joe kak mg micro nvim pico red rview rvim vi view vim vimdiff")

_PROGRAMS: dict[str, Judge] = {
    **INTERPRETERS,
    **SCRIPTED,
    **dict.fromkeys(_EDITORS, by_start(("-", "+"), "what an editor is told to run")),
    **dict.fromkeys(
        listed("apt apt-cache apt-get aptitude"),
        by_options("--option", "--config-file", shorts="oc", unknown=_STARTS_ONE),
    ),
    **dict.fromkeys(
        listed("c++ cc clang clang++ g++ gcc gfortran"),
        by_start(("-wrapper", "-fplugin", "-specs", "--specs", "-B", "@"), _STARTS_ONE),
    ),
    **dict.fromkeys(
        listed("mapfile readarray"), by_options(shorts="C", unknown="what its callback runs")
    ),
    **dict.fromkeys(listed("mariadb mysql psql"), _database),
    "alias": lambda args: Hazard("what an alias stands for" if args else ""),
    "bind": always("what a key binding runs"),
    "cmake": by_start(("-E", "-P"), _STARTS_ONE),
    "compgen": by_options(shorts="CFW", unknown="what completion runs"),
    "complete": by_options(shorts="CFW", unknown="what completion runs"),
    "cpio": by_options("--rsh-command", "--rmt-command", unknown=_STARTS_ONE),
    "crontab": always("what the schedule runs"),
    "date": by_options("--set", shorts="s", beyond="date sets the clock"),
    "declare": _declare,
    "deno": by_start(("eval", "repl"), "what the code among its words does"),
    "dotnet": by_start(("fsi", "script", "exec"), "what the code it reads does"),
    "dpkg": by_options("--pre-invoke", "--post-invoke", "--status-logger", unknown=_STARTS_ONE),
    "ed": always("what an editor is told to run"),
    "emacs": by_start(("-", "+"), "what an editor is told to run"),
    "emacsclient": by_start(("-", "+"), "what an editor is told to run"),
    "enable": by_options(shorts="f", unknown="what a loaded builtin does"),
    "export": _declare,
    "fc": always("which earlier command runs again"),
    "git": lambda args: Hazard(*git.judge(args)),
    "gs": by_start(("-",), "what a page description runs"),
    "hash": by_options(shorts="p", unknown="which program a name stands for"),
    "hg": by_options("--config", "--tool", unknown=_STARTS_ONE),
    "ip": by_start(("netns", "vrf", "-b", "-n"), _STARTS_ONE),
    "jrunscript": always("what the code it reads does"),
    "less": by_start(("+", "-o", "-O", "-k", "--"), "what a pager is told to run"),
    "let": _let,
    "local": _declare,
    "man": by_options("--pager", "--html", shorts="PH", unknown="which pager it starts"),
    "more": by_start(("+",), "what a pager is told to run"),
    "nano": by_options("--speller", shorts="s", unknown=_STARTS_ONE),
    "npm": by_options("--call", "--script-shell", shorts="c", unknown=_STARTS_ONE),
    "npx": by_options("--call", "--script-shell", shorts="c", unknown=_STARTS_ONE),
    "printf": _subscripts("-v"),
    "read": _subscripts(),
    "readonly": _declare,
    "rg": by_options("--pre", "--hostname-bin", unknown=_STARTS_ONE),
    "rpm": by_options("--eval", "--pipe", "--define", shorts="ED", unknown=_STARTS_ONE),
    "rsync": by_options("--rsh", "--rsync-path", shorts="e", unknown=_STARTS_ONE),
    "scp": by_options(shorts="SoF", unknown=_STARTS_ONE),
    "set": _set,
    "sftp": by_options(shorts="SoF", unknown=_STARTS_ONE),
    "shopt": always("how the rest of the text is read"),
    "split": by_options("--filter", unknown=_STARTS_ONE),
    "sqlite3": lambda args: Hazard(
        "what its dot commands run" if len(args) != 1 or args[0][:1] in "-." else ""
    ),
    "svn": by_options(
        "--editor-cmd",
        "--diff-cmd",
        "--diff3-cmd",
        "--merge-cmd",
        "--config-option",
        unknown=_STARTS_ONE,
    ),
    "tcpdump": by_options("--postrotate-command", shorts="z", unknown=_STARTS_ONE),
    "test": _subscripts("-v", "-R"),
    "[": _subscripts("-v", "-R"),
    "[[": _double_bracket,
    "tree": by_options("--output", shorts="o", beyond="tree writes a file"),
    "typeset": _declare,
    "unset": _subscripts(),
    "wait": _subscripts("-p"),
    "wget": by_options("--execute", "--use-askpass", "--config", shorts="e", unknown=_STARTS_ONE),
    "zip": by_options("--unzip-command", shorts="T", unknown=_STARTS_ONE),
}
