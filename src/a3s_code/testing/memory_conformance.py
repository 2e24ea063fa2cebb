"""
What every memory store promises, as checks that you can run on your own.

    import pytest
    from a3s_code.testing import MEMORY_CHECKS

    @pytest.mark.parametrize("check", MEMORY_CHECKS, ids=lambda check: check.__name__)
    async def test_my_store_keeps_the_promises_of_a_memory_store(check):
        await check(MyMemoryStore)

The marker-less form above is for pytest-asyncio in its auto mode. Without it, or without
pytest, `asyncio.run(check(MyMemoryStore))` runs a check.

A check makes its stores with the factory it is given, each of them empty, closes them, and
raises AssertionError when a promise is broken.

Source:
    kernel/memory.py, `MemoryStore`.
"""
# ruff: noqa: PLR2004 - the numbers of a check are its claim

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import msgspec

from a3s_code.errors import StoreError
from a3s_code.kernel.memory import MemoryItem, MemoryStore, Provenance, Pruning, Relevance

MemoryFactory: TypeAlias = Callable[[], MemoryStore]
MemoryCheck: TypeAlias = Callable[[MemoryFactory], Awaitable[None]]

_DAY_NS = 86_400 * 1_000_000_000
_NOW_NS = time.time_ns()


@asynccontextmanager
async def _open(factory: MemoryFactory) -> AsyncGenerator[MemoryStore]:
    store = factory()
    try:
        yield store
    finally:
        await store.close()


def _item(item_id: str, content: str = "", *, days: float = 0, **more: Any) -> MemoryItem:  # noqa: ANN401 - fields of an item
    """Give an item that is `days` old."""
    at = _NOW_NS - round(days * _DAY_NS)
    return MemoryItem(id=item_id, content=content or item_id, timestamp_ns=at, **more)


async def _keep(store: MemoryStore, *items: MemoryItem) -> None:
    for item in items:
        await store.store(item)


def _ids(items: Sequence[MemoryItem]) -> list[str]:
    return [item.id for item in items]


def _expect(found: Sequence[MemoryItem], wanted: list[str], what: str) -> None:
    assert _ids(found) == wanted, f"{what}: {_ids(found)} instead of {wanted}"


async def every_value_of_an_item_comes_back(factory: MemoryFactory) -> None:
    item = MemoryItem(
        id="an id / with \u2028 \U0001f980 ' signs",
        content="line\n\ttab \0 nul \U0001f980 '; DROP TABLE items; --",
        timestamp_ns=_NOW_NS + 1,
        importance=1 / 3,
        tags=("b", "a", "\U0001f980", ""),
        memory_type="semantic",
        metadata={"k": "v", "": "\n"},
        access_count=2**40,
        last_accessed_ns=_NOW_NS - 1,
        provenance=Provenance("s", "r", "/w", "host"),
    )
    async with _open(factory) as store:
        await _keep(store, item)
        await store.flush()

        assert await store.retrieve(item.id) == item, "retrieve gives another item"
        assert list(await store.get_recent(1)) == [item], "get_recent gives another item"


