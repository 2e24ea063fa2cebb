"""
A program that runs: what it prints, how it ends, and what is killed with it.

Reading goes on for `DRAIN_S` after the program's end, for children that still write. The
wait for the end is a descriptor of the process in the event loop's own selector, so there is
no thread per program, and its id stays reserved until its group was killed.

Source: INVARIANTS 17 and 18, SPEC 5.8.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress

from a3s_code.kernel.perseverance import to_its_end
from a3s_code.kernel.workspace import Exit
from a3s_code.workspace.output import HeadAndTail
from a3s_code.workspace.process_tree import FEW, ProcessTree, last_id
from a3s_code.workspace.sandbox.crowd import within
from a3s_code.workspace.sandbox.prepared import Prepared

DRAIN_S = 0.2
"""For output that children still write after the program ended; then they are killed."""

SETTLE_S = 5.0
"""At most this long is waited for what was killed to be gone."""

TIMED_OUT = 124
"""The exit status after the timeout, as timeout(1) has it."""

PIPE_BYTES = 1024 * 1024
_READ_BYTES = 256 * 1024
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)

OnOutput = Callable[[bytes], None]


class Pipe:
    """One stream of a program: where it writes, where we read, and what is kept."""

    __slots__ = ("kept", "read_fd", "write_fd")

    def __init__(self, limit: int) -> None:
        self.kept = HeadAndTail(limit)
        self.read_fd, self.write_fd = os.pipe()
        os.set_blocking(self.read_fd, False)
        if _SET_PIPE_SIZE is not None:
            with suppress(OSError):  # the user's share of pipe memory is used up
                fcntl.fcntl(self.read_fd, _SET_PIPE_SIZE, PIPE_BYTES)

    def close_write(self) -> None:
        fd, self.write_fd = self.write_fd, -1
        if fd >= 0:
            os.close(fd)

    def close(self) -> None:
        self.close_write()
        fd, self.read_fd = self.read_fd, -1
        if fd >= 0:
            os.close(fd)


class Program:
    """
    A program that runs.

    Attributes:
        fault: What `on_output` raised.
        prepared: How it was started, to be ended after it.
    """

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        tree: ProcessTree,
        pipes: list[Pipe],
        on_output: OnOutput | None,
        prepared: Prepared,
    ) -> None:
        self._child, self._tree, self._pipes = child, tree, pipes
        self.prepared = prepared
        self._on_output = on_output
        self._has_ended = False
        self.fault: Exception | None = None
        for pipe in pipes:
            pipe.close_write()
        self._pumps = [asyncio.ensure_future(self._pump(pipe)) for pipe in pipes]

    @property
    def group(self) -> int:
        """Its process group."""
        return self._child.pid

    def signal(self, number: signal.Signals) -> None:
        """Signal its process group; nothing of it was reaped yet."""
        if self._child.returncode is None:
            self._tree.signal_group(number)

    async def ended(self, processes: int | None = None) -> None:
        """
        Return when the program has ended and its output was read.

        Raises:
            TooMany: more processes than that were alive.
        """
        await within(_until_ended(self._child), self._tree, processes)
        self._has_ended = True
        await self._drained(DRAIN_S)

    async def _drained(self, timeout_s: float) -> None:
        pending = [pump for pump in self._pumps if not pump.done()]
        if pending:
            await asyncio.wait(pending, timeout=timeout_s)

    async def end(self) -> None:
        """Kill what is left of the tree, reap the program and give everything back."""
        try:
            if not self._ended_alone():
                self._tree.signal_group(signal.SIGSTOP)  # nothing goes on while we look
                await self._killed()
            await self._drained(DRAIN_S)
        finally:
            for pump in self._pumps:
                pump.cancel()
            await self._drained(SETTLE_S)
            for pipe in self._pipes:
                pipe.close()

    def _ended_alone(self) -> bool:
        """Settle the usual case at once: it has ended, and left at most its group behind."""
        if not self._has_ended or not 0 <= last_id() - self._child.pid <= FEW:
            return False
        self._tree.signal_group(signal.SIGKILL)
        if self._tree.strays():
            return False
        self._child.wait(SETTLE_S)
        return True

    async def _killed(self) -> None:
        try:
            killing = asyncio.get_running_loop().run_in_executor(None, self._kill)
        except RuntimeError:  # the process is ending, and there are no threads any more
            self._kill()
        else:
            await to_its_end(killing)  # one that waits for a thread would be taken off the queue

    def _kill(self) -> None:
        self._tree.kill()
        with suppress(subprocess.TimeoutExpired):  # it hangs inside the kernel
            self._child.wait(SETTLE_S)

    def exit(self, *, timed_out: bool) -> Exit:
        code = self._child.returncode
        status = TIMED_OUT if timed_out or code is None else code if code >= 0 else 128 - code
        return Exit(
            status=status,
            output=self._pipes[0].kept.value(),
            timed_out=timed_out,
            dropped_bytes=sum(pipe.kept.dropped for pipe in self._pipes),
            stderr=self._pipes[1].kept.value() if len(self._pipes) > 1 else b"",
        )

    async def _pump(self, pipe: Pipe) -> None:
        """Read one stream to its end."""
        while True:
            await _until_readable(pipe.read_fd)
            try:
                piece = os.read(pipe.read_fd, _READ_BYTES)
            except BlockingIOError:
                continue
            if not piece:
                return
            pipe.kept.add(piece)
            if pipe is self._pipes[0]:
                self._show(piece)

    def _show(self, piece: bytes) -> None:
        if self._on_output is None or self.fault is not None:
            return
        try:
            self._on_output(piece)
        except Exception as error:  # noqa: BLE001 - the border to who watches; `run` raises it
            self.fault = error
            self._tree.signal_group(signal.SIGKILL)


async def _until_readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fd, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _until_ended(child: subprocess.Popen[bytes]) -> None:
    """Return when the program has ended; where the system allows, without reaping it."""
    try:
        fd = os.pidfd_open(child.pid)
    except (AttributeError, OSError):
        await _reaped_by_thread(child)
        return
    try:
        await _until_readable(fd)
    finally:
        os.close(fd)


async def _reaped_by_thread(child: subprocess.Popen[bytes]) -> None:
    """Wait in a thread of its own, for systems without descriptors of processes."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def wait() -> None:
        child.wait()
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(_settle, ended)

    threading.Thread(target=wait, daemon=True, name=f"a3s-wait-{child.pid}").start()
    await ended
