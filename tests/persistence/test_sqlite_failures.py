from __future__ import annotations

import asyncio
import gc
import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from a3s_code.errors import StoreError
from a3s_code.kernel.events import SessionId, ToolEnd
from a3s_code.persistence import database
from a3s_code.persistence.sqlite import FileSessionStore
from persistence.logs import OTHER, S, change, keep, record, records


async def test_a_directory_that_is_a_file_is_told_at_every_barrier(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file")
    store = FileSessionStore(tmp_path / "blocked/sessions")
    for _ in range(2):
        with pytest.raises(StoreError, match="blocked/sessions") as error:
            await keep(store, records(1))
        assert error.value.hint == "give a directory, not a file"
        assert isinstance(error.value.__cause__, OSError)
    (tmp_path / "blocked").unlink()
    store.append(S, record(1))
    with pytest.raises(StoreError):
        await store.barrier(S)
    with pytest.raises(StoreError):
        await store.close()


async def test_a_store_that_stays_locked_fails_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    store = FileSessionStore(tmp_path)
    await keep(store, records(2))
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as error:
            await keep(store, records(4)[2:])
    assert "another process" in error.value.hint
    with pytest.raises(StoreError):
        await keep(store, records(4)[2:])
    assert await store.load(S) == records(2)

    again = FileSessionStore(tmp_path)
    await keep(again, records(4)[2:])
    assert await again.load(S) == records(4)
    await again.close()


async def test_another_kind_of_file_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "sessions.db").write_bytes(b"these are my notes" * 100)
    store = FileSessionStore(tmp_path)

    with pytest.raises(StoreError, match="not a database"):
        await store.load(S)
    with pytest.raises(StoreError, match="not a database"):
        await keep(store, records(1))
    assert (tmp_path / "sessions.db").read_bytes() == b"these are my notes" * 100


async def test_a_format_of_a_later_version_is_left_as_it_is(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    await keep(store, records(2))
    await store.close()
    change(tmp_path, "PRAGMA user_version = 7")

    later = FileSessionStore(tmp_path)
    with pytest.raises(StoreError, match="format 7"):
        await later.load(S)
    with pytest.raises(StoreError, match="format 7"):
        await keep(later, records(1), OTHER)


async def test_a_record_that_cannot_be_written_fails_its_session_alone(tmp_path: Path) -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    bad = ToolEnd(id="c", name="f", output="", exit_code=0, metadata=endless)
    store = FileSessionStore(tmp_path)
    store.append(S, record(0))
    store.append(S, type(record(1))(1, 1, record(1).run, bad))
    store.append(S, record(2))

    with pytest.raises(StoreError, match="Record 1"):
        await store.barrier(S)
    await keep(store, records(2), OTHER)
    assert await store.load(S) == records(1)
    await store.close()


async def test_an_id_that_is_no_text_fails_its_session_alone(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    odd = SessionId("\ud800")
    with pytest.raises(StoreError):
        await keep(store, records(1), odd)
    await keep(store, records(2), OTHER)

    assert await store.sessions() == [OTHER]
    await store.close()


async def test_an_id_of_a_run_that_is_no_text_fails_its_session_alone(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    first, odd = records(2)
    store.append(S, first)
    store.append(S, msgspec.structs.replace(odd, run="\ud800"))
    store.append(OTHER, record(0))  # of the same commit
    await store.barrier(OTHER)

    with pytest.raises(StoreError, match="'my-session' is no text"):
        await store.barrier(S)
    assert await store.load(S) == [first]
    await store.close()


async def test_every_waiting_loop_is_told_of_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = FileSessionStore(tmp_path / "file")
    for number in range(20):
        store.append(SessionId(f"s{number}"), record(0))
    waiting = (store.barrier(SessionId(f"s{number}")) for number in range(20))
    told = await asyncio.gather(*waiting, return_exceptions=True)

    assert {type(error) for error in told} == {StoreError}
    assert len({id(error) for error in told}) == 20


async def test_reading_and_failing_leave_no_connection_behind(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    await keep(store, records(2))
    await store.load(S)
    change(tmp_path, "PRAGMA user_version = 7")
    with pytest.raises(StoreError):
        await store.load(S)
    await store.close()
    gc.collect()  # a connection that was left open would warn, and warnings are errors here


# Damage


async def damaged(tmp_path: Path, statement: str, *values: object) -> str:
    store = FileSessionStore(tmp_path)
    await keep(store, records(10))
    await store.close()
    assert change(tmp_path, statement, *values) > 0
    again = FileSessionStore(tmp_path)
    with pytest.raises(StoreError) as error:
        await again.load(S)
    await again.close()
    return str(error.value)


async def test_a_changed_record_is_named(tmp_path: Path) -> None:
    edit = "UPDATE records SET body = CAST(replace(CAST(body AS TEXT), 'bash', 'sh') AS BLOB)"
    message = await damaged(tmp_path, f"{edit} WHERE sequence = 4")
    assert "Record 4 of session 'my-session' was changed" in message


async def test_a_missing_record_is_named(tmp_path: Path) -> None:
    message = await damaged(tmp_path, "DELETE FROM records WHERE sequence = 3")
    assert "Record 3 of session 'my-session' is missing" in message


async def test_a_log_whose_end_was_cut_off_is_noticed(tmp_path: Path) -> None:
    message = await damaged(tmp_path, "DELETE FROM records WHERE sequence > 6")
    assert "Record 7 of session 'my-session'" in message


async def test_an_entry_that_denies_its_records_is_noticed(tmp_path: Path) -> None:
    """One flipped bit makes the length of a log negative."""
    message = await damaged(tmp_path, "UPDATE sessions SET next = -next")
    assert "'my-session' has records" in message


async def test_a_changed_blob_is_not_given_out(tmp_path: Path) -> None:
    store, data = FileSessionStore(tmp_path), b"content"
    sha256 = hashlib.sha256(data).hexdigest()
    store.put_blob(S, sha256, data)
    await keep(store, records(1))
    change(tmp_path, "UPDATE blobs SET data = ?", b"changed")

    with pytest.raises(StoreError, match=sha256):
        await store.get_blob(S, sha256)
    await store.close()


async def test_the_same_content_is_stored_once(tmp_path: Path) -> None:
    store, data = FileSessionStore(tmp_path), bytes(1_000_000)
    sha256 = hashlib.sha256(data).hexdigest()
    for number in range(5):
        store.put_blob(SessionId(f"s{number}"), sha256, data)
    await store.close()

    assert (tmp_path / "sessions.db").stat().st_size < 2_000_000
