"""
The child runs of one session as works of it: each has an owner, and can be ended by its id.

One that a call waits for ends with it. One in the background goes on beside the run that started
it, and may outlive it; it ends with `cancel` of that run, by its id, or with the session.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from a3s_code.api.outlet import Seal
from a3s_code.api.works import Stopped, Works, is_inside
from a3s_code.kernel.events import RunId
from a3s_code.kernel.log import Log
from a3s_code.kernel.tracking import cut_off

T = TypeVar("T")

STOPPED = "Stopped before it was started."
_CHILD = "child "
"""Begins the key of the work; the id of the child follows."""


@dataclass(frozen=True, slots=True)
class ChildWorks:
    """
    Attributes:
        retain: Drops what is beyond the limits of the session.
    """

    works: Works
    log: Log
    seal: Seal
    retain: Callable[[], None]

    async def run(self, id_: str, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """
        Run a child that is waited for.

        Raises:
            RunCancelled: it was ended by its id.
        """
        return await self.works.run(_CHILD + id_, begin)

    def launch(self, id_: str, begin: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """
        Have a child that has begun go on by itself.

        Raises:
            SessionClosed: the session is being closed.
        """
        self.works.launch(_CHILD + id_, partial(self._to_its_end, begin), partial(self._over, id_))

    async def _to_its_end(self, begin: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Nobody waits for what comes of it: its end is in the log, and made durable here."""
        try:
            await begin()
        finally:
            await self.log.barrier()

    def _over(self, id_: str) -> None:
        """Tell the end of one that was stopped before its first step; drop what is too much."""
        child = self.log.state.children.get(id_)
        if self.seal.is_set or child is None:
            return
        if child.ended is None:
            self.log.append(cut_off(child.begun, STOPPED, "cancelled"), child.run)
        self.retain()

    async def cancel(self, id_: str) -> Stopped:
        """End a child, and those that it has started itself."""
        key = _CHILD + id_
        return await self.works.stop(lambda each: each == key or each.startswith(f"{key}."))

    def is_of(self, key: str, run: RunId | None) -> bool:
        """Say that a work is a child of a run; None = of any. The caller's own are left out."""
        if not key.startswith(_CHILD) or is_inside(key):
            return False
        child = self.log.state.children.get(key.removeprefix(_CHILD))
        return child is not None and bool(child.run) and run in (None, child.run)


def left(log: Log, why: str) -> None:
    """Append the end of every child that the log has none of."""
    for child in log.state.running.values():
        log.append(cut_off(child.begun, why), child.run)
