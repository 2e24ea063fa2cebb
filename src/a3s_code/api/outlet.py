"""Where the works of a session tell what happens: the log, until the session is closed."""

from __future__ import annotations

from collections.abc import Callable

from a3s_code.errors import SessionClosed
from a3s_code.kernel.events import RunEvent, RunFailed, RunId
from a3s_code.kernel.log import SESSION, Log, RunSink
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import Event, LogOnly, TokensSpent

Watch = Callable[[RunEvent], None]


class Seal:
    """Set on the log of a session when it is closed: nothing is appended after that."""

    __slots__ = ("_is_set",)

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    @property
    def is_set(self) -> bool:
        return self._is_set

    def check(self) -> None:
        """
        Raises:
            SessionClosed: the log is closed; a work that still goes on ends here.
        """
        if self._is_set:
            raise SessionClosed("The session was closed while this went on.")


class Outlet(RunSink):
    """
    The sink of one work.

    Attributes:
        spent: Tokens of requests beside its turns, such as those of its child runs.
    """

    __slots__ = ("_recorded", "_seal", "spent")

    def __init__(
        self, log: Log, seal: Seal, run: RunId = SESSION, watch: Watch | None = None
    ) -> None:
        super().__init__(log, run, watch)
        self._seal = seal
        self._recorded: tuple[Event, ...] = ()
        self.spent = Usage()

    def emit(self, event: Event) -> None:
        self._seal.check()
        if isinstance(event, TokensSpent):
            self.spent += event.usage
        super().emit(event)
        if type(event) is RunFailed:
            self._watch = None

    def record(self, event: RunEvent) -> None:
        """Record an event without showing it yet."""
        self._seal.check()
        self._recorded = tuple(self._log.append(event, self.run))

    def show(self) -> None:
        """Show what `record` recorded last, the end; whoever watches sees nothing after it."""
        for event in self._recorded:
            if self._watch is not None and not isinstance(event, LogOnly):
                self._watch(event)
        self._watch = None

    def put_blob(self, sha256: str, data: bytes) -> None:
        self._seal.check()
        super().put_blob(sha256, data)
