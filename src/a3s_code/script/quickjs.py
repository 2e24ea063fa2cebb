"""
JavaScript programs on QuickJS, in this process.

A program runs on a thread of its own, and the binding gives the interpreter lock away while
it computes, so the loop never waits for one. QuickJS counts the CPU time of the whole process
and not of its thread: what a step may take is scaled by how many programs there are, and by a host
that computes as well. The loop does not rely on it: at the deadline the call is over, whatever its
thread does.

Source:
    SPEC 5.15; DESIGN 7, "JavaScript".
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from a3s_code.kernel.script import (
    Runtime,
    Script,
    ScriptCallFailed,
    ScriptFailure,
    ScriptHost,
    ScriptLanguage,
    ScriptOutcome,
)
from a3s_code.script.script_thread import ScriptThread
from a3s_code.script.world import Answer, Asked, Step, World, too_late

MAX_SCRIPTS: Final = 32
"""Of one engine, each with at most `memory_bytes`; those that were left behind count."""


class _Alive:
    """Counts the threads of scripts."""

    __slots__ = ("_count", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def enter(self) -> bool:
        with self._lock:
            if self._count >= MAX_SCRIPTS:
                return False
            self._count += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self._count -= 1

    def share(self) -> float:
        """How many threads can compute at the same time: theirs, and one of Python's own."""
        return min(self._count + 1, os.cpu_count() or 1)


class QuickJs:
    """See `kernel.script.ScriptEngine`."""

    __slots__ = ("_alive",)

    def __init__(self) -> None:
        self._alive = _Alive()

    @property
    def language(self) -> ScriptLanguage:
        return "javascript"

    @property
    def runtime(self) -> Runtime:
        return Runtime("embedded-quickjs")

    async def run(self, script: Script, host: ScriptHost) -> ScriptOutcome:
        """Run a script; `kernel.script.ScriptEngine` says how it ends."""
        if not self._alive.enter():
            text = f"{MAX_SCRIPTS} programs are running already; try again when some have ended."
            return ScriptOutcome(failure=ScriptFailure(kind="unavailable", message=text))
        deadline = time.monotonic() + script.limits.wall_s
        world = World(script, deadline, self._alive.share)
        try:
            thread = ScriptThread(world, self._alive.leave)
        except BaseException:
            self._alive.leave()
            raise
        exchange = _Exchange(host, frozenset(script.functions))
        limit = asyncio.timeout(script.limits.wall_s)
        try:
            async with limit:
                return await _converse(thread, world, exchange)
        except TimeoutError:
            if not limit.expired():
                raise
            return too_late(script)
        finally:
            thread.leave()
            await exchange.end()


async def _converse(thread: ScriptThread, world: World, exchange: _Exchange) -> ScriptOutcome:
    """Take steps and answer calls until there is an outcome."""
    step = await thread.step(world.begin)
    while step.outcome is None:
        answers = await exchange.answers(step.calls)
        step = await thread.step(_answering(world, answers) if answers else world.stuck)
    return step.outcome


def _answering(world: World, answers: Sequence[Answer]) -> Any:  # noqa: ANN401
    def take() -> Step:
        return world.answer(answers)

    return take


class _Exchange:
    """The calls of a script that are under way, and those that have ended since it last asked."""

    __slots__ = ("_ended", "_failed", "_functions", "_host", "_running", "_woken")

    def __init__(self, host: ScriptHost, functions: frozenset[str]) -> None:
        self._host = host
        self._functions = functions
        self._running: set[asyncio.Task[Answer]] = set()
        self._ended: list[asyncio.Task[Answer]] = []
        self._woken: asyncio.Future[None] | None = None

    async def answers(self, calls: Sequence[Asked]) -> list[Answer]:
        """
        Begin calls, and wait for one answer at least; none when there is nothing to wait for.

        Raises:
            Exception: what the host raised.
        """
        if not self._running and not self._ended:
            if not calls:
                return []
            if len(calls) == 1:  # a script that waits for each call: no task of its own
                return [await self._answer(calls[0])]
        for asked in calls:
            task = asyncio.create_task(self._answer(asked))
            self._running.add(task)
            task.add_done_callback(self._note)
        return await self._settled()

    async def _settled(self) -> list[Answer]:
        if not self._ended:
            self._woken = asyncio.get_running_loop().create_future()
            try:
                await self._woken
            finally:
                self._woken = None
        ended, self._ended = self._ended, []
        return [task.result() for task in ended]

    async def end(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        running = [*self._running]
        for task in running:
            task.cancel()
        if running:
            await asyncio.gather(*running, return_exceptions=True)

    def _note(self, task: asyncio.Task[Answer]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        task.exception()  # of several that the host raises one is told, and none is lost unseen
        self._ended.append(task)
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def _answer(self, asked: Asked) -> Answer:
        if asked.function not in self._functions:
            return Answer(asked.id, False, f"There is no function {asked.function!r}.")
        try:
            return Answer(asked.id, True, await self._host.call(asked.function, asked.args))
        except ScriptCallFailed as error:
            return Answer(asked.id, False, str(error))
