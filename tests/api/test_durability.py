"""A log says what its store promises, from its first record on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSessionStore, InvalidValue, MemorySessionStore, SessionOptions, Store
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Record, SessionOpened, StoreAttached
from a3s_code.testing import says
from api.house import House


def said(records: Sequence[Record]) -> list[str]:
    """List what a log says of its store, oldest first."""
    events = [record.event for record in records]
    return [e.durability for e in events if isinstance(e, SessionOpened | StoreAttached)]


def log_in(store: Store) -> Sequence[Record]:
    return asyncio.run(store.load(SessionId("job-1"), None))


def stored(store: Store, **keywords: Any) -> SessionOptions:
    return SessionOptions(session_store=store, session_id="job-1", **keywords)


@pytest.mark.parametrize("synchronous", ["full", "normal"])
def test_the_first_record_says_what_the_store_promises(
    synchronous: str, house: House, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "s", synchronous=synchronous)
    house.session(says("Hello."), session_store=store, session_id="job-1").send("hi")

    assert said(log_in(store)) == [synchronous]


def test_a_session_that_is_saved_later_says_where_it_was_and_where_it_is(house: House) -> None:
    agent = house.employ(default=says("Hello."))
    session = agent.session(house.root, session_id="job-1")
    session.send("hi")
    session.save()
    session.close()
    agent.resume_session("job-1").send("on")
    store = agent._inner._assembly.default_store

    assert said(log_in(store)) == ["none", "none"]


def test_a_session_that_goes_on_with_another_durability_says_so_once(
    house: House, tmp_path: Path
) -> None:
    agent = house.employ(default=says("Hello."))
    for synchronous in ("full", "full", "normal", "normal"):
        store = FileSessionStore(tmp_path / "s", synchronous)
        session = agent.session(house.root, stored(store))
        session.send("hi")
        session.close()

    assert said(log_in(store)) == ["full", "normal"]


@pytest.mark.parametrize("wrong", ["FULL", "off", "", 1, None, []])
def test_another_durability_is_refused(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="synchronous"):
        FileSessionStore(tmp_path, synchronous=wrong)


def test_every_store_says_what_it_promises(tmp_path: Path) -> None:
    assert MemorySessionStore().durability == "none"
    assert FileSessionStore(tmp_path).durability == "full"
