"""
The crash kit: kill an agent's process wherever that can matter, and look at what is left.

    # test_my_agent.py
    from a3s_code import AsyncAgent
    from a3s_code.testing import CrashRig, CrashStage, Script, When, calls, on, says

    async def take_a_note(stage: CrashStage) -> None:
        async with AsyncAgent(stage.config) as agent:
            session = await stage.session(agent)
            if stage.run_of(session, "Take a note.") is None:
                await session.send("Take a note.")

    NOTE = calls("write", file_path="note.txt", content="buy milk")
    SCRIPT = Script(rules=(on(When(last="Take a note."), NOTE),), default=says("Noted."))

    def test_my_agent_survives_a_kill_anywhere():
        report = CrashRig(take_a_note, SCRIPT).kill_everywhere()
        assert not report.faults, report
        assert report.kills > 10

A scenario is a function of a module, async or not. It is run in a process of its own with an
empty workspace, killed at point 1 of its store, and run again to its end; then with another
workspace the same at point 2, and so on, until it ends before it is killed. So it must go on
where its record says that it stopped. The scripted model answers all of these processes;
let it answer by what it is sent (rules), never by the number of the request.

After each kill the store is held against what it acknowledged, and verified. When the next
process has gone on, each effect that the kill left open is settled with evidence, and so as
the files were right after the kill, or the session says that it is in doubt; and the session
is the fold of its log. In the end the workspace is that of a life that was not killed, but for
what may not have been done because it is in doubt.

The module is imported in a process that forks; it must start no thread while it is imported.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from a3s_code.checks import check_list
from a3s_code.testing.crash_life import Kill, Life, Terms
from a3s_code.testing.crash_orders import MakeStore, Scenario
from a3s_code.testing.crash_report import CrashLife, CrashReport
from a3s_code.testing.crash_runner import CrashRunner, name_of
from a3s_code.testing.crash_workspace import Files
from a3s_code.testing.script import Script
from a3s_code.testing.server import ScriptedServer
from a3s_code.testing.turn import says

WORKERS = os.cpu_count() or 1
MAX_KILLS = 20
"""Of one life at random moments; then it may come to its end."""


class CrashRig:
    """
    Kills a scenario, again and again.

    Args:
        scenario: A function of a module that takes a `CrashStage`, or its name as
            `module:function`.
        script: What the model answers. Without one, every request is answered `Done.`
        store: A function of a module that opens the store in a directory, or its name; a
            `FileSessionStore` without one.
        counters: Files of the workspace to which each effect adds one line that no other
            adds. A line that is there twice is a fault; so is one that is missing, unless
            a kill left an effect open.
        differs: Patterns, as of `fnmatch`, of files of the workspace that may differ from
            those of a life that was not killed.
        deadline_s: For each process; one that needs longer counts as hung.
        workers: Lives at the same time.

    Raises:
        UsageError: another process cannot find `scenario` or `store`.
        InvalidType: `counters` or `differs` is no list.
    """

    def __init__(
        self,
        scenario: Scenario | str,
        script: Script | None = None,
        *,
        store: MakeStore | str | None = None,
        counters: tuple[str, ...] = (),
        differs: tuple[str, ...] = (),
        deadline_s: float = 60.0,
        workers: int = WORKERS,
    ) -> None:
        for name, files in (("counters", counters), ("differs", differs)):
            check_list(name, files)
        self._scenario = name_of(scenario)
        self._store = None if store is None else name_of(store)
        self._script = Script(default=says("Done.")) if script is None else script
        self._counters, self._differs, self._deadline_s = counters, differs, deadline_s
        self._workers = workers

    def kill_everywhere(self, every: int = 1, also: tuple[str, ...] = ()) -> CrashReport:
        """
        Kill one life at each numbered point, until a life ends before it is killed.

        Args:
            every: 1 = at all of them; n = at the n-th, the 2n-th, and so on.
            also: Besides, at all points that a life without a kill passes and whose names
                hold one of these.

        Raises:
            UsageError: the scenario cannot be imported.
        """
        numbers, ended = itertools.count(every, every), threading.Event()

        def live(lives: _Lives, runner: CrashRunner) -> Iterator[CrashLife]:
            while (kill := lives.named(also)) is not None:
                yield lives.live(runner, [kill])
            while not ended.is_set():
                life = lives.live(runner, [Kill(at=next(numbers))])
                if not life.kills:  # it came to its end before the point
                    ended.set()
                if life.kills or life.faults:
                    yield life

        return self._report(live)

    def kill_at_random(self, kills: int, seed: int = 0) -> CrashReport:
        """
        Kill at random moments, also of going on, until there were `kills` kills or more.

        Raises:
            UsageError: the scenario cannot be imported.
        """
        counted, seeds = _Counter(kills), itertools.count()

        def moments(longest_s: float) -> Iterator[Kill]:
            rng = random.Random(f"{seed} {next(seeds)}")  # noqa: S311 - for moments
            for _ in range(MAX_KILLS):
                yield Kill(after_s=rng.uniform(0, longest_s))

        def live(lives: _Lives, runner: CrashRunner) -> Iterator[CrashLife]:
            while counted.left > 0:
                life = lives.live(runner, moments(lives.seconds))
                counted.take(len(life.kills))
                yield life

        return self._report(live)

    def _report(self, live: _Live) -> CrashReport:
        base = tempfile.TemporaryDirectory(prefix="a3s-crash-")
        with base, ScriptedServer(self._script) as server:
            config, counters, differs = server.acl(), self._counters, self._differs
            terms = Terms(config, server.base_url, counters, differs, self._deadline_s)
            lives = _Lives(Path(base.name), terms, self._runner)
            with self._runner() as first, ThreadPoolExecutor(self._workers) as threads:
                reference = lives.live(first, [])
                working = [threads.submit(lives.work, live, first)]
                working += [threads.submit(lives.work, live) for _ in range(1, self._workers)]
            found = [work.result() for work in working]
        return CrashReport(reference, tuple(itertools.chain.from_iterable(found)))

    def _runner(self) -> CrashRunner:
        return CrashRunner(self._scenario, self._store)


class _Counter:
    """Counts down, from several threads."""

    def __init__(self, left: int) -> None:
        self.left, self._lock = left, threading.Lock()

    def take(self, number: int) -> None:
        with self._lock:
            self.left -= number


class _Lives:
    """
    Makes the lives of one report, each in a directory of its own.

    The first one is the reference, which is not killed.

    Attributes:
        seconds: How long that one took.
    """

    def __init__(self, base: Path, terms: Terms, runner: Callable[[], CrashRunner]) -> None:
        self._base, self._terms, self._runner = base, terms, runner
        self._numbers = itertools.count()
        self._files: Files | None = None
        self._passed: list[str] = []
        self._taking = threading.Lock()
        self.seconds = 0.0

    def work(self, live: _Live, runner: CrashRunner | None = None) -> list[CrashLife]:
        """Live until it is enough, with a runner of its own when none is given."""
        if runner is not None:
            return list(live(self, runner))
        with self._runner() as own:
            return list(live(self, own))

    def named(self, names: tuple[str, ...]) -> Kill | None:
        """Give a point whose name holds one of these; each once, to one thread."""
        with self._taking:
            while self._passed:
                name = self._passed.pop()
                if any(each in name for each in names):
                    return Kill(at=self._passed.count(name) + 1, name=name)
        return None

    def live(self, runner: CrashRunner, kills: Iterable[Kill]) -> CrashLife:
        directory = self._base / str(next(self._numbers))
        life = Life(runner, directory, self._terms)
        lived = life.live(kills, self._files)
        if self._files is None:
            self._files, self.seconds = life.files, lived.seconds
            self._passed = list(lived.passed)
        shutil.rmtree(directory)
        return lived


_Live: TypeAlias = Callable[[_Lives, CrashRunner], Iterator[CrashLife]]
