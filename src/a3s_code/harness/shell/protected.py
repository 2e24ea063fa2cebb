"""
Places of the workspace that a command may not change unasked, and which command would.

What later runs programs or steers an agent, an editor or a shell is protected: `.git`,
`.vscode`, `.bashrc` and their like, in any directory.

Source:
    SPEC 6.6, "Later protected paths"; INVARIANTS 4.
"""

from __future__ import annotations

import itertools
import posixpath
import re
import unicodedata
from collections.abc import Sequence

from a3s_code.harness.shell import git
from a3s_code.harness.shell.outside import SHORT_OPTION
from a3s_code.harness.shell.words import ANY_HOLE, Words, listed

_NAMES = re.compile(r"[/\\=:,@)]")

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
    chgrp chmod chown cp csplit ed ex install ln mkdir mkfifo mktemp mv patch rm rmdir shred
    split sponge tee touch truncate unlink
    """
)
_GIT_WRITES = frozenset(
    f"git {name}"
    for name in listed("bundle checkout clean clone init mv restore rm submodule worktree")
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
_OUTPUT = re.compile(r"-o|--?out(?:put|file|dir|-file|-dir|put-file|put-dir)?")
_OUTPUT_ATTACHED = re.compile(r"(?:-o|--?out[a-z-]*=).", re.DOTALL)
_OTHER_OPTION_O = frozenset({"egrep", "fgrep", "find", "grep", "ls", "ps", "rg", "set", "test"})


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


def written(words: Words, *, within: bool = False) -> str:
    """
    Give the word by which a command would write a protected place; empty when none does.

    Known are programs that write what they are given, and the options by which nearly every
    other one names its output.

    Args:
        within: The command may run in a protected directory, so any such word counts.
    """
    return next((word for word in _outputs(words) if within or _names_protected(word)), "")


def _outputs(words: Words) -> Sequence[str]:
    """Give the words that may name what a command writes."""
    name, *args = words
    name = posixpath.basename(name)
    by_option = _WRITE_BY_OPTION.get(name)
    if name == "git":
        name, *args = git.subcommand(words[1:]) or ("",)
        name = f"git {name}"
    if name in _WRITE_ALL or name in _GIT_WRITES:
        return args
    if name in _WRITE_LAST:
        return args[-1:]
    if name == "dd":
        return [word for word in args if word.startswith("of=")]
    if by_option is not None:
        return args if any(map(by_option.match, args)) else ()
    if name in _OTHER_OPTION_O:
        return ()
    return [
        word
        for before, word in itertools.pairwise((name, *args))
        if _OUTPUT.fullmatch(before) or _OUTPUT_ATTACHED.match(word)
    ]


def _names_protected(word: str) -> bool:
    return any(
        _is_protected(name) or _is_protected(SHORT_OPTION.sub("", name, count=1))
        for name in _NAMES.split(word)
    )


def entered(words: Words) -> str:
    """Give the protected place that a change of directory goes to, one of `outside.MOVES`."""
    return next((word for word in words[1:] if protected(word)), "")
