"""
Programs of a workspace: the only place that starts them.

A program gets a session and a process group of its own, no terminal, the environment of
`environment.py`, and one pipe for standard output and error, so that they keep their order.
When it has ended, whatever reason it had, all that it started is killed with it: nothing of
a call outlives the call, also not in the background.

How a program is confined is said by `sandbox/`; here is the one place where that is applied.

Source: INVARIANTS 16 to 18 and 21, SPEC 5.8.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import IO, NamedTuple

import msgspec

from a3s_code.errors import InvalidValue, PathRefused, ProgramMissing, WorkspaceError
from a3s_code.kernel.confinement import HYGIENE, Confinement, SandboxLimits, Violation
from a3s_code.kernel.perseverance import to_its_end
from a3s_code.kernel.workspace import Command, Exit
from a3s_code.workspace.beneath import OpenDirectory, open_beneath
from a3s_code.workspace.environment import child_environment
from a3s_code.workspace.exit_records import SCRIPT, SHELL, make_room
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.location import Location, shown
from a3s_code.workspace.open_program import Inlet, LocalOpenProgram
from a3s_code.workspace.paths import Root
from a3s_code.workspace.process_tree import MARK, ProcessTree
from a3s_code.workspace.program import PIPE_BYTES, OnOutput, Pipe, Program
from a3s_code.workspace.sandbox.crowd import TooMany
from a3s_code.workspace.sandbox.prepared import Prepared
from a3s_code.workspace.sandbox.sandbox import Sandbox
from a3s_code.workspace.sandbox.violations import violations
from a3s_code.workspace.sandbox.way_out import WayOut, way_out


class LocalProcesses:
    """
    `Processes` on this machine.

    Args:
        root: The workspace; `Command.cwd` is resolved beneath it.
        pass_env: Variables of the host that programs get besides the usual ones.
        guard: Kills what runs when this process dies; without one it goes on.
        command_env: Added for programs that are `for_user`; what a call gives wins over it.
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
        command_env: Mapping[str, str] | None = None,
        sandbox: Sandbox | None = None,
    ) -> None:
        self._root, self._guard = Root(root, open_directory), guard
        self._pass_env = frozenset(pass_env) | frozenset(held.policy.env)
        self._command_env = dict(command_env or {})
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

    async def open(self, command: Command) -> LocalOpenProgram:
        """
        Start a program and let it go on, as the port says.

        Raises:
            ProgramMissing, InvalidValue, PathRefused, WorkspaceError: as `run`.
        """
        command = msgspec.structs.replace(
            self._bounded(command), stdin=b"", separate_stderr=True, exit_record=""
        )
        async with AsyncExitStack() as stack:
            way = await stack.enter_async_context(way_out(self._sandbox.held))
            inlet = Inlet()
            stack.callback(inlet.close)
            begun = await self._begun(command, way, inlet.read_fd)
            inlet.close_read()
            out, *rest = begun.pipes
            program = Program(begun.child, begun.tree, rest, None, begun.prepared)
            opened = LocalOpenProgram(
                program, inlet, out, partial(self._ended, begun, stack.pop_all(), way)
            )
        try:
            if self._guard is not None:
                self._guard.watch(program.group)
            await _finished(program.prepared, command)
        except BaseException as error:
            await opened.close()
            if isinstance(error, OSError):
                raise WorkspaceError(f"{_named(command)} cannot be watched: {error}.") from None
            raise
        opened.watch(
            _shorter(command.timeout_s, self._limits.wall_s), self._sandbox.watched_processes
        )
        return opened

    async def _ended(
        self,
        begun: _Begun,
        stack: AsyncExitStack,
        way: WayOut | None,
        ended: Exit,
        seen: list[Violation],
    ) -> Exit:
        """Clear up after a program that was open, and add what the sandbox did with it."""
        async with stack:
            if self._guard is not None:
                self._guard.release(begun.child.pid)
            seen = [*seen, *await _cleared(begun.prepared)]
        told = self._told(ended, seen)
        return told if way is None else way.told(told)

    async def _run(self, command: Command, on_output: OnOutput | None, way: WayOut | None) -> Exit:
        begun = await self._begun(self._bounded(command), way)
        program = Program(begun.child, begun.tree, begun.pipes, on_output, begun.prepared)
        timed_out, seen = False, list[Violation]()
        try:
            if self._guard is not None:
                self._guard.watch(program.group)
            await _finished(program.prepared, command)
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
        self, command: Command, way: WayOut | None, inlet: int | None = None
    ) -> _Begun:
        """Start a program; it reads from `inlet`, or what its command says."""
        if not command.argv:
            raise InvalidValue("A command needs at least the name of a program.")
        try:
            if self._guard is not None:
                self._guard.begin()
            async with _ready(command) as stdin:
                return await self._start(command, stdin if inlet is None else inlet, way)
        except OSError as error:
            raise WorkspaceError(f"{_named(command)} cannot be started: {error}.") from None

    async def _start(
        self,
        command: Command,
        stdin: IO[bytes] | int | None,
        way: WayOut | None,
    ) -> _Begun:
        mark = os.urandom(8).hex()
        around = [os.environ.get(MARK, ""), self._guard.mark if self._guard else ""]
        environment = child_environment(os.environ, self._pass_env)
        environment[MARK] = ":".join(part for part in (*around, mark) if part)
        where = self._root.find(command.cwd)
        try:
            _directory(where)
            prepared = await self._prepared(command, environment, where, way)
            try:
                child, pipes = _piped(command, prepared, where, stdin)
            except BaseException:
                prepared.end()
                raise
            finally:
                prepared.close()
        finally:
            where.close()
            if way is not None:
                way.started()
        return _Begun(child, ProcessTree(child.pid, mark.encode()), pipes, prepared)

    async def _prepared(
        self,
        command: Command,
        environment: dict[str, str],
        where: Location,
        way: WayOut | None,
    ) -> Prepared:
        """Say how the program is started; what is done for it on the disk is done in a thread."""
        given = (self._command_env if command.for_user else {}) | command.extra_env
        extra = {name: value for name, value in given.items() if name != MARK}
        called = (command.argv, environment, extra, where.absolute)
        prepare = partial(self._sandbox.prepare, *called, way)
        if self._sandbox.is_plain:
            return prepare()
        path = extra.get("PATH", environment["PATH"])
        if shutil.which(command.argv[0], path=path) is None:  # the launcher could only exit
            raise _missing(command)
        return prepare() if self._sandbox.starts_first else await _whole(prepare)


