"""Hooks are objects of the host; a session that is resumed says which ones are gone."""

from __future__ import annotations

import pytest

from a3s_code import MemorySessionStore, Session
from a3s_code.kernel.records import HooksInForce
from a3s_code.testing import says
from api.house import House


@pytest.fixture
def store() -> MemorySessionStore:
    return MemorySessionStore()


@pytest.fixture
def resumed(house: House, store: MemorySessionStore) -> Session:
    """Give a session that had a guard before it was resumed."""
    agent = house.employ(default=says("Done."))
    session = agent.session(house.root, session_id="job-1", session_store=store)
    session.register_hook("guard", "pre_tool_use", lambda _: None)
    session.send("go")
    session.close()
    return agent.resume_session("job-1", session_store=store)


def told(session: Session) -> list[str | None]:
    events = session.stream("go on")
    return [event.data for event in events if event.event_type == "capability_missing"]


def test_a_hook_that_is_gone_is_named_once(resumed: Session) -> None:
    assert resumed.init_warning is not None
    assert "not registered again: guard (pre_tool_use)" in resumed.init_warning
    assert told(resumed) == ['{"names":["hook guard (pre_tool_use)"]}']
    assert told(resumed) == []


def test_one_that_is_registered_again_is_not_missed(resumed: Session) -> None:
    resumed.register_hook("guard", "pre_tool_use", lambda _: None)

    assert resumed.init_warning is None
    assert told(resumed) == []


def test_one_that_is_not_wanted_any_more_is_not_missed(resumed: Session) -> None:
    assert not resumed.unregister_hook("guard")
    assert resumed.init_warning is None


def test_the_log_says_from_where_on_which_hooks_are_asked(
    resumed: Session, store: MemorySessionStore
) -> None:
    told(resumed)
    told(resumed)
    log = resumed._inner._engine.log
    said = [r.event.hooks for r in log.records if isinstance(r.event, HooksInForce)]

    assert [[(hook.id, hook.event) for hook in hooks] for hooks in said] == [
        [("guard", "pre_tool_use")],
        [],
    ]
