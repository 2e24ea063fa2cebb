"""One life of a scenario: run, killed, looked at, and run again until it comes to its end."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from a3s_code.errors import UsageError
from a3s_code.testing.crash_examine import Left
from a3s_code.testing.crash_orders import Ended, Examine, Perform
from a3s_code.testing.crash_report import CrashLife
from a3s_code.testing.crash_runner import CrashRunner
from a3s_code.testing.crash_store import InDoubt, Reached, told
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


class Kill(msgspec.Struct, frozen=True):
    """At a point of the store, or after a time; neither = not."""

    at: int = 0
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
        self._open: list[str] = []
        self._faults: list[str] = []
        self._seconds = 0.0
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
        left = self._through(kills)
        in_doubt = self._in_doubt()
        self._check_effects(left, in_doubt)
        self.files = look(self._workspace, self._terms.counters, self._terms.differs)
        missing = self._check_files(reference or self.files)
        return CrashLife(
            kills=tuple(self._kills),
            points=self._last_point().point,
            seconds=self._seconds,
            acknowledged=left.acknowledged,
            found=left.found,
            open_effects=tuple(self._open),
            in_doubt=in_doubt,
            repeated=len(repeats(self.files)),
            missing=missing,
            faults=tuple(self._faults),
        )

    def _through(self, kills: Iterable[Kill]) -> Left:
        for kill in chain(kills, [Kill()]):
            ended = self._perform(kill)
            left = self._examine()
            self._faults += left.faults
            self._faults += [f"left running: {command}" for command in ended.orphans]
            if not self._was_killed(ended):
                return left
            self._kills.append(self._where(kill))
            self._open += [call for call in left.open_effects if call not in self._open]
        raise AssertionError("a life ends by itself")  # a process that is not killed does

    def _perform(self, kill: Kill) -> Ended:
        terms = self._terms
        ended = self._runner.obey(
            Perform(
                str(self._directory),
                SESSION_ID,
                terms.config,
                terms.base_url,
                terms.deadline_s,
                kill.at,
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

    def _in_doubt(self) -> tuple[str, ...] | None:
        doubts = [fact.call_ids for fact in told(self._tally) if isinstance(fact, InDoubt)]
        return doubts[-1] if doubts else None

    def _examine(self) -> Left:
        """Look at a copy: reading a store may repair it, and that is left to the scenario."""
        copy, result = self._directory / "copy", self._directory / "left.json"
        shutil.copytree(self._directory / "store", copy)
        deadline_s = self._terms.deadline_s
        order = Examine(str(copy), str(self._tally), SESSION_ID, str(result), deadline_s)
        if self._runner.obey(order).status:
            raise UsageError(
                f"The store could not be examined: {(copy / 'output.txt').read_text()}",
                hint="the factory of the store must open it in the directory that it is given",
            )
        shutil.rmtree(copy)
        return msgspec.json.decode(result.read_bytes(), type=Left)

    # What must hold in the end

    def _check_effects(self, left: Left, in_doubt: Sequence[str] | None) -> None:
        twice = {call for call in left.intended if left.intended.count(call) > 1}
        self._faults += [f"call {call} was started twice" for call in sorted(twice)]
        if in_doubt is None:
            return
        silent = sorted(set(left.open_effects) - set(in_doubt))
        self._faults += [f"call {call} is neither settled nor in doubt" for call in silent]

    def _check_files(self, reference: Files) -> int:
        self._faults += differences(self.files.sight, reference.sight)
        self._faults += [f"done more than once: {line}" for line in repeats(self.files)]
        extra = additions(self.files, reference)
        self._faults += [f"should not be there: {line}" for line in extra]
        missing = omissions(self.files, reference)
        if len(missing) > len(self._open):  # an effect that is in doubt may not have happened
            self._faults += [f"not done, and not in doubt: {line}" for line in missing]
        return len(missing)
