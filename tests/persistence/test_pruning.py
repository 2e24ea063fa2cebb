"""What a store keeps of a log that was pruned, and what the chain can still show of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from a3s_code.errors import StoreError
from a3s_code.kernel.events import ToolEnd
from a3s_code.kernel.log import SESSION
from a3s_code.kernel.records import Ranges, Record, RecordsPruned, emptied
from a3s_code.persistence.codec import GENESIS, encode, link, read_chain
from a3s_code.persistence.memory import MemorySessionStore
from a3s_code.persistence.sqlite import FileSessionStore
from a3s_code.persistence.verify import verify
from persistence.logs import S, change, keep, record, records

RANGES: Ranges = ((1, 3), (5, 5))
LEFT = (0, 4, 6, 7)
GONE = (1, 2, 3, 5)


def pruned(sequence: int, ranges: Ranges = RANGES) -> Record:
    count = sum(last - first + 1 for first, last in ranges)
    return Record(sequence, 1, SESSION, RecordsPruned(count=count, ranges=ranges))


def log_with_pruning() -> list[Record]:
    return [*records(8, "private "), pruned(8)]


def left(log: list[Record]) -> list[Record]:
    return [emptied(each.sequence) if each.sequence in GONE else each for each in log]


@pytest.fixture
async def stored(tmp_path: Path) -> Path:
    """A closed store with one log, from which records were dropped."""
    store = FileSessionStore(tmp_path / "s")
    log = log_with_pruning()
    await keep(store, log)
    store.prune(S, RANGES)
    await keep(store, [record(9)])
    await store.close()
    return tmp_path / "s"


def faults(directory: Path, head: str | None = None) -> list[str]:
    return [fault for report in verify(directory, S, head) for fault in report.faults]


def head_at(log: list[Record], sequence: int) -> str:
    head = GENESIS
    for each in log[: sequence + 1]:
        head = link(head, encode(each))
    return head.hex()


async def test_what_was_dropped_is_nowhere_in_the_file_and_the_log_is_whole(stored: Path) -> None:
    loaded = await FileSessionStore(stored).load(S, None)
    (report, *_) = verify(stored, S)

    assert list(loaded) == [*left(log_with_pruning()), record(9)]
    data = (stored / "sessions.db").read_bytes()
    assert [f"private {n}".encode() in data for n in GONE] == [False] * 4
    assert [f"private {n}".encode() in data for n in LEFT] == [True] * 4
    assert (report.count, report.faults) == ("10 records, 4 pruned", [])


async def test_the_head_is_the_same_before_and_after_on_disk_and_in_memory(tmp_path: Path) -> None:
    log = log_with_pruning()
    for store in (FileSessionStore(tmp_path), MemorySessionStore()):
        for each in log:
            store.append(S, each)
        before = await store.head(S)
        store.prune(S, RANGES)
        assert await store.head(S) == before == (9, head_at(log, 8))
        store.append(S, record(9))
        assert await store.head(S) == (10, head_at([*log, record(9)], 9))
        await store.close()


@pytest.mark.parametrize("sequence", [0, 4, 6, 7, 9])
async def test_a_body_that_is_gone_and_was_not_pruned_is_named(stored: Path, sequence: int) -> None:
    change(stored, "UPDATE records SET body = x'' WHERE sequence = ?", sequence)

    assert f"record {sequence} is empty, not pruned" in faults(stored)
    with pytest.raises(StoreError, match=rf"Record {sequence} of session .* nothing says"):
        await FileSessionStore(stored).load(S, None)


async def test_a_pruning_that_names_what_comes_after_it_excuses_nothing(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    await keep(store, [record(0), pruned(1, ((2, 2),)), record(2), record(3)])
    await store.close()
    change(tmp_path, "UPDATE records SET body = x'' WHERE sequence = 2")

    assert faults(tmp_path) == ["record 2 is empty, not pruned"]
    with pytest.raises(StoreError, match="Record 2 of session"):
        await FileSessionStore(tmp_path).load(S, None)


@pytest.mark.parametrize("sequence", [3, 5])
async def test_a_changed_hash_of_the_last_of_dropped_neighbours_is_named(
    stored: Path, sequence: int
) -> None:
    change(stored, "UPDATE records SET hash = zeroblob(32) WHERE sequence = ?", sequence)

    after = f"record {sequence + 1} was changed, or does not follow the one before it"
    assert faults(stored) == [after]
    with pytest.raises(StoreError, match=f"Record {sequence + 1} of session"):
        await FileSessionStore(stored).load(S, None)


@pytest.mark.parametrize("sequence", [1, 5])
async def test_a_dropped_record_that_was_taken_out_is_named(stored: Path, sequence: int) -> None:
    change(stored, "DELETE FROM records WHERE sequence = ?", sequence)

    assert f"record {sequence} is missing" in faults(stored)
    with pytest.raises(StoreError, match=f"Record {sequence} of session .* is missing"):
        await FileSessionStore(stored).load(S, None)


async def test_a_body_that_was_put_back_otherwise_is_named(stored: Path) -> None:
    change(stored, "UPDATE records SET body = ? WHERE sequence = 2", encode(record(2, "forged ")))

    assert "record 2 was changed, or does not follow the one before it" in faults(stored)


def test_an_anchor_holds_at_a_record_that_is_whole(stored: Path) -> None:
    log = log_with_pruning()
    shown = [n for n in range(9) if not faults(stored, head_at(log, n))]

    assert shown == [0, 4, 6, 7, 8]
    assert "cut off, pruned or written anew" in faults(stored, head_at(log, 2))[0]


async def test_a_stale_owner_cannot_prune(tmp_path: Path) -> None:
    first, second = FileSessionStore(tmp_path), FileSessionStore(tmp_path)
    log = log_with_pruning()
    for each in log:
        first.append(S, each, "one")
    await first.barrier(S, "one")
    second.prune(S, RANGES, "two")
    with pytest.raises(StoreError):
        await second.barrier(S, "two")
    first.release(S, "one")
    await first.barrier(S, "one")
    await second.load(S, "two")
    first.prune(S, RANGES, "one")
    with pytest.raises(StoreError):
        await first.barrier(S, "one")

    assert list(await second.load(S, None)) == log
    await first.close()
    await second.close()


async def test_a_log_in_memory_that_cannot_be_encoded_keeps_its_bodies() -> None:
    """Without a body its record would have no hash, and the log no anchor."""
    endless: dict[str, object] = {}
    endless["again"] = endless
    store = MemorySessionStore()
    odd = ToolEnd(id="c", name="f", output="", exit_code=0, metadata=endless)
    store.append(S, record(0))
    store.append(S, Record(1, 1, SESSION, odd))
    store.append(S, pruned(2, ((0, 0),)))
    store.prune(S, ((0, 0),))

    assert (await store.load(S))[0] == record(0)
    with pytest.raises(StoreError):
        await store.head(S)


def test_a_record_behind_may_name_more_than_was_dropped() -> None:
    log = [record(0), record(1), pruned(2, ((0, 99),))]
    head, rows = GENESIS, []
    for each in log:
        head = hashlib.sha256(head + encode(each)).digest()
        rows.append((each.sequence, encode(each), head))
    rows[1] = (1, b"", rows[1][2])

    assert read_chain(S, rows, 3, head) == [record(0), emptied(1), log[2]]
