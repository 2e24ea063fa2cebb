"""
The closed list of commands that change nothing, whatever runs beside them.

A call is run together with others on the word of this list, so it names what is harmless
and never what is dangerous: an option or a word that is not known here makes it False, and
so does a place that may lie outside the workspace (a device, a pipe of another program).

What runs programs that the workspace's own files choose is not on it: git, whose
configuration names a monitor, filters and pagers, and `rg -z`, which starts unpackers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from a3s_code.harness.shell.options import option_words
from a3s_code.harness.shell.outside import reach
from a3s_code.harness.shell.words import has_hole, may_be_option

_Judge: TypeAlias = Callable[[tuple[str, ...]], bool]


def effect_free_words(words: tuple[str, ...]) -> bool:
    """Whether the simple command of `words` changes nothing outside itself."""
    judge = _HARMLESS.get(words[0])
    return judge is not None and judge(words[1:]) and not reach(words, (), "")


def _anything(_: tuple[str, ...]) -> bool:
    return True


def _only(pattern: str) -> _Judge:
    """Options must match `pattern` whole; what may turn into one at run time is refused."""
    options = re.compile(pattern)

    def judge(args: tuple[str, ...]) -> bool:
        return not any(
            may_be_option(word) or (word.startswith("-") and not options.fullmatch(word))
            for word in option_words(args)
        )

    return judge


def _options_only(pattern: str) -> _Judge:
    words = re.compile(pattern)
    return lambda args: all(words.fullmatch(word) and not has_hole(word) for word in args)


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
    "grep": _anything,
    "head": _anything,
    "ls": _anything,
    "printf": lambda args: bool(args) and args[0][:1] != "-" and not may_be_option(args[0]),
    "pwd": _anything,
    "readlink": _anything,
    "realpath": _anything,
    "rg": _only(
        r"-[cFHiIlnNopPqsSuUvwx0.]+|-[ABCmegtTdj][^-]*"
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
