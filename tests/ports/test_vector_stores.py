from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code import InMemoryVectorStore, InvalidValue, VectorEntry, VectorHit
from a3s_code.kernel.retrieval import Vector
from a3s_code.testing import VECTOR_STORE_CHECKS, VectorStoreCheck, VectorStoreFactory
from a3s_code.testing import vector_store_conformance as suite


@pytest.mark.parametrize("check", VECTOR_STORE_CHECKS, ids=lambda check: check.__name__)
async def test_our_store_keeps_the_promises_of_a_vector_store(check: VectorStoreCheck) -> None:
    await check(InMemoryVectorStore)


@pytest.mark.parametrize("check", VECTOR_STORE_CHECKS, ids=lambda check: check.__name__)
async def test_every_check_notices_a_store_that_breaks_its_promise(
    check: VectorStoreCheck,
) -> None:
    with pytest.raises(AssertionError):
        await check(BROKEN[check])


Where = Mapping[str, Any] | None


class FurthestFirst(InMemoryVectorStore):
    async def search(
        self, vector: Vector, limit: int = 10, *, where: Where = None
    ) -> Sequence[VectorHit]:
        return list(reversed(await super().search(vector, 1_000, where=where)))[:limit]


class ScoresAreProducts(InMemoryVectorStore):
    async def search(
        self, vector: Vector, limit: int = 10, *, where: Where = None
    ) -> Sequence[VectorHit]:
        hits = await super().search(vector, limit, where=where)
        size = math.hypot(*vector)
        return [msgspec.structs.replace(hit, score=hit.score * size) for hit in hits]


class EqualsByName(InMemoryVectorStore):
    async def search(
        self, vector: Vector, limit: int = 10, *, where: Where = None
    ) -> Sequence[VectorHit]:
        hits = await super().search(vector, 1_000, where=where)
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]


class ForgetsMetadata(InMemoryVectorStore):
    async def add(self, entries: Sequence[VectorEntry]) -> None:
        await super().add([msgspec.structs.replace(entry, metadata={}) for entry in entries])


class SharesMetadata(InMemoryVectorStore):
    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, dict[str, Any]] = {}

    async def add(self, entries: Sequence[VectorEntry]) -> None:
        await super().add(entries)
        self.given |= {entry.id: entry.metadata for entry in entries}

    async def search(
        self, vector: Vector, limit: int = 10, *, where: Where = None
    ) -> Sequence[VectorHit]:
        hits = await super().search(vector, limit, where=where)
        return [msgspec.structs.replace(hit, metadata=self.given[hit.id]) for hit in hits]


class KeepsBoth(InMemoryVectorStore):
    async def count(self, *, where: Where = None) -> int:
        return await super().count(where=where) + 1


class NarrowsAfterwards(InMemoryVectorStore):
    async def search(
        self, vector: Vector, limit: int = 10, *, where: Where = None
    ) -> Sequence[VectorHit]:
        hits = await super().search(vector, limit)
        return [h for h in hits if all(h.metadata.get(k) == v for k, v in (where or {}).items())]


class DeletesNothing(InMemoryVectorStore):
    async def delete(self, ids: Sequence[str]) -> int:
        return len(ids)


class KnowsAll(InMemoryVectorStore):
    async def known(self, ids: Sequence[str]) -> frozenset[str]:
        return frozenset(ids)


class FailsWhenEmpty(InMemoryVectorStore):
    async def search(
        self, vector: Vector, limit: int = 10, *, where: Where = None
    ) -> Sequence[VectorHit]:
        found = await super().search(vector, limit, where=where)
        assert found, "there is nothing"
        return found


class CutsVectors(InMemoryVectorStore):
    """Takes vectors of any length, by their first two numbers."""

    async def add(self, entries: Sequence[VectorEntry]) -> None:
        cut = [(*entry.vector, 0.0, 0.0)[:2] for entry in entries]
        await super().add(
            [
                msgspec.structs.replace(entry, vector=vector)
                for entry, vector in zip(entries, cut, strict=True)
            ]
        )


class TakesAnyNumber(InMemoryVectorStore):
    async def add(self, entries: Sequence[VectorEntry]) -> None:
        sane = [
            msgspec.structs.replace(
                entry, vector=[x if math.isfinite(x) else 0.0 for x in entry.vector]
            )
            for entry in entries
        ]
        await super().add(sane)


class TakesAnyLimit(InMemoryVectorStore):
    async def search(
        self, vector: Vector, limit: int = 10, *, where: Where = None
    ) -> Sequence[VectorHit]:
        return await super().search(vector, max(limit, 1), where=where)


class AddsOneByOne(InMemoryVectorStore):
    async def add(self, entries: Sequence[VectorEntry]) -> None:
        for entry in entries:
            await super().add([entry])


