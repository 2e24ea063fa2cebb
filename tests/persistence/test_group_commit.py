"""The writer thread against media that do what disks seldom do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence

import pytest

from a3s_code.errors import StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.persistence import group_commit
from a3s_code.persistence.group_commit import GroupCommit
from a3s_code.persistence.sqlite_tables import Writer

S, OTHER = Writer(SessionId("s")), Writer(SessionId("other"))


class Tape:
    """
    Keeps what is committed; `write` of "break" raises, and of "refuse" refuses its session.

    Attributes:
        free: While it is not set, a commit does not return.
    """

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.free = threading.Event()
        self.free.set()
        self.began = threading.Event()
        self.closed = False

    def commit(self, writes: Sequence[tuple[Writer, str]]) -> Mapping[Writer, StoreError]:
        self.began.set()
        self.free.wait(30)
        if any(write == "break" for _, write in writes):
            raise ZeroDivisionError("the tape tore")
        refused = {session for session, write in writes if write == "refuse"}
        self.commits.append([write for session, write in writes if session not in refused])
        return {session: StoreError(f"{session.session} is refused") for session in refused}

    def close(self) -> None:
        self.closed = True


def over(tape: Tape) -> GroupCommit[Writer, str]:
    return GroupCommit(lambda: tape, "tape")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write nothing behind: only who waits gets a commit, and fails after the deadline."""
    monkeypatch.setattr(group_commit, "WRITE_BEHIND_S", 3600.0)
    monkeypatch.setattr(group_commit, "DEADLINE_S", 10.0)


@pytest.mark.usefixtures("patient")
async def test_a_barrier_ends_the_gathering_of_writes() -> None:
    tape = Tape()
    group = over(tape)
    group.add(S, "one")
    await asyncio.sleep(0.2)  # by now the thread gathers
    assert tape.commits == []
    group.add(OTHER, "two")
    await group.durable(S)

    assert tape.commits == [["one", "two"]]
    await group.close()


@pytest.mark.usefixtures("patient")
async def test_closing_ends_the_gathering_of_writes() -> None:
    tape = Tape()
    group = over(tape)
    group.add(S, "one")
    await asyncio.sleep(0.2)  # by now the thread gathers
    await group.close()

    assert tape.commits == [["one"]]


@pytest.mark.usefixtures("patient")
async def test_what_is_queued_during_a_commit_is_the_next_commit_at_once() -> None:
    tape = Tape()
    group = over(tape)
    tape.free.clear()
    group.add(S, "first")
    first = asyncio.create_task(group.durable(S))
    await asyncio.to_thread(tape.began.wait, 30)
    for number in range(50):
        group.add(OTHER, f"{number}")
    rest = asyncio.create_task(group.durable(OTHER))
    await asyncio.sleep(0)
    tape.free.set()
    await asyncio.gather(first, rest)

    assert tape.commits == [["first"], [str(number) for number in range(50)]]
    assert group.commits == 2
    await group.close()
    assert tape.closed


async def test_a_thread_that_breaks_is_told_to_everyone_and_stays_broken() -> None:
    tape = Tape()
    group = over(tape)
    group.add(S, "break")
    group.add(OTHER, "good")
    for session in (S, OTHER):
        with pytest.raises(StoreError, match="the tape tore") as error:
            await group.durable(session)
        assert isinstance(error.value.__cause__, ZeroDivisionError)
    group.add(OTHER, "good")
    with pytest.raises(StoreError):
        await group.durable(OTHER)
    with pytest.raises(StoreError):
        await group.close()
    assert tape.commits == []
    assert tape.closed


async def test_a_medium_that_cannot_be_opened_is_told() -> None:
    def no_medium() -> Tape:
        raise StoreError("no tape", hint="insert one")

    group: GroupCommit[Writer, str] = GroupCommit(no_medium, "tape")
    group.add(S, "one")
    with pytest.raises(StoreError, match="no tape") as error:
        await group.durable(S)
    assert error.value.hint == "insert one"


async def test_a_refused_session_stays_refused_until_it_is_accepted() -> None:
    tape = Tape()
    group = over(tape)
    group.add(S, "refuse")
    with pytest.raises(StoreError, match="s is refused"):
        await group.durable(S)
    group.add(S, "lost")
    group.add(OTHER, "kept")
    await group.durable(OTHER)
    with pytest.raises(StoreError, match="s is refused"):
        await group.durable(S)
    group.accept(S)
    group.add(S, "kept too")
    await group.durable(S)

    assert [write for commit in tape.commits for write in commit] == ["kept", "kept too"]
    await group.close()


async def test_a_medium_that_hangs_fails_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "DEADLINE_S", 0.05)
    tape = Tape()
    tape.free.clear()
    group = over(tape)
    group.add(S, "one")
    with pytest.raises(StoreError, match="did not answer"):
        await group.durable(S)
    tape.free.set()
    with pytest.raises(StoreError):
        await group.durable(S)
    with pytest.raises(StoreError):
        await group.close()


def test_a_loop_that_was_closed_keeps_nobody_waiting() -> None:
    tape = Tape()
    tape.free.clear()
    group = over(tape)
    group.add(S, "one")

    async def give_up() -> None:
        asyncio.get_running_loop().create_task(group.durable(S))
        await asyncio.to_thread(tape.began.wait, 30)

    asyncio.run(give_up())
    group.add(OTHER, "two")

    async def wait() -> None:
        waiting = asyncio.create_task(group.durable(OTHER))
        await asyncio.sleep(0)
        tape.free.set()
        await waiting
        await group.close()

    asyncio.run(wait())
    assert tape.commits == [["one"], ["two"]]


async def test_after_closing_nothing_is_taken() -> None:
    group = over(Tape())
    await group.close()
    with pytest.raises(StoreError, match="closed"):
        group.add(S, "late")
    with pytest.raises(StoreError, match="closed"):
        await group.durable(S)
    with pytest.raises(StoreError, match="closed"):
        group.refuse(S, StoreError("unreadable"))
