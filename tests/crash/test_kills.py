"""
What a session keeps through kills of its process, at every point and at random moments.

A scenario is lived once without a kill, and then again for each kill; after each kill the
store and the files are looked at, and in the end the workspace must be that of the first
life. With A3S_CRASH=all the kills are at every point of all scenarios, and a thousand at
random moments; otherwise at each n-th point, and twelve in the long day.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from a3s_code.kernel.store import Store
from a3s_code.testing import CrashReport, CrashRig, CrashStage
from crash.answering import ANSWERED, WAITING, answers
from crash.going_back import goes_back, parts
from crash.scenario import COUNTER, SCRIPT, TEMPORARY, certain, little, normal, work
from crash.sizes import ALL, WORKERS, some
from crash.skilled import SCRIPT as SKILLED
from crash.skilled import skilled

Scenario: TypeAlias = Callable[[CrashStage], object]


def rig(scenario: Scenario, store: Callable[[Path], Store] | None = None) -> CrashRig:
    return CrashRig(
        scenario,
        SCRIPT,
        store=store,
        counters=(COUNTER,),
        differs=(TEMPORARY,),
        workers=WORKERS,
    )


def killed(made: CrashRig, each: int, points: int, *also: str) -> CrashReport:
    """
    Kill at all points, or at each n-th.

    Args:
        points: How many there are at least.
        also: Names of those that none may be left out of.
    """
    report = made.kill_everywhere(1 if ALL else each, also)
    assert all(name in places(report) for name in also)
    nothing_is_lost_or_repeated(report)
    assert report.reference.points > points, "something is not done any more"
    assert report.kills >= report.reference.points // (1 if ALL else each) - 2
    return report


def nothing_is_lost_or_repeated(report: CrashReport) -> None:
    print(report)  # noqa: T201 - shown with `-s`
    assert not report.faults, report
    assert report.found >= report.acknowledged > 0
    assert report.repeated == 0
    assert report.compared > len(report.lives), "a session that goes on is looked at"


def places(report: CrashReport) -> str:
    return " ".join(kill for life in report.lives for kill in life.kills)


def test_a_kill_at_any_point_of_a_little_work_leaves_nothing_unclear() -> None:
    """What was cut off is known to be done or not, or said to be in doubt."""
    report = killed(rig(little), 25, 90, "append of EffectSettled", "append of FileChanging")

    assert report.outcomes["done"] > 0
    assert report.outcomes["not_done"] > 0


def test_a_kill_at_any_point_of_a_long_day_loses_and_repeats_nothing() -> None:
    """Also where artifacts are let go of, and records beyond the limits are dropped."""
    killed(rig(work), 60, 220, "after prune", "after drop_blob", "after head")


def test_what_the_host_makes_certain_is_done_once() -> None:
    """It looks at the counter, and says of what is in doubt whether it took effect."""
    report = killed(rig(certain), 20, 60, "after barrier")

    assert report.missing == 0
    assert report.outcomes.get("in_doubt", 0) == 0


def test_a_kill_at_any_point_of_going_back_can_be_followed_by_going_back() -> None:
    report = killed(rig(goes_back), 30, 130, "append of Rewound", "append of HistoryReplaced")

    assert not ALL or report.outcomes["in_doubt"] > 0, "no kill was while files went back"


def test_a_kill_at_any_point_of_a_fork_leaves_a_whole_fork_or_none() -> None:
    killed(rig(parts), 35, 120, "append of SessionOpened")


def test_a_question_outlives_a_kill_and_its_answer_holds() -> None:
    report = killed(rig(answers), 6, 35, WAITING, "append of ConfirmationReceived")

    assert any(ANSWERED in life.passed for life in report.lives)
    assert report.missing == 0, "whoever approves it has looked at the counter"


def test_a_kill_at_any_point_of_a_skill_leaves_its_calls_settled_and_repeats_none() -> None:
    made = CrashRig(skilled, SKILLED, counters=(COUNTER,), differs=(TEMPORARY,), workers=WORKERS)
    report = killed(made, 18, 60, "append of SubagentEnd", "append of FileChanging")

    assert report.outcomes["interrupted"] > 0, "no kill was inside the skill"


def test_a_store_that_does_not_wait_for_the_disk_loses_nothing_to_a_kill() -> None:
    assert normal(Path("x")).durability == "normal"
    killed(rig(little, store=normal), 25, 90)


@pytest.mark.parametrize(
    ("scenario", "kills"),
    some([(work, 400), (goes_back, 300), (certain, 300)], [(work, 12)]),
)
def test_a_kill_at_any_moment_loses_and_repeats_nothing(scenario: Scenario, kills: int) -> None:
    """Random moments of a day, and of going on with it."""
    report = rig(scenario).kill_at_random(kills, seed=11)

    nothing_is_lost_or_repeated(report)
    assert report.kills >= kills
