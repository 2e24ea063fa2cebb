"""How a question is put, who may answer it, and what happens when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from a3s_code.errors import InvalidValue
from a3s_code.harness.confirm import ConfirmationPolicy
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.grants import GrantingGate
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.actions import Foreseen, foresee
from a3s_code.kernel.approval import Approvals
from a3s_code.kernel.binding import Approved
from a3s_code.kernel.events import (
    ConfirmationReceived,
    ConfirmationRequired,
    ConfirmationTimeout,
)
from a3s_code.kernel.fold import fold
from a3s_code.kernel.log import RunSink
from a3s_code.kernel.messages import ToolResult
from a3s_code.kernel.ports import Action, Allow, Ask, Decision, Deny
from a3s_code.kernel.records import ConfirmationWaived, RuleGranted
from api.house import arrive
from kernel.bench import RUN, Bench, call
from kernel.stepped_clock import SteppedClock

WRITE = call("write", file_path="f", content="x")
READ = call("read", "c2", file_path="f")


@dataclass
class Silent:
    """Is asked, and never answers; remembers how it ended."""

    asked: list[str] = field(default_factory=list[str])
    cancelled: int = 0

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        self.asked.append(action.call.id)
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled += 1
        raise AssertionError


class Table:
    """A bench with terms and a clock that a test moves on."""

    def __init__(self, root: Path, approver: Any = None, **terms: Any) -> None:
        self.clock = SteppedClock()
        self.bench = Bench(root, policy=PermissionPolicy(ask=["*"]), approver=approver)
        self.gate = GrantingGate(PolicyGate(PermissionPolicy(ask=["*"]).compile(), str(root)))
        confirmations = ConfirmationPolicy(enabled=True, **terms).validate()
        self.approvals = Approvals(confirmations, self.gate, self.clock)
        self.bench.executor.gate = self.gate
        self.bench.executor.approvals = self.approvals

    async def asked(self, *calls: Any) -> asyncio.Task[tuple[ToolResult, ...]]:
        """Begin to run calls, and come back when the first question waits."""
        before = len(self.bench.all(ConfirmationRequired))
        running = asyncio.create_task(self.bench.execute(*calls))
        await arrive(lambda: len(self.bench.all(ConfirmationRequired)) > before or running.done())
        return running

    async def answer(
        self, call_id: str, *, approved: bool, reason: str = "", remember: Iterable[str] = ()
    ) -> None:
        given = ConfirmationReceived(tool_id=call_id, approved=approved, reason=reason or None)
        await self.approvals.record(given, remember, self.bench.sink)
        self.approvals.answer(given)


# Time


@pytest.mark.parametrize("action", ["reject", "auto_approve"])
async def test_what_nobody_answers_in_time_is_settled_as_the_policy_says(
    action: str, tmp_path: Path
) -> None:
    table = Table(tmp_path, default_timeout_ms=30_000, timeout_action=action)
    running = await table.asked(WRITE)
    table.clock.advance(29.9)
    await asyncio.sleep(0)
    assert not running.done()
    assert table.approvals.remaining_ms("c1") == 100
    table.clock.advance(0.1)
    (result,) = await running

    (late,) = table.bench.all(ConfirmationTimeout)
    assert late.action_taken == {"reject": "rejected", "auto_approve": "auto_approved"}[action]
    assert (tmp_path / "f").exists() is (action == "auto_approve")
    assert result.is_error is (action == "reject")
    assert table.bench.all(ConfirmationReceived) == []


async def test_an_answer_that_comes_when_the_time_is_over_is_late(tmp_path: Path) -> None:
    table = Table(tmp_path, default_timeout_ms=1_000)
    running = await table.asked(WRITE)
    assert table.approvals.is_late("c1") is False
    table.clock.advance(1.0)

    assert table.approvals.is_late("c1") is True
    await running
    assert table.approvals.is_late("c1") is False


async def test_a_question_that_timed_out_is_answered_for_a_resume_too(tmp_path: Path) -> None:
    table = Table(tmp_path, default_timeout_ms=1_000)
    running = await table.asked(WRITE)
    table.clock.advance(1.0)
    await arrive(lambda: table.bench.all(ConfirmationTimeout))
    records = table.bench.log.records
    await running
    until = next(r.sequence for r in records if isinstance(r.event, ConfirmationTimeout))
    answer = fold(records[: until + 1]).approvals["c1"].answer

    assert answer is not None
    assert answer.approved is False


async def test_the_approver_is_told_to_stop_when_the_time_is_over(tmp_path: Path) -> None:
    silent = Silent()
    table = Table(tmp_path, silent, default_timeout_ms=1_000)
    running = await table.asked(WRITE)
    table.clock.advance(1.0)
    (result,) = await running

    assert "nobody answered in time" in result.content
    assert (silent.asked, silent.cancelled) == (["c1"], 1)


async def test_without_a_policy_the_approver_has_all_the_time(tmp_path: Path) -> None:
    silent = Silent()
    bench = Bench(tmp_path, policy=PermissionPolicy(ask=["*"]), approver=silent)
    bench.executor.approvals = Approvals(clock=SteppedClock())
    running = asyncio.create_task(bench.execute(WRITE))
    await arrive(lambda: silent.asked)

    assert bench.executor.approvals.remaining_ms("c1") is None
    assert bench.all(ConfirmationRequired)[0].timeout_ms == 0
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert silent.cancelled == 1
    assert dict(bench.sink.approvals) == {}


# Who answers


@pytest.mark.parametrize("approved", [True, False])
async def test_somebody_may_be_quicker_than_the_approver(approved: bool, tmp_path: Path) -> None:
    silent = Silent()
    table = Table(tmp_path, silent)
    running = await table.asked(WRITE)
    await table.answer("c1", approved=approved, reason="looked at")
    (result,) = await running

    assert (tmp_path / "f").exists() is approved
    assert silent.cancelled == 1
    assert ("looked at" in result.content) is not approved
    assert len(table.bench.all(ConfirmationReceived)) == 1


async def test_an_answer_in_the_moment_of_the_question_is_not_lost(tmp_path: Path) -> None:
    """The question is shown before it is durable; whoever sees it may answer at once."""
    table = Table(tmp_path)
    answered: list[asyncio.Task[None]] = []

    def watch(event: Any) -> None:
        if isinstance(event, ConfirmationRequired):
            answered.append(asyncio.create_task(table.answer("c1", approved=True)))

    table.bench.sink = RunSink(table.bench.log, RUN, watch)
    (result,) = await asyncio.wait_for(table.bench.execute(WRITE), 10)

    assert not result.is_error
    assert answered[0].done()


async def test_policy_off_denies_without_asking_anybody_and_says_how_to_allow_it(
    tmp_path: Path,
) -> None:
    silent = Silent()
    table = Table(tmp_path, silent)
    table.approvals.terms = ConfirmationPolicy().validate()
    (result,) = await table.bench.execute(WRITE)

    assert "ConfirmationPolicy(enabled=True)" in result.content
    assert "the rule write(f)" in result.content
    assert silent.asked == []
    assert table.bench.all(ConfirmationRequired) == []


# Lanes


async def test_a_yolo_lane_approves_without_a_question_and_the_log_says_so(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    table = Table(tmp_path, yolo_lanes=["query"])
    (result,) = await table.bench.execute(READ)

    assert result.content.strip().endswith("x")
    (waived,) = table.bench.all(ConfirmationWaived)
    assert (waived.call_id, waived.reason) == ("c2", "query is a yolo lane")
    assert "needs approval" in waived.asked
    assert table.bench.all(ConfirmationRequired) == []


async def test_a_call_of_another_lane_is_asked_about(tmp_path: Path) -> None:
    table = Table(tmp_path, yolo_lanes=["query", "control", "generate"])
    running = await table.asked(WRITE)
    await table.answer("c1", approved=False)
    await running

    assert len(table.bench.all(ConfirmationRequired)) == 1
    assert not (tmp_path / "f").exists()


async def test_two_calls_of_a_yolo_lane_may_change_one_file(tmp_path: Path) -> None:
    """Nobody has looked at the file, so the second does not depend on what it was."""
    table = Table(tmp_path, yolo_lanes=["execute"])
    results = await table.bench.execute(
        WRITE, call("edit", "c2", file_path="f", old_string="x", new_string="y")
    )

    assert [result.is_error for result in results] == [False, False]
    assert (tmp_path / "f").read_text() == "y"


class Explicit:
    """Asks, and wants an answer of somebody."""

    policy_version = "explicit"

    def decide(self, action: Action) -> Decision:
        return Ask("somebody has to say so", explicit=True)


async def test_neither_a_lane_nor_time_settles_what_needs_an_answer(tmp_path: Path) -> None:
    lanes = ["control", "query", "execute", "generate"]
    table = Table(
        tmp_path, yolo_lanes=lanes, timeout_action="auto_approve", default_timeout_ms=1_000
    )
    table.bench.executor.gate = Explicit()
    running = await table.asked(WRITE)
    table.clock.advance(1.0)
    (result,) = await running

    assert result.is_error
    assert [each.action_taken for each in table.bench.all(ConfirmationTimeout)] == ["rejected"]
    assert not (tmp_path / "f").exists()


# Rules that answers make


async def test_a_rule_that_an_answer_makes_holds_from_then_on(tmp_path: Path) -> None:
    table = Table(tmp_path)
    before = table.gate.policy_version
    running = await table.asked(WRITE)
    await table.answer("c1", approved=True, remember=["write(f)"])
    (first,) = await running
    again = call("write", "c3", file_path="f", content="y")
    (second,) = await asyncio.wait_for(table.bench.execute(again), 10)

    assert (first.is_error, second.is_error) == (False, False)
    (granted,) = table.bench.all(RuleGranted)
    assert granted.rules == ("write(f)",)
    assert (granted.before, granted.after) == (before, table.gate.policy_version)
    assert before != table.gate.policy_version
    names = table.bench.names
    assert names.index("RuleGranted") < names.index("ConfirmationReceived")


async def test_a_rule_voids_no_yes_that_waits_for_its_turn(tmp_path: Path) -> None:
    table = Table(tmp_path)
    running = await table.asked(WRITE, call("write", "c2", file_path="g", content="y"))
    await table.answer("c1", approved=True)
    await arrive(lambda: len(table.bench.all(ConfirmationRequired)) == 2)
    await table.answer("c2", approved=True, remember=["write(g)"])
    results = await running

    assert [result.is_error for result in results] == [False, False]


class Generous:
    def __init__(self, *rules: str) -> None:
        self.rules = rules

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        return Allow("always", remember=self.rules)


async def test_an_approver_may_make_a_rule(tmp_path: Path) -> None:
    table = Table(tmp_path, Generous("write"))
    await table.bench.execute(WRITE)

    assert table.gate.rules == ("write",)


async def test_an_approver_whose_rule_is_none_says_no(tmp_path: Path) -> None:
    table = Table(tmp_path, Generous("write("))
    (result,) = await table.bench.execute(WRITE)

    assert "the approver's rule was refused" in result.content
    assert table.gate.rules == ()
    assert not (tmp_path / "f").exists()


async def test_no_rule_is_made_where_none_can_be_kept(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="No rule can be remembered here"):
        Approvals().check("c1", ["write"])


# Two answers, and answers of before


async def test_of_two_answers_at_once_the_first_counts(tmp_path: Path) -> None:
    table = Table(tmp_path)
    running = await table.asked(WRITE)
    given = [
        ConfirmationReceived(tool_id="c1", approved=approved, reason=None)
        for approved in (False, True)
    ]
    record = table.approvals.record
    counted = await asyncio.gather(*(record(each, (), table.bench.sink) for each in given))
    for each, counts in zip(given, counted, strict=True):
        if counts:
            table.approvals.answer(each)
    (result,) = await running

    assert counted == [True, False]
    assert [each.approved for each in table.bench.all(ConfirmationReceived)] == [False]
    assert result.is_error
    assert not (tmp_path / "f").exists()


async def test_an_approver_that_is_late_by_an_instant_does_not_overrule_an_answer(
    tmp_path: Path,
) -> None:
    """Somebody's no is on its way into the log when the approver says yes."""

    class Prompt:
        async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
            await answered.wait()
            return Allow("yes")

    answered = asyncio.Event()
    table = Table(tmp_path, Prompt())
    running = await table.asked(WRITE)
    async with table.approvals._granting:  # whoever comes first waits here
        said = ConfirmationReceived(tool_id="c1", approved=False, reason="no")
        answering = asyncio.create_task(table.approvals.record(said, (), table.bench.sink))
        await asyncio.sleep(0)
        answered.set()
        for _ in range(20):
            await asyncio.sleep(0)
    assert await answering is True
    (result,) = await running

    assert [each.approved for each in table.bench.all(ConfirmationReceived)] == [False]
    assert "no" in result.content
    assert not (tmp_path / "f").exists()