async def an_unknown_id_is_none(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        assert await store.retrieve("nobody") is None, "an unknown id must give None"
        assert not await store.delete("nobody"), "deleting an unknown id must say False"
        await store.record_access(["nobody"], _NOW_NS)
        await store.flush()

        assert await store.count() == 0, "an access made an item"


async def an_item_of_the_same_id_takes_the_place_of_the_first(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(store, _item("one", "old words", tags=("old",)), _item("two", "others"))
        await store.search("old", 5)
        await _keep(store, _item("one", "new phrase", tags=("new",)))

        assert await store.count() == 2, "the first item is still counted"
        _expect(await store.search("old", 5), [], "the first text is still found")
        _expect(await store.search("phrase", 5), ["one"], "the second text is not found")
        _expect(await store.search_by_tags(["old"], 5), [], "the first tag is still found")
        _expect(await store.search_by_tags(["new"], 5), ["one"], "the second tag is not found")


async def a_word_is_found_wherever_it_stands(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(
            store,
            _item("a", "Fixed the Authentication of users", days=1),
            _item("b", "oauth2_token", days=2),
            _item("c", "nothing of it", days=3),
        )

        for query in ("auth", "AUTH", "aUtH"):
            _expect(await store.search(query, 5), ["a", "b"], f"search({query!r})")
        _expect(await store.search("2_tok", 5), ["b"], "a part with a digit and a mark")
        _expect(await store.search("nowhere", 5), [], "a word that is not there")


async def words_of_every_script_are_found(factory: MemoryFactory) -> None:
    texts = {
        "zh": "修复登录认证错误",
        "ja": "ユーザー認証を直した",
        "ru": "Исправил АВТОРИЗАЦИЮ",
        "de": "Die STRASSE ist länger",
        "ko": "인증 오류를 고쳤다",
        "th": "แก้ไขการยืนยันตัวตน",
        "wide": "\uff21\uff35\uff34\uff28",
    }
    asked = {
        "zh": "认证",
        "ja": "認証",
        "ru": "авториз",
        "de": "straße",
        "ko": "인증",
        "th": "ยืนยัน",
        "wide": "auth",
    }
    async with _open(factory) as store:
        await _keep(store, *(_item(name, text) for name, text in texts.items()))

        for name, query in asked.items():
            _expect(await store.search(query, 5), [name], f"search({query!r})")


async def what_holds_all_words_comes_first(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(
            store,
            _item("both", "the parser of the module", importance=0.1, days=300),
            _item("one", "a parser", importance=1.0),
            _item("none", "something else", importance=1.0),
        )

        found = _ids(await store.search("module parser", 5))
        assert found[:1] == ["both"], "what holds all words must come first"
        assert "none" not in found, "what holds no word must not be found"
        assert len(await store.search("module parser", 1)) == 1, "more than the limit"


async def equals_are_in_the_order_of_their_rank(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(
            store,
            _item("old", "word", importance=0.9, days=400),
            _item("slight", "word", importance=0.1),
            _item("weighty", "word", importance=0.9),
            _item("newish", "word", importance=0.5, days=1),
        )

        by_rank = ["weighty", "newish", "old", "slight"]
        _expect(await store.search("word", 9), by_rank, "the order of ranks")
        only_age = Relevance(importance_weight=0.0, recency_weight=1.0)
        found = _ids(await store.search("word", 9, only_age))
        assert set(found[:2]) == {"slight", "weighty"}, f"the order of age alone: {found}"
        assert found[2:] == ["newish", "old"], f"the order of age alone: {found}"


async def an_empty_question_fits_everything(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(store, _item("a", "x", importance=0.2), _item("b", "-> y", importance=0.4))

        _expect(await store.search("", 9), ["b", "a"], "search('')")
        _expect(await store.search("->", 9), ["b"], "a question without words")


async def limits_below_one_give_nothing(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(store, _item("a", "word", tags=("t",)))

        for limit in (0, -1):
            found = [
                *await store.search("word", limit),
                *await store.search_by_tags(["t"], limit),
                *await store.get_recent(limit),
                *await store.get_important(0.0, limit),
            ]
            assert not found, f"a limit of {limit} must give nothing"


async def tags_are_compared_as_they_are(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(
            store,
            _item("a", tags=("Python", "web"), importance=0.9),
            _item("b", tags=("python",), importance=0.2),
            _item("c", tags=("pythonic",)),
        )

        _expect(await store.search_by_tags(["python"], 9), ["b"], "one tag")
        _expect(await store.search_by_tags(["python", "web"], 9), ["a", "b"], "one of two tags")
        _expect(await store.search_by_tags([], 9), [], "no tag")


async def the_newest_come_first(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(store, *(_item(f"{days}", days=days) for days in (3, 1, 2)))

        _expect(await store.get_recent(2), ["1", "2"], "get_recent")


async def the_most_important_come_first(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(store, *(_item(f"{share}", importance=share) for share in (0.3, 0.8, 0.5)))

        _expect(await store.get_important(0.5, 9), ["0.8", "0.5"], "get_important")
        _expect(await store.get_important(0.5, 1), ["0.8"], "get_important with a limit")


async def accesses_are_counted(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(store, _item("a"), _item("b"))
        await store.record_access(["a", "b"], _NOW_NS)
        await store.record_access(["a"], _NOW_NS + 5)
        await store.flush()

        one, other = await store.retrieve("a"), await store.retrieve("b")
        assert one is not None, "an access lost an item"
        assert other is not None, "an access lost an item"
        assert (one.access_count, one.last_accessed_ns) == (2, _NOW_NS + 5), "not counted"
        assert (other.access_count, other.last_accessed_ns) == (1, _NOW_NS), "not counted"


async def what_was_deleted_is_gone(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(store, _item("a", "word one", tags=("t",)), _item("b", "word two", tags=("t",)))
        await store.search("word", 5)

        assert await store.delete("a"), "delete must say that there was one"
        assert await store.retrieve("a") is None, "retrieve finds what was deleted"
        _expect(await store.search("word", 5), ["b"], "search finds what was deleted")
        _expect(await store.search_by_tags(["t"], 5), ["b"], "a tag finds what was deleted")
        _expect(await store.get_recent(5), ["b"], "get_recent gives what was deleted")
        assert await store.count() == 1, "count counts what was deleted"


async def clearing_forgets_all_and_says_how_many(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(store, _item("a", "word"), _item("b", "word"))
        await store.search("word", 5)

        assert await store.clear() == 2, "clear must say how many there were"
        _expect(await store.search("word", 5), [], "search finds what was cleared")
        assert await store.count() == 0, "count counts what was cleared"
        await _keep(store, _item("c", "word"))
        _expect(await store.search("word", 5), ["c"], "what comes after a clear")


async def pruning_forgets_the_old_that_are_not_important(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(
            store,
            _item("old and slight", importance=0.2, days=100),
            _item("old and weighty", importance=0.6, days=100),
            _item("new and slight", importance=0.2),
        )

        assert await store.prune(Pruning()) == 1, "prune must say how many went"
        assert await store.retrieve("old and slight") is None, "it did not go"
        assert await store.count() == 2, "others went, too"


async def pruning_keeps_as_many_as_it_may_by_rank(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        await _keep(store, *(_item(f"{n}", importance=n / 10) for n in range(6)))

        assert await store.prune(Pruning(max_items=2)) == 4, "prune must keep max_items"
        _expect(await store.search("", 9), ["5", "4"], "the wrong ones went")
        assert await store.prune(Pruning(max_items=0)) == 0, "0 means no cap"


async def after_close_everything_raises(factory: MemoryFactory) -> None:
    store = factory()
    await store.store(_item("a"))
    await store.close()
    await store.close()
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "store": lambda: store.store(_item("b")),
        "search": lambda: store.search("a", 1),
        "count": store.count,
        "delete": lambda: store.delete("a"),
    }
    for what, call in calls.items():
        try:
            await call()
        except StoreError:
            continue
        raise AssertionError(f"{what} after close must raise StoreError")


async def stores_share_nothing(factory: MemoryFactory) -> None:
    async with _open(factory) as one, _open(factory) as other:
        await _keep(one, _item("a", "word"))
        await one.flush()

        _expect(await other.search("word", 5), [], "another store gives it")
        assert await other.count() == 0, "another store counts it"


async def many_items_are_ranked_as_few_are(factory: MemoryFactory) -> None:
    count = 300
    items = [
        _item(f"{n:03}", f"word{n % 7} all", importance=(n * 37 % 100) / 100, days=n % 50)
        for n in range(count)
    ]
    now_ns, score = _NOW_NS, Relevance().score
    by_rank = sorted(
        items, key=lambda it: (score(it.importance, it.timestamp_ns, now_ns), it.timestamp_ns)
    )[::-1]
    async with _open(factory) as store:
        await _keep(store, *items)

        found = await store.search("all", count)
        assert sorted(_ids(found)) == sorted(_ids(items)), "some are missing"
        best = {it.id for it in by_rank[:5]}
        given = {it.id for it in await store.search("all", 5)}
        assert given == best, f"the best of many: {given} instead of {best}"
        some = [it.id for it in by_rank if it.content == "word3 all"]
        _expect(await store.search("word3", 3), some[:3], "the best of some")


async def durability_is_one_that_is_known(factory: MemoryFactory) -> None:
    async with _open(factory) as store:
        assert store.durability in {"full", "normal", "none"}, f"not {store.durability!r}"


async def an_item_is_not_changed_by_its_owner(factory: MemoryFactory) -> None:
    given = {"k": "v"}
    async with _open(factory) as store:
        await _keep(store, msgspec.structs.replace(_item("a"), metadata=given))
        await store.flush()
        given["k"] = "changed"

        kept = await store.retrieve("a")
        assert kept is not None, "the item is lost"
        assert kept.metadata == {"k": "v"}, "metadata was changed from outside"


MEMORY_CHECKS: tuple[MemoryCheck, ...] = (
    every_value_of_an_item_comes_back,
    an_unknown_id_is_none,
    an_item_of_the_same_id_takes_the_place_of_the_first,
    a_word_is_found_wherever_it_stands,
    words_of_every_script_are_found,
    what_holds_all_words_comes_first,
    equals_are_in_the_order_of_their_rank,
    an_empty_question_fits_everything,
    limits_below_one_give_nothing,
    tags_are_compared_as_they_are,
    the_newest_come_first,
    the_most_important_come_first,
    accesses_are_counted,
    what_was_deleted_is_gone,
    clearing_forgets_all_and_says_how_many,
    pruning_forgets_the_old_that_are_not_important,
    pruning_keeps_as_many_as_it_may_by_rank,
    after_close_everything_raises,
    stores_share_nothing,
    many_items_are_ranked_as_few_are,
    durability_is_one_that_is_known,
    an_item_is_not_changed_by_its_owner,
)
