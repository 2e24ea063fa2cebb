"""
The hooks that are registered, and the order in which they are asked.

What inherits from a registry asks its hooks too, those that are registered later included,
and can add its own: it cannot take one away, hide one behind an equal id, or skip one.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.hooks.config import HookConfig, config_of
from a3s_code.harness.hooks.event_names import FIRED, IDLE, checked_event
from a3s_code.harness.hooks.handler import Call, HookHandler, call_of
from a3s_code.harness.hooks.matcher import HookMatcher, matcher_of
from a3s_code.kernel.ports import HookExecutor
from a3s_code.kernel.records import HookNamed

MAX_ID_CHARS = 200

_Given = Mapping[str, Any] | None
_numbers = itertools.count()


def _told_apart(
    matcher: _Given | HookHandler, config: _Given | HookHandler, handler: HookHandler | None
) -> tuple[_Given, _Given, HookHandler | None]:
    """Find the handler, which is the last argument that was given, wherever it stands."""
    if sum(map(callable, (matcher, config, handler))) > 1:
        raise InvalidType("A hook was given two handlers.", hint="leave one out")
    if callable(matcher):
        return None, config if not callable(config) else None, matcher
    if callable(config):
        return matcher, None, config
    return matcher, config, handler


@dataclass(frozen=True, slots=True)
class Hook:
    """
    One registered hook.

    Attributes:
        depth: 0 for a registry that inherits from none, one more for each that does.
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


class HookRegistry:
    """
    Hooks by their ids. May be used from any thread; a change holds from the next event on.

    Attributes:
        depth: 0 for one that inherits from none, one more for each that does.
    """

    __slots__ = ("_above", "_lock", "_own", "_sorted", "depth")

    def __init__(self, *, above: HookRegistry | None = None) -> None:
        if above is not None and not isinstance(above, HookRegistry):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(
                f"above is a {type(above).__name__}, not a HookEngine.",
                hint="leave it out, or give the engine whose hooks are asked as well",
            )
        self._above = above
        self.depth = above.depth + 1 if above is not None else 0
        self._lock = threading.Lock()
        self._own: dict[str, tuple[Hook, ...]] = {}
        self._sorted: dict[str, tuple[Hook, ...]] = {}

    def inherited(self) -> Self:
        """Give one that asks the hooks of this one, now and later, and its own."""
        return type(self)(above=self)

    def register(
        self,
        hook_id: str,
        event_type: str,
        matcher: _Given | HookHandler = None,
        config: _Given | HookHandler = None,
        handler: HookHandler | None = None,
    ) -> None:
        """
        Ask `handler` about an event from now on; an equal id of this registry is replaced.

        Args:
            event_type: One of `event_names.EVENTS`.
            matcher: Which events of this type; see `matcher`. A function here is the
                handler, as in `register("audit", "pre_tool_use", handler_fn)`; one in the place
                of `config` as well.
            config: `priority`, `timeout_ms`, `async_execution`, `max_retries`; see
                `HookConfig`.
            handler: Takes `{"event_type", "payload"}`; sync or async. See `answer` for what
                it may answer. Calls of one turn may ask it more than once at a time.

        Raises:
            InvalidType, InvalidValue: one of them is not accepted; says which and why.
        """
        matcher, config, handler = _told_apart(matcher, config, handler)
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
            Hook(hook_id, event, matcher, config, call, self.depth, number) for event in events
        )
        with self._lock:
            self._keep({**self._own, hook_id: hooks})

    def unregister(self, hook_id: str) -> bool:
        """Forget a hook of this registry; False when it has none of this id."""
        with self._lock:
            known = hook_id in self._own
            self._keep({id_: hooks for id_, hooks in self._own.items() if id_ != hook_id})
        return known

    def _keep(self, own: dict[str, tuple[Hook, ...]]) -> None:
        """Replace what there is, which somebody may be reading in another thread."""
        by_event: dict[str, list[Hook]] = {}
        for hook in itertools.chain(*own.values()):
            by_event.setdefault(hook.event, []).append(hook)
        self._own = own
        self._sorted = {
            event: tuple(sorted(hooks, key=lambda hook: hook.order))
            for event, hooks in by_event.items()
        }

    @property
    def count(self) -> int:
        """How many hooks are asked, those of the registries above included."""
        return len(self._own) + (self._above.count if self._above is not None else 0)

    def hooks(self, event: str) -> tuple[Hook, ...]:
        """Give the hooks of an event in the order in which they are asked."""
        own = self._sorted.get(event, ())
        above = self._above.hooks(event) if self._above is not None else ()
        if not own or not above:
            return own or above
        return tuple(sorted((*above, *own), key=lambda hook: hook.order))

    @property
    def names(self) -> tuple[HookNamed, ...]:
        """Name every hook with its event, outermost first and in the order of registration."""
        above = self._above.names if self._above is not None else ()
        own = sorted(self._own.values(), key=lambda hooks: hooks[0].number)
        return (*above, *(HookNamed(hooks[0].id, _event_of(hooks)) for hooks in own))

    @property
    def idle(self) -> tuple[str, ...]:
        """Events that somebody registered for and that this build never fires, by name."""
        return tuple(sorted(event for event in IDLE if self.hooks(event)))


def _event_of(hooks: tuple[Hook, ...]) -> str:
    return hooks[0].event if len(hooks) == 1 else "*"


def _checked_id(hook_id: object) -> str:
    if not isinstance(hook_id, str):
        raise InvalidType(f"The id of a hook is a {type(hook_id).__name__}, not a text.")
    if not hook_id or len(hook_id) > MAX_ID_CHARS:
        raise InvalidValue(
            f"The id of a hook has {len(hook_id)} characters.", hint=f"give 1 to {MAX_ID_CHARS}"
        )
    return hook_id
