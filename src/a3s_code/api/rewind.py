"""
A session goes back to a checkpoint: its files, its conversation, or both.

What was there before is a checkpoint of its own, so going back can be undone.
"""

from __future__ import annotations

from typing import Protocol

from a3s_code.api.checkpoints import Checkpoints, rewinding
from a3s_code.api.outlet import Outlet
from a3s_code.errors import A3SError, WorkspaceError
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.ports import Authority
from a3s_code.kernel.records import HistoryReplaced, RewindBegun, Rewound
from a3s_code.kernel.snapshots import Restored
from a3s_code.kernel.state import Checkpoint, checkpoint_id


class Awake(Protocol):
    """What going back uses of the session."""

    @property
    def executor(self) -> Executor: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    def outlet(self) -> Outlet: ...
    def new_id(self, prefix: str, /) -> str: ...


class Rewind:
    """Made for one way back, and used once, in the session's turn."""

    __slots__ = ("_place", "_session", "_sink")

    def __init__(self, session: Awake, place: Checkpoint) -> None:
        self._session, self._place = session, place
        self._sink = session.outlet()

    async def conduct(self, *, files: bool, chat: bool) -> JsonObject:
        """
        Go back, and say what was done.

        Raises:
            SnapshotLost, SnapshotRefused: nobody can tell what the files were, or they
                cannot be taken; nothing went back.
            WorkspaceError: they could not all be written. Some may have gone back; the
                checkpoint before this is listed.
            StoreError: it could not be made durable.
        """
        log, to = self._session.checkpoints.log, self._place.sequence
        undo, messages = len(log.records), len(log.state.conversation)
        tree, done = await self._files(undo, messages) if files else ("", None)
        if chat:
            then = self._session.checkpoints.state_at(to)
            messages_then = then.conversation.messages
            self._sink.emit(
                HistoryReplaced(messages=messages_then, reason="rewind", tasks=then.tasks)
            )
        self._sink.emit(Rewound(to=to, undo=undo, messages=messages, tree=tree, chat=chat))
        await self._sink.barrier()
        return {
            "checkpoint": self._place.id,
            "undo": checkpoint_id(undo),
            "tree": tree or None,
            "written": list(done.written) if done else [],
            "removed": list(done.removed) if done else [],
            "left": {left.path: left.reason for left in done.left} if done else {},
        }

    async def _files(self, undo: int, messages: int) -> tuple[str, Restored]:
        """
        Make the workspace what it was; what it is now is taken first.

        The way back is durable before anything is changed, so it is there also when this
        does not come to its end.
        """
        checkpoints = self._session.checkpoints
        await checkpoints.take("rewind", self._sink)
        tree = await checkpoints.tree_at(self._place, self._sink, "rewind")
        self._sink.emit(RewindBegun(to=self._place.sequence, undo=undo, messages=messages))
        done: list[Restored | A3SError] = []
        own = rewinding(checkpoints.snapshots, done)
        args: JsonObject = {"checkpoint": self._place.id, "tree": tree}
        call = ToolCall(self._session.new_id("call"), own.name, args)
        told = await self._session.executor.call(call, Authority.HOST, self._sink, own)
        if not done:
            raise WorkspaceError(told.text)
        if isinstance(done[0], A3SError):
            raise done[0]
        return tree, done[0]
