"""
The way out of a sandbox that one program has: a proxy of its own, from its start to its end.

Source: INVARIANTS 23.
"""

from __future__ import annotations

import fcntl
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import msgspec

from a3s_code.kernel.confinement import Confinement, SandboxNetwork, Violation
from a3s_code.kernel.workspace import Exit
from a3s_code.network.host_rules import HostRules
from a3s_code.network.passage import Passage
from a3s_code.workspace.host_proxy import HostProxy
from a3s_code.workspace.netns_door import NetnsDoor
from a3s_code.workspace.sandbox.programs import trusted


def rules_of(network: SandboxNetwork) -> HostRules:
    """
    Read the hosts of a policy.

    Raises:
        InvalidValue: one of them is no pattern of a host.
    """
    return HostRules.of(network.allow, network.deny, allow_private=network.allow_private)


def inner_python() -> str:
    """Give the Python that opens the port inside: the system's, else the one that runs us."""
    return trusted("python3") or sys.executable


class WayOut:
    """A proxy and the door to it, for one program. Belongs to the loop that it is made on."""

    __slots__ = ("_door", "_passages", "_proxy")

    def __init__(self, network: SandboxNetwork) -> None:
        self._passages: list[Passage] = []
        self._proxy = HostProxy(rules_of(network), self._passages.append)
        self._door = NetnsDoor(self._proxy)

    @property
    def environment(self) -> dict[str, str]:
        """Give the variables by which programs find the proxy."""
        return dict(self._door.environment)

    def handed(self, least: int) -> int:
        """Give a descriptor for the program to inherit, `least` or above; the caller closes it."""
        return fcntl.fcntl(self._door.inner_fd, fcntl.F_DUPFD_CLOEXEC, least)

    def argv(self, command: Sequence[str], fd: int, python: str) -> tuple[str, ...]:
        """Give what is run in the network namespace for `command`."""
        return self._door.argv(command, python=python, fd=fd)

    def started(self) -> None:
        """Say that the program has its descriptor."""
        self._door.started()

    def told(self, ended: Exit) -> Exit:
        """Add what the program reached, and what it was refused."""
        refused = dict.fromkeys(
            Violation("host", f"{each.host}:{each.port}", is_certain=True)
            for each in self._passages
            if each.outcome == "refused"
        )
        return msgspec.structs.replace(
            ended,
            violations=(*ended.violations, *refused),
            passages=tuple(self._passages),
        )

    async def close(self) -> None:
        """Cut what is still connected."""
        try:
            await self._door.close()
        finally:
            await self._proxy.close()


@asynccontextmanager
async def way_out(held: Confinement) -> AsyncGenerator[WayOut | None]:
    """Give a program its way out; None where it has all or none by itself."""
    if not held.confines or held.policy.network.mode != "proxy":
        yield None
        return
    way = WayOut(held.policy.network)
    try:
        yield way
    finally:
        await way.close()
