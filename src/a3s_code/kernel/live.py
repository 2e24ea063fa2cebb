"""
Output of a call that still runs, on its way to who watches.

A tool may show it from any thread. It reaches the log on the loop's thread, in the order
in which it was shown, and all of it before the call ends.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from a3s_code.errors import InvalidType, SessionClosed
from a3s_code.kernel.ports import Redacting

MAX_LIVE_CHARS = 1024 * 1024
"""What is shown of one call while it runs."""
NO_MORE = "\n[No more of the output is shown while this runs.]\n"


class LiveOutput:
    """
    Made and ended on the loop's thread.

    Args:
        show: Called on that thread with each piece.
        redacting: What each piece passes before it is cut, on the thread that showed it.
    """

    __slots__ = ("_ended", "_left", "_lock", "_loop", "_redacting", "_show", "_thread", "_waiting")

    def __init__(self, show: Callable[[str], None], redacting: Redacting | None = None) -> None:
        self._show, self._redacting = show, redacting
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._left = MAX_LIVE_CHARS
        self._ended = False

    def emit(self, text: str) -> None:
        """
        Show a piece. What comes after the end, or past `MAX_LIVE_CHARS`, is dropped.

        Raises:
            InvalidType: it is no text.
        """
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
            raise InvalidType(f"emit_output was given a {type(text).__name__}.", hint="give a str")
        is_first = self._put(text)
        if threading.get_ident() == self._thread:
            self._flush()
        elif is_first:
            with suppress(RuntimeError):  # the loop is closed, and nobody watches any more
                self._loop.call_soon_threadsafe(self._flush_for_a_thread)

    def end(self) -> None:
        """Show what still waits, and nothing after it."""
        with self._lock:
            if self._redacting is not None and not self._ended:
                self._wait(self._redacting.close())
            self._ended = True
        self._flush()

    def _put(self, text: str) -> bool:
        """Let a piece wait; say whether none did before it, so that nobody comes for it yet."""
        with self._lock:
            if not text or self._ended or self._left < 0:
                return False
            is_first = not self._waiting
            self._wait(text if self._redacting is None else self._redacting.feed(text))
            return is_first and bool(self._waiting)

    def _wait(self, text: str) -> None:
        """Add what may be shown; the caller has the lock."""
        if not text or self._left < 0:
            return
        shown = text[: self._left]
        self._left -= len(text)
        self._waiting += [shown] if shown else []
        self._waiting += [NO_MORE] if self._left < 0 else []

    def _flush_for_a_thread(self) -> None:
        try:
            self._flush()
        except SessionClosed:  # the call that is left behind learns it from its own end
            with self._lock:
                self._ended = True

    def _flush(self) -> None:
        with self._lock:
            pieces, self._waiting = self._waiting, []
        for piece in pieces:
            self._show(piece)