class _Begun(NamedTuple):
    """A program that was started, and what it writes into."""

    child: subprocess.Popen[bytes]
    tree: ProcessTree
    pipes: list[Pipe]
    prepared: Prepared


def _piped(
    command: Command, prepared: Prepared, where: Location, stdin: IO[bytes] | int | None
) -> tuple[subprocess.Popen[bytes], list[Pipe]]:
    """Start a program with pipes for what it prints."""
    pipes: list[Pipe] = []
    try:
        for _ in range(2 if command.separate_stderr else 1):
            pipes.append(Pipe(command.max_output_bytes))  # noqa: PERF401 - what was made is closed
        outputs = [pipe.write_fd for pipe in pipes]
        return _spawn(command, prepared, where, stdin, outputs), pipes
    except BaseException:
        for pipe in pipes:
            pipe.close()
        raise


def _spawn(
    command: Command,
    prepared: Prepared,
    where: Location,
    stdin: IO[bytes] | int | None,
    outputs: list[int],
) -> subprocess.Popen[bytes]:
    cwd, path = _directory(where), prepared.environment["PATH"]
    if command.exit_record and shutil.which(command.argv[0], path=path) is None:
        raise _missing(command)
    try:
        return subprocess.Popen(
            _recorded(prepared.argv, command.exit_record),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
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
        return await to_its_end(preparing)
    except asyncio.CancelledError:
        if preparing.exception() is None:
            preparing.result().close()
            preparing.result().end()
        raise


async def _finished(prepared: Prepared, command: Command) -> None:
    """Do in a thread what a program that was started waits for; to its end, also if cancelled."""
    if not prepared.is_awaited:
        return
    finishing = asyncio.ensure_future(asyncio.to_thread(prepared.finish))
    try:
        await to_its_end(finishing)
    except OSError as error:
        raise WorkspaceError(f"{_named(command)} cannot be started: {error}.") from None


async def _cleared(prepared: Prepared) -> list[Violation]:
    """Clear up after a program, also when the loop ends and there are no threads any more."""
    if not prepared.has_work:
        return []
    try:
        clearing = asyncio.get_running_loop().run_in_executor(None, prepared.end)
    except RuntimeError:
        return prepared.end()
    return await to_its_end(clearing)


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
    elif len(command.stdin) < PIPE_BYTES:
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
