"""The evidence of a run that a store keeps, without waking its session."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from a3s_code.api.evidence_trees import Comparison, marked
from a3s_code.api.recorded import Recorded
from a3s_code.api.stored_run import find_run
from a3s_code.api.stores import bodies_of, decoded
from a3s_code.api.trees import snapshots_beside
from a3s_code.errors import StoreError, WorkspaceError
from a3s_code.harness.verification.evidence import (
    LogHead,
    Now,
    Reach,
    RunEvidence,
    evidence_of,
    reach_of,
)
from a3s_code.kernel.fold import fold
from a3s_code.kernel.records import emptied
from a3s_code.kernel.snapshots import Snapshots
from a3s_code.kernel.state import SessionState
from a3s_code.kernel.store import Store


async def stored_evidence(
    store: Store, run: str, session: str | None = None, workspace: str | None = None
) -> RunEvidence:
    """
    Say what can be shown for a run; its records are only read, and the files of now are taken.

    Args:
        session: Whose run it is; every session of the store is searched without it.
        workspace: Where the files are now; None = where the session worked.

    Raises:
        InvalidValue: the store has no such run.
        SessionNotFound: the store has no such session.
        StoreError: the session is damaged, or cannot be read.
    """
    name = (await find_run(store, run, session)).session
    bodies = await bodies_of(store, name)
    records = [decoded(body) if body else emptied(at) for at, (body, _) in enumerate(bodies)]
    state = fold(records)
    reach = reach_of(state, records.__getitem__, run)
    opened = state.opened
    if opened is None:
        raise StoreError(f"The log of session {name!r} does not say how it was opened.")
    now = await _now(store, state, reach, workspace or opened.workspace)
    return evidence_of(state, reach, now, LogHead(len(bodies), bodies[-1][1].hex()))


async def _now(store: Store, state: SessionState, reach: Reach, root: str) -> Now:
    async with _trees(store, state, root) as (kept, place):
        comparison = Comparison(kept)
        trail = await comparison.trail(state)
        first, last = reach.trees(state)
        by_commands = await comparison.between(first, last) if first else None
        if not os.path.isdir(root):  # noqa: ASYNC240, PTH112 - one look at the system
            return Now("", trail, by_commands, trouble=f"There is no directory {root}.")
        try:
            taken = await place.tree()
            tree = await marked(taken.id, state, kept, place)
        except WorkspaceError as error:
            return Now("", trail, by_commands, trouble=error.message)
    skipped = tuple(left.path for left in taken.skipped)
    return Now(tree, trail, by_commands, skipped)


@asynccontextmanager
async def _trees(
    store: Store, state: SessionState, root: str
) -> AsyncGenerator[tuple[Snapshots | None, Snapshots]]:
    """
    Give the trees that were kept of the workspace, and what takes the files of `root`.

    A workspace elsewhere than it was is taken into a place of its own, and so is one of which
    no tree was kept: a tree has the same id wherever it is.
    """
    assert state.opened is not None
    memory = Recorded.read(state.opened.settings).memory_dir
    kept = snapshots_beside(store, state.opened.workspace, memory)
    if kept is not None and root == state.opened.workspace:
        yield kept, kept
        return
    with tempfile.TemporaryDirectory(prefix="a3s-code-") as scratch:
        here = snapshots_beside(store, root, memory, Path(scratch))
        assert here is not None
        yield kept, here
