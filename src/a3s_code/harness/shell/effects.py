"""
The closed list of commands that change nothing, whatever runs beside them.

A call is run together with others on the word of this list, so it names what is harmless
and never what is dangerous: an option or a word that is not known here makes it False.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from a3s_code.harness.shell.words import has_hole, may_be_option

_Judge: TypeAlias = Callable[[tuple[str, ...]], bool]


def effect_free_words(words: tuple[str, ...]) -> bool:
    """Whether the simple command of `words` changes nothing outside itself."""
    judge = _HARMLESS.get(words[0])
    return judge is not None and judge(words[1:])


def _anything(_: tuple[str, ...]) -> bool:
    return True


def _only(pattern: str) -> _Judge:
    """Options must match `pattern` whole; what may turn into one at run time is refused."""
    options = re.compile(pattern)

    def judge(args: tuple[str, ...]) -> bool:
        for word in args:
            if word == "--":
                return True
            if may_be_option(word) or (word.startswith("-") and not options.fullmatch(word)):
                return False
        return True

    return judge


def _options_only(pattern: str) -> _Judge:
    words = re.compile(pattern)
    return lambda args: all(words.fullmatch(word) and not has_hole(word) for word in args)


_REVISIONS = (
    r"-[pPuzqs0-9]+|-[nUML][0-9]*|-S.*|-G.*|--(?:oneline|graph|all|decorate|stat|shortstat|numstat"
    r"|name-only|name-status|patch|no-patch|raw|summary|cached|staged|no-color|no-ext-diff"
    r"|no-textconv|word-diff|reverse|merges|no-merges|first-parent|follow|check|quiet|minimal"
    r"|patience|histogram|ignore-all-space|ignore-space-change|abbrev-commit|no-renames)"
    r"|--(?:format|pretty|max-count|since|until|after|before|author|grep|date|unified"
    r"|diff-filter|abbrev|skip|color|decorate|stat)=.*"
)
_GIT: dict[str, _Judge] = {
    "branch": _options_only(
        r"-[avrl]+|--(?:list|all|remotes|verbose|show-current|no-color)|--(?:sort|format)=.*"
    ),
    "diff": _only(_REVISIONS),
    "log": _only(_REVISIONS),
    "ls-files": _only(r"-[cdmostukz]+|--(?:cached|deleted|modified|others|exclude-standard)"),
    "rev-parse": _only(
        r"--(?:abbrev-ref|short|verify|show-toplevel|is-inside-work-tree|git-dir|show-prefix)"
    ),
    "show": _only(_REVISIONS),
    "status": _only(
        r"-[sbuzv]+|-u(?:no|all|normal)|--(?:short|branch|porcelain|long|ignored|show-stash)"
        r"|--(?:porcelain|untracked-files|ignored)=\w+"
    ),
}


def _git(args: tuple[str, ...]) -> bool:
    rest = args[1:] if args[:1] == ("--no-pager",) else args
    judge = _GIT.get(rest[0]) if rest else None
    return judge is not None and judge(rest[1:])


def _test(args: tuple[str, ...]) -> bool:
    return not any(word in ("-v", "-R") or may_be_option(word) for word in args)


_HARMLESS: dict[str, _Judge] = {
    ":": _anything,
    "[": _test,
    "basename": _anything,
    "cat": _anything,
    "cd": _anything,
    # `date 01020304` sets the clock: only a format may follow the options.
    "date": _options_only(r"\+.*|-u|-R|-I|--utc|--universal|--rfc-email|--iso-8601(?:=\w+)?"),
    "dirname": _anything,
    "echo": _anything,
    "egrep": _anything,
    "false": _anything,
    "fgrep": _anything,
    "git": _git,
    "grep": _anything,
    "head": _anything,
    "ls": _anything,
    "printf": lambda args: bool(args) and args[0][:1] != "-" and not may_be_option(args[0]),
    "pwd": _anything,
    "readlink": _anything,
    "realpath": _anything,
    "rg": _only(
        r"-[cFHiIlnNopPqsSuUvwxz0.]+|-[ABCmegtTdj][^-]*"
        r"|--(?:files|hidden|no-ignore|count|json|line-number|ignore-case|files-with-matches)"
        r"|--(?:glob|type|color|context|max-count|sort)=.*"
    ),
    "sleep": _anything,
    "sort": _only(r"-[bdfgiMhnRrVuz]+|-k[0-9][0-9.,bdfgiMhnrV]*|-k|-t.?"),
    "stat": _anything,
    "tail": _anything,
    "test": _test,
    "true": _anything,
    "wc": _anything,
    "which": _anything,
}