async def test_nothing_is_recorded_for_a_call_that_nobody_is_asked_about(tmp_path: Path) -> None:
    table = Table(tmp_path)
    said = ConfirmationReceived(tool_id="c1", approved=True)

    assert await table.approvals.record(said, ["write(f)"], table.bench.sink) is False
    assert table.bench.all(ConfirmationReceived) == []
    assert table.gate.rules == ()


async def test_an_approver_that_cancels_itself_says_no(tmp_path: Path) -> None:
    class Gone:
        async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
            raise AssertionError

    table = Table(tmp_path, Gone())
    (result,) = await table.bench.execute(WRITE)

    assert "it cancelled itself" in result.content
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("explicit", [False, True])
async def test_a_yes_of_before_holds_only_for_a_question_that_was_as_strict(
    explicit: bool, tmp_path: Path
) -> None:
    """The like of it was cut off meanwhile, so that only an answer to that may repeat it."""
    table = Table(tmp_path, timeout_action="auto_approve", default_timeout_ms=1_000)
    sink = table.bench.sink
    ask = Ask("somebody has to say so", explicit=explicit)
    action = await _approved_before(table, ask)
    table.approvals.terms = None
    answer = await table.approvals.ask(action, Ask("cut off", explicit=True), _Nobody(table), sink)

    assert isinstance(answer, Deny) is not explicit
    if action.target is not None:
        action.target.close()


