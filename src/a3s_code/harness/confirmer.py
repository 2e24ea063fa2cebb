"""
Whoever a host program lets answer, as an approver: an object or a function, sync or async.

Which of them it is, is told once, when the session is created. What is not async runs in a
thread of its own, so a confirmer that waits for a person never holds the loop up; a thread
that does not come back in time is left behind, and what it says then counts for nothing.

Source:
    SPEC 6.2; DESIGN 8 ("callbacks may be sync or async, decided once at registration").
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from a3s_code.harness.confirm import Confirmer, Verdict
from a3s_code.harness.host_function import in_thread, is_async
from a3s_code.kernel.ports import Action, Allow, Approver, Ask, Deny


def approver_of(given: Approver | Confirmer) -> Approver:
    """Make an approver of an object with `approve`, or of a function."""
    ask: Any = getattr(given, "approve", given)
    return _Asynchronous(ask) if is_async(ask) else _Threaded(ask)


@dataclass(frozen=True, slots=True)
class _Asynchronous:
    ask: Callable[[Action, Ask], Awaitable[Verdict]]

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        return _decision(await self.ask(action, ask))


@dataclass(frozen=True, slots=True)
class _Threaded:
    ask: Confirmer

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        said = await in_thread(lambda: self.ask(action, ask))
        return _decision(await said if inspect.isawaitable(said) else said)


def _decision(said: Any) -> Allow | Deny:  # noqa: ANN401 - foreign; what is no decision is refused
    if said is True:
        return Allow("the host said yes")
    return Deny("the host said no; do not try the same again") if said is False else said
