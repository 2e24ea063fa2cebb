"""Programs that take a small language or a list of actions: find, sed, awk, make, tar, sort."""

from __future__ import annotations

import re

from a3s_code.harness.shell.hazard import Hazard, Judge, by_options
from a3s_code.harness.shell.options import options
from a3s_code.harness.shell.words import Words, has_hole, may_be_option

_FIND_WRITES = ("-delete", "-fls", "-fprint", "-fprint0", "-fprintf")


def _find(args: Words) -> Hazard:
    for word in args:
        if word in _FIND_WRITES:
            return Hazard(beyond=f"find {word} changes files")
        if may_be_option(word):
            return Hazard(beyond="a word may become an action such as -delete")
    return Hazard()


MAX_SED_CHARS = 1_000
_SED_SCRIPT = re.compile(
    r"(?:(?:[0-9]+|\$|/[^/\\]*/)(?:,(?:[0-9]+|\$|/[^/\\]*/))?!?)?"
    r"(?:[pdqnDPNGgHhx=]|s([/|#,])[^\\;\n]*\1[^\\;\n]*\1[gpI0-9]*)?"
)
_SED_FLAGS = frozenset("nErsuzb")
_SED_LONG_FLAGS = ("--quiet", "--silent", "--regexp-extended", "--posix", "--debug")
_SED_UNKNOWN = Hazard("what a sed script runs", "sed may write files")


def _sed(args: Words) -> Hazard:
    scripts: list[str] = []
    operands: list[str] = []
    beyond = ""
    for name, value, _ in options(args, "efl", attached="i", long_values="--expression --file"):
        if name in ("e", "--expression"):
            scripts.append(value)
        elif not name:
            operands.append(value)
        elif name == "i" or (len(name) > len("--") and "--in-place".startswith(name)):
            beyond = "sed changes files with this option"
        elif name not in (*_SED_FLAGS, *_SED_LONG_FLAGS, "l"):
            return _SED_UNKNOWN
    text = ";".join(scripts or operands[:1])
    plain = len(text) <= MAX_SED_CHARS and all(
        _SED_SCRIPT.fullmatch(part.strip()) for part in text.split(";")
    )
    if not plain:
        return _SED_UNKNOWN
    if any(map(may_be_option, operands)):
        beyond = beyond or "a word may become an option such as -i"
    return Hazard(beyond=beyond)


_AWK_RISKY = re.compile(r"system|getline|[|>@]|(?:^| )-[A-Za-z]*[filE]|--[file]")


def _awk(args: Words) -> Hazard:
    text = " ".join(args)
    risky = _AWK_RISKY.search(text) or has_hole(text)
    return Hazard("what an awk program runs or writes" if risky else "")


_MAKE_PROGRAMS = ("SHELL=", ".SHELLFLAGS=", "MAKE=", "MAKEFLAGS=", "MAKEFILES=")


def _make(args: Words) -> Hazard:
    if any(map(has_hole, args)):
        return Hazard("what the recipe it reads runs")
    for name, value, _ in options(args, "CEfIoW", attached="jlO", long_values="--file --makefile"):
        given = name in ("f", "--file", "--makefile")
        if name == "E" or name.startswith("--ev") or value.startswith(_MAKE_PROGRAMS):
            return Hazard("what the given recipe runs")
        if given and (value == "-" or value.startswith(("/dev/", "/proc/"))):
            return Hazard("what the recipe it reads runs")
    return Hazard()


_tar_options = by_options(
    "--checkpoint-action",
    "--to-command",
    "--use-compress-program",
    "--rsh-command",
    "--rmt-command",
    "--info-script",
    "--new-volume-script",
    shorts="IF",
    unknown="which program tar starts",
)
_tar_places = by_options(
    "--absolute-names", shorts="P", beyond="tar may write outside the workspace"
)


def _tar(args: Words) -> Hazard:
    """Judge the first word as options too, which tar takes without a dash."""
    old_style = args[:1] and not args[0].startswith("-")
    args = (f"-{args[0]}", *args[1:]) if old_style else args
    started, places = _tar_options(args), _tar_places(args)
    return Hazard(started.unknown, started.beyond or places.beyond)


_sort_program = by_options("--compress-program", unknown="which program sort starts")
_sort_output = by_options("--output", shorts="o", beyond="sort writes a file")


def _sort(args: Words) -> Hazard:
    started, output = _sort_program(args), _sort_output(args)
    return Hazard(started.unknown, started.beyond or output.beyond)


LITTLE_LANGUAGES: dict[str, Judge] = {
    "awk": _awk,
    "bsdtar": _tar,
    "find": _find,
    "gawk": _awk,
    "gmake": _make,
    "gsed": _sed,
    "gtar": _tar,
    "make": _make,
    "mawk": _awk,
    "nawk": _awk,
    "sed": _sed,
    "sort": _sort,
    "tar": _tar,
}
"""Judges by the name of the program."""
