"""
Where sessions work: their directories, the programs in them, and the trees kept of them.

The part of the composition root that knows the workspace adapters. One for all sessions of
an agent; what it opens for them, `close` gives back.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from a3s_code.api.command_env import NO_COMMAND_ENV, CommandEnv
from a3s_code.api.confined import Confine, Held, held
from a3s_code.api.memories import Memories
from a3s_code.api.settings import Opening, Settings
from a3s_code.api.stores import Stores, own_files, place_of
from a3s_code.errors import CapabilityMissing, InvalidValue
from a3s_code.harness.verification.base_run import DEPENDENCIES
from a3s_code.kernel.records import SessionOpened
from a3s_code.kernel.store import Store

if TYPE_CHECKING:
    from a3s_code.kernel.confinement import Confinement
    from a3s_code.kernel.ports import ExitRecords
    from a3s_code.kernel.snapshots import Snapshots
    from a3s_code.kernel.space import Space
    from a3s_code.kernel.workspace import Files, Processes
    from a3s_code.kernel.worktrees import Worktrees
    from a3s_code.workspace.guard import Guard
    from a3s_code.workspace.shells import Shells
    from a3s_code.workspace.spares import Spares


class Workplaces:
    """
    The directories that an agent's sessions work in, and what they share to do so.

    Args:
        stores: Where the sessions are kept, which no program of theirs may change.
    """

    __slots__ = ("_guard", "_memories", "_scratch", "_shells", "_spares", "_stores")

    def __init__(self, stores: Stores, memories: Memories) -> None:
        self._stores, self._memories = stores, memories
        self._guard: Guard | None = None
        self._shells: Shells | None = None
        self._scratch: Path | None = None
        self._spares: dict[str, Spares] = {}

    def check(self, settings: Settings, root: str) -> None:
        """
        See that commands can run as a session asks for.

        Raises:
            SandboxUnavailable: the sandbox that was asked for does not work here.
        """
        safety = settings.safety
        if safety.sandbox is not None:
            self._confine(settings)(safety.sandbox, root)
        if safety.elsewhere is not None:
            self._all_shells().check(safety.elsewhere, root, self._own_places(settings))

    def has_sandbox(self, settings: Settings, root: str) -> bool:
        """Whether the session asked for a sandbox, and got one that confines."""
        safety = settings.safety
        if safety.sandbox is None:
            return False
        return (
            safety.elsewhere is not None or self._confine(settings)(safety.sandbox, root).confines
        )

    def holding(self, opening: Opening, before: SessionOpened | None = None) -> Held:
        """
        Say how the programs of a session are held; see `confined.held`.

        Raises:
            SandboxUnavailable: what it asked for, or had before, does not work here.
        """
        return held(opening, before, self._confine(opening.settings))

    def try_levels(self, opening: Opening, before: SessionOpened | None) -> None:
        """
        Find out what works here, which starts programs and waits for them; it is known then.

        Raises:
            SandboxUnavailable: as `holding`.
        """
        self.holding(opening, before)
        settings = opening.settings
        if settings.safety.elsewhere is not None:
            own = self._own_places(settings)
            self._all_shells().check(settings.safety.elsewhere, opening.workspace, own)

    def space(self, opening: Opening, store: Store | None, holding: Held) -> Space:
        """Give all that the tools of a session may use; nothing is opened yet."""
        guard, root = self._programs_guard(), opening.workspace
        exits = _exit_records(store, opening.session_id)
        space = local_space(root, guard, exits, opening.settings.command_env, holding)
        elsewhere = opening.settings.safety.elsewhere
        if elsewhere is None:
            return space
        own = self._own_places(opening.settings)
        return replace(space, shell=self._all_shells().open(elsewhere, root, guard, own))

    def space_of_copy(self, opening: Opening, directory: str) -> Space:
        """
        Give what programs of a session may use in a copy of its files, held as in its workspace.

        Where they can write nothing outside of the copy, it gets links to the dependencies that
        lie in the root of the workspace. Blocks on the disk.

        Raises:
            SandboxUnavailable: as `holding`.
        """
        from a3s_code.workspace.copies import link_dependencies

        space = self.space_apart(opening, directory)
        if self.holding(replace(opening, workspace=directory)).model.confines:
            link_dependencies(directory, opening.workspace, DEPENDENCIES)
        return space

    def space_apart(self, opening: Opening, directory: str) -> Space:
        """
        Give what tools of a session may use in another directory, held as in its workspace.

        Raises:
            SandboxUnavailable: as `holding`.
        """
        holding = self.holding(replace(opening, workspace=directory))
        only = replace(holding, direct=holding.model)
        env = opening.settings.command_env
        return local_space(directory, self._programs_guard(), None, env, only)

    def worktrees(self, opening: Opening, snapshots: Snapshots, *, is_durable: bool) -> Worktrees:
        """Give the copies of a workspace that children work in; none is made yet."""
        from a3s_code.workspace.snapshots import ShadowGit
        from a3s_code.workspace.spares import Spares
        from a3s_code.workspace.worktrees import LocalWorktrees

        assert isinstance(snapshots, ShadowGit)  # as `snapshots` gives them
        return LocalWorktrees(
            opening.workspace,
            snapshots.objects,
            is_durable=is_durable,
            guard=self._programs_guard(),
            spares=self._spares.setdefault(snapshots.objects.directory, Spares()),
        )

    def host_programs(self) -> Processes:
        """Give what runs programs of the host: nowhere near the files of a workspace."""
        from a3s_code.workspace.processes import LocalProcesses

        return LocalProcesses("/", guard=self._programs_guard())

    async def server_place(self, opening: Opening) -> tuple[Processes, Confinement]:
        """
        Give where language servers of a session run, and how they are held.

        As the strongest level that works here holds them, or the one that the session asked
        for; without a network, and reading the workspace only, where the level holds that.

        Raises:
            SandboxUnavailable: the level that was asked for does not work here any more.
        """
        from asyncio import to_thread

        from a3s_code.workspace.processes import LocalProcesses

        held = await to_thread(self._server_confinement, opening)
        return LocalProcesses(opening.workspace, guard=self._programs_guard(), held=held), held

    def _server_confinement(self, opening: Opening) -> Confinement:
        from msgspec.structs import replace as changed

        from a3s_code.kernel.confinement import SandboxLimits, SandboxNetwork, SandboxPolicy

        asked = opening.settings.safety.sandbox or SandboxPolicy(level="auto")
        policy = changed(
            asked, network=SandboxNetwork(), write=(), limits=SandboxLimits(processes=None)
        )
        return changed(self._confine(opening.settings)(policy, opening.workspace), read_only=True)

    def snapshots(self, store: Store | None, root: str) -> Snapshots:
        """
        Keep trees of a workspace beside its records, or for as long as this agent is open.

        Those of sessions without a directory are in the system's temporary one, under
        `a3s-code-*`, for its owner alone; `close` removes them. When the process is killed
        they stay there.
        """
        from a3s_code.api.trees import shadow_directory
        from a3s_code.workspace.snapshots import ShadowGit

        place = place_of(store)
        if place is None:
            place = self._scratch = self._scratch or Path(tempfile.mkdtemp(prefix="a3s-code-"))
        shadow = shadow_directory(place, root)
        return ShadowGit(
            root,
            shadow,
            never=[*own_files(place), *self._memories.own_files],
            guard=self._programs_guard(),
        )

    async def close(self) -> None:
        """End what was shared; the sessions must be closed before."""
        if self._guard is not None:
            self._guard.close()
        for spares in self._spares.values():
            await _aside(spares.close)
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            await _aside(partial(shutil.rmtree, scratch, ignore_errors=True))
        if self._shells is not None:
            await _aside(self._shells.close)

    def _programs_guard(self) -> Guard:
        from a3s_code.workspace.guard import Guard

        self._guard = self._guard or Guard()
        return self._guard

    def _all_shells(self) -> Shells:
        from a3s_code.workspace.shells import Shells

        self._shells = self._shells or Shells()
        return self._shells

    def _confine(self, settings: Settings) -> Confine:
        from a3s_code.workspace.sandbox.levels import confine

        return partial(confine, own=self._own_places(settings))

    def _own_places(self, settings: Settings) -> tuple[str, ...]:
        """Give the directory of a session's store, which no program of it may change."""
        place = place_of(self._stores.own(settings))
        return () if place is None else (str(place),)


