"""The workspace of a session, for children that get a copy of it, and what is left of copies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from a3s_code.api.workplaces import files_of
from a3s_code.errors import A3SError
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.records import EffectSettled, WorktreeEnded, WorktreeMade
from a3s_code.kernel.settlement import CUT_OFF, Found, Sight, settlement
from a3s_code.kernel.space import Space
from a3s_code.kernel.tool import Effect

if TYPE_CHECKING:
    from a3s_code.api.checkpoints import Checkpoints
    from a3s_code.delegation.isolation import Ground
    from a3s_code.kernel.executor import Executor
    from a3s_code.kernel.ports import Sink
    from a3s_code.kernel.snapshots import Snapshots
    from a3s_code.kernel.state import OpenEffect
    from a3s_code.kernel.worktrees import Worktrees

GONE = "the process ended before it was merged"
LOST = "the process ended before it was recorded what became of it"


class SessionGround:
    """
    Gives the ground of a session, the same whenever it is asked.

    Args:
        open_worktrees: Called when the first copy is made.
        space_at: As of `Ground`.
    """

    __slots__ = ("_checkpoints", "_ground", "_open", "_space_at")

    def __init__(
        self,
        checkpoints: Checkpoints,
        open_worktrees: Callable[[Snapshots], Worktrees],
        space_at: Callable[[str], Space],
    ) -> None:
        self._checkpoints, self._open, self._space_at = checkpoints, open_worktrees, space_at
        self._ground: Ground | None = None

    def __call__(self) -> Ground:
        if self._ground is None:
            from a3s_code.delegation.isolation import Ground

            checkpoints = self._checkpoints
            self._ground = Ground(
                self._open(checkpoints.snapshots),
                checkpoints.take,
                checkpoints.keep,
                self._space_at,
            )
        return self._ground


async def settled(effect: OpenEffect, executor: Executor, sink: Sink) -> Found:
    """Say what became of an effect, where it was; see `settlement`."""
    intended = effect.intended
    apart = intended.apart
    if apart:
        if intended.effect == Effect.WRITE.value and not await asyncio.to_thread(_is_there, apart):
            return (_unknowable(intended.call_id),)
        space = Space(apart, files_of(apart), exits=executor.space.exits, is_apart=True)
        executor = replace(executor, space=space)
    call = ToolCall(intended.call_id, intended.tool, {})
    sight = Sight(executor.space, executor.tools, executor.looking(call, sink))
    return await settlement(effect, sight)


def _unknowable(call_id: str) -> EffectSettled:
    evidence = "it was about a copy of the workspace that is gone"
    return EffectSettled(
        call_id=call_id, outcome="interrupted", exit_code=CUT_OFF, evidence=evidence
    )


def _is_there(directory: str) -> bool:
    return Path(directory).is_dir()


async def reclaim(left: list[WorktreeMade], ground: Ground, sink: Sink) -> None:
    """
    Keep what the children of an ended process left in their copies as trees, and remove these.

    A copy that somebody still works in is left alone.

    Raises:
        StoreError: it could not be recorded.
    """
    for made in left:
        if await asyncio.to_thread(ground.worktrees.is_left, made):
            sink.emit(await _reclaimed(made, ground))
    await sink.barrier()


async def _reclaimed(made: WorktreeMade, ground: Ground) -> WorktreeEnded:
    worktrees, tree, status, reason = ground.worktrees, "", "failed", LOST
    if await asyncio.to_thread(_is_there, made.directory):
        reason = GONE
        try:
            tree = (await worktrees.take(made)).tree
            await ground.keep(tree)
        except A3SError as error:  # the directory is all that there is of it
            reason = f"{GONE}, and it stays in {made.directory}: {error.message}"
            return WorktreeEnded(child=made.child, status=status, reason=reason)
        status = "nothing" if tree == made.base else "kept"
    await worktrees.remove(made)
    return WorktreeEnded(child=made.child, status=status, tree=tree, reason=reason)
