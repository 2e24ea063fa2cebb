"""
The log, as a step of a plan sees it that runs beside others.

What it says is a message of its own in the log, and no text of the run's answer: its deltas and
turns are not shown, since those of several steps would read as one. What its calls do is recorded
and shown like that of all others.
"""

from __future__ import annotations

from a3s_code.delegation.child_sink import STEP, ChildSink
from a3s_code.kernel.messages import JsonObject, Usage
from a3s_code.kernel.records import TokensSpent


class StepSink(ChildSink):
    """See `ChildSink`; the id of the step stands where that of a child does."""

    __slots__ = ()

    def _spend(self, usage: Usage) -> None:
        spent = TokensSpent(usage=usage, purpose=STEP, child=self._child, model=self._model)
        self._sink.emit(spent)

    def _progress(self, status: str, facts: JsonObject) -> None:
        """A step tells of itself by `step_start`, its calls, and `step_end`."""
