"""
The process that starts the processes that are killed.

    python -m a3s_code.testing.crash_process SCENARIO [STORE]

It imports the scenario once, and forks for every order that it reads from standard input, a
line of JSON each; a line of JSON answers. A fork is a process of its own, and spares each of
them the imports. On Linux it adopts what a killed process leaves running, waits for its end,
and tells what did not end.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import importlib.util
import inspect
import os
import pkgutil
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import cast

import msgspec

from a3s_code.api.stores import file_store
from a3s_code.errors import UsageError
from a3s_code.testing.crash_examine import Left, examine
from a3s_code.testing.crash_orders import Ended, Examine, MakeStore, Order, Perform, Scenario
from a3s_code.testing.crash_stage import CrashStage
from a3s_code.testing.crash_store import CrashingStore, CrashTally, told

LEFT_S = 5.0
"""How long what a killed process left running may take to end."""
_LOOK_S = 0.002
_PARTS = (
    *("api", "capabilities", "config", "delegation", "harness", "kernel"),
    *("llm", "persistence", "workspace"),
)
_PR_SET_CHILD_SUBREAPER = 36


def find(name: str) -> object:
    """
    Import `module:name` or `/path/to/file.py:name`.

    Raises:
        UsageError: there is no such thing.
        ImportError: the module cannot be imported.
    """
    place, _, attribute = name.rpartition(":")
    if place.endswith(".py"):
        module_name = f"_crash_scenario_{Path(place).stem}"
        spec = importlib.util.spec_from_file_location(module_name, place)
        if spec is None or spec.loader is None:
            raise UsageError(f"{place} is no Python file.")
        module = sys.modules[module_name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(place)
    found = getattr(module, attribute, None)
    if found is None:
        raise UsageError(f"{place} has no {attribute!r}.", hint="name a function of the module")
    return found


def main() -> None:
    """Serve orders until the end of the input."""
    scenario = cast("Scenario", find(sys.argv[1]))
    make_store = cast("MakeStore", find(sys.argv[2])) if len(sys.argv) > 2 else file_store  # noqa: PLR2004 - the second argument
    orders = msgspec.json.Decoder[Order](Order)
    _adopt_orphans()
    warm_up()
    gc.freeze()  # what is never collected is never copied into a fork
    while line := sys.stdin.buffer.readline():
        order = orders.decode(line)
        child = os.fork()
        if child == 0:
            _be_child(order, scenario, make_store)
        os.write(1, msgspec.json.encode(_watch(child, order)) + b"\n")


def warm_up() -> None:
    """Import what the forks would import one by one; none of it starts a thread."""
    for part in _PARTS:
        package = importlib.import_module(f"a3s_code.{part}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            with suppress(ImportError):  # of a package that is optional
                importlib.import_module(module.name)
    importlib.import_module("sqlite3")


# In the fork


def _be_child(order: Order, scenario: Scenario, make_store: MakeStore) -> None:
    """Do what was ordered, and end the process."""
    status = 1
    try:
        _say_into(_output_of(order))
        if isinstance(order, Perform):
            _perform(order, scenario, make_store)
        else:
            _examine(order, make_store)
        status = 0
    except BaseException:  # noqa: BLE001 - a scenario is foreign code; the report has its end
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(status)


def _output_of(order: Order) -> Path:
    return Path(order.directory if isinstance(order, Perform) else order.store) / "output.txt"


def _say_into(path: Path) -> None:
    """Hand what is printed to a file, and leave the orders to the parent."""
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, target)
    os.close(output)
    os.close(nothing)


def _perform(order: Perform, scenario: Scenario, make_store: MakeStore) -> None:
    directory = Path(order.directory)
    tally = CrashTally(directory / "tally.jsonl", order.kill_at, order.kill_name)
    stage = CrashStage(
        store=CrashingStore(make_store(directory / "store"), tally),
        workspace=directory / "workspace",
        session_id=order.session_id,
        config=order.config,
        base_url=order.base_url,
        tally=tally,
    )
    asyncio.run(_played(scenario, stage)) if _is_async(scenario) else scenario(stage)


def _is_async(scenario: Scenario) -> bool:
    return inspect.iscoroutinefunction(scenario)


async def _played(scenario: Scenario, stage: CrashStage) -> None:
    ending = scenario(stage)
    assert inspect.isawaitable(ending)
    await ending


def _examine(order: Examine, make_store: MakeStore) -> None:
    directory = Path(order.store)
    facts = told(Path(order.tally))
    left: Left = asyncio.run(examine(make_store(directory), directory, facts, order.session_id))
    Path(order.result).write_bytes(msgspec.json.encode(left))


# Around it


def _watch(child: int, order: Order) -> Ended:
    """Wait for the end of a fork, or bring it about."""
    started = time.monotonic()
    kill_after = order.kill_after_s if isinstance(order, Perform) else None
    limit = order.deadline_s if kill_after is None else min(kill_after, order.deadline_s)
    is_killed = False
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)  # -1: also what was adopted
        seconds = time.monotonic() - started
        if pid == child:
            break
        if not pid:
            if seconds >= limit and not is_killed:
                os.kill(child, signal.SIGKILL)
                is_killed = True
            time.sleep(_LOOK_S)
    code = os.waitstatus_to_exitcode(status)
    is_late = is_killed and limit == order.deadline_s
    return Ended(code, seconds, is_late, _orphans())


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _orphans() -> tuple[str, ...]:
    """Wait for all that was adopted; what does not end is killed, and told."""
    until = time.monotonic() + LEFT_S
    found: list[str] = []
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return tuple(found)
        if pid:
            continue
        if time.monotonic() > until:
            found += [_end(child) for child in _children()]
        time.sleep(_LOOK_S)


def _children() -> list[int]:
    """List our children, which only Linux makes of orphans."""
    tasks = Path(f"/proc/{os.getpid()}/task")
    lists = (task / "children" for task in tasks.iterdir())
    return [int(pid) for each in lists for pid in each.read_text().split()]


def _end(pid: int) -> str:
    command = ""
    with suppress(OSError):
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        command = raw.replace(b"\0", b" ").decode("utf-8", "replace").strip()
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return command or f"process {pid}"


if __name__ == "__main__":
    main()
