"""The way from blocking callers to the loop, opened when somebody first waits."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from a3s_code.errors import A3SError

if TYPE_CHECKING:
    from a3s_code.api.portal import Portal
    from a3s_code.api.stream import EventStream

T = TypeVar("T")


class Door:
    """
    One per agent; its sessions share it. No thread and no loop until the first call.

    Args:
        leave: Closes what was opened on the loop; run when the last owner is gone, and
            at the end of the process.
    """

    __slots__ = ("__weakref__", "_leave", "_lock", "_portal")

    def __init__(self, leave: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._leave = leave
        self._lock = threading.RLock()
        self._portal: Portal | None = None

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop to its end; see `Portal.call`."""
        return self._open().call(coroutine)

    async def join(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end for a caller on another loop; see `Portal.join`."""
        return await self._open().join(coroutine)

    @property
    def is_here(self) -> bool:
        """The caller is on the loop's own thread."""
        return self._portal is not None and self._portal.is_here

    def invoke(self, function: Callable[[], T]) -> T:
        """Run a plain function on the loop's thread."""
        return self._open().invoke(function)

    def between(self, function: Callable[[], T]) -> T:
        """
        Run a plain function between two steps of the loop, which it so never meets half-way.

        Without a loop it runs right here: nobody else can be at work.
        """
        portal = self._portal
        if portal is None:
            with self._lock:  # no loop is opened meanwhile
                portal = self._portal
                if portal is None:
                    return function()
        if portal.is_here or portal.is_stopping:
            return function()
        return portal.invoke(function)

    def stream(self, start: Callable[[], EventStream]) -> EventStream:
        """Start a stream on the loop; it keeps the loop alive for as long as it is read."""
        stream = self.invoke(start)
        stream.keep(self)
        return stream

    def finish(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that closes something; nothing is left to close without the loop."""
        portal = self._portal
        if portal is not None and (portal.is_stopping or portal.is_foreign):
            coroutine.close()
        else:
            self.call(coroutine)

    def close(self) -> None:
        """Stop the loop, if there is one."""
        with self._lock:
            if self._portal is not None:
                self._portal.close()

    def _open(self) -> Portal:
        with self._lock:
            if self._portal is None:
                from a3s_code.api.portal import Portal

                self._portal = Portal()
                weakref.finalize(self, _shut, self._portal, self._leave)
            return self._portal


def _shut(portal: Portal, leave: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Close what nobody holds any more. There is nobody left to be told of a failure."""
    with contextlib.suppress(A3SError):
        if portal.is_open and not (portal.is_here or portal.is_foreign):
            portal.call(leave())
    portal.close()
