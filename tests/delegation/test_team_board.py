"""The board of a team: no task is lost, none has two claimants, no step is taken that is none."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from a3s_code import InvalidType, InvalidValue, TeamEvidence, TeamTask, TeamTaskBoard

WORKERS = ("worker-1", "worker-2")


def test_a_task_goes_from_open_to_done() -> None:
    board = TeamTaskBoard()
    id_ = board.post("Refactor auth", "lead")
    assert id_ == "task-1"
    task = board.claim("worker-1")
    assert task is not None
    assert (task.status, task.assigned_to) == ("in_progress", "worker-1")
    assert board.complete(task.id, "Refactored to JWT")
    assert board.approve(task.id, "APPROVED")
    done = board.get(task.id)
    assert done is not None
    assert (done.status, done.result, done.review) == ("done", "Refactored to JWT", "APPROVED")
    assert board.stats() == (0, 0, 0, 1, 0)
    assert len(board) == board.len() == 1


def test_a_rejected_task_is_claimed_again_with_the_reason() -> None:
    board = TeamTaskBoard()
    board.post("Fix lint", "lead")
    taken = board.claim("worker-1")
    assert taken is not None
    board.complete(taken.id, "x")
    assert board.reject(taken.id, "there is no test")
    assert board.by_status("rejected")[0].assigned_to is None
    again = board.claim("worker-2")
    assert again is not None
    assert (again.id, again.review, again.result) == (taken.id, "there is no test", "x")


def test_a_task_that_is_assigned_is_for_its_assignee_alone_and_comes_first() -> None:
    board = TeamTaskBoard()
    board.post("any", "lead")
    mine = board.post("mine", "lead", "worker-2")
    assert [task.id for task in board.by_status("in_progress")] == [mine]
    first = board.claim("worker-2")
    assert first is not None
    assert first.id == mine
    other = board.claim("worker-1")
    assert other is not None
    assert other.description == "any"
    assert board.claim("worker-1") is None
    assert board.claim("worker-2") is None, "what was taken up is not claimed twice"


def test_an_assigned_task_can_be_completed_without_a_claim() -> None:
    board = TeamTaskBoard()
    mine = board.post("mine", "lead", "worker-1")
    assert mine is not None
    assert board.complete(mine, "done")
    assert board.claim("worker-1") is None


def test_a_full_board_takes_nothing_more() -> None:
    board = TeamTaskBoard(2)
    assert board.post("a", "lead")
    assert board.post("b", "lead")
    assert board.post("c", "lead") is None
    assert len(board) == 2


def test_what_is_given_back_is_open_again() -> None:
    board = TeamTaskBoard()
    board.post("a", "lead")
    taken = board.claim("worker-1")
    assert taken is not None
    assert board.release(taken.id)
    assert not board.release(taken.id)
    again = board.claim("worker-2")
    assert again is not None
    assert again.id == taken.id


def test_tasks_are_found_by_status_and_by_assignee() -> None:
    board = TeamTaskBoard()
    board.post("a", "lead")
    board.post("b", "lead", "worker-1")
    assert [task.description for task in board.by_assignee("worker-1")] == ["b"]
    assert [task.description for task in board.by_status("open")] == ["a"]
    with pytest.raises(InvalidValue, match="use one of open, in_progress"):
        board.by_status("finished")


def test_a_step_about_a_task_that_is_not_there_is_refused() -> None:
    board = TeamTaskBoard()
    assert board.get("task-1") is None
    assert not board.complete("task-1", "x")
    assert not board.approve("task-1")
    assert not board.reject("task-1")


@pytest.mark.parametrize("given", [(1, "lead"), ("a", None), ("a", "lead", 7)])
def test_what_is_no_text_is_refused(given: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidType):
        TeamTaskBoard().post(*given)


def test_a_task_without_words_is_refused() -> None:
    with pytest.raises(InvalidValue):
        TeamTaskBoard().post("  ", "lead")


def test_threads_never_claim_the_same_task() -> None:
    board = TeamTaskBoard(400)
    taken: list[str] = []

    def work(name: str) -> None:
        for number in range(50):
            board.post(f"{name} {number}", name)
            task = board.claim(name)
            if task is not None:
                taken.append(task.id)
                board.complete(task.id, name)

    threads = [threading.Thread(target=work, args=(f"worker-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(taken) == len(set(taken)) == 400
    assert board.stats() == (0, 0, 400, 0, 0)


def test_whoever_watches_is_told_of_every_change() -> None:
    board = TeamTaskBoard()
    told: list[int] = []
    board.watch(lambda: told.append(len(board)))  # from outside of the lock: it may look
    board.post("a", "lead")
    taken = board.claim("w")
    assert taken is not None
    board.complete(taken.id, "x")
    board.approve("task-9")
    assert told == [1, 1, 1]


class Board(RuleBasedStateMachine):
    """A board beside a model of it: who may claim each task, and who holds it."""

    def __init__(self) -> None:
        super().__init__()
        self.board = TeamTaskBoard(6)
        self.known: dict[str, TeamTask] = {}
        self.holders: dict[str, str] = {}
        self.waits_for: dict[str, str] = {}

    ids = st.integers(1, 7).map(lambda number: f"task-{number}")
    workers = st.sampled_from(WORKERS)

    def look(self) -> None:
        self.known = {task.id: task for task in self.board.all()}

    @rule(to=st.one_of(st.none(), workers))
    def post(self, to: str | None) -> None:
        id_ = self.board.post("work", "lead", to)
        assert (id_ is None) == (len(self.known) >= 6)
        if id_ is not None and to is not None:
            self.waits_for[id_] = to
        self.look()

    @rule(member=workers)
    def claim(self, member: str) -> None:
        free = [it.id for it in self.known.values() if it.status in {"open", "rejected"}]
        mine = [id_ for id_, to in self.waits_for.items() if to == member]
        taken = self.board.claim(member)
        if taken is None:
            assert not free
            assert not mine
            return
        assert taken.id in (mine or free)
        assert taken.id not in self.holders
        self.holders[taken.id] = member
        self.waits_for.pop(taken.id, None)
        self.look()

    @rule(id_=ids, result=st.text())
    def complete(self, id_: str, result: str) -> None:
        may = id_ in self.holders or id_ in self.waits_for
        evidence = TeamEvidence(run_id=result)
        assert self.board.complete(id_, result, evidence) == may
        self.holders.pop(id_, None)
        self.waits_for.pop(id_, None)
        self.look()
        if may:
            assert (self.known[id_].result, self.known[id_].evidence) == (result, evidence)

    @rule(id_=ids, is_good=st.booleans(), words=st.text())
    def judge(self, id_: str, is_good: bool, words: str) -> None:
        before = self.known.get(id_)
        may = before is not None and before.status == "in_review"
        settle = self.board.approve if is_good else self.board.reject
        assert settle(id_, words) == may
        self.look()
        if may:
            assert self.known[id_].status == ("done" if is_good else "rejected")
            assert self.known[id_].review == words

    @rule(id_=ids)
    def release(self, id_: str) -> None:
        may = id_ in self.holders or id_ in self.waits_for
        assert self.board.release(id_) == may
        self.holders.pop(id_, None)
        self.waits_for.pop(id_, None)
        self.look()

    @rule(member=workers)
    def leave(self, member: str) -> None:
        self.board.leave(member)
        self.waits_for = {id_: to for id_, to in self.waits_for.items() if to != member}
        self.look()

    @invariant()
    def every_task_is_somewhere(self) -> None:
        every = self.board.all()
        assert [task.id for task in every] == [f"task-{n}" for n in range(1, len(every) + 1)]
        assert sum(self.board.stats()) == len(self.board) == len(every) <= 6

    @invariant()
    def who_holds_a_task_is_who_claimed_it(self) -> None:
        held = {it.id: it.assigned_to for it in self.board.by_status("in_progress")}
        assert held == {**self.waits_for, **self.holders}

    @invariant()
    def what_is_free_belongs_to_nobody(self) -> None:
        free = (*self.board.by_status("open"), *self.board.by_status("rejected"))
        assert all(task.assigned_to is None for task in free)
        claimable = bool(free) or "worker-1" in self.waits_for.values()
        assert self.board.is_claimable({"worker-1"}) == claimable


Board.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestBoard = Board.TestCase
