"""
For every check of the conformance suite, a memory store that breaks just that promise.

Each is the store in the process, which keeps them all, but for one change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from a3s_code.errors import StoreError
from a3s_code.kernel.memory import DEFAULT_RELEVANCE, MemoryItem, Pruning, Relevance
from a3s_code.persistence.memories.in_process import InMemoryStore
from a3s_code.testing import MemoryCheck, MemoryFactory
from a3s_code.testing import memory_conformance as suite

R = DEFAULT_RELEVANCE


class ForgetsWhereItComesFrom(InMemoryStore):
    async def store(self, item: MemoryItem) -> None:
        await super().store(msgspec.structs.replace(item, provenance=suite.Provenance()))


class MakesItemsOfAccesses(InMemoryStore):
    async def record_access(self, item_ids: Sequence[str], at_ns: int) -> None:
        for item_id in item_ids:
            if await self.retrieve(item_id) is None:
                await self.store(MemoryItem(id=item_id, content="", timestamp_ns=at_ns))
        await super().record_access(item_ids, at_ns)


class KeepsTheFirst(InMemoryStore):
    async def store(self, item: MemoryItem) -> None:
        if await self.retrieve(item.id) is None:
            await super().store(item)


class FindsWholeWordsOnly(InMemoryStore):
    async def search(self, query: str, limit: int, relevance: Relevance = R) -> list[MemoryItem]:
        found = await super().search(query, limit, relevance)
        words = query.lower().split()
        return [it for it in found if set(words) & set(it.content.lower().split()) or not words]


class KnowsAsciiOnly(InMemoryStore):
    async def search(self, query: str, limit: int, relevance: Relevance = R) -> list[MemoryItem]:
        return list(await super().search(query, limit, relevance)) if query.isascii() else []


class WantsOneWord(InMemoryStore):
    async def search(self, query: str, limit: int, relevance: Relevance = R) -> list[MemoryItem]:
        words = query.split() or [query]
        return list(await super().search(words[-1], limit, relevance))


class RanksByAge(InMemoryStore):
    async def search(self, query: str, limit: int, relevance: Relevance = R) -> list[MemoryItem]:
        found = await super().search(query, 1_000, relevance)
        if " " in query:
            return list(found[:limit])
        return sorted(found, key=lambda it: -it.timestamp_ns)[: max(0, limit)]


class FindsNothingForNothing(InMemoryStore):
    async def search(self, query: str, limit: int, relevance: Relevance = R) -> list[MemoryItem]:
        return list(await super().search(query, limit, relevance)) if query else []


class GivesOneAtLeast(InMemoryStore):
    async def get_recent(self, limit: int) -> Sequence[MemoryItem]:
        return await super().get_recent(max(1, limit))


class WantsAllTags(InMemoryStore):
    async def search_by_tags(
        self, tags: Sequence[str], limit: int, relevance: Relevance = R
    ) -> list[MemoryItem]:
        found = await super().search_by_tags(tags, limit, relevance)
        return [it for it in found if set(tags) <= set(it.tags)]


class GivesTheOldest(InMemoryStore):
    async def get_recent(self, limit: int) -> list[MemoryItem]:
        return list(await super().get_recent(1_000))[::-1][: max(0, limit)]


class MixesTheImportant(InMemoryStore):
    async def get_important(self, threshold: float, limit: int) -> list[MemoryItem]:
        return list(await super().get_important(threshold, 1_000))[::-1][: max(0, limit)]


class CountsOneAccess(InMemoryStore):
    async def record_access(self, item_ids: Sequence[str], at_ns: int) -> None:
        fresh = [i for i in item_ids if (it := await self.retrieve(i)) and not it.access_count]
        await super().record_access(fresh, at_ns)


class StillFindsTheDeleted(InMemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.before: list[MemoryItem] = []

    async def delete(self, item_id: str) -> bool:
        self.before = list(await super().get_recent(9))
        return await super().delete(item_id)

    async def get_recent(self, limit: int) -> Sequence[MemoryItem]:
        return self.before[:limit] or await super().get_recent(limit)


class DoesNotCountTheCleared(InMemoryStore):
    async def clear(self) -> int:
        await super().clear()
        return 0


class PrunesByAgeAlone(InMemoryStore):
    async def prune(self, pruning: Pruning, relevance: Relevance = R) -> int:
        by_age = msgspec.structs.replace(pruning, min_importance_to_keep=1.1)
        return await super().prune(by_age, relevance)


class KnowsNoCap(InMemoryStore):
    async def prune(self, pruning: Pruning, relevance: Relevance = R) -> int:
        return await super().prune(msgspec.structs.replace(pruning, max_items=0), relevance)


class TakesItemsAfterItsEnd(InMemoryStore):
    async def store(self, item: MemoryItem) -> None:
        try:
            await super().store(item)
        except StoreError:
            return


class SharesEverything(InMemoryStore):
    shared: ClassVar[dict[str, MemoryItem]] = {}

    def __init__(self) -> None:
        super().__init__()
        self._items = self.shared


class GivesTheFirstOfMany(InMemoryStore):
    async def search(self, query: str, limit: int, relevance: Relevance = R) -> list[MemoryItem]:
        found = await super().search(query, 1_000, relevance)
        return sorted(found, key=lambda it: it.id)[:limit] if len(found) > 50 else found[:limit]


class PromisesMuch(InMemoryStore):
    @property
    def durability(self) -> str:
        return "forever"


class GivesOutItsOwnMapping(InMemoryStore):
    async def store(self, item: MemoryItem) -> None:
        await super().store(item)
        self._items[item.id] = item  # with the mapping of whoever gave it


BROKEN: Mapping[MemoryCheck, MemoryFactory] = {
    suite.every_value_of_an_item_comes_back: ForgetsWhereItComesFrom,
    suite.an_unknown_id_is_none: MakesItemsOfAccesses,
    suite.an_item_of_the_same_id_takes_the_place_of_the_first: KeepsTheFirst,
    suite.a_word_is_found_wherever_it_stands: FindsWholeWordsOnly,
    suite.words_of_every_script_are_found: KnowsAsciiOnly,
    suite.what_holds_all_words_comes_first: WantsOneWord,
    suite.equals_are_in_the_order_of_their_rank: RanksByAge,
    suite.an_empty_question_fits_everything: FindsNothingForNothing,
    suite.limits_below_one_give_nothing: GivesOneAtLeast,
    suite.tags_are_compared_as_they_are: WantsAllTags,
    suite.the_newest_come_first: GivesTheOldest,
    suite.the_most_important_come_first: MixesTheImportant,
    suite.accesses_are_counted: CountsOneAccess,
    suite.what_was_deleted_is_gone: StillFindsTheDeleted,
    suite.clearing_forgets_all_and_says_how_many: DoesNotCountTheCleared,
    suite.pruning_forgets_the_old_that_are_not_important: PrunesByAgeAlone,
    suite.pruning_keeps_as_many_as_it_may_by_rank: KnowsNoCap,
    suite.after_close_everything_raises: TakesItemsAfterItsEnd,
    suite.stores_share_nothing: SharesEverything,
    suite.many_items_are_ranked_as_few_are: GivesTheFirstOfMany,
    suite.durability_is_one_that_is_known: PromisesMuch,
    suite.an_item_is_not_changed_by_its_owner: GivesOutItsOwnMapping,
}
