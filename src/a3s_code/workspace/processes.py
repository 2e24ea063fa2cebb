"""
Programs of a workspace: the only place that starts them.

A program gets a session and a process group of its own, no terminal, the environment of
`environment.py`, and one pipe for standard output and error, so that they keep their order.
When it has ended, whatever reason it had, all that it started is killed with it: nothing of
a call outlives the call, also not in the background.

Reading goes on for `DRAIN_S` after the program's end, for children that still write. The
wait for the end is a descriptor of the process in the event loop's own selector, so there is
no thread per program, and its id stays reserved until its group was killed.

How a program is confined is said by `sandbox/`; here is the one place where that is applied.

Source: INVARIANTS 16 to 18 and 21, SPEC 5.8.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import IO

import msgspec

from a3s_code.errors import InvalidValue, PathRefused, ProgramMissing, WorkspaceError
from a3s_code.kernel.confinement import HYGIENE, Confinement, SandboxLimits, Violation
from a3s_code.kernel.workspace import Command, Exit
from a3s_code.workspace.beneath import OpenDirectory, open_beneath
from a3s_code.workspace.environment import child_environment
from a3s_code.workspace.exit_records import SCRIPT, SHELL, make_room
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.location import Location, shown
from a3s_code.workspace.output import HeadAndTail
from a3s_code.workspace.paths import Root
from a3s_code.workspace.process_tree import FEW, MARK, ProcessTree, last_id
from a3s_code.workspace.sandbox.crowd import TooMany, watch
from a3s_code.workspace.sandbox.sandbox import Prepared, Sandbox
from a3s_code.workspace.sandbox.violations import violations
from a3s_code.workspace.sandbox.way_out import WayOut, way_out

DRAIN_S = 0.2
"""For output that children still write after the program ended; then they are killed."""

SETTLE_S = 5.0
"""At most this long is waited for what was killed to be gone."""

TIMED_OUT = 124
"""The exit status after the timeout, as timeout(1) has it."""

_PIPE_BYTES = 1024 * 1024
_READ_BYTES = 256 * 1024
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)

OnOutput = Callable[[bytes], None]


class LocalProcesses:
    """
    `Processes` on this machine.

    Args:
        root: The workspace; `Command.cwd` is resolved beneath it.
        pass_env: Variables of the host that programs get besides the usual ones.
        guard: Kills what runs when this process dies; without one it goes on.
        held: How programs are confined.
        sandbox: What confines them; None for what `held` says.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        pass_env: Iterable[str] = (),
        guard: Guard | None = None,
        open_directory: OpenDirectory = open_beneath,
        held: Confinement = HYGIENE,
        sandbox: Sandbox | None = None,
    ) -> None:
        self._root, self._guard = Root(root, open_directory), guard
        self._pass_env = frozenset(pass_env) | frozenset(held.policy.env)
        self._sandbox = sandbox or Sandbox(held, os.fspath(root))

    async def run(self, command: Command, on_output: OnOutput | None = None) -> Exit:
        """
        Run to the end, as the port says.

        An exception of `on_output` kills the program and is raised from here.

        Raises:
            ProgramMissing: `argv[0]` is not installed.
            InvalidValue: no argument at all, or one that no program can be given.
            PathRefused: `cwd` is no directory of the workspace.
            WorkspaceError: the system would not start the program.
        """
        async with way_out(self._sandbox.held) as way:
            ended = await self._run(command, on_output, way)
        return ended if way is None else way.told(ended)

    async def _run(self, command: Command, on_output: OnOutput | None, way: WayOut | None) -> Exit:
        program = await self._begun(self._bounded(command), on_output, way)
        timed_out, seen = False, list[Violation]()
        try:
            if self._guard is not None:
                self._guard.watch(program.group)
            async with asyncio.timeout(_shorter(command.timeout_s, self._limits.wall_s)):
                await program.ended(self._sandbox.watched_processes)
        except TimeoutError:
            timed_out = True
        except TooMany as error:
            seen.append(error.violation)
        except OSError as error:
            raise WorkspaceError(f"{_named(command)} cannot be watched: {error}.") from None
        finally:
            try:
                await program.end()
            finally:
                if self._guard is not None:
                    self._guard.release(program.group)
                seen += await _cleared(program.prepared)
        if program.fault is not None:
            raise program.fault
        return self._told(program.exit(timed_out=timed_out), seen)

    @property
    def _limits(self) -> SandboxLimits:
        return self._sandbox.held.policy.limits

    def _bounded(self, command: Command) -> Command:
        most = self._limits.output_bytes
        if most is None or most >= command.max_output_bytes:
            return command
        return msgspec.structs.replace(command, max_output_bytes=most)

    def _told(self, ended: Exit, seen: list[Violation]) -> Exit:
        """Add what the sandbox did not let the program do."""
        held = self._sandbox.held
        if not held.confines and not seen:
            return ended
        found = (*seen, *violations(ended, held))
        return msgspec.structs.replace(ended, violations=found, has_network=held.has_network)

    async def _begun(
        self, command: Command, on_output: OnOutput | None, way: WayOut | None
    ) -> _Program:
        if not command.argv:
            raise InvalidValue("A command needs at least the name of a program.")
        try:
            if self._guard is not None:
                self._guard.begin()
            async with _ready(command) as stdin:
                return await self._start(command, stdin, on_output, way)
        except OSError as error:
            raise WorkspaceError(f"{_named(command)} cannot be started: {error}.") from None

    async def _start(
        self,
        command: Command,
        stdin: IO[bytes] | None,
        on_output: OnOutput | None,
        way: WayOut | None,
    ) -> _Program:
        mark = os.urandom(8).hex()
        around = [os.environ.get(MARK, ""), self._guard.mark if self._guard else ""]
        marks = ":".join(part for part in (*around, mark) if part)
        environment = child_environment(os.environ, self._pass_env)
        environment[MARK] = marks
        where = self._root.find(command.cwd)
        prepared: Prepared | None = None
        pipes: list[_Pipe] = []
        try:
            _directory(where)
            prepared = await self._prepared(command, environment, where, way)
            pipes.append(_Pipe(command.max_output_bytes))
            if command.separate_stderr:
                pipes.append(_Pipe(command.max_output_bytes))
            outputs = [pipe.write_fd for pipe in pipes]
            child = _spawn(command, prepared, where, stdin, outputs)
        except BaseException:
            for pipe in pipes:
                pipe.close()
            if prepared is not None:
                prepared.end()
            raise
        finally:
            where.close()
            if way is not None:
                way.started()
            if prepared is not None:
                prepared.close()
        tree = ProcessTree(child.pid, mark.encode())
        return _Program(child, tree, pipes, on_output, prepared)

    async def _prepared(
        self,
        command: Command,
        environment: dict[str, str],
        where: Location,
        way: WayOut | None,
    ) -> Prepared:
        """Say how the program is started; what is done for it on the disk is done in a thread."""
        extra = {name: value for name, value in command.extra_env.items() if name != MARK}
        called = (command.argv, environment, extra, where.absolute)
        prepare = partial(self._sandbox.prepare, *called, way)
        if self._sandbox.is_plain:
            return prepare()
        path = extra.get("PATH", environment["PATH"])
        if shutil.which(command.argv[0], path=path) is None:  # the launcher could only exit
            raise _missing(command)
        return await _whole(prepare)


