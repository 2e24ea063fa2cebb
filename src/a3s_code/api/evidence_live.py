"""The evidence of a session that is awake, on the files as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_code.harness.verification.evidence import (
    LogHead,
    Now,
    Reach,
    RunEvidence,
    evidence_of,
    reach_of,
)
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.records import SnapshotTaken

if TYPE_CHECKING:  # the engine has this module's trees
    from a3s_code.api.engine import Engine


async def evidence_now(engine: Engine, run_id: str | None) -> RunEvidence:
    """
    See `SessionEvidence.evidence`.

    Raises:
        InvalidValue, StoreError: as it says.
    """
    log = engine.log
    reach = reach_of(log.state, log.at, run_id)
    sink = engine.outlet()
    now = await _now(engine, reach, sink)
    await sink.barrier()
    head = await log.head()
    return evidence_of(log.state, reach, now, LogHead(*head) if head is not None else None)


async def _now(engine: Engine, reach: Reach, sink: Sink) -> Now:
    trees, state = engine.evidence, engine.log.state
    first, last = reach.trees(state)
    files = await trees.take(sink)
    taken = engine.log.at(state.snapshots[-1][0]).event if files.tree else None
    return Now(
        tree=files.tree,
        trail=await trees.comparison.trail(state),
        by_commands=await trees.comparison.between(first, last) if first else None,
        not_covered=taken.skipped if isinstance(taken, SnapshotTaken) else (),
        trouble=files.trouble,
    )
