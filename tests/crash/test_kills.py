"""What a session keeps through kills of its process, at every point and at random moments."""

from __future__ import annotations

from a3s_code.testing import CrashReport, CrashRig
from crash.scenario import COUNTER, SCRIPT, TEMPORARY, little, rig
from crash.sizes import ALL, KILLS


def nothing_is_lost_or_repeated(report: CrashReport) -> None:
    assert not report.faults, report
    assert report.found >= report.acknowledged > 0
    assert report.repeated == 0
    print(report)  # noqa: T201 - shown with `-s`


def test_a_kill_at_any_point_loses_and_repeats_nothing() -> None:
    """Every point of a short day; with A3S_CRASH=all of the long one."""
    short = CrashRig(little, SCRIPT, counters=(COUNTER,), differs=(TEMPORARY,))
    report = (rig() if ALL else short).kill_everywhere()

    nothing_is_lost_or_repeated(report)
    assert report.kills >= report.reference.points - 2 > 60
    assert report.open_effects > 0, "no kill was between an intent and its outcome"


def test_a_kill_at_any_moment_loses_and_repeats_nothing() -> None:
    """Random moments of the long day, and of going on with it."""
    report = rig().kill_at_random(KILLS, seed=11)

    nothing_is_lost_or_repeated(report)
    assert report.kills >= KILLS
