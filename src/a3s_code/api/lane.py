"""Which conversation of a session something is about, and what a provider reported of it last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from a3s_code.delegation.child_sink import TURNS
from a3s_code.kernel.events import RunId, SubagentStart, TurnEnd
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import (
    Compacted,
    HistoryAppended,
    HistoryReplaced,
    RunStarted,
    TokensSpent,
)

MAX_LOOKED = 5_000
"""Records that are looked through for the last report of a provider."""


@dataclass(frozen=True, slots=True)
class Lane:
    """
    The conversation of the session itself, unless it is said otherwise.

    Attributes:
        run: A run with a history of its own.
        child: Id of a child run, or of a step of a plan that runs beside others.
        named: Gives the id that the log has for a call of this conversation.
    """

    run: RunId | None = None
    child: str = ""
    named: Callable[[str], str] = str

    @property
    def name(self) -> str:
        """Tells it from the others; empty for that of the session."""
        return self.child or self.run or ""

    @property
    def is_own(self) -> bool:
        return not self.name


def reported(log: Log, lane: Lane) -> tuple[Usage, int] | None:
    """
    Find what a provider reported last of a conversation, since it was replaced last.

    Returns:
        The usage, and how many messages came after it, the answer itself included; None when
        nothing was reported.
    """
    return _of_child(log, lane.child) if lane.child else _of_run(log, lane.run)


def _of_run(log: Log, run: RunId | None) -> tuple[Usage, int] | None:
    """
    Args:
        run: None for the conversation of the session.
    """
    newer, others = 0, set[RunId]()
    for record in islice(log.backwards(), MAX_LOOKED):
        match record.event:
            case HistoryAppended(isolated=isolated, child=""):
                if isolated == (run is not None) and run in (None, record.run):
                    newer += 1
                elif isolated:
                    others.add(record.run)
            case TurnEnd(usage=usage) if record.run == run or (
                run is None and record.run not in others
            ):
                return usage, newer
            case HistoryReplaced() if run is None:
                return None
            case Compacted(is_isolated=True, child="") | RunStarted() if record.run == run:
                return None
            case _:
                pass
    return None


def _of_child(log: Log, child: str) -> tuple[Usage, int] | None:
    newer = 0
    for record in islice(log.backwards(), MAX_LOOKED):
        match record.event:
            case HistoryAppended() as said if said.child == child:
                newer += 1
            case TokensSpent(usage=usage, purpose=purpose) as spent if (
                spent.child == child and purpose in TURNS
            ):
                return usage, newer
            case Compacted() as done if done.child == child:
                return None
            case SubagentStart(task_id=begun) if begun == child:
                return None
            case _:
                pass
    return None
