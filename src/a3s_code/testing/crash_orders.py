"""What `crash_process` is told to do, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from a3s_code.kernel.store import Store
from a3s_code.testing.crash_stage import CrashStage

Scenario: TypeAlias = Callable[[CrashStage], object]
"""Async or not; what it returns is not looked at."""
MakeStore: TypeAlias = Callable[[Path], Store]
"""Opens the store in a directory that exists."""


class Perform(msgspec.Struct, frozen=True, tag="perform"):
    """
    Run the scenario.

    Attributes:
        kill_at, kill_name: Point of the store, as `CrashTally` takes it.
        kill_after_s: Counted from the fork; None = never.
        deadline_s: After it the process is killed, and the scenario counts as hung.
    """

    directory: str
    session_id: str
    config: str
    base_url: str
    deadline_s: float
    kill_at: int = 0
    kill_name: str = ""
    kill_after_s: float | None = None


class Examine(msgspec.Struct, frozen=True, tag="examine"):
    """
    Look at the store in `store`; the answer is a `Left` in the file `result`.

    Attributes:
        tally: The file that was told what was acknowledged.
    """

    store: str
    tally: str
    session_id: str
    result: str
    deadline_s: float


Order: TypeAlias = Perform | Examine


class Ended(msgspec.Struct, frozen=True):
    """
    How a process ended.

    Attributes:
        status: Exit status; negative = the signal that killed it.
        is_late: It was killed at its deadline.
        orphans: Command lines of programs that it left running for long.
    """

    status: int
    seconds: float
    is_late: bool = False
    orphans: tuple[str, ...] = ()
