"""
Places that paths and words of a command name: outside the workspace, or protected in it.

A word names more places than itself: what follows `=`, `:`, `,` or `@` in it, and what is
attached to a short option (`-C..`, `--file=../x`, `if=/etc/passwd`). Nothing is looked up
on the disk here, so a link is only seen by whoever resolves the path.

Source:
    SPEC 6.6, "Later protected paths"; INVARIANTS 1, 2 and 4.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterator

from a3s_code.harness.shell.words import ANY_HOLE, GLOB, UNKNOWN, VALUE, listed

_HARMLESS_DEVICES = ("/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/")
_SEPARATOR = re.compile(r"[=:,@)]")
_SHORT_OPTION = re.compile(r"[-+]{1,2}[A-Za-z0-9#]+(?=[./~])")
_NAMES = re.compile(r"[/\\=:,@)]")
MAX_PLACES = 64

# Programs whose arguments are no files, and those whose first operand is a pattern or a script.
_WITHOUT_FILES = frozenset({"echo", "printf", "true", "false", ":", "exit", "return", "sleep"})
_PATTERN_FIRST = frozenset({"grep", "egrep", "fgrep", "rg", "sed", "awk", "gawk", "mawk"})
_PATTERN_OPTIONS = ("--e", "--f", "--r", "--s")
MOVES = frozenset({"cd", "pushd", "popd"})

# What later runs programs or steers an agent, an editor or a shell, in any directory.
_PROTECTED = listed(
    """
    .git git~1 .gitmodules .gitconfig .a3s .agents .codex .claude .cursor .vscode .idea .mcp.json
    .bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .inputrc
    .zshrc .zshenv .zprofile .zlogin .zlogout .kshrc .cshrc .tcshrc .login .logout
    """
)

# Programs that write what they are given, by the words that name it.
_WRITE_ALL = listed(
    """
    chgrp chmod chown cp ed ex install ln mkdir mkfifo mktemp mv patch rm rmdir shred tee touch
    truncate unlink
    """
)
_WRITE_LAST = frozenset({"rsync", "scp"})
_WRITE_BY_OPTION = {
    "curl": re.compile(r"-[A-Za-z#]*[ocD]|--(?:output|output-dir|cookie-jar|dump-header)"),
    "perl": re.compile(r"-[A-Za-z]*i"),
    "ruby": re.compile(r"-[A-Za-z]*i"),
    "sed": re.compile(r"-[A-Za-z]*i|--i"),
    "sort": re.compile(r"-[A-Za-z]*o|--o"),
    "tar": re.compile(r"(?:-?[A-Za-z]*x[A-Za-z]*|--extract|--get)$"),
    "unzip": re.compile(r"-[A-Za-z]*d"),
    "wget": re.compile(r"-[A-Za-z]*[OPoa]|--(?:output|directory-prefix|append)"),
}


def protected(path: str) -> str:
    """
    Give the name in `path` that makes it protected; empty when there is none.

    Names count in any case, with dots or blanks after them, and as file systems that fold
    names read them. A hole in a name that begins with a dot counts as what it could become.
    """
    return next((name for name in re.split(r"[/\\]", path) if _is_protected(name)), "")


def _is_protected(name: str) -> bool:
    if name.isascii() and "." not in name and "~" not in name:
        return False
    known = "".join(
        char for char in unicodedata.normalize("NFKC", name) if unicodedata.category(char) != "Cf"
    )
    known = known.partition(":")[0].casefold().rstrip(". ")
    if ANY_HOLE.search(known) is None:
        return known in _PROTECTED
    if not known.startswith("."):
        return False
    pattern = re.compile(".*".join(map(re.escape, ANY_HOLE.split(known))))
    return any(pattern.fullmatch(each) for each in _PROTECTED)


def _places(word: str) -> Iterator[str]:
    """Give the places that a word may name, the word itself first."""
    for start in (0, *(found.end() for found in _SEPARATOR.finditer(word))):
        piece = word[start:]
        yield piece
        option = _SHORT_OPTION.match(piece)
        if option is not None:
            yield piece[option.end() :]


def inside(path: str, root: str) -> bool:
    """Whether an absolute path lies in the workspace `root`; never without a root."""
    normal = posixpath.normpath(path)
    return bool(root) and (normal + "/").startswith(root.rstrip("/") + "/")


def leaves(word: str, root: str) -> bool:
    """Whether a place that a word names may lie outside the workspace `root`."""
    if UNKNOWN in word or VALUE in word:
        return not word.startswith(_HARMLESS_DEVICES)
    if len(_SEPARATOR.findall(word)) > MAX_PLACES:
        return True
    return any(_leads_out(place, root) for place in _places(word))


def _leads_out(path: str, root: str) -> bool:
    if path.startswith(_HARMLESS_DEVICES):
        return False
    if path.startswith("/"):
        return not inside(path, root)
    names = [_up_if_pattern(name) for name in path.split("/")]
    return path.startswith("~") or posixpath.normpath("/".join(names)).split("/")[0] == ".."


def _up_if_pattern(name: str) -> str:
    # `.*` and `.?` also match the directory above, in every bash before 5.2.
    return ".." if GLOB in name and name.replace(GLOB, "") in (".", "..") else name


def reach(words: tuple[str, ...], reads: tuple[str, ...], root: str) -> str:
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


def written(words: tuple[str, ...], *, within: bool = False) -> str:
    """
    Give the word by which a known writer names a protected place; empty when none does.

    Args:
        within: The command may run in a protected directory, so any word of it counts.
    """
    name, *args = words
    name = posixpath.basename(name)
    by_option = _WRITE_BY_OPTION.get(name)
    if name in _WRITE_LAST:
        args = args[-1:]
    elif name == "dd":
        args = [word for word in args if word.startswith("of=")]
    elif by_option is not None:
        args = args if any(map(by_option.match, args)) else []
    elif name not in _WRITE_ALL:
        return ""
    return next((word for word in args if within or _names_protected(word)), "")


def _names_protected(word: str) -> bool:
    return any(
        _is_protected(name) or _is_protected(_SHORT_OPTION.sub("", name, count=1))
        for name in _NAMES.split(word)
    )


def entered(words: tuple[str, ...]) -> str:
    """Give the protected place that a change of directory goes to; empty when none."""
    if words[0] not in MOVES:
        return ""
    return next((word for word in words[1:] if protected(word)), "")