class _Pipe:
    """One stream of a program: where it writes, where we read, and what is kept."""

    __slots__ = ("kept", "read_fd", "write_fd")

    def __init__(self, limit: int) -> None:
        self.kept = HeadAndTail(limit)
        self.read_fd, self.write_fd = os.pipe()
        os.set_blocking(self.read_fd, False)
        if _SET_PIPE_SIZE is not None:
            with suppress(OSError):  # the user's share of pipe memory is used up
                fcntl.fcntl(self.read_fd, _SET_PIPE_SIZE, _PIPE_BYTES)

    def close_write(self) -> None:
        fd, self.write_fd = self.write_fd, -1
        if fd >= 0:
            os.close(fd)

    def close(self) -> None:
        self.close_write()
        fd, self.read_fd = self.read_fd, -1
        if fd >= 0:
            os.close(fd)


class _Program:
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
        pipes: list[_Pipe],
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

    async def ended(self, processes: int | None = None) -> None:
        """
        Return when the program has ended and its output was read.

        Raises:
            TooMany: more processes than that were alive.
        """
        async with watch(self._tree, processes):
            await _until_ended(self._child)
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
            await killing

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

    async def _pump(self, pipe: _Pipe) -> None:
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


def _spawn(
    command: Command,
    prepared: Prepared,
    where: Location,
    stdin: IO[bytes] | None,
    outputs: list[int],
) -> subprocess.Popen[bytes]:
    cwd, path = _directory(where), prepared.environment["PATH"]
    if command.exit_record and shutil.which(command.argv[0], path=path) is None:
        raise _missing(command)
    try:
        return subprocess.Popen(
            _recorded(prepared.argv, command.exit_record),
            stdin=stdin or subprocess.DEVNULL,
            stdout=outputs[0],
            stderr=outputs[-1],
            cwd=cwd,
            env=prepared.environment,
            pass_fds=prepared.fds,
            start_new_session=True,
        )
    except ValueError as error:
        raise InvalidValue(f"{_named(command)} cannot be started: {error}.") from None
    except OSError as error:
        raise _not_started(command, error, cwd, path) from None


