"""The head of a log as an anchor, and the blobs that go when nothing needs them any more."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from a3s_code import (
    ArtifactStoreLimits,
    FileSessionStore,
    MemorySessionStore,
    SessionClosed,
    SessionOptions,
    Store,
    StoreError,
)
from a3s_code.cli.main import main
from a3s_code.kernel.events import SessionId
from a3s_code.testing import says
from api.house import House
from kernel.bench import WatchedStore


def rows(directory: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(directory / "sessions.db")) as connection:
        return connection.execute(query).fetchall()


def cut(directory: Path) -> None:
    """Cut off the last record, as somebody would who may write the store."""
    with closing(sqlite3.connect(directory / "sessions.db")) as connection, connection:
        connection.execute("DELETE FROM records WHERE sequence = (SELECT next - 1 FROM sessions)")
        connection.execute(
            "UPDATE sessions SET next = next - 1, head ="
            " (SELECT hash FROM records ORDER BY sequence DESC LIMIT 1)"
        )


def test_the_head_of_a_log_shows_later_that_it_was_cut(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "s"
    agent = house.employ(default=says("Hello."))
    options = SessionOptions(session_store=FileSessionStore(store), session_id="job-1")
    session = agent.session(house.root, options)
    session.send("hi")
    head = session.log_head()
    assert head is not None
    arguments = ["verify", str(store), "--session", "job-1", "--head", head["hash"]]

    assert rows(store, "SELECT max(sequence), lower(hex(head)) FROM records, sessions") == [
        (head["sequence"], head["hash"])
    ]
    session.send("and now?")
    agent.close()
    assert main(arguments) == 0
    while rows(store, "SELECT next FROM sessions") != [(head["sequence"],)]:
        cut(store)
    assert main(["verify", str(store)]) == 0
    assert main(arguments) == 1
    assert "cut off or written anew" in capsys.readouterr().out


def test_a_log_in_memory_has_the_head_that_it_would_have_on_disk(
    house: House, tmp_path: Path
) -> None:
    agent = house.employ(default=says("Hello."))
    memory = MemorySessionStore()
    session = agent.session(house.root, session_id="job-1", session_store=memory)
    session.send("hi")

    async def copied() -> tuple[int, str]:
        disk = FileSessionStore(tmp_path)
        for record in await memory.load(SessionId("job-1"), None):
            disk.append(SessionId("job-1"), record)
        await disk.barrier(SessionId("job-1"))
        head = await disk.head(SessionId("job-1"))
        await disk.close()
        return head

    count, anchor = asyncio.run(copied())
    assert session.log_head() == {"sequence": count - 1, "hash": anchor}


class OfBefore(WatchedStore):
    """A store of the user that was written before there were anchors and dropped blobs."""

    head = None
    drop_blob = None


class Unreadable(WatchedStore):
    async def head(self, session: SessionId) -> tuple[int, str]:
        raise OSError("gone")


def test_a_session_without_an_anchor_says_so(house: House) -> None:
    agent = house.employ(default=says("Hello."))
    in_memory, old = agent.session(house.root), agent.session(house.root, session_store=OfBefore())
    assert in_memory.log_head() is None
    in_memory.send("hi")
    old.send("hi")

    assert in_memory.log_head() is None
    assert old.log_head() is None
    old.close()
    with pytest.raises(SessionClosed):
        old.log_head()


def test_a_head_that_cannot_be_read_is_a_store_error(house: House) -> None:
    session = house.session(says("Hello."), session_store=Unreadable())
    session.send("hi")

    with pytest.raises(StoreError, match="gone"):
        session.log_head()


# Blobs

BIG = "seq {} 60000"


def blobs_of(store: Path) -> int:
    return len(rows(store, "SELECT 1 FROM blobs"))


def test_the_blob_of_an_evicted_artifact_is_gone(house: House, tmp_path: Path) -> None:
    limits = ArtifactStoreLimits(max_artifacts=2)
    store = FileSessionStore(tmp_path / "s")
    session = house.session(session_store=store, artifact_store_limits=limits)
    uris = [
        session.tool("bash", {"command": BIG.format(n)}).metadata["artifact"]["artifact_uri"]
        for n in range(4)
    ]
    session.save()

    assert blobs_of(tmp_path / "s") == 2
    assert [session.get_artifact(uri) is not None for uri in uris] == [False, False, True, True]


def test_a_blob_that_another_artifact_needs_stays(house: House, tmp_path: Path) -> None:
    def loud() -> str:
        """Say much."""
        return "x" * 200_000

    def louder() -> str:
        """Say the same."""
        return loud()

    store = FileSessionStore(tmp_path / "s")
    limits = ArtifactStoreLimits(max_artifacts=2)
    session = house.session(
        session_store=store, artifact_store_limits=limits, tools=[loud, louder], permissive=True
    )
    for name in ("loud", "louder"):
        session.tool(name, {})
    uri = session.tool("bash", {"command": BIG.format(1)}).metadata["artifact"]["artifact_uri"]
    session.save()

    assert blobs_of(tmp_path / "s") == 2
    session.tool("bash", {"command": BIG.format(2)})
    session.save()
    assert blobs_of(tmp_path / "s") == 2
    assert session.get_artifact(uri) is not None


def test_a_store_that_cannot_drop_keeps_blobs_and_the_session_goes_on(house: House) -> None:
    store: Store = OfBefore()
    limits = ArtifactStoreLimits(max_artifacts=1)
    session = house.session(says("Hello."), session_store=store, artifact_store_limits=limits)
    for n in range(3):
        assert session.tool("bash", {"command": BIG.format(n)}).exit_code == 0

    assert isinstance(store, OfBefore)
    assert len(store.blobs) == 3
    assert session.send("hi").text == "Hello."
