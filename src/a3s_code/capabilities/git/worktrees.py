"""Linked worktrees of the workspace's repository, inside the workspace."""

from __future__ import annotations

import posixpath
import re

import msgspec

from a3s_code.capabilities.git.program import Git, GitFailed, place, plain, told
from a3s_code.harness.shell.protected import protected
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Observation, ToolContext
from a3s_code.kernel.workspace import shown_name

WORKTREES = ".worktrees"
"""Where a worktree is made when no path is given."""

_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class NewWorktree(msgspec.Struct, frozen=True):
    """
    Attributes:
        branch: Name of the branch; empty for the last part of `path`.
        path: Empty for `.worktrees/<branch>`.
        new_branch: Make the branch at `base`; else it must exist.
        base: Commit that a new branch starts from.
        force: Also when the branch is checked out elsewhere.
    """

    branch: str
    path: str
    new_branch: bool
    base: str
    force: bool


async def list_worktrees(git: Git) -> Observation:
    entries = _parse(await git.read("worktree", "list", "--porcelain"))
    rows = [f"{each['path']}  {each['head'][:12]}  [{each['branch']}]" for each in entries]
    return told("\n".join(rows), worktrees=entries)


def _parse(output: str) -> list[JsonObject]:
    """Read `worktree list --porcelain`: blocks of `key value` lines, parted by blank ones."""
    entries: list[JsonObject] = []
    for block in output.strip("\n").split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            key, _, fields[key] = line.partition(" ")
        branch = fields.get("branch", "").removeprefix("refs/heads/")
        entries.append(
            {
                "path": fields.get("worktree", ""),
                "head": fields.get("HEAD", ""),
                "branch": branch or ("bare" if "bare" in fields else "detached"),
            }
        )
    return entries


async def create_worktree(git: Git, new: NewWorktree, context: ToolContext) -> Observation:
    path = _unprotected(place(context, new.path or _path_of(new.branch)))
    branch = plain(new.branch or posixpath.basename(path), "the name of a branch")
    force = ("--force",) if new.force else ()
    if new.new_branch:
        base = plain(new.base or "HEAD", "base")
        await git.change("worktree", "add", *force, "-b", branch, "--", path, base)
    else:
        await git.change("worktree", "add", *force, "--", path, branch)
    return told(f"Created worktree {path} on branch {branch}.", path=path, branch=branch)


async def remove_worktree(
    git: Git, path: str, branch: str, *, force: bool, context: ToolContext
) -> Observation:
    where = _unprotected(place(context, path or _path_of(branch)))
    await git.change("worktree", "remove", *(("--force",) if force else ()), "--", where)
    return told(f"Removed worktree {where}. Its branch stays.", path=where)


def _unprotected(path: str) -> str:
    """Refuse a place that no tool may fill unasked: a rule for `git` does not speak of it."""
    name = protected(path)
    if name:
        raise GitFailed(f"{shown_name(name)} is protected; choose another path.", "path_refused")
    return path


def _path_of(branch: str) -> str:
    name = _UNSAFE_IN_NAME.sub("-", branch).strip(".-")
    if not name:
        raise GitFailed("Give path, or the name of a branch.", "invalid_argument")
    return f"{WORKTREES}/{name}"
