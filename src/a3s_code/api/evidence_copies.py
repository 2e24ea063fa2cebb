"""Copies of the files of a workspace outside of it, and checks that run in them."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from a3s_code.api.verification_runs import Workshop, WorkspaceGround
from a3s_code.errors import WorkspaceError
from a3s_code.harness.verification.base_run import Copies, asked, is_test, judged
from a3s_code.harness.verification.checks import Done
from a3s_code.harness.verification.commands import CheckCommand
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.ports import Authority, Sink
from a3s_code.kernel.snapshots import Snapshots
from a3s_code.kernel.space import Space
from a3s_code.kernel.tool import kind_of
from a3s_code.kernel.verification import Check, Ran, Report

SpaceAt: TypeAlias = Callable[[str], Space]
"""Gives what programs of a session may use in a directory, held as in its workspace."""

NO_PLACE = "the commands of this session run in a system of their own"


@dataclass(slots=True)
class CopyRuns:
    """
    Runs the checks of one run of a session without its change.

    Attributes:
        space_at: None where its commands cannot run in a copy.
        timeouts: Milliseconds that a check may take, by its id.
    """

    session: Workshop
    executor: Executor
    sink: Sink
    space_at: SpaceAt | None
    timeouts: Mapping[str, int | None] = field(default_factory=dict[str, "int | None"])
    _known: dict[tuple[str, str, str], Copies] = field(
        default_factory=dict[tuple[str, str, str], Copies]
    )

    async def judge(self, report: Report, base: str, now: str) -> Report:
        """
        Say of each required check that passed whether it fails without the change.

        Args:
            base, now: Trees; empty when nobody can tell.

        Raises:
            StoreError: it could not be recorded; nothing ran.
        """
        passed = asked(report)
        if not base or not now:
            lost = Copies(why="nobody can tell what the files were, or are")
            return judged(report, {check.id: lost for check in passed})
        if self.space_at is None:
            return judged(report, {check.id: Copies(why=NO_PLACE) for check in passed})
        try:
            mixed = await self._with_tests(base, now)
            copies = {check.id: await self._run(check, mixed, now) for check in passed}
        except (WorkspaceError, OSError) as error:
            failed = Copies(why=f"the files could not be copied: {error}")
            copies = {check.id: failed for check in passed}
        return judged(report, copies)

    async def _with_tests(self, base: str, now: str) -> str:
        """Give the files from before with the tests of now."""
        snapshots = self.session.checkpoints.snapshots
        changed = await snapshots.changed(base, now)
        return await snapshots.with_paths(base, now, [path for path in changed if is_test(path)])

    async def _run(self, check: Check, mixed: str, now: str) -> Copies:
        assert check.ran is not None
        key = check.ran.command, mixed, now
        if key not in self._known:
            timeout_ms = self.timeouts.get(check.id)
            command = CheckCommand(id=check.id, command=check.ran.command, timeout_ms=timeout_ms)
            base = await self._in_copy(command, mixed)
            failed = base.exit_code not in {None, 0}
            control = await self._in_copy(command, now) if failed else None
            self._known[key] = Copies(base, control)
        return self._known[key]

    async def _in_copy(self, command: CheckCommand, tree: str) -> Ran:
        assert self.space_at is not None
        async with copied(self.session.checkpoints.snapshots, tree) as directory:
            space = await asyncio.to_thread(self.space_at, directory)
            space = replace(space, exits=self.executor.space.exits)
            executor = replace(self.executor, space=space, before_effect=None)
            ground = WorkspaceGround(self.session, self.sink, executor, Authority.SESSION)
            done = await ground.run(command)
        return Ran(
            command=done.command,
            exit_code=_exit_code(done),
            tree=tree,
            tree_after=tree,
            output_uri=done.output_uri,
            duration_ms=done.duration_ms,
        )


def _exit_code(done: Done) -> int | None:
    """Give the status of a command that came to its end."""
    if kind_of(done.observed.error_kind) == "timeout":
        return None
    return (done.observed.metadata or {}).get("exit_code")


@asynccontextmanager
async def copied(snapshots: Snapshots, tree: str) -> AsyncGenerator[str]:
    """Write a tree into a new directory of the system's temporary one, which goes in the end."""
    outer = await asyncio.to_thread(tempfile.mkdtemp, prefix="a3s-code-")
    try:
        await asyncio.to_thread(os.chmod, outer, 0o711)  # programs may have other rights
        directory = str(Path(outer) / "files")
        await snapshots.export(tree, directory)
        yield directory
    finally:
        await asyncio.to_thread(shutil.rmtree, outer, ignore_errors=True)
