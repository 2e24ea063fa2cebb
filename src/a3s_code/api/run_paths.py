"""Which files the calls of a run have written, as the log has it."""

from __future__ import annotations

from itertools import takewhile

from a3s_code.kernel.events import RunId
from a3s_code.kernel.log import Log


def files_of_run(log: Log, run: RunId) -> tuple[str, ...]:
    """
    Give the paths that file tools wrote in a run, in the order in which each was first written.

    Children and steps of the run count; what a command wrote is only in its evidence.
    """
    state = log.state
    if not state.changes:
        return ()
    begin = next((at.sequence for at in reversed(state.checkpoints) if at.run == run), 0)
    own = takewhile(lambda change: change.sequence > begin, reversed(state.changes))
    paths = [each.what.path for each in own if log.at(each.sequence).run == run]
    return tuple(dict.fromkeys(reversed(paths)))
