"""
One run of a team. Nothing is polled: whoever has nothing to do waits for the board to change.

Each worker has one task at a time, each reviewer one to judge. A rejected task can be claimed
again at once, while others are still at work. It is over when nothing can be claimed, nobody is
at work and nothing waits for a reviewer.

Source:
    A3S Code README of the 0.9 crate, "Agent Teams: How it works"; SPEC 9.8.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable

from a3s_code.delegation.team import Team
from a3s_code.delegation.team_board import TeamTask
from a3s_code.delegation.team_member import Handed, Member, TeamEvidence
from a3s_code.delegation.team_result import TeamResult
from a3s_code.delegation.team_verdict import is_approval
from a3s_code.delegation.team_words import (
    bounded,
    lead_prompt,
    reviewer_prompt,
    tasks_in,
    worker_prompt,
)
from a3s_code.errors import A3SError, InvalidType, TasksMissing, UsageError
from a3s_code.kernel.border import EndedItself, answer_of, described
from a3s_code.kernel.perseverance import stopped
from a3s_code.kernel.together import run_together

MemberOf = Callable[[str, str], Member]
"""Gives who works for a member, by its name and role."""

FAILED = "execution error: "
"""Begins the result of a worker that failed."""
STOP_S = 10.0
"""How long a member may take to stop."""
MAX_LABEL_CHARS = 80
"""Of a task, where events name it."""


class TeamWork:
    """
    Made for one goal, and used once.

    Raises:
        UsageError: there is no worker, or no one who could work.
    """

    __slots__ = (
        *("_board", "_busy", "_change", "_done_before", "_goal", "_left_out", "_max_rounds"),
        *("_posted", "_reviewers", "_reviews", "_team", "_tries", "_workers"),
    )

    def __init__(self, team: Team, goal: str, member_of: MemberOf) -> None:
        self._team, self._goal = team, goal
        self._board, self._max_rounds = team.task_board(), team.config.max_rounds
        self._workers = _members(team, "worker", member_of)
        self._reviewers = _members(team, "reviewer", member_of)
        if not self._workers:
            raise UsageError("The team has no worker.", hint="add_member('worker-1', 'worker')")
        self._done_before = {task.id for task in self._board.by_status("done")}
        self._left_out: list[str] = []
        self._busy: set[str] = set()
        self._tries: Counter[str] = Counter()
        self._reviews: Counter[str] = Counter()
        self._change = asyncio.Event()

    async def conduct(self, lead: Member) -> TeamResult:
        """
        Raises:
            TasksMissing, A3SError: as `AsyncTeamRunner.run_until_done`.
        """
        await self._plan(lead)
        loop = asyncio.get_running_loop()

        def told() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._change.set)

        self._board.watch(told)
        try:
            works = [self._work(name, member) for name, member in self._workers.items()]
            reviews = [self._judge(name, member) for name, member in self._reviewers.items()]
            await run_together([*works, *reviews])
        finally:
            self._board.watch(None)
        return self._result()

    # The lead

    async def _plan(self, lead: Member) -> None:
        name = self._team.members_by_role("lead")[0]
        said = (await _asked(lead, "take the goal apart", lead_prompt(self._goal))).text
        found = tasks_in(said)
        if not found:
            raise TasksMissing(
                f"The lead {name!r} gave no tasks. It said: {said.strip()[:500]}",
                hint='it has to answer with an object such as {"tasks": ["…"]}',
            )
        self._left_out += [each for each in found if self._board.post(each, name) is None]

    # Workers

    async def _work(self, name: str, member: Member) -> None:
        while (task := await self._next(lambda: self._claim(name))) is not None:
            self._busy.add(task.id)
            self._tries[task.id] += 1
            try:
                handed = await self._handed(member, task)
            except asyncio.CancelledError:
                self._board.release(task.id)
                raise
            finally:
                self._busy.discard(task.id)
            self._board.complete(task.id, handed.text, handed.evidence)
            self._change.set()

    def _claim(self, name: str) -> TeamTask | None:
        """Take a task; who has left the team meanwhile takes none."""
        is_member = name in self._team.members_by_role("worker")
        return self._board.claim(name, beside=self._spent()) if is_member else None

    async def _handed(self, member: Member, task: TeamTask) -> Handed:
        """Have a task done; a worker that fails hands in why."""
        try:
            return await _asked(member, _label(task), worker_prompt(self._goal, task))
        except Exception as error:  # noqa: BLE001 - border: a member may be foreign code
            return Handed(f"{FAILED}{_said(error)}", TeamEvidence())

    def _spent(self) -> set[str]:
        """Name the tasks that were worked on as often as they may be."""
        return {id_ for id_, tries in self._tries.items() if tries >= self._max_rounds}

    # Reviewers

    async def _judge(self, name: str, member: Member) -> None:
        while (task := await self._next(lambda: self._to_judge(name))) is not None:
            self._busy.add(task.id)
            try:
                is_good, review = await self._verdict(member, task)
            finally:
                self._busy.discard(task.id)
            self._reviews[task.id] += 1
            settle = self._board.approve if is_good else self._board.reject
            settle(task.id, review)
            self._change.set()

    def _to_judge(self, name: str) -> TeamTask | None:
        if name not in self._team.members_by_role("reviewer"):
            return None
        waiting = self._board.by_status("in_review")
        return next((task for task in waiting if task.id not in self._busy), None)

    async def _verdict(self, member: Member, task: TeamTask) -> tuple[bool, str]:
        """Ask a reviewer; one that fails rejects."""
        try:
            asked = f"review: {_label(task)}", reviewer_prompt(self._goal, task)
            said = await _asked(member, *asked)
        except Exception as error:  # noqa: BLE001 - border: a member may be foreign code
            return False, f"The review failed: {_said(error)}"
        return is_approval(said.text), bounded(said.text)

    # Waiting

    async def _next(self, take: Callable[[], TeamTask | None]) -> TeamTask | None:
        """Wait for something to do; None when it is over."""
        while (task := take()) is None:
            if self._is_over():
                self._change.set()  # whoever waits besides looks once more
                return None
            self._change.clear()
            await self._change.wait()
        return task

    def _is_over(self) -> bool:
        reviewers = self._team.members_by_role("reviewer")
        is_judged = any(name in reviewers for name in self._reviewers)
        if self._busy or (is_judged and self._board.by_status("in_review")):
            return False
        workers = self._workers.keys() & {*self._team.members_by_role("worker")}
        return not workers or not self._board.is_claimable(workers, beside=self._spent())

    # The end

    def _result(self) -> TeamResult:
        found = self._board.by_status
        return TeamResult(
            done_tasks=[task for task in found("done") if task.id not in self._done_before],
            rejected_tasks=found("rejected"),
            rounds=max(self._reviews.values(), default=1) - 1,
            unreviewed_tasks=found("in_review"),
            unfinished_tasks=[*found("open"), *found("in_progress")],
            left_out=self._left_out,
        )


async def _asked(member: Member, description: str, prompt: str) -> Handed:
    """
    Have a member do something, in a task of its own: whatever it makes of that is its failure.

    Raises:
        CancelledError: the team was told to stop; the member has stopped, or did not in 10 s.
        Exception: what stands against it.
    """
    work = asyncio.create_task(answer_of(member.do(description, prompt)))
    try:
        await asyncio.wait({work})
    except asyncio.CancelledError:
        await stopped(work, STOP_S)
        raise
    if work.cancelled():
        raise EndedItself("it cancelled itself")
    handed = work.result()
    if not isinstance(handed.text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
        raise InvalidType(f"It answered with a {type(handed.text).__name__}, not a text.")
    return handed


def _members(team: Team, role: str, member_of: MemberOf) -> dict[str, Member]:
    return {name: member_of(name, role) for name in team.members_by_role(role)}


def _label(task: TeamTask) -> str:
    words = " ".join(task.description.split())
    return words if len(words) <= MAX_LABEL_CHARS else f"{words[:MAX_LABEL_CHARS]}…"


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, A3SError) else described(error)
