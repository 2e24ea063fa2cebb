"""
A program that goes on, and the pipes by which it is talked to.

What it prints is read only when somebody receives, so one that floods us waits for its pipe;
what it says on standard error is read all the time, and bounded. One task watches its end and
its limits, and belongs to this object.

Source: DESIGN 3, "Doors": `Processes.open`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress

import msgspec

from a3s_code.errors import WorkspaceError
from a3s_code.kernel.confinement import Violation
from a3s_code.kernel.workspace import Exit
from a3s_code.workspace.program import Pipe, Program
from a3s_code.workspace.sandbox.crowd import TooMany

_READ_BYTES = 64 * 1024

Ended = Callable[[Exit, list[Violation]], Awaitable[Exit]]


class Inlet:
    """The pipe from which a program reads, and into which we write without blocking."""

    __slots__ = ("read_fd", "write_fd")

    def __init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe()
        os.set_blocking(self.write_fd, False)

    def close_read(self) -> None:
        fd, self.read_fd = self.read_fd, -1
        if fd >= 0:
            os.close(fd)

    def close(self) -> None:
        self.close_read()
        fd, self.write_fd = self.write_fd, -1
        if fd >= 0:
            os.close(fd)


class LocalOpenProgram:
    """
    `OpenProgram` on this machine.

    Args:
        program: Runs; it reads what comes on standard error.
        ended: Clears up behind it, and adds what the sandbox has to say.
    """

    __slots__ = (
        *("_closing", "_ended", "_inlet", "_is_closed", "_life", "_out", "_program", "_seen"),
        *("_timed_out", "_waits"),
    )

    def __init__(self, program: Program, inlet: Inlet, out: Pipe, ended: Ended) -> None:
        self._program, self._inlet, self._out, self._ended = program, inlet, out, ended
        out.close_write()
        self._life: asyncio.Future[None] | None = None
        self._closing: asyncio.Future[Exit] | None = None
        self._is_closed, self._timed_out = False, False
        self._seen: list[Violation] = []
        self._waits: set[asyncio.Future[None]] = set()

    def watch(self, limit_s: float | None, processes: int | None) -> None:
        """Kill it after `limit_s`, and when more than so many processes are alive."""
        self._life = asyncio.ensure_future(self._live(limit_s, processes))

    async def _live(self, limit_s: float | None, processes: int | None) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self._program.ended(processes)
        except TimeoutError:
            self._timed_out = True
        except TooMany as error:
            self._seen.append(error.violation)
        else:
            return
        self._program.signal(signal.SIGKILL)

    async def send(self, data: bytes) -> None:
        """As the port says. Cancelled, it may have written a part."""
        rest = memoryview(data)
        while rest:
            if self._is_closed:
                raise _gone()
            try:
                rest = rest[os.write(self._inlet.write_fd, rest) :]
            except BlockingIOError:
                await self._until_writable()
            except OSError:
                raise _gone() from None

    async def receive(self) -> bytes:
        """As the port says; empty as well when it was closed meanwhile."""
        while not self._is_closed:
            try:
                return os.read(self._out.read_fd, _READ_BYTES)
            except BlockingIOError:
                await self._until_readable()
        return b""

    async def close(self, grace_s: float = 0.0) -> Exit:
        """As the port says."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close(grace_s))
        try:
            return await asyncio.shield(self._closing)
        except asyncio.CancelledError:
            while not self._closing.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait((self._closing,))
            raise

    async def _close(self, grace_s: float) -> Exit:
        self._inlet.close_read()
        try:
            await self._let_end(grace_s)
            await self._program.end()
        finally:
            if self._life is not None:
                self._life.cancel()
                await asyncio.gather(self._life, return_exceptions=True)
            self._out.close()
        ended = self._program.exit(timed_out=self._timed_out)
        said = msgspec.structs.replace(ended, output=b"", stderr=ended.output)
        return await self._ended(said, self._seen)

    async def _let_end(self, grace_s: float) -> None:
        """End its input and wait; whoever waits for its pipes is told that they are closed."""
        self._is_closed = True
        for wait in self._waits:
            if not wait.done():
                wait.set_result(None)
        while self._waits:  # noqa: ASYNC110 - each only takes its descriptor off the loop now
            await asyncio.sleep(0)
        self._inlet.close()
        if self._life is not None and grace_s > 0:
            await asyncio.wait((self._life,), timeout=grace_s)

    async def _until_readable(self) -> None:
        loop, fd = asyncio.get_running_loop(), self._out.read_fd
        with self._waiting() as ready:
            loop.add_reader(fd, _settle, ready)
            try:
                await ready
            finally:
                loop.remove_reader(fd)

    async def _until_writable(self) -> None:
        loop, fd = asyncio.get_running_loop(), self._inlet.write_fd
        with self._waiting() as ready:
            loop.add_writer(fd, _settle, ready)
            try:
                await ready
            finally:
                loop.remove_writer(fd)

    @contextmanager
    def _waiting(self) -> Generator[asyncio.Future[None]]:
        ready = asyncio.get_running_loop().create_future()
        self._waits.add(ready)
        try:
            yield ready
        finally:
            self._waits.discard(ready)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _gone() -> WorkspaceError:
    return WorkspaceError("The program does not read any more.", hint="close it, and open another")
