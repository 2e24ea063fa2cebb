"""The context of one run: gathered once for its prompt, and after the calls of each turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from a3s_code.api.receipts import Shown
from a3s_code.harness.context import (
    BESIDE,
    NOTHING,
    Assembled,
    Budget,
    ContextSources,
    Offer,
    assemble,
    render,
)
from a3s_code.harness.hooks.run_hooks import RunHooks
from a3s_code.harness.prompt import PromptPart
from a3s_code.harness.reader import Reader
from a3s_code.kernel.context import ContextItem, ContextProvider, ContextQuery
from a3s_code.kernel.events import ContextLeftOut, ContextResolved, ContextResolving
from a3s_code.kernel.messages import ContextText, Conversation, ToolCall, ToolResult
from a3s_code.kernel.ports import Sink


class Present:
    """What context a conversation has, however often it is gone through."""

    __slots__ = ("_conversation", "_found", "_read")

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._found: list[ContextText] = []
        self._read = Reader()

    def __iter__(self) -> Iterator[ContextText]:
        messages = self._conversation.messages
        new = self._read.news(messages)
        if new is None:
            self._found.clear()
            new = messages
        for message in new:
            if message.role != "assistant":
                self._found += message.context
        return iter(tuple(self._found))


class RunContext:
    """
    Made for one run.

    Attributes:
        standing: What is in force in this run; None until it was asked for.
    """

    __slots__ = ("_hooks", "_left", "_present", "_sink", "_sources", "_system", "standing")

    def __init__(
        self, sources: ContextSources, hooks: RunHooks, sink: Sink, conversation: Conversation
    ) -> None:
        self._sources, self._hooks, self._sink = sources, hooks, sink
        self._present = Present(conversation)
        self._system = ""
        self._left: tuple[ContextLeftOut, ...] = ()
        self.standing: Assembled | None = None

    def ask_also(self, provider: ContextProvider) -> None:
        """Ask one more provider in this run, before the others."""
        providers = (provider, *self._sources.providers)
        self._sources = replace(self._sources, providers=providers)

    async def gather(self, prompt: str, session_id: str) -> tuple[ContextText, ...]:
        """Give what stands in front of the words of the user, and find what is in force."""
        found = NOTHING

        async def both() -> tuple[ContextText, ...]:
            nonlocal found
            found = await self._resolve(ContextQuery(query=prompt, session_id=session_id))
            standing = self.standing.items if self.standing is not None else ()
            return (*standing, *found.items)

        await self._hooks.perceive(both)
        return found.items

    async def _resolve(self, query: ContextQuery) -> Assembled:
        self.standing = standing = await self._sources.stand()
        names = [each.name for each in self._sources.providers]
        if not names and not standing:
            return NOTHING
        sources = (item.source for item in standing.items)
        self._sink.emit(ContextResolving(providers=(*sources, *names)))
        found = await self._sources.for_run(query, self._present)
        self._resolved(standing, found)
        return found

    async def system(self, prompt: str) -> str:
        """Give the system prompt of this run; every turn has the same."""
        if self.standing is None:  # a run that goes on was not asked about a prompt
            await self._hooks.perceive(self._stand)
        if not self._system:
            self._system = render(prompt, self.standing.items if self.standing is not None else ())
        return self._system

    async def _stand(self) -> tuple[ContextText, ...]:
        self.standing = await self._sources.stand()
        self._left += self.standing.left_out
        return self.standing.items

    async def attend(
        self, calls: Sequence[ToolCall], results: Sequence[ToolResult]
    ) -> tuple[ContextText, ...]:
        """Give what is shown behind the results of a turn."""
        found = await self._sources.for_calls(calls, results, self._present)
        if found:
            names = tuple(each.name for each in self._sources.companions)
            self._sink.emit(ContextResolving(providers=names))
            self._resolved(found)
        return found.items

    def enter(self, name: str, items: Sequence[ContextItem]) -> tuple[ContextText, ...]:
        """Give what may enter of the items of a source that nobody asks, and tell of it."""
        found = self._assembled(name, items, BESIDE)
        self._sink.emit(ContextResolving(providers=(name,)))
        self._resolved(found)
        return found.items

    def note(
        self, name: str, items: Sequence[ContextItem], budget: Budget
    ) -> tuple[ContextText, ...]:
        """Give what may enter of what the harness notes; the next receipt says what did not."""
        found = self._assembled(name, items, budget)
        self._left += found.left_out
        return found.items

    def _assembled(self, name: str, items: Sequence[ContextItem], budget: Budget) -> Assembled:
        return assemble([Offer(name, items)], budget, ranked=False, redact=self._sources.redact)

    def shown(self, prompt: tuple[PromptPart, ...]) -> Shown:
        """Say what the next request shows beside the conversation, for its receipt."""
        left, self._left = self._left, ()
        return Shown(prompt, self.standing.items if self.standing is not None else (), left)

    def _resolved(self, *parts: Assembled) -> None:
        left = tuple(left for part in parts for left in part.left_out)
        self._left += left
        self._sink.emit(
            ContextResolved(
                total_items=sum(len(part.items) for part in parts),
                total_tokens=sum(part.tokens for part in parts),
                left_out=left,
            )
        )