class ZerosAreNotANumber(InMemoryVectorStore):
    async def search(
        self, vector: Vector, limit: int = 10, *, where: Where = None
    ) -> Sequence[VectorHit]:
        hits = await super().search(vector, limit, where=where)
        return [hit if hit.score else msgspec.structs.replace(hit, score=math.nan) for hit in hits]


class KeepsItsLength(InMemoryVectorStore):
    async def clear(self) -> None:
        await super().delete([hit.id for hit in await super().search((1.0, 0.0), 1_000)])


class LosesWhatComesAtOnce(InMemoryVectorStore):
    async def add(self, entries: Sequence[VectorEntry]) -> None:
        before = await super().count()
        await super().add(entries)
        if len(entries) + before != await super().count():
            await super().delete([entry.id for entry in entries])


BROKEN: Mapping[VectorStoreCheck, VectorStoreFactory] = {
    suite.the_nearest_come_first: FurthestFirst,
    suite.scores_are_cosines: ScoresAreProducts,
    suite.equals_come_in_the_order_of_adding: EqualsByName,
    suite.what_was_added_comes_back: ForgetsMetadata,
    suite.what_it_gives_out_is_a_copy: SharesMetadata,
    suite.an_id_is_there_once: KeepsBoth,
    suite.metadata_narrow_a_search_and_a_count: NarrowsAfterwards,
    suite.what_was_deleted_is_gone: DeletesNothing,
    suite.it_knows_its_ids: KnowsAll,
    suite.an_empty_store_gives_nothing: FailsWhenEmpty,
    suite.another_length_is_refused: CutsVectors,
    suite.what_is_no_number_is_refused: TakesAnyNumber,
    suite.a_limit_below_one_is_refused: TakesAnyLimit,
    suite.all_are_added_or_none: AddsOneByOne,
    suite.a_vector_of_zeros_is_near_to_nothing: ZerosAreNotANumber,
    suite.a_cleared_store_takes_another_length: KeepsItsLength,
    suite.what_is_done_at_once_is_all_done: LosesWhatComesAtOnce,
}


async def test_a_store_of_a_stated_length_takes_no_other_even_when_it_is_empty() -> None:
    store = InMemoryVectorStore(dimensions=3)

    with pytest.raises(InvalidValue, match="2 dimensions, those of the store 3"):
        await store.add([VectorEntry(id="a", vector=(1.0, 2.0))])
    with pytest.raises(InvalidValue, match="dimensions"):
        InMemoryVectorStore(dimensions=0)


async def test_huge_and_tiny_numbers_have_a_direction_too() -> None:
    store = InMemoryVectorStore()
    await store.add([VectorEntry(id="huge", vector=(1e300, 0.0))])
    await store.add([VectorEntry(id="tiny", vector=(0.0, 1e-300))])

    assert [round(hit.score, 4) for hit in await store.search((0.0, 1e-200))] == [1.0, 0.0]


async def test_what_was_added_stays_itself_while_the_store_grows() -> None:
    store = InMemoryVectorStore()
    for number in range(300):
        await store.add([VectorEntry(id=str(number), vector=_turned(number))])
    await store.delete([str(number) for number in range(0, 300, 2)])

    (hit,) = await store.search(_turned(151), 1)
    assert hit.id == "151"
    assert await store.count() == 150


def _turned(number: int) -> tuple[float, float]:
    return math.cos(number / 100), math.sin(number / 100)


def test_without_numpy_there_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from a3s_code.capabilities.retrieval import in_memory_vectors

    monkeypatch.setattr(in_memory_vectors, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match=r"pip install 'a3s-code\[vectors\]'"):
        InMemoryVectorStore()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "delete"]), st.lists(st.integers(0, 12), max_size=6)),
        max_size=25,
    )
)
def test_whatever_is_added_and_deleted_the_store_is_what_a_list_would_be(
    steps: list[tuple[str, list[int]]],
) -> None:
    asyncio.run(_compared(steps))


async def _compared(steps: list[tuple[str, list[int]]]) -> None:
    store, expected = InMemoryVectorStore(), dict[str, str]()
    for turn, (step, numbers) in enumerate(steps):
        names = [str(number) for number in numbers]
        if step == "add":
            entries = [
                VectorEntry(id=name, vector=_turned(10 * int(name)), text=str(turn))
                for name in names
            ]
            await store.add(entries)
            expected |= dict.fromkeys(names, str(turn))
        else:
            there = {name for name in names if expected.pop(name, None) is not None}
            assert await store.delete(names) == len(there)
    assert await store.count() == len(expected)
    for name, text in expected.items():
        (hit,) = await store.search(_turned(10 * int(name)), 1)
        assert (hit.id, hit.text) == (name, text)
        assert hit.score > 0.9999
    if expected:
        hits = await store.search((0.0, 0.0), 100)
        assert [hit.id for hit in hits] == list(expected)
