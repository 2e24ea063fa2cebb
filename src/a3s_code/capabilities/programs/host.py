"""
Who answers the calls of a program: each is a call of a tool, decided like every other.

Source:
    SPEC 5.15; DESIGN 2 (what runs inside a container carries the session's policy).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, cast

import msgspec

from a3s_code.capabilities.programs.claims import MAX_CLAIMS, VERIFY, read_claim, told
from a3s_code.capabilities.programs.helpers import HELPERS, READ_FILE, TOOL, TOOLS, read_file
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import sendable
from a3s_code.kernel.script import ScriptCallFailed
from a3s_code.kernel.settlement import CUT_OFF
from a3s_code.kernel.tool import CallTool, Observation
from a3s_code.kernel.verification import Report

NEVER = frozenset({"program", "batch", "parallel_task", "dynamic_workflow"})
"""Not called from a program, allowed or not: they call tools past its list, or as it does."""
BY_NAME_ONLY = frozenset({"Skill", "task"})
"""They start runs, and are called only where `allowed_tools` names them."""
MAX_NAME_CHARS = 128
"""Of a tool; what is longer is the name of none, and is neither called nor recorded."""
MAX_LISTED_CHARS = 500
"""Of what a program may call, in the reason of a call that it may not make."""
MAX_ARGUMENT_BYTES = 32 * 1024 * 1024
"""Of the JSON of the arguments of all calls of one program; those of a denied call are recorded."""
ENDED_FIRST = "It was cut off: the program ended before it did."
MAX_AT_ONCE = 16
"""Calls of one program that run at the same time; the others wait."""


class TooManyCalls(Exception):
    """The program called more than it may; says what was too much."""


class CallMade(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call, for the record; without its arguments and its output."""

    name: str
    success: bool
    exit_code: int
    duration_ms: int
    output_bytes: int = 0
    reason: str = ""


class ProgramHost:
    """
    See `kernel.script.ScriptHost`.

    Args:
        call: Runs a tool with the authority of the session.
        names: Of all tools.
        allowed: What the program may call, by exact name; None = what starts no run.
        report: Records what the program says it has checked; None where nothing is recorded.
    """

    __slots__ = (
        "_allowed",
        "_call",
        "_claims",
        "_given_bytes",
        "_max_calls",
        "_names",
        "_places",
        "_report",
        "_started",
        "made",
    )

    def __init__(
        self,
        call: CallTool,
        names: Collection[str],
        allowed: Collection[str] | None,
        max_calls: int,
        report: Callable[[Report], None] | None = None,
    ) -> None:
        self._call = call
        self._names = names
        self._allowed = allowed
        self._max_calls = max_calls
        self._places = asyncio.Semaphore(MAX_AT_ONCE)
        self._report = report
        self._started = self._claims = self._given_bytes = 0
        self.made: list[CallMade] = []

    def functions(self) -> tuple[str, ...]:
        """Name what the program can write; what it may not call says so when it is called."""
        helpers = [name for name, helper in HELPERS.items() if helper.tool in self._names]
        whole = (READ_FILE,) if "read" in self._names else ()
        claims = (VERIFY,) if self._report is not None else ()
        return (TOOL, *helpers, *whole, *claims, *(f"{TOOLS}{name}" for name in self._names))

    async def call(self, function: str, args: Sequence[Any]) -> Any:  # noqa: ANN401 - JSON
        if function == TOOL:
            return await self._any(args)
        if function.startswith(TOOLS):
            return _whole(*await self._named(function.removeprefix(TOOLS), args[:1]))
        if function == READ_FILE:
            return await read_file(args, self._ask, self._tool)
        if function == VERIFY:
            return self._claimed(args)
        return await HELPERS[function].call(function, args, self._ask)

    def _claimed(self, args: Sequence[Any]) -> JsonObject:
        if self._report is None or self._claims >= MAX_CLAIMS:
            raise ScriptCallFailed(f"{VERIFY}: a program makes {MAX_CLAIMS} reports at most.")
        self._claims += 1
        report = read_claim(args)
        self._report(report)
        return told(report)

    async def _any(self, args: Sequence[Any]) -> JsonObject:
        if not args or not isinstance(args[0], str):
            raise ScriptCallFailed("tool: the first argument has to be the name of a tool.")
        return _whole(*await self._named(args[0], args[1:2]))

    async def _named(self, name: str, args: Sequence[Any]) -> tuple[str, Observation]:
        given: object = args[0] if args and args[0] is not None else {}
        if not isinstance(given, dict):
            raise ScriptCallFailed(f"{name}: its arguments have to be an object.")
        return name, await self._ask(name, cast("JsonObject", given))

    async def _ask(self, name: str, args: JsonObject) -> Observation:
        self._count(args)
        if len(name) > MAX_NAME_CHARS:
            raise ScriptCallFailed(f"There is no tool with a name of {len(name)} characters.")
        return await self._tool(name, args)

    async def _tool(self, name: str, args: JsonObject) -> Observation:
        refused = self._refused(name)
        if refused:
            self.made.append(CallMade(name, False, 1, 0, reason=refused))
            raise ScriptCallFailed(refused)
        async with self._places:
            started = time.monotonic()
            try:
                observation = await self._call(name, args)
            except BaseException:  # it may have taken effect already, so it is told
                taken_ms = round((time.monotonic() - started) * 1000)
                self.made.append(CallMade(name, False, CUT_OFF, taken_ms, reason=ENDED_FIRST))
                raise
        self._note(name, observation, time.monotonic() - started)
        if observation.failed:
            raise ScriptCallFailed(observation.text)
        return observation

    def _count(self, args: JsonObject) -> None:
        self._started += 1
        if self._started > self._max_calls:
            raise TooManyCalls(f"more than {self._max_calls} tool calls (maxToolCalls)")
        self._given_bytes += len(sendable(args))
        if self._given_bytes > MAX_ARGUMENT_BYTES:
            most = MAX_ARGUMENT_BYTES // (1024 * 1024)
            raise TooManyCalls(f"calls with more than {most} MiB of arguments in all")

    def _refused(self, name: str) -> str:
        """Say why the program may not call a tool; empty when it may."""
        if name in NEVER:
            return f"{name} cannot be called from a program."
        if self._allowed is None:
            if name in BY_NAME_ONLY:
                return f"{name} starts a run; a program may call it when allowed_tools names it."
            return ""
        if name not in self._allowed:
            listed = ", ".join(sorted(self._allowed))[:MAX_LISTED_CHARS] or "nothing"
            return f"{name} is not in allowed_tools, which has {listed}."
        return ""

    def _note(self, name: str, observation: Observation, seconds: float) -> None:
        self.made.append(
            CallMade(
                name,
                not observation.failed,
                observation.exit_code,
                round(seconds * 1000),
                len(observation.text.encode("utf-8", "surrogatepass")),
            )
        )


def _whole(name: str, observation: Observation) -> JsonObject:
    return {
        "name": name,
        "output": observation.text,
        "exitCode": observation.exit_code,
        "metadata": observation.metadata or {},
    }
