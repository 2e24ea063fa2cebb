"""
What variables do to the commands that they are set for, and to later ones.

A variable may change what a program is, loads or where it connects (*beyond*, see `hazard`);
the value of some is itself a command, a text that is expanded, or a library (*unknown*).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

from a3s_code.harness.shell.words import Words, listed

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
# What is assigned to these is arithmetic, whose subscripts may run commands.
_EVALUATED = listed("EPOCHSECONDS HISTCMD LINENO OPTIND RANDOM SECONDS SRANDOM")
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


def evaluated(names: Iterable[str]) -> str:
    """Say which of the variables that a script assigns evaluates its value."""
    bad = next((name for name in names if name in _EVALUATED), "")
    return f"what is assigned to {bad} is evaluated" if bad else ""


def set_by(words: Words) -> Words:
    """Give the names of the variables that a builtin may set or hand on, by its words."""
    name, *args = words
    if name in _SET_LAST:
        return tuple(args[1:2])
    if name in _SET_AFTER:
        after = [word for before, word in itertools.pairwise(args) if before == _SET_AFTER[name]]
        attached = [word[2:] for word in args if word.startswith(_SET_AFTER[name])]
        return (*after, *attached)
    if name not in _SET:
        return ()
    return tuple(_NAME_END.split(word, maxsplit=1)[0] for word in args if word[:1] != "-")


_SET = listed("declare export let local mapfile read readarray readonly typeset unset")
_SET_AFTER = {"printf": "-v", "wait": "-p"}
_SET_LAST = frozenset({"getopts"})
_NAME_END = re.compile(r"[^A-Za-z0-9_]")


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
