"""
How a program in a network namespace of its own reaches a proxy outside of it.

The program is started through `netns_listener.py`, which opens a port on the loopback of the
namespace and hands the listening socket out over a pair of connected unix sockets that have
no name. So there is no socket file that another process could find, and the port exists in
that one namespace alone: only what runs in it can speak to the proxy, and no token is needed
to tell who does. One socket is taken, once; then the pair is closed.

    door = NetnsDoor(proxy)
    start(["bwrap", …, *door.argv(command)], pass_fds=[door.inner_fd], env=door.environment)
    door.started()
    …                         # until the command has ended
    await door.close()

Source: INVARIANTS 23.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from a3s_code.workspace.host_proxy import HostProxy

PORT = 3128
"""Of the proxy, on the loopback of each namespace; nothing else listens there yet."""

_URL = f"http://127.0.0.1:{PORT}"
_OWN = "localhost,127.0.0.1,::1"

ENVIRONMENT: Mapping[str, str] = {
    **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), _URL),
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _URL),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), _OWN),
}
"""Where programs find the proxy. A hint, not a wall: without it they reach nothing."""


class NetnsDoor:
    """
    Between one program and the proxy; see the module.

    Attributes:
        inner_fd: What the program has to inherit, under this number.
    """

    __slots__ = ("_inner", "_outer", "_proxy", "_task", "inner_fd")

    def __init__(self, proxy: HostProxy) -> None:
        self._proxy = proxy
        self._outer, self._inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._outer.setblocking(False)
        self.inner_fd = self._inner.fileno()
        self._task = asyncio.ensure_future(self._take())

    @property
    def environment(self) -> Mapping[str, str]:
        return ENVIRONMENT

    def argv(
        self, command: Sequence[str], *, python: str = sys.executable, fd: int | None = None
    ) -> tuple[str, ...]:
        """
        Give what is run inside of the namespace for `command`.

        Args:
            python: As the namespace has it.
            fd: Number under which the program has `inner_fd`, when it is another.
        """
        inherited = str(self.inner_fd if fd is None else fd)
        return (python, "-I", "-S", "-c", _program(), inherited, str(PORT), *command)

    def started(self) -> None:
        """Say that the program was started, and has the descriptor."""
        self._inner.close()

    async def close(self) -> None:
        """Wait no more for the program. What it handed out is the proxy's."""
        self.started()
        self._task.cancel()
        try:
            await asyncio.gather(self._task, return_exceptions=True)
        finally:
            self._outer.close()

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(self._outer, lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        finally:
            loop.remove_reader(self._outer)
        listener = _received(self._outer)
        self._outer.close()
        if listener is not None:
            await self._proxy.serve(listener)


def _received(outer: socket.socket) -> socket.socket | None:
    """Take the one listening socket; None when the program ended before, or sent another thing."""
    _, descriptors, _, _ = socket.recv_fds(outer, 1, 1)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            continue
        received = socket.socket(fileno=descriptor)
        if received.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            received.setblocking(False)
            return received
        received.close()
    return None


@cache
def _program() -> str:
    return Path(__file__).with_name("netns_listener.py").read_text(encoding="utf-8")
