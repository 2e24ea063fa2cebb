"""
What became of the effects that a kill left open, and whether the record tells the truth.

Whether a call took effect is seen right after the kill, in the files: those that it was about
to change, and the lines of counter files that its arguments name. What the process that goes
on says of it later is compared with that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from a3s_code.testing.crash_examine import Left, OpenCall, Settled

_SAYS = {"done": True, "not_done": False}
"""Outcomes that say whether the whole of a call came about."""


def took_effect(
    call: OpenCall, workspace: Path, counters: Mapping[str, AbstractSet[str]]
) -> bool | None:
    """
    Look whether a call came about; None when the files do not tell.

    Args:
        counters: By file, the lines that effects add to it.
    """
    if call.is_write:
        return _was_written(call, workspace)
    lines = [(name, line) for name in counters for line in counters[name] if _names(call, line)]
    found = {line in _lines(workspace / name) for name, line in lines}
    return found.pop() if len(found) == 1 else None


def _was_written(call: OpenCall, workspace: Path) -> bool | None:
    now = {file: _digest(workspace / file.path) for file in call.files}
    if call.files and all(now[file] == file.after for file in call.files):
        return True
    return False if all(now[file] == file.before for file in call.files) else None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _names(call: OpenCall, line: str) -> bool:
    return re.search(rf"\b{re.escape(line)}\b", call.said) is not None


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


class Effects:
    """
    The effects of one life that were open at a kill, through all of its processes.

    Attributes:
        seen: Of each, by call id, whether it took effect.
    """

    def __init__(self) -> None:
        self.seen: dict[str, bool | None] = {}
        self._settled: Mapping[str, Settled] = {}

    def killed(self, left: Left, workspace: Path, counters: Mapping[str, AbstractSet[str]]) -> None:
        """Take in what a kill left open."""
        for call in left.open_calls:
            if call.call_id not in self.seen:
                self.seen[call.call_id] = took_effect(call, workspace, counters)

    def faults_after(self, left: Left, in_doubt: AbstractSet[str] | None) -> list[str]:
        """
        Check what the process after a kill has made of what was open.

        Args:
            in_doubt: What it said to be in doubt; None when it did not come to that.
        """
        self._settled = left.settled
        faults: list[str] = []
        for call_id, was_done in self.seen.items():
            settled = left.settled.get(call_id)
            if settled is not None:
                faults += _faults_of(call_id, settled, was_done)
            elif in_doubt is not None and call_id not in in_doubt:
                faults.append(f"call {call_id} is neither settled nor in doubt")
        return faults

    @property
    def outcomes(self) -> dict[str, int]:
        """How many ended how; `in_doubt` are those that are not settled."""
        ends = [self._outcome(call_id) for call_id in self.seen]
        return {end: ends.count(end) for end in sorted(set(ends))}

    @property
    def uncertain(self) -> int:
        """How many may not have come about as a whole."""
        return sum(self._outcome(call_id) != "done" for call_id in self.seen)

    @property
    def allowed_again(self) -> int:
        """How many were run once more because somebody said so."""
        return sum(settled.outcome == "repeated" for settled in self._settled.values())

    def _outcome(self, call_id: str) -> str:
        settled = self._settled.get(call_id)
        return settled.outcome if settled is not None else "in_doubt"


def _faults_of(call_id: str, settled: Settled, was_done: bool | None) -> list[str]:
    if not settled.evidence:
        return [f"call {call_id} was settled as {settled.outcome} without evidence"]
    says = _SAYS.get(settled.outcome)
    if None in (says, was_done) or says == was_done:
        return []
    told = f"settled as {settled.outcome} ({settled.evidence})"
    return [f"call {call_id} was {told}, which is not so"]
