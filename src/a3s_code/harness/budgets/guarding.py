"""
Asking the budget guard of a host.

Whatever is no clear yes is a no: a guard that raises, is late or answers what is no decision
denies, and so does one that could not be told what was used.

Source:
    SPEC 6.7; DESIGN 6, row "budget guard that fails".
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, cast

from a3s_code.harness.host_function import in_thread, is_async
from a3s_code.kernel.border import answer_of, described
from a3s_code.kernel.budget import CHECK_LLM, CHECK_TOOL, GUARD_METHODS, RECORD_LLM
from a3s_code.kernel.messages import JsonObject, Usage

TIMEOUT_MS = 5_000


@dataclass(frozen=True, slots=True)
class Soft:
    """A yes that an event tells of."""

    resource: str
    consumed: float
    limit: float
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """A no, and why; `resource` is empty where the guard names none."""

    reason: str
    resource: str = ""


Verdict: TypeAlias = "Soft | Denied | None"


class NoDecision(Exception):
    """What a guard answered is no decision; says what is wrong with it."""


class Guarding:
    """
    One guard, as the sessions ask it.

    Args:
        guard: Has one or more of `GUARD_METHODS`.
    """

    __slots__ = ("_lost", "_methods", "_owed", "_timeout_s")

    def __init__(self, guard: object, timeout_ms: int = TIMEOUT_MS) -> None:
        found = ((name, getattr(guard, name, None)) for name in GUARD_METHODS)
        self._methods = {
            name: (cast("Callable[..., object]", method), is_async(method))
            for name, method in found
            if method is not None
        }
        self._timeout_s = timeout_ms / 1000
        self._lost = ""
        self._owed: list[tuple[str, JsonObject]] = []

    async def check_llm(self, session_id: str, tokens: int) -> Verdict:
        """Say whether a request may be made; what was used before is told first."""
        while self._owed and not self._lost:
            await self.record(*self._owed.pop(0))
        if CHECK_LLM not in self._methods:
            return Denied(self._lost) if self._lost else None
        return await self._check(CHECK_LLM, session_id, tokens)

    async def check_tool(self, session_id: str, tool: str) -> Verdict:
        if CHECK_TOOL not in self._methods:
            return None
        return await self._check(CHECK_TOOL, session_id, tool)

    async def record(self, session_id: str, usage: JsonObject) -> str:
        """Tell what a request has used; why that failed, or empty."""
        if RECORD_LLM not in self._methods:
            return ""
        try:
            await self._call(RECORD_LLM, session_id, usage)
        except Exception as error:  # noqa: BLE001 - border: a guard is foreign code; it denies from now on
            self._lost = f"{RECORD_LLM} failed: {self._said(error)}"
            return self._lost
        return ""

    def owe(self, session_id: str, usage: JsonObject) -> None:
        """Tell it before the next check, where nobody can wait now."""
        self._owed.append((session_id, usage))

    async def _check(self, name: str, *given: object) -> Verdict:
        if self._lost:
            return Denied(self._lost)
        try:
            return verdict(await self._call(name, *given))
        except Exception as error:  # noqa: BLE001 - border: a guard is foreign code; failing denies
            return Denied(f"{name} failed: {self._said(error)}")

    async def _call(self, name: str, *given: object) -> object:
        method, waits = self._methods[name]
        async with asyncio.timeout(self._timeout_s):
            if waits:
                return await answer_of(cast("Awaitable[object]", method(*given)))
            return await in_thread(partial(method, *given))

    def _said(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout_s * 1000:.0f} ms"
        return str(error) if isinstance(error, NoDecision) else described(error)


def usage_row(usage: Usage, *, estimated: bool = False) -> JsonObject:
    """Give what `record_after_llm` is told."""
    row: JsonObject = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
    }
    return {**row, "estimated": True} if estimated else row


def verdict(answer: object) -> Verdict:
    """
    Read what a guard answered.

    Raises:
        NoDecision: it is none.
    """
    if answer is None:
        return None
    if not isinstance(answer, Mapping):
        raise NoDecision(f"it answered a {type(answer).__name__}, which is no decision")
    given = cast("Mapping[object, object]", answer)
    match given.get("decision"):
        case "allow":
            return None
        case "soft":
            return _soft(given)
        case "deny":
            return Denied(_text(given, "reason") or "no reason was given", _text(given, "resource"))
        case other:
            raise NoDecision(f"its decision is {other!r}")


def _soft(given: Mapping[object, object]) -> Soft:
    resource, message = given.get("resource"), given.get("message")
    if not isinstance(resource, str) or not isinstance(message, str | None):
        raise NoDecision("its soft decision has no resource, or a message that is no text")
    return Soft(resource, _number(given, "consumed"), _number(given, "limit"), message)


def _number(given: Mapping[object, object], name: str) -> float:
    value = given.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise NoDecision(f"its soft decision has no {name}")
    try:
        number = float(value)
    except OverflowError:
        number = math.nan
    if math.isnan(number):
        raise NoDecision(f"its soft decision has a {name} that is no number")
    return number


def _text(given: Mapping[object, object], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""
