"""The tiers of a session's memory, and what of it is offered before a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from a3s_code.capabilities import memory as memory_module
from a3s_code.capabilities.memory import AgentMemory, MemoryLimits, failure, success
from a3s_code.capabilities.memory_context import MemoryContextProvider, nearness
from a3s_code.errors import InvalidType, MemoryUnavailable
from a3s_code.kernel.context import ContextQuery
from a3s_code.kernel.events import MemoriesSearched, MemoryCleared, MemoryRecalled, MemoryStored
from a3s_code.kernel.memory import (
    DEFAULT_RELEVANCE,
    MemoryItem,
    Provenance,
    Pruning,
    Relevance,
    remembered,
)
from a3s_code.kernel.messages import JsonObject
from a3s_code.persistence.memories.file_store import FileMemoryStore
from a3s_code.persistence.memories.in_process import InMemoryStore

HOST = Provenance(session_id="me", workspace="/w", stored_by="host")
DAY_NS = 86_400 * 1_000_000_000


class Log:
    def __init__(self) -> None:
        self.events: list[Any] = []
        self.hooked: list[tuple[str, JsonObject]] = []

    def emit(self, event: Any) -> None:
        self.events.append(event)

    async def tell(self, event: str, payload: JsonObject) -> None:
        self.hooked.append((event, payload))

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def memory(log: Log, store: Any = None, **limits: Any) -> AgentMemory:
    return AgentMemory(
        store or InMemoryStore(),
        MemoryLimits(**limits),
        HOST,
        lambda text: text.replace("hunter2", "[secret]"),
        log.tell,
    )


async def test_an_item_is_in_the_store_and_in_the_short_term_tier() -> None:
    log = Log()
    mine = memory(log)

    said = await mine.remember(remembered("text", tags=["t"]), log)

    assert said["durability"] == "none"
    assert [item.content for item in mine.short_term] == ["text"]
    assert await mine.store.count() == 1
    (stored,) = log.of(MemoryStored)
    assert (stored.memory_id, stored.memory_type, stored.tags) == (said["id"], "episodic", ("t",))


async def test_the_short_term_tier_drops_the_oldest() -> None:
    log = Log()
    mine = memory(log, max_short_term=3)
    for number in range(5):
        await mine.remember(remembered(f"{number}"), log)

    assert [item.content for item in mine.short_term] == ["2", "3", "4"]
    assert await mine.store.count() == 5


async def test_the_working_tier_keeps_the_highest_ranks_and_is_not_in_the_store() -> None:
    log = Log()
    mine = memory(log, max_working=2)
    for importance in (0.9, 0.1, 0.5):
        item = remembered(f"{importance}", memory_type="working", importance=importance)
        assert (await mine.remember(item, log))["durability"] == "none"

    assert [item.content for item in mine.working] == ["0.9", "0.5"]
    assert await mine.store.count() == 0
    assert mine.short_term == []


async def test_secrets_are_taken_out_before_anything_is_kept() -> None:
    log = Log()
    mine = memory(log)
    item = remembered("password hunter2", tags=["hunter2"], metadata={"k": "hunter2"})

    await mine.remember(item, log)

    (kept,) = await mine.recall("password", 1, log)
    assert "hunter2" not in repr(kept)
    assert kept.content == "password [secret]"


async def test_a_recall_is_counted_told_in_the_log_and_told_to_hooks() -> None:
    log = Log()
    mine = memory(log)
    await mine.remember(remembered("fix the auth bug"), log)

    await mine.recall("auth", 5, log)
    (again,) = await mine.recall("auth", 5, log)

    assert again.access_count == 1
    assert [(it.query, it.result_count) for it in log.of(MemoriesSearched)] == [("auth", 1)] * 2
    assert [it.content for it in log.of(MemoryRecalled)] == ["fix the auth bug"] * 2
    assert [name for name, _ in log.hooked] == ["pre_memory_recall", "post_memory_recall"] * 2
    assert log.hooked[0][1] == {"query": "auth", "tags": [], "limit": 5}
    assert log.hooked[1][1]["items"][0]["id"] == again.id


async def test_recall_by_tags_is_told_as_well() -> None:
    log = Log()
    mine = memory(log)
    await mine.remember(success("fix", ["read", "read"], "done", HOST), log)

    (found,) = await mine.recall_by_tags(["read"], 5, log)

    assert found.content == "Success: fix\nTools: read\nResult: done"
    assert found.tags == ("success", "pattern", "read")
    assert (found.memory_type, found.importance) == ("procedural", 0.8)
    assert log.of(MemoriesSearched)[0].tags == ("read",)


def test_a_failure_is_an_episode_to_avoid() -> None:
    made = failure("deploy", "timeout", ["bash"], HOST)

    assert made.content == "Failure: deploy\nTools: bash\nError: timeout"
    assert made.tags == ("failure", "avoid", "bash")
    assert (made.memory_type, made.importance, made.provenance) == ("episodic", 0.9, HOST)


@pytest.mark.parametrize(
    "arguments", [(1, [], "r"), ("t", "read", "r"), ("t", [1], "r"), ("t", [], 1)]
)
def test_what_is_no_text_is_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidType):
        success(*arguments, HOST)
    with pytest.raises(InvalidType):
        failure(arguments[0], arguments[2], arguments[1], HOST)


async def test_forgetting_forgets_in_every_tier() -> None:
    log = Log()
    mine = memory(log)
    one = await mine.remember(remembered("one"), log)
    two = await mine.remember(remembered("two", memory_type="working"), log)

    assert await mine.forget(one["id"], log)
    assert await mine.forget(two["id"], log)
    assert not await mine.forget(one["id"], log)
    assert (mine.short_term, mine.working, await mine.store.count()) == ([], [], 0)
    assert [(it.tier, it.count) for it in log.of(MemoryCleared)] == [("item", 1)] * 2


async def test_clearing_says_what_each_tier_had() -> None:
    log = Log()
    mine = memory(log)
    await mine.remember(remembered("one"), log)
    await mine.remember(remembered("two", memory_type="working"), log)

    assert await mine.clear(log) == 1
    assert [(it.tier, it.count) for it in log.of(MemoryCleared)] == [
        *(("long_term", 1), ("short_term", 1), ("working", 1))
    ]
    assert await mine.counts(log) == {
        "long_term_count": 0,
        "short_term_count": 0,
        "working_count": 0,
    }


async def test_what_is_due_is_pruned_when_the_memory_is_asked() -> None:
    log = Log()
    mine = memory(log, pruning=Pruning(max_items=2), prune_interval_s=3_600.0)
    for number in range(4):
        await mine.store.store(remembered(f"word {number}", importance=number / 10))

    found = await mine.recall("word", 9, log)

    assert [item.content for item in found] == ["word 3", "word 2"]
    assert [(it.tier, it.count) for it in log.of(MemoryCleared)] == [("long_term", 2)]
    await mine.store.store(remembered("word 9"))
    assert len(await mine.recall("word", 9, log)) == 3  # not due again before the interval


async def test_nothing_is_pruned_where_nothing_was_said() -> None:
    log = Log()
    mine = memory(log)
    old = msgspec.structs.replace(remembered("word", importance=0.1), timestamp_ns=0)
    await mine.store.store(old)

    assert len(await mine.recall("word", 9, log)) == 1


class Broken(InMemoryStore):
    async def store(self, item: MemoryItem) -> None:
        raise ValueError("no room")

    async def search(self, query: str, limit: int, relevance: Relevance = DEFAULT_RELEVANCE) -> Any:
        await asyncio.sleep(60)


async def test_a_store_that_fails_or_hangs_is_a_typed_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory_module, "STORE_DEADLINE_S", 0.01)
    log = Log()
    mine = memory(log, Broken())

    with pytest.raises(MemoryUnavailable, match="ValueError: no room"):
        await mine.remember(remembered("x"), log)
    with pytest.raises(MemoryUnavailable, match="did not answer"):
        await mine.recall("x", 1, log)
    assert log.of(MemoryStored) == []
    assert mine.short_term == []


# Before a run


def provider(log: Log, mine: AgentMemory, shown: Sequence[str] = ()) -> MemoryContextProvider:
    return MemoryContextProvider(mine, lambda: log, lambda run: run in shown)


async def offered(made: MemoryContextProvider, words: str, **more: Any) -> list[Any]:
    return list(await made.query(ContextQuery(query=words, **more)))


async def test_at_most_five_items_about_the_words_are_offered() -> None:
    log = Log()
    mine = memory(log)
    for number in range(9):
        await mine.remember(remembered(f"the login parser, part {number}", provenance=HOST), log)

    items = await offered(provider(log, mine), "Why does the login parser fail?")

    assert len(items) == 5
    assert {item.type for item in items} == {"memory"}
    assert {item.trust for item in items} == {"user"}
    assert all(item.source == f"memory://{item.source.removeprefix('memory://')}" for item in items)
    assert items[0].metadata["provenance"]["stored_by"] == "host"
    assert 0 < items[0].relevance <= 1
    assert items[0].freshness == pytest.approx(1, abs=0.01)
    assert len(log.of(MemoryRecalled)) == 5


async def test_what_is_not_about_the_words_is_not_offered() -> None:
    log = Log()
    mine = memory(log)
    await mine.remember(remembered("the deployment of the billing service to production"), log)

    assert await offered(provider(log, mine), "fix the parser of the service") == []
    assert await offered(provider(log, mine), "how do you do this?") == []
    assert await offered(provider(log, mine), "") == []
    assert log.of(MemoryRecalled) == []


async def test_a_type_that_nobody_wants_is_not_looked_for() -> None:
    log = Log()
    mine = memory(log)
    await mine.remember(remembered("login parser"), log)

    assert await offered(provider(log, mine), "login parser", context_types=("resource",)) == []
    assert len(await offered(provider(log, mine), "login parser", context_types=("memory",))) == 1
    assert len(await offered(provider(log, mine), "login parser", max_results=0)) == 0


async def test_what_the_conversation_still_shows_is_not_offered() -> None:
    log = Log()
    mine = memory(log)
    for session, run in (("me", "shown"), ("me", "gone"), ("other", "shown"), ("me", "")):
        origin = Provenance(session, run, "/w", "run")
        await mine.store.store(remembered(f"login parser {session} {run}", provenance=origin))

    items = await offered(provider(log, mine, ["shown"]), "login parser")

    assert sorted(item.content for item in items) == [
        *("login parser me ", "login parser me gone", "login parser other shown")
    ]


async def test_only_what_the_host_stored_is_the_users_word(tmp_path: Any) -> None:
    log = Log()
    mine = memory(log)
    for by in ("host", "run", "earlier", "system"):
        origin = Provenance("other", "", "/w", by)
        await mine.store.store(remembered(f"login parser {by}", provenance=origin))

    items = await offered(provider(log, mine), "login parser")

    assert {item.content.split()[-1]: item.trust for item in items} == {
        "host": "user",
        "run": "external",
        "earlier": "external",
        "system": "external",
    }


async def test_what_lies_in_the_workspace_is_nobodys_word(tmp_path: Any) -> None:
    log = Log()
    store = FileMemoryStore(tmp_path / "work/memory")
    origin = Provenance(session_id="me", workspace=str(tmp_path / "work"), stored_by="host")
    mine = AgentMemory(store, MemoryLimits(), origin, str, log.tell)
    await mine.remember(remembered("login parser", provenance=origin), log)

    (item,) = await offered(provider(log, mine), "login parser")

    assert item.trust == "external"
    await store.close()


async def test_a_long_item_is_cut_and_says_so() -> None:
    log = Log()
    mine = memory(log)
    await mine.remember(remembered("login parser " + "detail " * 1_000), log)

    (brief,) = await offered(provider(log, mine), "login parser", depth="abstract")
    (whole,) = await offered(provider(log, mine), "login parser", depth="full")

    assert brief.partial
    assert len(brief.content) == 400
    assert not whole.partial


@pytest.mark.parametrize(
    ("question", "content", "share"),
    [
        ("fix the auth bug", "Success: auth bug fixed", 2 / 3),
        ("auth", "authentication of users", 1.0),
        ("认证错误", "修复登录认证错误", 1.0),
        ("the and for", "anything", 0.0),
        ("", "anything", 0.0),
        ("parser", "", 0.0),
    ],
)
def test_nearness_is_the_share_of_common_words(question: str, content: str, share: float) -> None:
    assert nearness(question, content) == pytest.approx(share, abs=0.35 if 0 < share < 1 else 1e-9)


def test_an_old_item_is_less_fresh() -> None:
    log = Log()
    old = msgspec.structs.replace(remembered("x"), timestamp_ns=time.time_ns() - 60 * DAY_NS)

    offer = provider(log, memory(log))._offer(old, 1.0, "full")

    assert offer.freshness == pytest.approx(0.135, abs=0.01)


class Elsewhere(InMemoryStore):
    """A store of somebody's own, which is not quite one."""

    def __init__(self, found: Any = ()) -> None:
        super().__init__()
        self.found = found

    async def search(self, query: str, limit: int) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - the claim
        return self.found

    async def get_recent(self, limit: int) -> Any:
        return self.found


async def test_a_store_with_other_parameters_is_unavailable_and_says_why() -> None:
    log = Log()
    with pytest.raises(MemoryUnavailable, match=r"TypeError: .*search\(\) takes 3 positional"):
        await memory(log, Elsewhere()).recall("x", 5, log)


@pytest.mark.parametrize(
    ("found", "said"), [("text", "gave a str"), ([{}], "gave a dict"), (None, "gave a NoneType")]
)
async def test_a_store_that_finds_what_is_no_item_is_unavailable(found: Any, said: str) -> None:
    with pytest.raises(MemoryUnavailable, match=said):
        await memory(Log(), Elsewhere(found)).recent(5)
