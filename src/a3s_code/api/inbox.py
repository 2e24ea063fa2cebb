"""
What reaches a run while it goes on: words of the user, and the ends of children in the background.

Both wait in the log until a message brings them; the record of that message says which, so a
crash between two of them neither loses one nor tells it twice. A run with a history of its own is
told only of what belongs to itself; all else is told to the conversation of the session.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from a3s_code.errors import UsageError
from a3s_code.kernel.events import Steered
from a3s_code.kernel.messages import Context, Message, user
from a3s_code.kernel.records import SteeringReceived
from a3s_code.kernel.state import is_within
from a3s_code.kernel.tracked import Waiting, WaitingNotice, WaitingWords

if TYPE_CHECKING:
    from a3s_code.api.context import RunContext
    from a3s_code.api.outlet import Outlet
    from a3s_code.kernel.log import Log
    from a3s_code.kernel.ports import Arriving


def nobody() -> UsageError:
    """Give the error for words that no run would see."""
    return UsageError(
        "No run is active that could still see this.", hint="use send, or queue for later"
    )


class RunInbox:
    """
    Of one run.

    Attributes:
        sink: Of the run.
        is_open: What is written now is seen by this run, unless it is cut short.
    """

    __slots__ = ("_context", "_is_own", "_log", "is_open", "sink")

    def __init__(self, log: Log, sink: Outlet, context: RunContext, *, is_own: bool) -> None:
        self._log, self.sink, self._context, self._is_own = log, sink, context, is_own
        self.is_open = True

    def deliver(self, add: Arriving, turn: int) -> None:
        """See `kernel.ports.Inbox`; `turn` is 0 in front of the prompt."""
        if not self._log.state.waiting:
            return
        for id_, waiting in [*self._log.state.waiting.items()]:
            if not self._is_for_me(id_, waiting):
                continue
            if isinstance(waiting, WaitingWords):
                add(user(waiting.text), (id_,))
                self.sink.emit(Steered(id=id_, text=waiting.text, turn=turn))
            else:
                _tell(self._log, self._context, id_, add)

    def _is_for_me(self, id_: str, waiting: Waiting) -> bool:
        match waiting:
            case WaitingWords(run=run):
                return self._is_own or run == self.sink.run
            case WaitingNotice(run=run):
                is_mine = self._is_own or run == self.sink.run
                return is_mine and not is_within(id_, self._log.state.running)
            case _:
                return False

    @property
    def has_words(self) -> bool:
        """The user has written what the run has not seen yet."""
        waiting = self._log.state.waiting
        return bool(waiting) and any(self._words())

    def _words(self) -> Iterator[str]:
        for id_, waiting in self._log.state.waiting.items():
            if isinstance(waiting, WaitingWords) and self._is_for_me(id_, waiting):
                yield id_

    def put(self, id_: str, text: str) -> None:
        """Take in words of the user; they wait for the next request."""
        self.sink.emit(SteeringReceived(id=id_, text=text))

    def close(self) -> None:
        """Say that the run sees nothing more."""
        self.is_open = False


class ChildInbox:
    """Of a child that goes on: the ends of children which it started in the background itself."""

    __slots__ = ("_child", "_context", "_log")

    def __init__(self, log: Log, context: RunContext, child: str) -> None:
        self._log, self._context, self._child = log, context, child

    def deliver(self, add: Arriving, turn: int) -> None:  # noqa: ARG002 - the port
        """See `kernel.ports.Inbox`."""
        for id_, waiting in [*self._log.state.waiting.items()]:
            if isinstance(waiting, WaitingNotice) and id_.startswith(f"{self._child}."):
                _tell(self._log, self._context, id_, add)


def _tell(log: Log, context: RunContext, id_: str, add: Arriving) -> None:
    """Tell of a child that has ended, as context beside the words of the user."""
    from a3s_code.delegation.notices import notice
    from a3s_code.harness.planning.step_notes import BUDGET

    shown = context.note("task", [notice(id_, log.state.children[id_])], BUDGET)
    add(Message("user", (Context(shown),)), (id_,))
