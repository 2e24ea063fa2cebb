"""How the programs of a session are held, as its host may ask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import msgspec

from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine


class SessionSandbox(ABC):
    __slots__ = ()

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    async def sandbox_info(self) -> JsonObject:
        """
        Say how programs are held, as the first record of the session does.

        Returns:
            `level`: of the calls of the model: `none`, `hygiene`, `landlock` or `bwrap`;
            `direct`: of calls that the host makes itself; `network`: `none`, `proxy` or
            `full`; where it applies `form` (whose rights programs have), `without` (what is
            not held at this level), `asked` (what `sandbox` was set to) and `elsewhere` (where
            command lines run when that is not this machine's own system).

        Raises:
            SandboxUnavailable: what holds them does not work here any more.
            SessionClosed: the session was closed.
            StoreError: what its store knows of it cannot be read.
        """
        held = (await self._awake()).sandbox
        assert held is not None
        return {"network": held.network, "direct": held.direct, **msgspec.to_builtins(held)}
