"""The places below the root that calls name: where they work, as far as their words tell."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from a3s_code.harness.shell.analysis import SimpleCommand, analyse
from a3s_code.harness.shell.outside import MOVES
from a3s_code.harness.shell.words import has_hole
from a3s_code.harness.tool_names import SHELL_TOOLS
from a3s_code.kernel.artifacts import SCHEME
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.tool import Tool

MAX_WORDS = 32
"""Of a command; what comes behind is not looked at."""

_PLACE = re.compile(r"[\w.@+~/-]{1,256}")
_POSITION = re.compile(r":{1,2}\w.*")
_WILD = re.compile(r"[*?\[{]")
_OF_DIRECTORIES = frozenset({"ls", "grep", "glob"})
"""Tools whose path is mostly a directory."""


def places(call: ToolCall, tools: Mapping[str, Tool]) -> Iterator[tuple[str, bool]]:
    """
    Give each place that a call names, and whether it may be a directory.

    A command that changes its directory names what comes then from there.
    """
    if call.malformed is not None:
        return
    if call.name in SHELL_TOOLS:
        yield from ((place, True) for place in _of_command(call.input.get("command")))
        return
    tool = tools.get(call.name)
    path = call.input.get(tool.path) if tool is not None and tool.path is not None else None
    if isinstance(path, str) and path and not path.startswith(SCHEME):
        yield path, call.name in _OF_DIRECTORIES
    pattern = call.input.get("pattern") if call.name == "glob" else None
    if isinstance(pattern, str):
        yield posixpath.join(path if isinstance(path, str) else "", _fixed(pattern)), True


def _fixed(pattern: str) -> str:
    """Give the directories of a pattern that stand before its first wildcard."""
    wild = _WILD.search(pattern)
    return posixpath.dirname(pattern[: wild.start()] if wild is not None else pattern)


def _of_command(command: object) -> Iterator[str]:
    if not isinstance(command, str):
        return
    analysis = analyse(command)
    yield from _of_words(analysis.commands)
    if not any(simple.words[0] in MOVES for simple in analysis.commands):
        redirected = (_place("", word) for word in (*analysis.reads, *analysis.writes))
        yield from filter(None, redirected)


def _of_words(commands: Sequence[SimpleCommand]) -> Iterator[str]:
    here, seen = "", 0
    for simple in commands:
        name, *args = simple.words
        for word in args:
            seen += 1
            place = _place(here, word)
            if seen > MAX_WORDS or (name in MOVES and not place):
                return  # from here on nobody knows where it is
            if place:
                yield place
                here = place if name in MOVES else here


def _place(here: str, word: str) -> str:
    """Give the place that a word may name; empty when it cannot be one."""
    plain = _POSITION.sub("", word)
    if word.startswith(("-", "~")) or has_hole(word) or not _PLACE.fullmatch(plain):
        return ""
    return plain if plain.startswith("/") else posixpath.join(here, plain)
