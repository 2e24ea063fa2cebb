"""
Asking the hooks about one event, in order, and what they say together.

Ascending priority, then in the order of registration. The first that blocks ends it; `skip`
ends it for hooks of the same engine and of those below, never for one of an engine above;
of several that modify the last one counts. A hook that raises, is late, answers nonsense or
uses up its retries has failed: that blocks where hooks gate, and is only recorded elsewhere.

Every hook gets a copy of the payload of its own. What each of them said is recorded. Its
reasons, which may be the message of any exception, are redacted before anybody sees them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, cast

from a3s_code.errors import InvalidType
from a3s_code.harness.hooks.answer import (
    Answer,
    Block,
    Continue,
    Modify,
    NoAnswer,
    Retry,
    Skip,
    answer_to,
)
from a3s_code.harness.hooks.event_names import GATING, checked_event
from a3s_code.harness.hooks.registry import Hook, HookRegistry
from a3s_code.kernel.border import EndedItself, answer_of, described
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import plain
from a3s_code.kernel.records import HookRan

MAX_REASON_CHARS = 2_000

STOP_S = 2.0
"""How long a handler may take to stop when it is late; then it is left behind."""


class Late(Exception):
    """A handler has not answered in time."""


@dataclass(frozen=True, slots=True)
class Passed:
    """
    Attributes:
        args: What the call is to be made with instead; None for what it was.
        by: Number of the hook that wanted them.
        modified: Numbers of all hooks that wanted other arguments.
    """

    args: JsonObject | None = None
    by: int | None = None
    modified: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Blocked:
    """`reason` names the hook, and says whether it blocked or failed."""

    reason: str
    hook_id: str


Verdict: TypeAlias = Passed | Blocked

_PASSED = Passed()


class Records(Protocol):
    """Where it is recorded what a hook said: the log of a run, or of a session."""

    def emit(self, event: HookRan) -> None: ...


@dataclass(slots=True)
class Firing:
    """
    The hooks of one session, and those of its questions that nobody waits for.

    Attributes:
        redact: Takes secrets out of reasons.
    """

    engine: HookRegistry
    session_id: str
    redact: Callable[[str], str] = str
    _behind: set[asyncio.Task[object]] = field(default_factory=set["asyncio.Task[object]"])

    def is_awaited(self, event: str) -> bool:
        """Say whether anybody hooked an event, so that its payload is worth making."""
        return bool(self.engine.hooks(event))

    async def fire(
        self,
        event: str,
        payload: JsonObject,
        records: Records,
        *,
        call_id: str = "",
        without: int | None = None,
        modified: frozenset[int] = frozenset(),
    ) -> Verdict:
        """
        Ask every hook of an event.

        Args:
            payload: Plain JSON; nothing that a handler does to its copy changes it.
            without: Number of a hook that is not asked this time.
            modified: Numbers of hooks whose `modify` counts no more.

        Raises:
            CancelledError: the task was told to stop.
        """
        passed, depth_left = _PASSED, None
        for hook in self.engine.hooks(event):
            if hook.number == without or not hook.matcher.matches(payload):
                continue
            if depth_left is not None and hook.depth >= depth_left:
                continue
            question = _Question(hook, payload, records, call_id, self.redact)
            if hook.config.async_execution:
                self.beside(question.answer())
                continue
            answer = await question.answer()
            match answer:
                case Block(reason):
                    return Blocked(reason, hook.id)
                case Skip():
                    depth_left = hook.depth
                case Modify(args) if hook.number not in modified:
                    passed = Passed(args, hook.number, passed.modified | {hook.number})
                case _:
                    pass
        return passed

    def beside(self, work: Coroutine[Any, Any, object]) -> None:
        """Have something done that nobody waits for before `close`."""
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._behind.discard(task)
        if not task.cancelled():
            task.exception()  # seen: it could not be recorded, because the session is closed

    async def close(self) -> None:
        """Let what was asked in the background come to its end, or stop it after `STOP_S`."""
        behind = set(self._behind)
        if not behind:
            return
        _, late = await asyncio.wait(behind, timeout=STOP_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=STOP_S)


@dataclass(frozen=True, slots=True)
class _Question:
    """One hook, asked about one event."""

    hook: Hook
    payload: JsonObject
    records: Records
    call_id: str
    redact: Callable[[str], str]

    async def answer(self) -> Answer:
        """Give what counts: its answer, or for one that failed what that counts as."""
        for _ in range(self.hook.config.max_retries + 1):
            answer = await self._once()
            if not isinstance(answer, Retry):
                return answer
            await asyncio.sleep(answer.delay_ms / 1000)
        most = self.hook.config.max_retries
        return self._failed(f"it asked to be asked once more, and its max_retries is {most}", 0.0)

    async def _once(self) -> Answer:
        hook, loop = self.hook, asyncio.get_running_loop()
        started = loop.time()
        try:
            event: JsonObject = {"event_type": hook.event, "payload": plain(self.payload)}
            given = await within(hook.config.timeout_ms / 1000, hook.call(event))
            answer = answer_to(hook.event, given)
        except Late:
            wrong = f"it did not answer within {hook.config.timeout_ms} ms"
            return self._failed(wrong, loop.time() - started)
        except NoAnswer as error:
            return self._failed(str(error), loop.time() - started)
        except Exception as error:  # noqa: BLE001 - handlers are foreign code; the gate stays shut
            return self._failed(described(error), loop.time() - started)
        reason = self._told(answer.reason) if isinstance(answer, Block) else ""
        self._record(type(answer).__name__.lower(), reason, loop.time() - started)
        if isinstance(answer, Block):
            return Block(f"the hook {hook.id!r} blocked this: {reason}")
        return answer

    def _failed(self, why: str, seconds: float) -> Answer:
        why = self._told(why)
        self._record("failed", why, seconds)
        if self.hook.event in GATING:
            return Block(f"the hook {self.hook.id!r} failed, and nothing goes on without it: {why}")
        return Continue()

    def _told(self, reason: str) -> str:
        """Give a reason as it is told: without secrets, also of those that a cut would leave."""
        text = self.redact(reason)
        more = len(text) - MAX_REASON_CHARS
        return f"{text[:MAX_REASON_CHARS]}[{more} more characters]" if more > 0 else text

    def _record(self, outcome: str, reason: str, seconds: float) -> None:
        self.records.emit(
            HookRan(
                hook_id=self.hook.id,
                event=self.hook.event,
                outcome=outcome,
                duration_ms=round(seconds * 1000),
                reason=reason,
                call_id=self.call_id,
            )
        )


async def within(seconds: float, work: Coroutine[Any, Any, object]) -> object:
    """
    Wait for foreign code in a task of its own, which is stopped when it is late.

    Raises:
        Late: it did not answer in time; what does not stop either is left behind.
        CancelledError: the task that waits was told to stop.
        Exception: whatever the code raised.
    """
    task = asyncio.create_task(_kept(work))
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise Late
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=STOP_S)
    if task.cancelled():
        raise EndedItself("it cancelled itself")
    value, error = task.result()
    if error is not None:
        raise error
    return value


async def _kept(work: Coroutine[Any, Any, object]) -> tuple[object, Exception | None]:
    """Keep what foreign code raised, so that a task that was left behind is never complained of."""
    try:
        return await answer_of(work), None
    except Exception as error:  # noqa: BLE001 - foreign code; `within` raises it
        return None, error


class _Nowhere:
    def emit(self, event: HookRan) -> None: ...


async def fire_alone(engine: HookRegistry, event: Mapping[str, Any]) -> JsonObject | None:
    """Ask the hooks of an engine about an event of no session; see `HookEngine.fire`."""
    name, payload = checked_event(event.get("event_type")), event.get("payload")
    if not isinstance(payload, dict):
        raise InvalidType(f"The payload of {name} is a {type(payload).__name__}, not an object.")
    firing = Firing(engine, "")
    try:
        verdict = await firing.fire(name, cast("JsonObject", payload), _Nowhere())
    finally:
        await firing.close()
    match verdict:
        case Blocked(reason):
            return {"action": "block", "reason": reason}
        case Passed(args) if args is not None:
            return {"action": "modify", "data": args}
        case _:
            return None