def files_of(directory: str) -> Files:
    """Give the files of a directory of the host, read as those of a workspace are."""
    from a3s_code.workspace.local import LocalFiles

    return LocalFiles(directory)


def local_space(
    root: str,
    guard: Guard | None = None,
    exits: ExitRecords | None = None,
    command_env: CommandEnv = NO_COMMAND_ENV,
    holding: Held | None = None,
) -> Space:
    """
    Give all that tools may use of a local directory; nothing is opened yet.

    Args:
        guard: Ends its programs with this process; without one they outlive `kill -9`.
        exits: Where commands leave their exit status.
        command_env: Added to the environment of commands.
        holding: How its programs are confined; None for `hygiene`.
    """
    from a3s_code.kernel.confinement import HYGIENE
    from a3s_code.kernel.space import Space
    from a3s_code.workspace.local import LocalFiles
    from a3s_code.workspace.processes import LocalProcesses
    from a3s_code.workspace.search import LocalSearch

    files = LocalFiles(root)

    def space(by: Confinement, direct: Space | None = None) -> Space:
        processes = LocalProcesses(root, guard=guard, held=by, command_env=command_env)
        return Space(root, files, LocalSearch(files, processes), processes, exits, direct)

    if holding is None or holding.model == holding.direct:
        return space(holding.model if holding is not None else HYGIENE)
    return space(holding.model, space(holding.direct))


