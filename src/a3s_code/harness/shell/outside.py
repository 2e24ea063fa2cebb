"""
Whether the words of a command name a place outside the workspace.

A word names more places than itself: what follows `=`, `:`, `,` or `@` in it, and what is
attached to a short option (`-C..`, `--file=../x`, `if=/etc/passwd`). Nothing is looked up
on the disk here, so a link is only seen by whoever resolves the path.

Source:
    INVARIANTS 1 and 2.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from a3s_code.harness.shell.words import GLOB, HOLES, UNKNOWN, VALUE, Words

_HARMLESS_DEVICE = re.compile(rf"/dev/(?:null|stdin|stdout|stderr|fd/(?:[0-9]+|{GLOB}))")
_MAY_LEAD_OUT = re.compile(rf"[/~{''.join(HOLES)}]|\.\.")
_SEPARATOR = re.compile(r"[=:,@)]")
SHORT_OPTION = re.compile(r"[-+]{1,2}[A-Za-z0-9#]+(?=[./~])")
"""What a place may be attached to."""
MAX_PLACES = 64

# Programs whose arguments are no files, and those whose first operand is a pattern or a script.
_WITHOUT_FILES = frozenset({"echo", "printf", "true", "false", ":", "exit", "return", "sleep"})
_PATTERN_FIRST = frozenset({"grep", "egrep", "fgrep", "rg", "sed", "awk", "gawk", "mawk"})
_PATTERN_OPTIONS = ("--e", "--f", "--r", "--s")
MOVES = frozenset({"cd", "pushd", "popd"})


def _places(word: str) -> Iterator[str]:
    """Give the places that a word may name, the word itself first."""
    for start in (0, *(found.end() for found in _SEPARATOR.finditer(word))):
        piece = word[start:]
        yield piece
        option = SHORT_OPTION.match(piece)
        if option is not None:
            yield piece[option.end() :]


def inside(path: str, root: str) -> bool:
    """Whether an absolute path lies in the workspace `root`; never without a root."""
    normal = posixpath.normpath(path)
    return bool(root) and (normal + "/").startswith(root.rstrip("/") + "/")


def leaves(word: str, root: str) -> bool:
    """Whether a place that a word names may lie outside the workspace `root`."""
    if word.isalnum():
        return False
    if UNKNOWN in word or VALUE in word or len(_SEPARATOR.findall(word)) > MAX_PLACES:
        return True
    if _MAY_LEAD_OUT.search(word) is None:
        return False
    return any(_leads_out(place, root) for place in _places(word))


def _leads_out(path: str, root: str) -> bool:
    if _HARMLESS_DEVICE.fullmatch(path):
        return False
    if path.startswith("/"):
        return not inside(path, root)
    names = [_up_if_pattern(name) for name in path.split("/")]
    return path.startswith("~") or posixpath.normpath("/".join(names)).split("/")[0] == ".."


def _up_if_pattern(name: str) -> str:
    # `.*` and `.?` also match the directory above, in every bash before 5.2.
    return ".." if GLOB in name and name.replace(GLOB, "") in (".", "..") else name


def reach(words: Words, reads: Words, root: str) -> str:
    """
    Give a word by which a command names a place outside the workspace; empty when none does.

    Args:
        reads: Files that redirections read.
        root: The workspace as an absolute path; empty when there is none.
    """
    name, *args = words
    if name in MOVES and (not args or args[0].startswith(("-", "+", "~"))):
        return args[0] if args else "~"
    files = [] if name in _WITHOUT_FILES else args
    if name in _PATTERN_FIRST:
        files = _without_pattern(args)
    return next((word for word in (*files, *reads) if leaves(word, root)), "")


def _without_pattern(args: list[str]) -> list[str]:
    """Leave out the first operand, unless an option may have given the pattern already."""
    pattern = len(args)
    for at, word in enumerate(args):
        if word == "--":
            pattern = min(pattern, at + 1)
            break
        if word.startswith("-") and word != "-":
            cluster = not word.startswith("--") and set(word) & set("ef")
            if cluster or word.startswith(_PATTERN_OPTIONS):
                return args
        else:
            pattern = min(pattern, at)
    return [word for at, word in enumerate(args) if at != pattern]
