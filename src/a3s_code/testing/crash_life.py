"""One life of a scenario: run, killed, looked at, and run again until it comes to its end."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import msgspec

from a3s_code.errors import UsageError
from a3s_code.testing.crash_effects import Effects
from a3s_code.testing.crash_examine import Left
from a3s_code.testing.crash_orders import Ended, Examine, Perform
from a3s_code.testing.crash_report import CrashLife
from a3s_code.testing.crash_runner import CrashRunner
from a3s_code.testing.crash_store import Differs, InDoubt, Reached, Told, told
from a3s_code.testing.crash_workspace import (
    Files,
    additions,
    differences,
    look,
    omissions,
    repeats,
)

SESSION_ID = "crash"
OUTPUT_CHARS = 2_000
"""Of what a scenario that failed had written, from the end."""

BESIDE = shutil.ignore_patterns("snapshots", "exits", "forks")
"""What is kept beside the records, and not in them."""


class Kill(msgspec.Struct, frozen=True):
    """At a point of the store, or one of all that have this name; or after a time; or not."""

    at: int = 0
    name: str = ""
    after_s: float | None = None


class Terms(msgspec.Struct, frozen=True):
    """What all lives of a rig have in common."""

    config: str
    base_url: str
    counters: tuple[str, ...]
    differs: tuple[str, ...]
    deadline_s: float


class Life:
    """
    A life in `directory`, which it makes.

    Attributes:
        files: Those of the workspace, once it was lived.
    """

    def __init__(self, runner: CrashRunner, directory: Path, terms: Terms) -> None:
        self._runner, self._terms = runner, terms
        self._directory, self._tally = directory, directory / "tally.jsonl"
        self._workspace = directory / "workspace"
        self._workspace.mkdir(parents=True)
        (directory / "store").mkdir()
        self._kills: list[str] = []
        self._effects = Effects()
        self._faults: list[str] = []
        self._seconds, self._compared, self._before = 0.0, 0, 0
        self._reference: Files | None = None
        self.files = Files({}, {})

    def live(self, kills: Iterable[Kill], reference: Files | None = None) -> CrashLife:
        """
        Come to the end of the scenario.

        Args:
            kills: Of its processes, in order; the one after the last is not killed.
            reference: What the workspace must be then; None = as it is.

        Raises:
            UsageError: the scenario cannot be imported.
        """
        self._reference = reference
        left = self._through(kills)
        self._check_once(left)
        self.files = self._look()
        missing = self._check_files(reference or self.files)
        return CrashLife(
            kills=tuple(self._kills),
            passed=tuple(fact.name for fact in self._latest() if isinstance(fact, Reached)),
            seconds=self._seconds,
            acknowledged=left.acknowledged,
            found=left.found,
            open_effects=tuple(self._effects.seen),
            outcomes=self._effects.outcomes,
            compared=self._compared,
            repeated=max(0, len(repeats(self.files)) - self._effects.allowed_again),
            missing=missing,
            faults=tuple(self._faults),
        )

    def _through(self, kills: Iterable[Kill]) -> Left:
        for kill in chain(kills, [Kill()]):
            ended = self._perform(kill)
            left = self._examine()
            self._faults += left.faults
            self._faults += [f"left running: {command}" for command in ended.orphans]
            self._check_process(left)
            if not self._was_killed(ended):
                return left
            self._kills.append(self._where(kill))
            known = self._reference.counters if self._reference else {}
            counters = {name: lines.keys() for name, lines in known.items()}
            self._effects.killed(left, self._workspace, counters)
        raise AssertionError("a life ends by itself")  # a process that is not killed does

    def _perform(self, kill: Kill) -> Ended:
        terms = self._terms
        self._before = len(list(told(self._tally)))
        ended = self._runner.obey(
            Perform(
                str(self._directory),
                SESSION_ID,
                terms.config,
                terms.base_url,
                terms.deadline_s,
                kill.at,
                kill.name,
                kill.after_s,
            )
        )
        self._seconds += ended.seconds
        return ended

    def _was_killed(self, ended: Ended) -> bool:
        if ended.is_late:
            self._faults.append(f"did not end in {self._terms.deadline_s:.0f} s")
            return False
        if ended.status not in (0, -signal.SIGKILL):
            output = (self._directory / "output.txt").read_text("utf-8", "replace")
            self._faults.append(f"failed with status {ended.status}: {output[-OUTPUT_CHARS:]}")
        return ended.status == -signal.SIGKILL

    def _where(self, kill: Kill) -> str:
        last = self._last_point()
        point = f"at {last.point} ({last.name})"
        return point if kill.at else f"after {kill.after_s:.3f} s, last seen {point}"

    def _last_point(self) -> Reached:
        points = [fact for fact in told(self._tally) if isinstance(fact, Reached)]
        return points[-1] if points else Reached(0, "before any point")

    def _latest(self) -> list[Told]:
        """Give what the last process told: nothing, when it was killed before it could."""
        return list(told(self._tally))[self._before :]

    def _look(self) -> Files:
        return look(self._workspace, self._terms.counters, self._terms.differs)

    def _examine(self) -> Left:
        """Look at a copy: reading a store may repair it, and that is left to the scenario."""
        copy, result = self._directory / "copy", self._directory / "left.json"
        shutil.copytree(self._directory / "store", copy, ignore=BESIDE)
        deadline_s = self._terms.deadline_s
        order = Examine(str(copy), str(self._tally), SESSION_ID, str(result), deadline_s)
        if self._runner.obey(order).status:
            raise UsageError(
                f"The store could not be examined: {(copy / 'output.txt').read_text()}",
                hint="the factory of the store must open it in the directory that it is given",
            )
        shutil.rmtree(copy)
        return msgspec.json.decode(result.read_bytes(), type=Left)

    # What must hold

    def _check_process(self, left: Left) -> None:
        """Check what the last process has made of what the one before it left."""
        facts = self._latest()
        doubts = [set(fact.call_ids) for fact in facts if isinstance(fact, InDoubt)]
        self._faults += self._effects.faults_after(left, doubts[-1] if doubts else None)
        for fact in facts:
            if isinstance(fact, Differs):
                self._compared += 1
                self._faults += [
                    f"{name} of session {fact.session} is not what its log says"
                    for name in fact.fields
                ]

    def _check_once(self, left: Left) -> None:
        twice = {call for call in left.intended if left.intended.count(call) > 1}
        self._faults += [f"call {call} was started twice" for call in sorted(twice)]

    def _check_files(self, reference: Files) -> int:
        self._faults += differences(self.files.sight, reference.sight)
        again = repeats(self.files)
        if len(again) > self._effects.allowed_again:
            self._faults += [f"done more than once: {line}" for line in again]
        extra = additions(self.files, reference)
        self._faults += [f"should not be there: {line}" for line in extra]
        missing = omissions(self.files, reference)
        if len(missing) > self._effects.uncertain:
            self._faults += [f"not done, and not in doubt: {line}" for line in missing]
        return len(missing)