def root_of(workspace: str, backend: object) -> str:
    """
    Give the directory that a session works in, absolute, with its links as they were given.

    Raises:
        InvalidValue: `workspace` is no path.
        CapabilityMissing: this build cannot work in such a backend.
    """
    if backend is None:
        if "://" in workspace or "\0" in workspace:
            raise InvalidValue(
                f"{workspace!r} is no directory.", hint="give a path, or set workspace_backend"
            )
        return os.path.abspath(workspace)  # noqa: PTH100 - keeps links
    from a3s_code.workspace.backend import LocalWorkspaceBackend

    if not isinstance(backend, LocalWorkspaceBackend):
        kind = type(backend).__name__
        raise CapabilityMissing(
            f"This build cannot work in a {kind}.", hint="use LocalWorkspaceBackend(root)"
        )
    return os.path.abspath(backend.root)  # noqa: PTH100 - as above


def directory_of(workspace: str, backend: object) -> str:
    """
    Give `root_of` where there is a directory; a link to one will do.

    Raises:
        InvalidValue, CapabilityMissing: as `root_of`, or there is no directory.
    """
    root = root_of(workspace, backend)
    if not os.path.isdir(root):  # noqa: PTH112 - as `root_of`
        what = "is no directory" if os.path.lexists(root) else "does not exist"
        raise InvalidValue(
            f"The workspace {root!r} {what}.", hint="create the directory, or name another one"
        )
    return root


async def _aside(remove: Callable[[], None]) -> None:
    """Call it in a thread; here when none can begin any more, since the interpreter ends."""
    from asyncio import to_thread

    try:
        await to_thread(remove)
    except RuntimeError:
        remove()  # who removes twice does no harm


def _exit_records(store: Store | None, session_id: str) -> ExitRecords | None:
    """Give a place for exit statuses beside the records; None where those are not on the disk."""
    from a3s_code.workspace.exit_records import ExitRecords

    place = place_of(store)
    return ExitRecords(place / "exits", session_id) if place is not None else None