@dataclass
class _Nobody:
    """The court of a table, where nobody can be asked."""

    table: Table
    approver: None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.table.bench.executor, name)


async def _approved_before(table: Table, ask: Ask) -> Action:
    """Have a call approved, and leave it there; give it as it is decoded once more."""
    executor = table.bench.executor
    foreseen = foresee(WRITE, executor, None)
    assert isinstance(foreseen, Foreseen)
    asking = asyncio.create_task(
        table.approvals.ask(foreseen.action, ask, executor, table.bench.sink)
    )
    await arrive(lambda: table.bench.all(ConfirmationRequired))
    await table.answer("c1", approved=True)
    assert isinstance(await asking, Approved)
    return foreseen.action


async def test_rules_whose_answer_is_cut_off_hold_as_the_log_says(tmp_path: Path) -> None:
    """Recorded is recorded: a later session has them, so this one does not fall apart from it."""
    table = Table(tmp_path)
    running = await table.asked(WRITE)
    waits = asyncio.Event()

    class Slow(RunSink):
        async def barrier(self) -> None:
            waits.set()
            await asyncio.Event().wait()

    table.approvals._open["c1"].sink = Slow(table.bench.log, RUN)
    said = ConfirmationReceived(tool_id="c1", approved=True)
    recording = asyncio.create_task(table.approvals.record(said, ["write(f)"], table.bench.sink))
    await waits.wait()
    recording.cancel()
    with pytest.raises(asyncio.CancelledError):
        await recording
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    (granted,) = table.bench.all(RuleGranted)
    assert table.gate.policy_version == granted.after
    assert table.gate.rules == ("write(f)",)
