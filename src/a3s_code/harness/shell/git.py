"""Options and subcommands of git that start programs, write elsewhere or hide the subcommand."""

from __future__ import annotations

from a3s_code.harness.shell.hazard import Hazard
from a3s_code.harness.shell.options import is_long, letters_of, option_words
from a3s_code.harness.shell.words import HOLES, Words, has_hole, listed, may_be_option

_FLAGS = listed(
    """
    --no-pager -P --no-optional-locks --literal-pathspecs --glob-pathspecs --noglob-pathspecs
    --icase-pathspecs --no-replace-objects --no-lazy-fetch --no-advice --version --help -v -h
    """
)
_PLACES = ("-C", "--git-dir", "--work-tree", "--namespace", "--super-prefix")
_HARMLESS_KEYS = (
    "user.",
    "color.",
    "advice.",
    "core.quotepath",
    "init.defaultbranch",
    "core.abbrev",
    "commit.gpgsign",
    "tag.gpgsign",
    "core.autocrlf",
    "core.safecrlf",
    "pull.",
    "log.date",
    "status.",
    "branch.sort",
    "tag.sort",
    "diff.renames",
    "diff.algorithm",
    "core.filemode",
)

# A name that is none of these may be an alias of the repository, or a program on PATH.
_KNOWN = listed(
    """
    add am annotate apply archive bisect blame branch bugreport bundle cat-file check-attr
    check-ignore check-mailmap check-ref-format checkout checkout-index cherry cherry-pick clean
    clone column commit commit-graph commit-tree config count-objects credential describe
    diagnose diff diff-files diff-index diff-tree difftool fast-export fast-import fetch
    fetch-pack filter-branch fmt-merge-msg for-each-ref for-each-repo format-patch fsck gc
    get-tar-commit-id grep hash-object help hook index-pack init interpret-trailers log ls-files
    ls-remote ls-tree mailinfo mailsplit maintenance merge merge-base merge-file merge-index
    merge-tree mergetool mktag mktree multi-pack-index mv name-rev notes pack-objects
    pack-redundant pack-refs patch-id prune prune-packed pull push quiltimport range-diff
    read-tree rebase receive-pack reflog remote repack replace replay request-pull rerere reset
    restore rev-list rev-parse revert rm send-email send-pack shell shortlog show show-branch
    show-index show-ref sparse-checkout stage stash status stripspace submodule switch
    symbolic-ref tag unpack-file unpack-objects update-index update-ref update-server-info
    upload-archive upload-pack var verify-commit verify-pack verify-tag version whatchanged
    worktree write-tree
    """
)

_STARTS = {
    "bisect": ("run", "visualize", "view"),
    "difftool": ("",),
    "filter-branch": ("",),
    "for-each-repo": ("",),
    "fast-import": ("",),
    "help": ("-w", "--web", "-m", "--man", "-i", "--info"),
    "hook": ("",),
    "instaweb": ("",),
    "mergetool": ("",),
    "quiltimport": ("",),
    "rebase": ("-x", "-i", "-s", "--interactive", "--edit-todo"),
    "send-email": ("",),
    "shell": ("",),
    "submodule": ("foreach",),
    "credential": ("",),
    "maintenance": ("start", "register", "run"),
    "clone": ("-u", "-c", "--config", "--template"),
    "init": ("--template",),
    "grep": ("-O",),
    "merge": ("-s",),
    "pull": ("-s",),
}
_LONG_STARTS = (
    "--ext-diff",
    "--textconv",
    "--open-files-in-pager",
    "--upload-pack",
    "--receive-pack",
    "--exec",
    "--exec-path",
    "--extcmd",
    "--tool",
    "--paginate",
    "--show-signature",
    "--strategy",
    "--rsync-path",
    "--tree-filter",
    "--filters",
)
_LONG_WRITES = ("--output", "--output-directory", "--separate-git-dir")
_CONFIG_READS = listed(
    """
    --get --get-all --get-regexp --get-urlmatch --list -l get list --show-origin --show-scope
    --global --local --system -z --null --name-only
    """
)


def subcommand(words: Words) -> Words:
    """Give the words from the subcommand on, without the options before it."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in (*_PLACES, "-c", "--config-env") else 1
    return words[at:]


def judge(args: Words) -> Hazard:
    """Tell what git runs that its words do not show, and what it does beyond them."""
    unknown, beyond = _before(args)
    rest = subcommand(args)
    if not rest:
        return Hazard(unknown, beyond)
    name, operands = rest[0], rest[1:]
    if name not in _KNOWN:
        return Hazard(unknown or f"what the alias or program git-{_shown(name)} is", beyond)
    started = _starts(name, operands) or _configured(name, operands)
    return Hazard(unknown or started, beyond or started or _writes(name, operands))


def _shown(name: str) -> str:
    return "…" if has_hole(name) else name


def _before(args: Words) -> Hazard:
    """Judge the options before the subcommand."""
    at = 0
    beyond = ""
    while at < len(args) and args[at].startswith(("-", *HOLES)):
        word = args[at]
        if word == "-c" and at + 1 < len(args):
            if not args[at + 1].lower().startswith(_HARMLESS_KEYS):
                key = args[at + 1].partition("=")[0]
                shown = _shown(key)
                return Hazard(f"what git runs with {shown} set", f"-c {shown} changes git")
            at += 2
        elif word.partition("=")[0] in _PLACES or word.startswith("-C"):
            beyond = f"git {word} works in another place"
            at += 2 if word in _PLACES else 1
        elif word in _FLAGS:
            at += 1
        else:
            shown = _shown(word)
            return Hazard(f"what git {shown} runs", f"git {shown} changes git")
    return Hazard(beyond=beyond)


def _starts(name: str, operands: Words) -> str:
    dangerous = _STARTS.get(name, ())
    for word in option_words(operands):
        long = is_long(word, *_LONG_STARTS)
        short = any(mark and _is(mark, word) for mark in dangerous)
        if long or short or may_be_option(word) or "::" in word:
            return f"which program git {name} {_shown(word)} starts"
    return f"which program git {name} starts" if "" in dangerous else ""


def _is(mark: str, word: str) -> bool:
    short = len(mark) == 2 and mark[0] == "-"  # noqa: PLR2004 - a dash and a letter
    return mark[1] in letters_of(word) if short else word == mark


def _configured(name: str, operands: Words) -> str:
    """Say what git may run from now on, by a setting that `git config` makes."""
    if name != "config" or _only_reads(operands):
        return ""
    keys = [word for word in operands if not word.startswith("-") and word != "set"]
    if keys and keys[0].lower().startswith(_HARMLESS_KEYS):
        return ""
    return f"what git runs with {_shown(keys[0]) if keys else 'a setting'} changed"


def _only_reads(operands: Words) -> bool:
    return bool(set(operands) & _CONFIG_READS - {"--global", "--local", "--system"})


def _writes(name: str, operands: Words) -> str:
    for word in option_words(operands):
        if is_long(word, *_LONG_WRITES):
            return f"git {name} {word.partition('=')[0]} writes a file"
        if name in ("archive", "format-patch", "bundle") and "o" in letters_of(word):
            return f"git {name} -o writes a file"
    if name == "config" and not _only_reads(operands):
        return "git config changes how git works"
    return ""
