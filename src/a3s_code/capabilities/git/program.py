"""
The git program on a repository that nobody vouches for.

What a repository carries must start no program of its own choosing. Hooks, the file
system monitor, pager, editor, signature check, external diff, text conversion, transports
and background maintenance are off by fixed options. Filters, merge drivers and configured
hooks have names that the repository chooses; those that it defines are found and put out
of force. The user's own configuration (identity, excludes, a filter such as git-lfs)
stays in force.

A submodule is a repository with a configuration of its own, which git obeys in the child that
it starts there. So submodules are only compared by their commits, for which none is started.

The repository is named outright, `.git` in the directory asked for, so git neither goes
up to one above the workspace nor lets `core.worktree` move the files elsewhere. That it
does not lie elsewhere itself is checked in `boundary.py`.

Source:
    DESIGN 7, git; INVARIANTS 15.
"""

from __future__ import annotations

import hashlib
import posixpath
import re

import msgspec

from a3s_code.capabilities.git.boundary import Layout, LiesOutside, content, find_layout
from a3s_code.errors import PathRefused, ProgramMissing
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Observation, ToolContext, failure
from a3s_code.kernel.workspace import Command, Processes

TIMEOUT_S = 120.0

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.editor=:",
    "core.quotePath=false",
    "log.showSignature=false",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "diff.ignoreSubmodules=dirty",
    "diff.submodule=short",
    "status.submoduleSummary=false",
    "log.mailmap=false",
    "submodule.recurse=false",
    "worktree.guessRemote=false",
    "i18n.logOutputEncoding=UTF-8",
    "gc.auto=0",
    "maintenance.auto=false",
)
_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": ":",
    "LC_ALL": "C",
}
_OWN_PROGRAMS = re.compile(rb"\[\s*(?:filter|merge|hook|include)|worktreeconfig", re.IGNORECASE)
"""What a configuration must hold for the repository to define programs under own names."""
_BUILT_IN_MERGE = "git merge-file --marker-size=%L %A %O %B"
_TRUSTED_SCOPES = frozenset({"system", "global"})
_NO_MATCH = 1


class GitFailed(Exception):
    """
    Git did not do it; becomes the observation of the tool that asked.

    Attributes:
        kind: The `type` of `error_kind`; empty for none.
    """

    def __init__(self, text: str, kind: str = "", *, exit_code: int = 1) -> None:
        super().__init__(text)
        self.text, self.kind, self.exit_code = text, kind, exit_code

    def observation(self) -> Observation:
        return failure(self.text, self.kind, exit_code=self.exit_code)


class Git(msgspec.Struct, frozen=True):
    """
    One repository.

    Attributes:
        directory: Where its `.git` is, below the workspace root; empty for the root.
        is_worktree: It is a linked worktree of another one.
        settings: `name=value` for what this repository defines.
    """

    processes: Processes
    directory: str
    is_worktree: bool
    settings: tuple[str, ...] = ()
    timeout_s: float = TIMEOUT_S

    async def read(self, *arguments: str) -> str:
        """
        Ask without changing anything, not even the index, and give standard output.

        Raises:
            GitFailed: with what git said.
        """
        return await self._run(("--no-optional-locks", "--literal-pathspecs"), arguments)

    async def change(self, *arguments: str) -> str:
        """Have something changed; gives and raises as `read` does."""
        return await self._run((), arguments)

    async def _run(self, options: tuple[str, ...], arguments: tuple[str, ...]) -> str:
        chosen = [part for setting in (*_SETTINGS, *self.settings) for part in ("-c", setting)]
        command = Command(
            ("git", "--git-dir=.git", "--work-tree=.", "--no-pager", *options, *chosen, *arguments),
            timeout_s=self.timeout_s,
            extra_env=_ENVIRONMENT,
            cwd=self.directory,
            separate_stderr=True,
        )
        try:
            ended = await self.processes.run(command)
        except ProgramMissing as error:
            text = f"git is not installed ({error}). Install it, then call again."
            raise GitFailed(text, "unsupported", exit_code=127) from error
        if ended.timed_out:
            text = f"git {arguments[0]} timed out after {self.timeout_s * 1000:.0f}ms."
            raise GitFailed(text, "timeout", exit_code=124)
        output = ended.output.decode(errors="replace")
        if ended.status:
            said = ended.stderr.decode(errors="replace").strip() or output.strip()
            raise _failed(arguments[0], ended.status, said)
        if ended.dropped_bytes:
            text = f"git {arguments[0]} printed {ended.dropped_bytes} bytes more than can be kept."
            raise GitFailed(f"{text} Narrow it down, with path for example.", "unsupported")
        return output


def _failed(command: str, status: int, said: str) -> GitFailed:
    if "not a git repository" in said:
        text = "There is no git repository here: no .git that git can use. Start one with git init."
        return GitFailed(text, "not_found", exit_code=status)
    text = f"git {command} failed with exit status {status}: {said}"
    return GitFailed(text, exit_code=status)


