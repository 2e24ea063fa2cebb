"""What the `git` tool can do, one function for each command but worktree."""

from __future__ import annotations

import re

from a3s_code.capabilities.git.program import Git, GitFailed, plain, told
from a3s_code.capabilities.git.status import PORCELAIN, head_line, parse_status
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Observation

_LOG_FIELDS = ("%H", "%h", "%aI", "%an", "%D", "%s")
_BRANCH_FIELDS = ("%(HEAD)", "%(refname:short)", "%(objectname:short)", "%(contents:subject)")
_DIFF_OPTIONS = (
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=dirty",
    "--submodule=short",
)
_SEPARATOR = "\x1f"
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_STASH = re.compile(r"(?:stash@\{)?(\d{1,6})\}?")


async def status(git: Git) -> Observation:
    found = parse_status(await git.read(*PORCELAIN))
    rows = [str(change) for change in found.changes] or ["Nothing changed, work tree clean."]
    return told(
        "\n".join([head_line(found), *rows]),
        branch=found.branch,
        commit=found.commit,
        upstream=found.upstream,
        ahead=found.ahead,
        behind=found.behind,
        dirty_count=len(found.changes),
        is_dirty=bool(found.changes),
        is_worktree=git.is_worktree,
    )


async def log(git: Git, revision: str, paths: tuple[str, ...], max_count: int) -> Observation:
    """Show commits, the newest first; only those that touched `paths`, unless empty."""
    form = "--format=" + "%x1f".join(_LOG_FIELDS)
    try:
        output = await git.read(
            "log", "-z", "--no-color", "--no-ext-diff", "--no-textconv", f"--max-count={max_count}",
            form, *_revision(revision), "--", *paths,
        )  # fmt: skip
    except GitFailed as error:
        if "does not have any commits yet" not in error.text:
            raise
        output = ""
    commits = [_commit(record) for record in output.split("\0") if record]
    rows = [_log_row(commit) for commit in commits] or ["No commits."]
    return told("\n".join(rows), commits=commits)


def _commit(record: str) -> JsonObject:
    names = ("hash", "short", "date", "author", "refs", "subject")
    return dict(zip(names, record.split(_SEPARATOR, len(names) - 1), strict=False))


def _log_row(commit: JsonObject) -> str:
    refs = f" ({commit['refs']})" if commit.get("refs") else ""
    return f"{commit['short']} {commit['date'][:10]} {commit['author']}{refs}: {commit['subject']}"


async def diff(git: Git, revision: str, paths: tuple[str, ...]) -> Observation:
    """Show changed lines against `revision`, or staged and unstaged ones against the head."""
    try:
        text = await git.read("diff", *_DIFF_OPTIONS, *_revision(revision or "HEAD"), "--", *paths)
    except GitFailed as error:
        if revision or "HEAD" not in error.text:
            raise
        # before the first commit
        staged = await git.read("diff", *_DIFF_OPTIONS, "--cached", "--", *paths)
        text = staged + await git.read("diff", *_DIFF_OPTIONS, "--", *paths)
    if not text:
        return told("No differences. Untracked files are in status only.", bytes=0)
    return told(text, bytes=len(text.encode()))


def _revision(revision: str) -> tuple[str, ...]:
    return (plain(revision, "a revision"),) if revision else ()


async def list_branches(git: Git) -> Observation:
    form = "--format=" + "%1f".join(_BRANCH_FIELDS)
    output = await git.read("branch", "--list", "--no-color", form)
    rows = [row.split(_SEPARATOR, len(_BRANCH_FIELDS) - 1) for row in output.splitlines()]
    current = next((name for mark, name, *_ in rows if mark == "*"), "")
    text = "\n".join(" ".join(row) for row in rows) or "No branches: nothing is committed yet."
    return told(text, branches=[name for _, name, *_ in rows], current=current)


async def create_branch(git: Git, name: str, base: str, *, force: bool) -> Observation:
    start = plain(base or "HEAD", "base")
    forced = ("--force",) if force else ()
    await git.change("branch", "--no-track", *forced, "--", plain(name, "name"), start)
    return told(f"Created branch {name} at {start}. Use checkout to go there.", branch=name)


async def commit_of(git: Git, ref: str) -> str:
    """Give the commit that a ref names; empty when there is no such ref."""
    shown = await git.read("for-each-ref", "--format=%(refname) %(objectname)", "--", ref)
    rows = [row.split(" ") for row in shown.splitlines()]
    return next((commit for name, commit in rows if name == ref), "")


async def remove_branch(git: Git, name: str, *, force: bool) -> Observation:
    forced = ("--force",) if force else ()
    await git.change("branch", "--delete", *forced, "--", plain(name, "name"))
    return told(f"Removed branch {name}.", branch=name)


async def checkout(git: Git, revision: str, *, force: bool) -> Observation:
    forced = ("--force",) if force else ()
    await git.change("checkout", "--quiet", *forced, plain(revision, "ref"), "--")
    return told(f"Checked out {revision}.", ref=revision)


async def list_stashes(git: Git) -> Observation:
    entries = (await git.read("stash", "list", "--no-color")).splitlines()
    return told("\n".join(entries) or "No stashes.", stashes=entries)


async def push_stash(git: Git, message: str, *, include_untracked: bool) -> Observation:
    options = [f"--message={message}"] if message else []
    if include_untracked:
        options.append("--include-untracked")
    said = await git.change("stash", "push", *options)
    return told(said.strip(), stashed="No local changes" not in said)


async def use_stash(git: Git, action: str, which: str) -> Observation:
    """Pop, apply or drop a stash: `stash@{n}` or `n`, the newest by default."""
    match = _STASH.fullmatch(which or "0")
    if match is None:
        raise GitFailed(f"{which!r} is no stash; write stash@{{0}}.", "invalid_argument")
    stash = f"stash@{{{match[1]}}}"
    quiet = ("--quiet",) if action != "drop" else ()
    await git.change("stash", action, *quiet, stash)
    done = {"pop": "Applied and dropped", "apply": "Applied", "drop": "Dropped"}[action]
    return told(f"{done} {stash}.", stash=stash)


async def remotes(git: Git, name: str) -> Observation:
    """List remotes, or the one called `name`, without the credentials in their addresses."""
    rows = _CREDENTIALS.sub("", await git.read("remote", "--verbose")).splitlines()
    if name:
        rows = [row for row in rows if row.split("\t")[0] == name]
        if not rows:
            raise GitFailed(f"There is no remote named {name!r}.", "not_found")
    return told("\n".join(rows) or "No remotes.", remotes=rows)
