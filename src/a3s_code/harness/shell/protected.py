"""
Places of the workspace that a command may not change unasked, and which command would.

What later runs programs or steers an agent, an editor or a shell without being started by
anybody is protected: `.git`, `.vscode`, `.bashrc` and their like, in any directory, whether
it exists or not. What a build or a package manager reads when somebody starts it is not
(`Makefile`, `package.json`, `.npmrc`), nor what a model or git reads as data (`AGENTS.md`,
`.gitattributes`, `.gitignore`).

Source:
    SPEC 6.6, "Later protected paths"; INVARIANTS 4; githooks(5); gitrepository-layout(5).
"""

from __future__ import annotations

import itertools
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Sequence

from a3s_code.harness.shell import git
from a3s_code.harness.shell.outside import SHORT_OPTION
from a3s_code.harness.shell.words import ANY_HOLE, Words, listed

_SEPARATORS = re.compile(r"[/\\]")
_ATTACHED = re.compile(r"[=:,@){]")

_PROTECTED = listed(
    """
    .git git~1 .gitmodules .gitconfig .githooks .husky
    .pre-commit-config.yaml lefthook.yml lefthook.yaml .lefthook.yml .lefthook.yaml
    .a3s agent.acl agent.hcl .agent .agents .codex .claude .cursor .cursorrules .gemini .windsurf
    .continue .roo .cline .clinerules .aider.conf.yml .opencode opencode.json
    .mcp.json mcp.json
    .vscode .idea .zed .fleet .devcontainer .exrc .vimrc .gvimrc .nvimrc .nvim.lua
    .dir-locals.el .dir-locals-2.el .emacs .emacs.d
    .bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .inputrc
    .zshrc .zshenv .zprofile .zlogin .zlogout .kshrc .cshrc .tcshrc .login .logout
    config.fish .envrc .mise.toml mise.toml .tmux.conf .screenrc .ssh
    """
)
"""Names of files and directories."""

_HOOKS = listed(
    """
    applypatch-msg pre-applypatch post-applypatch pre-commit pre-merge-commit prepare-commit-msg
    commit-msg post-commit pre-rebase post-checkout post-merge pre-push pre-receive update
    proc-receive post-receive post-update reference-transaction push-to-checkout pre-auto-gc
    post-rewrite sendemail-validate fsmonitor-watchman post-index-change
    """
)
_OF_REPOSITORY = listed(
    "config config.worktree commondir head hooks index info modules objects packed-refs refs"
    " worktrees"
)
"""What lies in a repository that is not called `.git`: after `name.git`, or in bare ones."""

# Programs that write what they are given, by the words that name it.
_WRITE_ALL = listed(
    """
    chgrp chmod chown cp csplit ed ex install ln mkdir mkfifo mktemp mv patch rm rmdir shred
    split sponge tee touch truncate uniq unlink xxd zip
    """
)
_GIT_WRITES = frozenset(
    f"git {name}"
    for name in listed("bundle checkout clean clone init mv restore rm submodule worktree")
)
_WRITE_LAST = frozenset({"rsync", "scp"})
_WRITE_BY_OPTION = {
    # Nearly every kind of its own notes can go into a file.
    "curl": re.compile(r"-[A-Za-z#]*[ocDw]|--(?!url|header|data|form|user|request|location)"),
    "find": re.compile(r"-f(?:ls|print)"),
    "perl": re.compile(r"-[A-Za-z]*i"),
    "ruby": re.compile(r"-[A-Za-z]*i"),
    "sed": re.compile(r"-[A-Za-z]*i|--i"),
    "sort": re.compile(r"-[A-Za-z]*o|--o"),
    "tar": re.compile(r"(?:-?[A-Za-z]*x[A-Za-z]*|--extract|--get)$"),
    "unzip": re.compile(r"-[A-Za-z]*d"),
    "wget": re.compile(r"-[A-Za-z]*[OPoa]|--(?:output|directory-prefix|append)"),
}
# Before the name of what is written, and attached to it.
_OUTPUT = (
    re.compile(r"-o|--?out(?:put|file|dir|-file|-dir|put-file|put-dir)?"),
    re.compile(r"(?:-o|--?out[a-z-]*=).", re.DOTALL),
)
_ARCHIVE = (
    re.compile(r"-?[A-Za-z]*[cruA][A-Za-z]*f|-[A-Za-z]*f|--file"),
    re.compile(r"-f.|--f", re.DOTALL),
)
_OTHER_OPTION_O = frozenset({"egrep", "fgrep", "find", "grep", "ls", "ps", "rg", "set", "test"})


def protected(path: str) -> str:
    """
    Give what in `path` makes it protected; empty when nothing does.

    That is one name, or two of a git repository which is not called `.git`: `hooks/pre-push`,
    `x.git/config`; and a file `HEAD`, without which no directory passes for a repository. Names
    count in any case, with dots or blanks after them, and as file systems that fold names
    read them. A hole in a name that begins with a dot counts as what it could become.
    """
    names = _SEPARATORS.split(path)
    return _place(names) or (names[-1] if _known(names[-1]) == "head" else "")


def _place(names: Sequence[str]) -> str:
    found = next((name for name in names if _is_protected(name)), "")
    if found or len(names) == 1:
        return found
    if _known(names[-1]) in _HOOKS and _known(names[-2]) == "hooks":
        return "/".join(names[-2:])
    pairs = itertools.pairwise(names)
    return next(("/".join(pair) for pair in pairs if _in_repository(*pair)), "")


def _is_protected(name: str) -> bool:
    if name.isascii() and "." not in name and "~" not in name:
        return False
    known = _known(name)
    if ANY_HOLE.search(known) is None:
        return known in _PROTECTED
    if not known.startswith("."):
        return False
    pattern = re.compile(".*".join(map(re.escape, ANY_HOLE.split(known))))
    return any(pattern.fullmatch(each) for each in _PROTECTED)


def _in_repository(directory: str, name: str) -> bool:
    return _known(directory).endswith(".git") and _known(name) in _OF_REPOSITORY


def _known(name: str) -> str:
    """Give a name as every file system that folds names would know it."""
    if not name.isascii():
        plain = unicodedata.normalize("NFKC", name)
        name = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    return name.partition(":")[0].casefold().rstrip(". ")


def written(words: Words, *, within: bool = False) -> str:
    """
    Give the place by which a command would write something protected; empty when none does.

    Known are programs that write what they are given, and the options by which nearly every
    other one names its output. The place is the part of a word that `protected` knows, as in
    `of=.git/config`.

    Args:
        within: The command may run in a protected directory, so any such word counts.
    """
    words = tuple(_outputs(words))
    named = (piece for word in words for piece in _places(word) if _place(_SEPARATORS.split(piece)))
    return next(named, words[0] if within and words else "")


def _places(word: str) -> Iterator[str]:
    """Give the places that a word may name, without the option they are attached to."""
    for piece in _ATTACHED.split(word):
        yield SHORT_OPTION.sub("", piece, count=1)
        yield piece


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
    if by_option is not None and any(map(by_option.match, args)):
        return args
    if name != "tar" and (by_option is not None or name in _OTHER_OPTION_O):
        return ()
    option, attached = _ARCHIVE if name == "tar" else _OUTPUT
    pairs = itertools.pairwise((name, *args))
    return [word for before, word in pairs if option.fullmatch(before) or attached.match(word)]


def entered(words: Words) -> str:
    """Give the protected place that a change of directory goes to, one of `outside.MOVES`."""
    return next((word for word in words[1:] if protected(word)), "")
