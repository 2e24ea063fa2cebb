"""
The tools `git` and `git_worktree`.

Source:
    SPEC 5.9. `git_worktree` is the older document's name for a part of `git` (001).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from a3s_code.capabilities.git import commands
from a3s_code.capabilities.git.program import Git, GitFailed, open_repository, pathspec, place
from a3s_code.capabilities.git.worktrees import (
    NewWorktree,
    create_worktree,
    list_worktrees,
    remove_worktree,
)
from a3s_code.kernel.tool import Effect, Observation, ToolContext, tool

DEFAULT_LOG_COUNT = 20
MAX_LOG_COUNT = 1_000


class GitArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    command: Literal["status", "log", "branch", "checkout", "diff", "stash", "remote", "worktree"]
    subcommand: Annotated[
        Literal["", "list", "create", "remove", "push", "pop", "apply", "drop"],
        msgspec.Meta(
            description="branch, worktree: list, create or remove. "
            "stash: list, push, pop, apply or drop."
        ),
    ] = ""
    name: Annotated[
        str, msgspec.Meta(description="Branch to create or remove, also for a worktree.")
    ] = ""
    path: Annotated[
        str, msgspec.Meta(description="worktree: its directory. log, diff: only this path.")
    ] = ""
    ref: Annotated[
        str, msgspec.Meta(description="checkout: branch or commit. log: where to start.")
    ] = ""
    target: Annotated[
        str, msgspec.Meta(description="diff: revision or a..b. stash: such as stash@{0}.")
    ] = ""
    base: Annotated[
        str, msgspec.Meta(description="Commit that a new branch starts from; HEAD by default.")
    ] = ""
    new_branch: Annotated[
        bool, msgspec.Meta(description="worktree create: make the branch too.")
    ] = True
    force: Annotated[bool, msgspec.Meta(description="Discard or overwrite what is in the way.")] = (
        False
    )
    message: Annotated[str, msgspec.Meta(description="stash push: what it is.")] = ""
    include_untracked: Annotated[
        bool, msgspec.Meta(description="stash push: untracked files too.")
    ] = False
    max_count: Annotated[
        int, msgspec.Meta(ge=1, le=MAX_LOG_COUNT, description="log: commits at most.")
    ] = DEFAULT_LOG_COUNT
    remote_name: Annotated[str, msgspec.Meta(description="remote: show only this one.")] = ""


class GitWorktreeArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    command: Literal["list", "create", "remove", "status"]
    branch: Annotated[str, msgspec.Meta(description="Branch of the worktree.")] = ""
    path: Annotated[
        str, msgspec.Meta(description="Its directory; .worktrees/<branch> by default.")
    ] = ""
    new_branch: Annotated[bool, msgspec.Meta(description="create: make the branch too.")] = True
    base: Annotated[
        str, msgspec.Meta(description="Commit that a new branch starts from; HEAD by default.")
    ] = ""
    force: Annotated[bool, msgspec.Meta(description="Discard what is in the way.")] = False


def _action(args: GitArgs) -> str:
    """Say what is done in `branch`, `stash` and `worktree`, where it may be left open."""
    if args.subcommand:
        return {"stash create": "push", "stash remove": "drop"}.get(
            f"{args.command} {args.subcommand}", args.subcommand
        )
    match args.command:
        case "branch" if args.name:
            return "create"
        case "stash" if args.message or args.include_untracked:
            return "push"
        case _:
            return "list"


def _effect(args: GitArgs) -> Effect:
    if args.command in {"status", "log", "diff", "remote"}:
        return Effect.READ
    if args.command != "checkout" and _action(args) == "list":
        return Effect.READ
    return Effect.EXECUTE


class Branches:
    """What tells whether `git branch` took effect: git sets a ref at once, or not at all."""

    def of(self, args: GitArgs) -> str:
        return f"refs/heads/{args.name}" if args.command == "branch" and args.name else ""

    async def look(self, named: str, context: ToolContext) -> str:
        repository = await open_repository(context)
        return await commands.commit_of(repository, named)


@tool(
    GitArgs,
    effect=Effect.EXECUTE,
    effect_of=_effect,
    needs=frozenset({"processes"}),
    evidence=Branches(),
)
async def git(args: GitArgs, context: ToolContext) -> Observation:
    """
    Work with the git repository of the workspace: status, log, diff (staged and unstaged
    lines), branch, checkout, stash, remote, worktree. Hooks and filters of the repository
    do not run. To commit, use bash.
    """
    try:
        repository = await open_repository(context)
        match args.command:
            case "branch":
                return await _branch(repository, args)
            case "stash":
                return await _stash(repository, args)
            case "worktree":
                return await _worktree(repository, args, context)
            case _:
                return await _plain_command(repository, args, context)
    except GitFailed as error:
        return error.observation()


async def _plain_command(git: Git, args: GitArgs, context: ToolContext) -> Observation:
    match args.command:
        case "status":
            return await commands.status(git)
        case "log":
            paths = pathspec(context, args.path)
            return await commands.log(git, args.ref or args.target, paths, args.max_count)
        case "diff":
            paths = pathspec(context, args.path)
            return await commands.diff(git, args.target or args.ref, paths)
        case "checkout":
            return await commands.checkout(git, args.ref or args.name, force=args.force)
        case _:
            return await commands.remotes(git, args.remote_name or args.name)


async def _branch(git: Git, args: GitArgs) -> Observation:
    match _action(args):
        case "list":
            return await commands.list_branches(git)
        case "create":
            base = args.base or args.ref
            return await commands.create_branch(git, args.name, base, force=args.force)
        case "remove":
            return await commands.remove_branch(git, args.name, force=args.force)
        case other:
            raise _unknown("branch", other)


async def _stash(git: Git, args: GitArgs) -> Observation:
    match _action(args):
        case "list":
            return await commands.list_stashes(git)
        case "push":
            untracked = args.include_untracked
            return await commands.push_stash(git, args.message, include_untracked=untracked)
        case action:
            return await commands.use_stash(git, action, args.target or args.ref or args.name)


async def _worktree(git: Git, args: GitArgs, context: ToolContext) -> Observation:
    match _action(args):
        case "list":
            return await list_worktrees(git)
        case "create":
            base = args.base or args.ref
            new = NewWorktree(args.name, args.path, args.new_branch, base, args.force)
            return await create_worktree(git, new, context)
        case "remove":
            return await remove_worktree(
                git, args.path, args.name, force=args.force, context=context
            )
        case other:
            raise _unknown("worktree", other)


def _unknown(command: str, action: str) -> GitFailed:
    text = f"git {command} has no subcommand {action!r}; use list, create or remove."
    return GitFailed(text, "invalid_argument")


def _worktree_effect(args: GitWorktreeArgs) -> Effect:
    return Effect.READ if args.command in {"list", "status"} else Effect.EXECUTE


@tool(
    GitWorktreeArgs,
    effect=Effect.EXECUTE,
    effect_of=_worktree_effect,
    needs=frozenset({"processes"}),
)
async def git_worktree(args: GitWorktreeArgs, context: ToolContext) -> Observation:
    """Create, list, remove or look at linked git worktrees, for work side by side."""
    try:
        if args.command == "status":
            where = place(context, args.path or ".")
            return await commands.status(
                await open_repository(context, "" if where == "." else where)
            )
        repository = await open_repository(context)
        if args.command == "list":
            return await list_worktrees(repository)
        if args.command == "remove":
            return await remove_worktree(
                repository, args.path, args.branch, force=args.force, context=context
            )
        new = NewWorktree(args.branch, args.path, args.new_branch, args.base, args.force)
        return await create_worktree(repository, new, context)
    except GitFailed as error:
        return error.observation()


GIT_TOOLS = (git, git_worktree)
