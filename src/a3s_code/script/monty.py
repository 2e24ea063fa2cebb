"""
Python in a world of its own, run by pydantic-monty: `run(ctx, inputs)`, plain or async.

Each script has a worker process for itself, which the library starts and ends: with no
environment, pipes as its only descriptors, and no way to open another one (`_confine`). What
crosses the pipes are texts. Starting one takes about 5 ms.

Source:
    DESIGN 7, "sandboxed Python"; the port is `kernel.script`.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import msgspec

from a3s_code.errors import CapabilityMissing
from a3s_code.kernel.script import (
    MAX_SOURCE_BYTES,
    FailureKind,
    Runtime,
    Script,
    ScriptCallFailed,
    ScriptFailure,
    ScriptHost,
    ScriptLanguage,
    ScriptLimits,
    ScriptOutcome,
)
from a3s_code.script.printed import Printed
from a3s_code.script.python_world import ENTRY, HOST, INPUTS, NO_JSON, NO_RUN, world_of

if TYPE_CHECKING:  # brought in at the first script
    from pydantic_monty import (
        AsyncMontySession,
        Frame,
        MontyError,
        MontyRuntimeError,
        ResourceLimits,
    )

PACKAGE, MODULE = "pydantic-monty", "pydantic_monty"
MAX_AT_ONCE = 32
"""Scripts, each with a process, of one engine."""
MAX_CALLS = 100_000
"""Of one script, whatever its host allows; more is a loop."""
MAX_DEPTH = 500
"""Calls inside calls."""
MAX_MESSAGE_CHARS = 2_000
MAX_FRAMES = 20
NOTHING = "NameError: there is no function run(ctx, inputs)"
GRACE_S = 2
_SPARE_BYTES = 512 * 1024 * 1024
"""Address space of a worker beside what a script may fill of it."""

_WORLD, _SOURCE, _ENTRY = (f"<python-input-{n}>" for n in range(3))
"""What the sandbox calls the texts that it is fed."""


class MontyEngine:
    """
    See `kernel.script.ScriptEngine`.

    Raises:
        CapabilityMissing: the library is not installed.
    """

    __slots__ = ("_running", "_version")

    language: ScriptLanguage = "python"

    def __init__(self) -> None:
        try:
            self._version = version(PACKAGE)
        except PackageNotFoundError:
            raise CapabilityMissing(
                f"Programs in Python need {PACKAGE}.", hint="pip install 'a3s-code[monty]'"
            ) from None
        self._running = 0

    @property
    def runtime(self) -> Runtime:
        return Runtime("embedded-monty", self._version)

    async def run(self, script: Script, host: ScriptHost) -> ScriptOutcome:
        """Run one script in a process of its own; see the port."""
        if _is_blank(script.source):
            return ScriptOutcome(failure=ScriptFailure(kind="syntax", message=NOTHING))
        size = len(script.source.encode("utf-8", "replace"))
        if size > MAX_SOURCE_BYTES:
            said = f"The source has {size} bytes, {MAX_SOURCE_BYTES} at most."
            return ScriptOutcome(failure=ScriptFailure(kind="syntax", message=said))
        if self._running >= MAX_AT_ONCE:
            said = f"{MAX_AT_ONCE} programs run already; wait for one of them."
            return ScriptOutcome(failure=ScriptFailure(kind="unavailable", message=said))
        self._running += 1
        try:
            if MODULE not in sys.modules:
                await asyncio.to_thread(importlib.import_module, MODULE)
            return await _Play(script, host).outcome()
        finally:
            self._running -= 1


def _is_blank(source: str) -> bool:
    """Say whether nothing would run; the sandbox does not count such a text."""
    return all(line.strip()[:1] in ("", "#") for line in source.splitlines())


class _Play:
    """One script from its start to its end; made for it, and used once."""

    def __init__(self, script: Script, host: ScriptHost) -> None:
        self._script, self._host = script, host
        self._calls: set[asyncio.Task[Any]] = set()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._printed = Printed(script.limits.max_console_chars)

    async def outcome(self) -> ScriptOutcome:
        played = asyncio.create_task(self._played())
        scope = asyncio.timeout(self._script.limits.wall_s)
        try:
            async with scope:
                await asyncio.wait({played, self._broken}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            await _stop([played, *self._calls])
        if self._broken.done():
            self._broken.result()
        if played.cancelled():
            return self._ended(self._late())
        return self._ended(played.result())

    def _ended(self, result: ScriptFailure | Any) -> ScriptOutcome:  # noqa: ANN401 - JSON
        lines, dropped = self._printed.lines()
        is_failure = isinstance(result, ScriptFailure)
        return ScriptOutcome(
            value=None if is_failure else result,
            failure=result if is_failure else None,
            console=lines,
            console_dropped=dropped,
        )

    def _late(self) -> ScriptFailure:
        said = f"TimeoutError: the program took longer than {self._script.limits.wall_s:g} s"
        return ScriptFailure(kind="timeout", message=said)

    async def _played(self) -> ScriptFailure | Any:  # noqa: ANN401 - JSON
        """Give the value of the script, or why it has none."""
        from pydantic_monty import AsyncMonty, MontyCrashedError, MontyError

        limits = self._script.limits
        try:
            async with (
                AsyncMonty(min_processes=1, max_processes=1) as worker,
                worker.checkout(
                    limits=_limits(limits), os_policy={"sleep_system_max": limits.wall_s}
                ) as session,
            ):
                _confine(session.worker_pid, limits)
                return self._value(await self._fed(session))
        except MontyCrashedError as error:
            if error.timed_out:
                return self._late()
            said = "MemoryError: the program took more than it may, and its interpreter ended"
            return ScriptFailure(kind="memory", message=said)
        except MontyError as error:
            return _failure(error)
        except (RecursionError, UnicodeError, OverflowError) as error:
            said = f"{type(error).__name__}: {error}"[:MAX_MESSAGE_CHARS]
            return ScriptFailure(kind="value", message=said)
        except OSError as error:
            said = f"The interpreter could not be started: {error}"
            return ScriptFailure(kind="unavailable", message=said)

    async def _fed(self, session: AsyncMontySession) -> Any:  # noqa: ANN401 - checked behind it
        script, lookup = self._script, {HOST: self._answer}
        await session.feed_run(world_of(script.functions))
        await session.feed_run(
            script.source, external_lookup=lookup, print_callback=self._printed.add
        )
        return await session.feed_run(
            ENTRY,
            inputs={INPUTS: script.inputs},
            external_lookup=lookup,
            print_callback=self._printed.add,
        )

    def _value(self, given: object) -> ScriptFailure | Any:  # noqa: ANN401 - JSON
        most = self._script.limits.max_value_bytes
        if not isinstance(given, str):
            return ScriptFailure(kind="value", message="TypeError: the value is no JSON")
        if len(given) > most:
            said = f"ValueError: the value has {len(given)} characters of JSON, {most} at most"
            return ScriptFailure(kind="value", message=said)
        try:
            return msgspec.json.decode(given)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            said = f"ValueError: the value is no JSON: {error}"
            return ScriptFailure(kind="value", message=said)

    # Calls of the script

    async def _answer(self, function: object, given: object) -> str:
        """Have the host answer one call; what it raises is an exception of the script."""
        call = asyncio.create_task(self._host.call(*self._read(function, given)))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        try:
            return msgspec.json.encode(await call).decode()
        except ScriptCallFailed as error:
            raise RuntimeError(str(error)) from None
        except Exception as error:  # noqa: BLE001 - raised by `outcome`, which ends the script
            if not self._broken.done():
                self._broken.set_exception(error)
            raise RuntimeError("the host of the program has failed") from None

    def _read(self, function: object, given: object) -> tuple[str, list[Any]]:
        if not isinstance(function, str) or function not in self._script.functions:
            raise RuntimeError("there is no such function")
        if not isinstance(given, str) or len(given) > self._script.limits.max_value_bytes:
            raise ValueError("the arguments are too large")
        try:
            return function, msgspec.json.decode(given, type=list[Any])
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            raise ValueError("the arguments are no JSON") from None


async def _stop(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel what still runs, and return when it has ended, also when told to stop meanwhile."""
    stopped: asyncio.CancelledError | None = None
    for task in tasks:
        task.cancel()
    while waiting := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(waiting)
        except asyncio.CancelledError as error:
            stopped = error
    if stopped is not None:
        raise stopped


