"""
What the sandbox costs: `true` at each level, and beside plain bubblewrap.

    python bench/sandbox.py [--only WORD] [--json OUT] [--directory DIR]

The row `ratio` is a command of ours at level `bwrap`, from `run` to its result, over bubblewrap
alone with the same namespaces, started and waited for by the same loop in the same moment, so
that a busy machine slows both. Exit status: 1 when a target was missed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from a3s_code.errors import SandboxUnavailable
from a3s_code.kernel.confinement import Level, SandboxPolicy
from a3s_code.kernel.workspace import Command
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.sandbox.levels import confine
from measure import Samples, Stopwatch, Unmeasured, main, row

TIMES = 60
TRUE = Command(("true",))
PLAIN = (
    *("bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc"),
    *("--unshare-uts", "--unshare-cgroup-try", "--disable-userns", "--ro-bind", "/", "/"),
    *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--die-with-parent"),  # noqa: S108
    *("--new-session", "--cap-drop", "ALL", "true"),
)


def _processes(directory: Path, level: Level) -> LocalProcesses:
    directory.mkdir()
    try:
        held = confine(SandboxPolicy(level=level), str(directory))
    except SandboxUnavailable as error:
        raise Unmeasured(error.message) from None
    return LocalProcesses(directory, held=held)


async def _levelled(directory: Path, level: Level) -> Samples:
    processes = _processes(directory, level)
    for _ in range(TIMES):
        watch = Stopwatch()
        await processes.run(TRUE)
        yield watch.lap()


@row("`true` with hygiene alone")
async def hygiene(directory: Path) -> Samples:
    async for sample in _levelled(directory, "hygiene"):
        yield sample


@row("`true` under Landlock")
async def landlock(directory: Path) -> Samples:
    async for sample in _levelled(directory, "landlock"):
        yield sample


@row("`true` under bwrap")
async def bwrap(directory: Path) -> Samples:
    async for sample in _levelled(directory, "bwrap"):
        yield sample


@row("ratio of `true` under bwrap to plain bwrap", "x", target=2.0)
async def ratio(directory: Path) -> Samples:
    sandboxed = _processes(directory, "bwrap")
    plain = LocalProcesses(directory)
    for _ in range(TIMES):
        watch = Stopwatch()
        await plain.run(Command(PLAIN))
        alone = watch.lap()
        await sandboxed.run(TRUE)
        yield watch.lap() / alone


ROWS = (hygiene, landlock, bwrap, ratio)

if __name__ == "__main__":
    sys.exit(main(__doc__, ROWS))
