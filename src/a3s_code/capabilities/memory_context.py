"""
Memories as context: before a run, what is remembered about the words of the user.

A memory is shown as what it is, a text of somebody else, in marks: it is never the host's word,
and never an instruction. What is too far from the words is not offered at all, and what the
conversation still shows is not offered again.

Source:
    Document 002, "Memory is optional evidence, not automatic prompt stuffing"; SPEC 11.1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from a3s_code.capabilities.memory import AgentMemory, Told
from a3s_code.kernel.context import ContextItem, ContextQuery, Depth, Trust
from a3s_code.kernel.memory import MemoryItem, Relevance
from a3s_code.kernel.words import folded, words

MAX_ITEMS = 5
MIN_RELEVANCE = 0.4
"""Of the words that the question and the item could share, as a share of 1."""
_LOOKED_AT = 4 * MAX_ITEMS
_CHARS: dict[Depth, int] = {"abstract": 400, "overview": 1_600, "full": 16_000}
_COMPARED_CHARS = 1_000
_ASKED_CHARS = 4_000
_TELLING_CHARS = 3

_SAY_NOTHING = frozenset(
    (
        *("about", "all", "also", "and", "any", "are", "but", "can", "could", "did", "does"),
        *("for", "from", "get", "had", "has", "have", "how", "into", "its", "just", "let", "like"),
        *("make", "may", "need", "not", "now", "off", "one", "our", "out", "please", "should"),
        *("some", "than", "that", "the", "their", "them", "then", "there", "these", "they"),
        *("this", "use", "want", "was", "were", "what", "when", "where", "which", "who", "why"),
        *("will", "with", "would", "you", "your"),
        *("success", "failure", "tools", "result", "error"),
    )
)
"""Words that are in every text, and those that our own items begin their lines with."""


@dataclass(frozen=True, slots=True)
class MemoryContextProvider:
    """
    Attributes:
        told: Gives the log of the run that is asked for.
        is_shown: Says of a run of this session whether the conversation still has it.
    """

    memory: AgentMemory
    told: Callable[[], Told]
    is_shown: Callable[[str], bool]

    @property
    def name(self) -> str:
        return "memory"

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        """
        Give at most `MAX_ITEMS` that are about the words of the user.

        Raises:
            MemoryUnavailable: the store cannot be asked.
        """
        if query.context_types and "memory" not in query.context_types:
            return ()
        question = query.query[:_ASKED_CHARS]
        if not _telling(folded(question)):
            return ()
        limit = max(0, min(MAX_ITEMS, query.max_results))

        def choose(found: Sequence[MemoryItem]) -> Sequence[MemoryItem]:
            near = (it for it in found if nearness(question, it.content) >= MIN_RELEVANCE)
            return [item for item in near if self._is_new(item)][:limit]

        found = await self.memory.recall(question, _LOOKED_AT, self.told(), choose)
        return [self._offer(it, nearness(question, it.content), query.depth) for it in found]

    def _is_new(self, item: MemoryItem) -> bool:
        origin = item.provenance
        own = origin.session_id == self.memory.origin.session_id
        return not (own and origin.run_id and self.is_shown(origin.run_id))

    def _trust(self, item: MemoryItem) -> Trust:
        """
        Give `user` for what the host stored, at most, and only where the model could not write it.
        """
        place: object = getattr(self.memory.store, "directory", None)
        root = self.memory.origin.workspace
        is_apart = not (isinstance(place, Path) and root and place.is_relative_to(root))
        return "user" if is_apart and item.provenance.stored_by == "host" else "external"

    def _offer(self, item: MemoryItem, share: float, depth: Depth) -> ContextItem:
        content = self.memory.shown(item.content)
        chars = _CHARS[depth]
        return ContextItem(
            source=f"memory://{item.id}",
            content=content[:chars],
            trust=self._trust(item),
            type="memory",
            why=f"{item.memory_type} memory that shares {share:.0%} of the words",
            relevance=share,
            priority=item.importance,
            freshness=_recency(item, self.memory.limits.relevance),
            partial=len(content) > chars,
            metadata={"timestamp": item.timestamp, "provenance": item.row()["provenance"]},
        )


def nearness(question: str, content: str) -> float:
    """Say which share of the words that two texts could have in common they have, 0 to 1."""
    asked = _telling(folded(question))
    text = folded(content[:_COMPARED_CHARS])
    held = _telling(text)
    most = min(len(asked), len(held))
    return min(1.0, sum(word in text for word in asked) / most) if most else 0.0


def _telling(text: str) -> frozenset[str]:
    """Give the words of a folded text that tell what it is about."""
    told = (it for it in words(text) if len(it) >= _TELLING_CHARS or not it.isascii())
    return frozenset(told) - _SAY_NOTHING


def _recency(item: MemoryItem, relevance: Relevance) -> float:
    only_age = Relevance(decay_days=relevance.decay_days, importance_weight=0.0, recency_weight=1.0)
    return only_age.score(0.0, item.timestamp_ns, time.time_ns())