async def open_repository(context: ToolContext, directory: str = "") -> Git:
    """
    Make `git` safe to run in `directory`, which lies below the workspace root.

    Raises:
        GitFailed: the repository's own configuration cannot be told or put out of force.
    """
    assert context.processes is not None
    try:
        layout = await find_layout(context, directory)
    except LiesOutside as error:
        raise _outside(str(error), error.hint) from error
    git = Git(
        context.processes,
        directory,
        layout.is_worktree,
        timeout_s=min(TIMEOUT_S, context.timeout_s or TIMEOUT_S),
    )
    if layout.outside:
        await _check_vouched(git, layout, context.root)
    config = await content(context, f"{layout.common}/config") if layout.common else None
    if config is not None and not _OWN_PROGRAMS.search(config):
        return git
    settings = _out_of_force(await _defined_programs(git))
    return msgspec.structs.replace(git, settings=settings)


async def _check_vouched(git: Git, layout: Layout, root: str) -> None:
    """
    See that a main repository outside the workspace names this place as its worktree.

    Git tells the digest of the file in which it does, and nothing else of it.
    """
    place = posixpath.normpath(posixpath.join(root, git.directory, ".git"))
    theirs = posixpath.join(posixpath.dirname(place), layout.directory)
    names = (place, posixpath.relpath(place, theirs))
    blobs = [
        b"blob %d\0%s" % (len(data), data) for data in (f"{name}\n".encode() for name in names)
    ]
    digests = {make(blob).hexdigest() for blob in blobs for make in (hashlib.sha1, hashlib.sha256)}
    try:
        named = await git.read("hash-object", "--no-filters", "--", f"{layout.directory}/gitdir")
    except GitFailed as error:
        if error.kind in ("unsupported", "timeout"):
            raise
        named = ""
    if not layout.is_worktree or named.strip() not in digests:
        raise _outside(
            f"{posixpath.join(git.directory, '.git')} names a repository that",
            "open the session on that repository, or make this a worktree of it with"
            " git worktree add",
        )


def _outside(part: str, hint: str) -> GitFailed:
    text = f"{part} lies outside the workspace, so git is not used on it ({hint})."
    return GitFailed(text, "path_refused")


async def _defined_programs(git: Git) -> list[str]:
    """Name the settings of programs that the repository itself defines."""
    wanted = r"^(filter|merge|hook)\..*\."
    try:
        listed = await git.read(
            "config", "--show-scope", "--name-only", "-z", "--get-regexp", wanted
        )
    except GitFailed as error:
        if error.exit_code == _NO_MATCH:
            return []
        raise
    words = listed.split("\0")
    return [
        name
        for scope, name in zip(words[::2], words[1::2], strict=False)
        if scope not in _TRUSTED_SCOPES
    ]


def _out_of_force(names: list[str]) -> tuple[str, ...]:
    settings: list[str] = []
    for owner in dict.fromkeys(name.rpartition(".")[0] for name in names):
        if "=" in owner:
            text = f"The repository defines {owner!r}, which cannot be put out of force."
            raise GitFailed(text, "unsupported")
        if owner.startswith("filter."):
            off = (f"{owner}.clean=", f"{owner}.smudge=", f"{owner}.process=")
            settings += (*off, f"{owner}.required=false")
        elif owner.startswith("hook."):
            settings += (f"{owner}.enabled=false", f"{owner}.command=true")
        else:
            settings.append(f"{owner}.driver={_BUILT_IN_MERGE}")
    return tuple(settings)


def plain(value: str, what: str) -> str:
    """
    Give back a name, revision or path that git can only take as one.

    Raises:
        GitFailed: it is empty, looks like an option, or holds control characters.
    """
    if not value:
        raise GitFailed(f"{what} is needed.", "invalid_argument")
    if value.startswith("-") or not value.isprintable():
        raise GitFailed(f"{value!r} cannot be used as {what}.", "invalid_argument")
    return value


def place(context: ToolContext, path: str) -> str:
    """
    Give a path below the workspace root, relative to it, with its links resolved.

    Raises:
        GitFailed: `path` leads out of the workspace.
    """
    return _resolved(context, path)[0]


def pathspec(context: ToolContext, path: str) -> tuple[str, ...]:
    """
    Give `path` as git has it, its own links unresolved; nothing for an empty one.

    Raises:
        GitFailed: `path` leads out of the workspace.
    """
    return (_resolved(context, path)[1],) if path else ()


def _resolved(context: ToolContext, path: str) -> tuple[str, str]:
    try:
        target = context.files.resolve(plain(path, "path"))
    except PathRefused as error:
        raise GitFailed(str(error), "path_refused") from error
    try:
        return target.path, target.spelled
    finally:
        target.close()


def told(text: str, **facts: object) -> Observation:
    """Make the observation of a git command that worked."""
    metadata: JsonObject = dict(facts)
    return Observation(text, metadata=metadata)