# Limits


def _limits(limits: ScriptLimits) -> ResourceLimits:
    return {
        "max_memory": limits.memory_bytes,
        "max_feed_duration_secs": limits.wall_s,
        "max_total_sleep_secs": limits.wall_s,
        "max_recursion_depth": MAX_DEPTH,
        "max_suspensions": MAX_CALLS,
    }


def _confine(pid: int | None, limits: ScriptLimits) -> None:
    """
    Bound the process itself, in case that its interpreter does not hold what it promises.

    It can open no file and no socket, write none, and takes no more CPU time and memory than it
    may; so one that outlives us ends soon. Only Linux lets us say so of another process.
    """
    if pid is None or sys.platform != "linux":
        return
    import resource  # not on every platform

    seconds = int(limits.wall_s) + GRACE_S
    bounds = (
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, limits.memory_bytes + _SPARE_BYTES),
    )
    for what, most in bounds:
        resource.prlimit(pid, what, (most, most))


# Failures


def _failure(error: MontyError) -> ScriptFailure:
    from pydantic_monty import MontyRuntimeError, MontySyntaxError

    if not isinstance(error, MontyRuntimeError | MontySyntaxError):
        return ScriptFailure(kind="value", message=str(error)[:MAX_MESSAGE_CHARS])
    message = " ".join(error.display(format="type-msg").split("\n"))[:MAX_MESSAGE_CHARS]
    frames = error.traceback()
    own = [frame for frame in frames if frame.filename == _SOURCE]
    if isinstance(error, MontySyntaxError):
        kind: FailureKind = "syntax"
    elif not own and _fails_at(frames, NO_RUN):
        kind, message = "syntax", NOTHING
    else:
        kind = "value" if not own and _fails_at(frames, NO_JSON) else _kind(error)
    last = own[-1] if own else None
    return ScriptFailure(
        kind=kind,
        message=message,
        line=last.line if last is not None else 0,
        column=last.column if last is not None else 0,
        trace=_trace(own),
    )


def _fails_at(frames: Sequence[Frame], line: int) -> bool:
    return bool(frames) and (frames[-1].filename, frames[-1].line) == (_ENTRY, line)


def _kind(error: MontyRuntimeError) -> FailureKind:
    inner = error.exception()
    match inner:
        case TimeoutError() if "limit exceeded" in str(inner):
            return "timeout"
        case MemoryError():
            return "memory"
        case RecursionError():
            return "stack"
        case _:
            return "exception"


def _trace(frames: Iterable[Frame]) -> str:
    rows = [
        f'  File "program.py", line {frame.line}, in {frame.function_name or "<module>"}\n'
        f"    {(frame.source_line or '').strip()[:200]}\n"
        for frame in frames
    ]
    if len(rows) > MAX_FRAMES:
        half = MAX_FRAMES // 2
        rows = [*rows[:half], f"  [{len(rows) - MAX_FRAMES} calls left out]\n", *rows[-half:]]
    return "".join(rows)
