"""
The hooks that are registered, and the order in which they are asked.

    engine = HookEngine()
    engine.register("audit", "pre_tool_use", handler=print)
    agent.session(".", hook_engine=engine)

An engine may be given to many sessions. What inherits from it (`inherited`: the engine of a
session, or of a child) asks its hooks too, those that are registered later included, and
can add its own: it cannot take one away, hide one behind an equal id, or skip one.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.hooks.config import HookConfig, config_of
from a3s_code.harness.hooks.event_names import FIRED, IDLE, checked_event
from a3s_code.harness.hooks.handler import Call, HookHandler, call_of
from a3s_code.harness.hooks.matcher import HookMatcher, matcher_of
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.ports import HookExecutor

MAX_ID_CHARS = 200

_Given = Mapping[str, Any] | None
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Hook:
    """
    One registered hook.

    Attributes:
        depth: 0 for an engine that inherits from none, one more for each that does.
        number: Later ones are registered later.
    """

    id: str
    event: str
    matcher: HookMatcher
    config: HookConfig
    call: Call
    depth: int
    number: int

    @property
    def order(self) -> tuple[int, int, int]:
        return (self.config.priority, self.depth, self.number)


class HookEngine:
    """
    Hooks by their ids. May be used from any thread; a change takes effect with the next event.

    Source:
        A3S Code README, "with_hook_engine" and "HookEngine"; SPEC 7.
    """

    __slots__ = ("_above", "_depth", "_lock", "_own", "_sorted")

    def __init__(self) -> None:
        self._above: HookEngine | None = None
        self._depth = 0
        self._lock = threading.Lock()
        self._own: dict[str, tuple[Hook, ...]] = {}
        self._sorted: dict[str, tuple[Hook, ...]] = {}

    def inherited(self) -> HookEngine:
        """Give an engine that asks the hooks of this one, now and later, and its own."""
        child = HookEngine()
        child._above, child._depth = self, self._depth + 1
        return child

    def register(
        self,
        hook_id: str,
        event_type: str,
        matcher: _Given | HookHandler = None,
        config: _Given = None,
        handler: HookHandler | None = None,
    ) -> None:
        """
        Ask `handler` about an event from now on; an equal id of this engine is replaced.

        Args:
            event_type: One of `event_names.EVENTS`.
            matcher: Which events of this type; see `matcher`. A function here is the
                handler, as in `register("audit", "pre_tool_use", handler_fn)`.
            config: `priority`, `timeout_ms`, `async_execution`, `max_retries`; see
                `HookConfig`.
            handler: Takes `{"event_type", "payload"}`; sync or async. See `answer` for what
                it may answer. Calls of one turn may ask it more than once at a time.

        Raises:
            InvalidType, InvalidValue: one of them is not accepted; says which and why.
        """
        if callable(matcher):
            if handler is not None:
                raise InvalidType("A hook was given two handlers.", hint="leave one out")
            matcher, handler = None, matcher
        event = checked_event(event_type)
        self._put(
            _checked_id(hook_id),
            (event,),
            matcher_of(matcher, event),
            config_of(config, event),
            call_of(handler),
        )

    def register_executor(self, hook_id: str, executor: HookExecutor) -> None:
        """
        Ask an executor about every event, before hooks of the usual priority.

        Raises:
            InvalidType: it has no method `fire`, or the id is no text.
        """
        fire = getattr(executor, "fire", None)
        every, config = matcher_of(None, ""), HookConfig(priority=1)
        self._put(_checked_id(hook_id), tuple(FIRED), every, config, call_of(fire))

    def _put(
        self,
        hook_id: str,
        events: tuple[str, ...],
        matcher: HookMatcher,
        config: HookConfig,
        call: Call,
    ) -> None:
        number = next(_numbers)
        hooks = tuple(
            Hook(hook_id, event, matcher, config, call, self._depth, number) for event in events
        )
        with self._lock:
            self._own[hook_id] = hooks
            self._sort()

    def unregister(self, hook_id: str) -> bool:
        """Forget a hook of this engine; False when it has none of this id."""
        with self._lock:
            gone = self._own.pop(hook_id, None)
            self._sort()
        return gone is not None

    def _sort(self) -> None:
        by_event: dict[str, list[Hook]] = {}
        for hook in itertools.chain(*self._own.values()):
            by_event.setdefault(hook.event, []).append(hook)
        self._sorted = {
            event: tuple(sorted(hooks, key=lambda hook: hook.order))
            for event, hooks in by_event.items()
        }

    @property
    def count(self) -> int:
        """How many hooks are asked, those of the engines above included."""
        return len(self._own) + (self._above.count if self._above is not None else 0)

    def hooks(self, event: str) -> tuple[Hook, ...]:
        """Give the hooks of an event in the order in which they are asked."""
        own = self._sorted.get(event, ())
        above = self._above.hooks(event) if self._above is not None else ()
        if not own or not above:
            return own or above
        return tuple(sorted((*above, *own), key=lambda hook: hook.order))

    @property
    def idle(self) -> tuple[str, ...]:
        """Events that somebody registered for and that this build never fires, by name."""
        return tuple(sorted(event for event in IDLE if self.hooks(event)))

    @property
    def ids(self) -> Iterator[tuple[str, tuple[Hook, ...]]]:
        """Give the hooks of this engine and of those above it, outermost first, by their ids."""
        if self._above is not None:
            yield from self._above.ids
        yield from tuple(self._own.items())

    async def fire(self, event: JsonObject) -> JsonObject | None:
        """
        Ask the hooks about an event outside any session, as an executor does.

        Returns:
            What they answer together: None, `block` with the reason, or `modify` with `data`.

        Raises:
            InvalidType, InvalidValue: it is no `{"event_type", "payload"}`.
        """
        from a3s_code.harness.hooks.firing import fire_alone  # needs an event loop

        return await fire_alone(self, event)


def _checked_id(hook_id: object) -> str:
    if not isinstance(hook_id, str):
        raise InvalidType(f"The id of a hook is a {type(hook_id).__name__}, not a text.")
    if not hook_id or len(hook_id) > MAX_ID_CHARS:
        raise InvalidValue(
            f"The id of a hook has {len(hook_id)} characters.", hint=f"give 1 to {MAX_ID_CHARS}"
        )
    return hook_id
