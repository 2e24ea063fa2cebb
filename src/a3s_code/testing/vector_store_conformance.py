"""
What every vector store promises, as checks that you can run on your own.

    import pytest
    from a3s_code.testing import VECTOR_STORE_CHECKS

    @pytest.mark.parametrize("check", VECTOR_STORE_CHECKS, ids=lambda check: check.__name__)
    async def test_my_store_keeps_the_promises_of_a_vector_store(check):
        await check(MyStore)

A check makes its stores with the factory it is given, each of them empty, and raises
AssertionError when a promise is broken. `asyncio.run(check(MyStore))` runs one without pytest.

Source:
    kernel/retrieval.py, `VectorStore`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from a3s_code.errors import InvalidValue
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.retrieval import VectorEntry, VectorHit, VectorStore

VectorStoreFactory: TypeAlias = Callable[[], VectorStore]
VectorStoreCheck: TypeAlias = Callable[[VectorStoreFactory], Awaitable[None]]

EAST, NORTH, NORTH_EAST, WEST = (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (-2.0, 0.0)
_NEAR = 1e-4


def _entry(name: str, vector: Sequence[float], **metadata: str) -> VectorEntry:
    return VectorEntry(id=name, vector=vector, text=f"text of {name}", metadata=dict(metadata))


def _ids(hits: Sequence[VectorHit]) -> list[str]:
    return [hit.id for hit in hits]


async def _refused(call: Awaitable[object], what: str) -> None:
    try:
        await call
    except InvalidValue:
        return
    raise AssertionError(f"{what} must raise InvalidValue")


async def the_nearest_come_first(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add(
        [_entry("w", WEST), _entry("n", NORTH), _entry("e", EAST), _entry("ne", NORTH_EAST)]
    )

    assert _ids(await store.search(EAST)) == ["e", "ne", "n", "w"], "not by nearness"
    assert _ids(await store.search(NORTH, 2)) == ["n", "ne"], "not by nearness, or not so many"


async def scores_are_cosines(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add([_entry("e", (5.0, 0.0)), _entry("ne", (0.1, 0.1)), _entry("w", WEST)])
    hits = {hit.id: hit.score for hit in await store.search((3.0, 0.0))}

    for name, cosine in (("e", 1.0), ("ne", math.sqrt(0.5)), ("w", -1.0)):
        assert abs(hits[name] - cosine) < _NEAR, f"{hits[name]} instead of {cosine}"
    assert all(-1.0 <= score <= 1.0 for score in hits.values()), "a cosine beyond 1"


async def equals_come_in_the_order_of_adding(factory: VectorStoreFactory) -> None:
    store = factory()
    names = [f"entry {number}" for number in (7, 1, 9, 3, 5, 2, 8)]
    for name in names:
        await store.add([_entry(name, NORTH)])
    await store.delete([names[1]])

    assert _ids(await store.search(NORTH, 4)) == [names[0], *names[2:5]], "their order is lost"


async def what_was_added_comes_back(factory: VectorStoreFactory) -> None:
    store = factory()
    metadata: JsonObject = {"path": "a/b.py", "line": 3, "tags": ["x", None], "odd \u2028": True}
    await store.add([VectorEntry(id="\U0001f980", vector=EAST, text="a\0b\n", metadata=metadata)])
    (hit,) = await store.search(EAST)

    assert (hit.id, hit.text, hit.metadata) == ("\U0001f980", "a\0b\n", metadata), "it was changed"


async def what_it_gives_out_is_a_copy(factory: VectorStoreFactory) -> None:
    store = factory()
    metadata: JsonObject = {"path": "a"}
    await store.add([VectorEntry(id="e", vector=EAST, metadata=metadata)])
    metadata["path"] = "changed by who gave it"
    (hit,) = await store.search(EAST)
    hit.metadata["path"] = "changed by who got it"
    (again,) = await store.search(EAST)

    assert again.metadata == {"path": "a"}, "the store's own metadata were changed"


async def an_id_is_there_once(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add([_entry("a", EAST, of="first"), _entry("b", EAST)])
    await store.add([_entry("a", NORTH, of="second")])

    assert await store.count() == len("ab"), "an id is there twice"
    (hit, _) = await store.search(NORTH)
    assert (hit.id, hit.metadata) == ("a", {"of": "second"}), "the entry before is still there"


async def metadata_narrow_a_search_and_a_count(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add(
        [
            _entry("a", EAST, of="one", kind="x"),
            _entry("b", EAST, of="other", kind="x"),
            _entry("c", WEST, of="one", kind="y"),
            _entry("d", WEST),
        ]
    )

    assert _ids(await store.search(EAST, where={"of": "one"})) == ["a", "c"], "not narrowed"
    both = {"of": "one", "kind": "y"}
    assert _ids(await store.search(EAST, 1, where=both)) == ["c"], "narrowed after the limit"
    assert list(await store.search(EAST, where={"of": None})) == [], (
        "a key that is absent is no None"
    )
    assert await store.count(where={"kind": "x"}) == len("ab"), "count does not narrow"


async def what_was_deleted_is_gone(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add([_entry("a", EAST), _entry("b", NORTH), _entry("c", NORTH_EAST)])

    assert await store.delete(["a", "unknown"]) == 1, "delete does not say how many there were"
    assert _ids(await store.search(EAST)) == ["c", "b"], "the wrong one is gone"
    assert await store.count() == len("bc"), "count still has it"
    await store.add([_entry("a", WEST)])
    assert _ids(await store.search(WEST, 1)) == ["a"], "it cannot be added again"


async def it_knows_its_ids(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add([_entry("a", EAST), _entry("b", EAST)])
    await store.delete(["b"])

    assert await store.known(["a", "b", "c"]) == frozenset({"a"}), "known says something else"


async def an_empty_store_gives_nothing(factory: VectorStoreFactory) -> None:
    store = factory()

    assert list(await store.search(EAST)) == [], "an empty store has hits"
    await store.add([])
    assert await store.count() == 0, "nothing was added, and it counts"
    assert await store.delete(["a"]) == 0, "nothing is there, and it was deleted"


async def another_length_is_refused(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add([_entry("a", EAST)])

    await _refused(store.add([_entry("b", (1.0, 2.0, 3.0))]), "a vector of another length")
    await _refused(store.search((1.0,)), "a search by a vector of another length")
    await _refused(store.add([_entry("c", ())]), "a vector without numbers")


async def what_is_no_number_is_refused(factory: VectorStoreFactory) -> None:
    for wrong in (math.nan, math.inf, -math.inf):
        store = factory()
        await store.add([_entry("a", EAST)])
        await _refused(store.add([_entry("b", (1.0, wrong))]), f"a vector with {wrong}")
        await _refused(store.search((wrong, 1.0)), f"a search by {wrong}")


async def a_limit_below_one_is_refused(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add([_entry("a", EAST)])

    await _refused(store.search(EAST, 0), "a limit of 0")


async def all_are_added_or_none(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add([_entry("a", EAST)])
    batch = [_entry("a", NORTH), _entry("b", EAST), _entry("c", (math.nan, 0.0))]
    await _refused(store.add(batch), "a batch with a wrong vector")

    assert await store.count() == 1, "a part of the batch is in"
    (hit,) = await store.search(EAST)
    assert hit.score > 1 - _NEAR, "an entry was replaced by a batch that was refused"


async def a_vector_of_zeros_is_near_to_nothing(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add([_entry("zero", (0.0, 0.0)), _entry("e", EAST), _entry("w", WEST)])

    hits = await store.search(EAST)
    assert _ids(hits) == ["e", "zero", "w"], "zeros are not between near and opposite"
    assert hits[1].score == 0, f"a score of {hits[1].score}"
    assert [hit.score for hit in await store.search((0.0, 0.0))] == [0, 0, 0], "near to zeros"


async def a_cleared_store_takes_another_length(factory: VectorStoreFactory) -> None:
    store = factory()
    await store.add([_entry("a", EAST)])
    await store.clear()

    assert await store.count() == 0, "clear left something"
    try:
        await store.search((1.0, 0.0, 0.0))
        await store.add([_entry("b", (0.0, 0.0, 1.0))])
    except InvalidValue as error:
        raise AssertionError("a cleared store still has the length of its vectors") from error
    assert _ids(await store.search((0.0, 0.0, 1.0))) == ["b"], "it is not as new"


async def what_is_done_at_once_is_all_done(factory: VectorStoreFactory) -> None:
    store = factory()
    names = [f"{number}" for number in range(100)]

    async def put(name: str) -> None:
        await store.add([_entry(name, (float(int(name) + 1), 1.0))])
        await store.search(EAST)

    await asyncio.gather(*map(put, names))
    assert await store.count() == len(names), "some were lost"
    assert _ids(await store.search(EAST, 1)) == ["99"], "an entry has the vector of another one"


VECTOR_STORE_CHECKS: tuple[VectorStoreCheck, ...] = (
    the_nearest_come_first,
    scores_are_cosines,
    equals_come_in_the_order_of_adding,
    what_was_added_comes_back,
    what_it_gives_out_is_a_copy,
    an_id_is_there_once,
    metadata_narrow_a_search_and_a_count,
    what_was_deleted_is_gone,
    it_knows_its_ids,
    an_empty_store_gives_nothing,
    another_length_is_refused,
    what_is_no_number_is_refused,
    a_limit_below_one_is_refused,
    all_are_added_or_none,
    a_vector_of_zeros_is_near_to_nothing,
    a_cleared_store_takes_another_length,
    what_is_done_at_once_is_all_done,
)
