"""The sessions of an agent that are open: one for each id."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

from a3s_code.errors import InvalidValue


class Open(Protocol):
    @property
    def is_closed(self) -> bool: ...


S = TypeVar("S", bound=Open)


class Live(Generic[S]):
    """Knows sessions for as long as somebody holds them. Any thread may ask."""

    __slots__ = ("_lock", "_sessions")

    def __init__(self) -> None:
        self._sessions: WeakValueDictionary[str, S] = WeakValueDictionary()
        self._lock = threading.RLock()

    def get(self, session_id: str) -> S | None:
        return self._sessions.get(session_id)

    def all(self) -> list[S]:
        return list(self._sessions.values())

    def take(self, session_id: str, make: Callable[[], S]) -> S:
        """
        Make a session, unless one of its id is open: two would write into one log.

        Raises:
            InvalidValue: one is.
        """
        with self._lock:
            known = self._sessions.get(session_id)
            if known is not None and not known.is_closed:
                raise InvalidValue(
                    f"A session {session_id!r} is open already.",
                    hint="close it, resume it, or choose another session_id",
                )
            session = self._sessions[session_id] = make()
            return session