def _recorded(argv: tuple[str, ...], record: str) -> tuple[str, ...]:
    """Give what is started: the program, in a shell that keeps its status where asked to."""
    return (SHELL, "-c", SCRIPT, record, *argv) if record else argv


async def _whole(prepare: Callable[[], Prepared]) -> Prepared:
    """Prepare in a thread; one that is cancelled meanwhile is taken back when it is done."""
    preparing = asyncio.ensure_future(asyncio.to_thread(prepare))
    try:
        return await asyncio.shield(preparing)
    except asyncio.CancelledError:
        prepared = await preparing
        prepared.close()
        prepared.end()
        raise


async def _cleared(prepared: Prepared) -> list[Violation]:
    """Clear up after a program, also when the loop ends and there are no threads any more."""
    if not prepared.has_work:
        return []
    try:
        clearing = asyncio.get_running_loop().run_in_executor(None, prepared.end)
    except RuntimeError:
        return prepared.end()
    return await clearing


def _shorter(one: float | None, other: float | None) -> float | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _directory(where: Location) -> str:
    """Give the path by which a child enters exactly the directory that was resolved."""
    if where.names:
        raise PathRefused(
            f"{shown(where.spelled)} is no directory to run a program in.",
            hint="name a directory of the workspace",
        )
    if sys.platform == "linux":
        return f"/proc/self/fd/{where.fd}"
    return where.absolute


@asynccontextmanager
async def _ready(command: Command) -> AsyncGenerator[IO[bytes] | None]:
    """Make room for the exit record; give standard input, or None where there is none."""
    if command.exit_record:
        await asyncio.to_thread(make_room, command.exit_record)
    if not command.stdin:
        yield None
    elif len(command.stdin) < _PIPE_BYTES:
        with _input(command.stdin) as file:
            yield file
    else:
        with await asyncio.to_thread(_input, command.stdin) as file:
            yield file


def _input(data: bytes) -> IO[bytes]:
    """Give standard input as a file, which nobody has to feed while the program runs."""
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = os.fdopen(os.memfd_create("stdin"), "w+b")
    else:
        import tempfile  # 4 ms, needed on few systems

        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(data)
    file.seek(0)
    return file


def _named(command: Command) -> str:
    return shown(command.argv[0])


def _not_started(command: Command, error: OSError, cwd: str, path: str) -> WorkspaceError:
    if error.filename == cwd:
        return WorkspaceError(f"{shown(command.cwd) or '.'} cannot be entered: {error.strerror}.")
    # EACCES may come from a part of PATH that is closed to us, whatever the later parts said
    is_absent = error.errno == errno.EACCES and shutil.which(command.argv[0], path=path) is None
    if error.errno in (errno.ENOENT, errno.ENOTDIR) or is_absent:
        return _missing(command)
    hint = "pass long text through a file" if error.errno == errno.E2BIG else ""
    return WorkspaceError(f"{_named(command)} cannot be started: {error.strerror}.", hint=hint)


def _missing(command: Command) -> ProgramMissing:
    return ProgramMissing(
        f"{_named(command)} is not installed, or not on PATH.",
        hint="install it, or use another program",
    )


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
