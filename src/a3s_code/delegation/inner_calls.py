"""
The calls of a child: each is a call inside the one that started the child.

A model chooses the ids of its calls. The executor, the log and whoever answers questions know
them as `<child>.1`, `<child>.2`, …; the child's model sees its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from a3s_code.delegation.flood import check_calls
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.messages import ContextText, Message, ToolCall, ToolResult
from a3s_code.kernel.ports import Attend, Sink
from a3s_code.kernel.tool import Observation


class InnerCalls:
    """
    The executor, as the loop of a child sees it.

    Args:
        child: Id of the child, which is inside that of the call that started it.
    """

    __slots__ = ("_child", "_executor", "_ids", "_own")

    def __init__(self, executor: Executor, child: str) -> None:
        self._executor, self._child = executor, child
        self._ids: dict[str, str] = {}
        self._own: set[str] = set()

    def named(self, own_id: str) -> str:
        """Give the id that a call of the child's model has in the session."""
        known = self._ids.get(own_id)
        if known is None:
            known = self._ids[own_id] = f"{self._child}.{len(self._ids) + 1}"
            self._own.add(known)
        return known

    def has(self, id_: str) -> bool:
        """Say whether a call of the session is one that the child's model made."""
        return id_ in self._own

    def recorded(self, message: Message) -> Message:
        """Give a message of the child with the ids that its calls have in the session."""
        blocks = tuple(
            replace(block, id=self.named(block.id))
            if isinstance(block, ToolCall)
            else replace(block, tool_use_id=self.named(block.tool_use_id))
            if isinstance(block, ToolResult)
            else block
            for block in message.blocks
        )
        return Message(message.role, blocks)

    async def execute(
        self,
        calls: Sequence[ToolCall],
        sink: Sink,
        *,
        refused: Mapping[str, Observation] | None = None,
        ended: dict[str, ToolResult] | None = None,
    ) -> tuple[ToolResult, ...]:
        """
        Run the calls of one turn; see `Executor.execute`, whose errors these are.

        Raises:
            LimitReached: the child has made too many calls; none of these was run.
        """
        check_calls(self._child, len(self._ids))
        inner = [replace(call, id=self.named(call.id)) for call in calls]
        answers = {self.named(id_): answer for id_, answer in (refused or {}).items()}
        own = {made.id: call.id for made, call in zip(inner, calls, strict=True)}
        found: dict[str, ToolResult] = {}
        try:
            results = await self._executor.execute(inner, sink, refused=answers, ended=found)
        finally:
            if ended is not None:
                ended.update({own[id_]: _for(own[id_], each) for id_, each in found.items()})
        return tuple(_for(own[result.tool_use_id], result) for result in results)

    def attended(self, attend: Attend) -> Attend:
        """Give what attends to the calls of the child, and is told of them as the session is."""

        async def inner(
            calls: Sequence[ToolCall], results: Sequence[ToolResult]
        ) -> tuple[ContextText, ...]:
            known = [replace(call, id=self.named(call.id)) for call in calls]
            return await attend(
                known, [_for(self.named(each.tool_use_id), each) for each in results]
            )

        return inner


def _for(call_id: str, result: ToolResult) -> ToolResult:
    return replace(result, tool_use_id=call_id)
