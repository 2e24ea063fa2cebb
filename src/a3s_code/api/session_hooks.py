"""
The hooks of a session.

`HookRegistration` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from a3s_code.api import records_view
from a3s_code.api.hooking import lost
from a3s_code.api.settings import Opening
from a3s_code.harness.hooks.handler import HookHandler
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.kernel.log import Log


class HookRegistration(ABC):
    """Gives `AsyncSession` its hooks."""

    __slots__ = ()

    _engine: Engine | None
    _opening: Opening

    @abstractmethod
    def _check_open(self) -> None:
        """
        Raises:
            SessionClosed: the session was closed.
        """

    @abstractmethod
    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""

    def _lost_hooks(self) -> str:
        """Name the hooks of before the session was resumed that are not asked any more."""
        names = lost(self._engine.hooks_before, self._opening.hooks) if self._engine else ()
        said = f"These hooks of before were not registered again: {', '.join(names)}."
        return said if names else ""

    def register_hook(
        self,
        hook_id: str,
        event_type: str,
        matcher: Mapping[str, Any] | HookHandler | None = None,
        config: Mapping[str, Any] | HookHandler | None = None,
        handler: HookHandler | None = None,
    ) -> None:
        """
        Have a function asked about an event from the next one on; an equal id is replaced.

        It gets `{"event_type", "payload"}`, with a payload of its own, and answers None or
        `{"action": ...}`: `continue`, `block` (`reason`), `skip` (the hooks behind it), `retry`
        (`delay_ms`), or of `pre_tool_use` `modify` (`data`: other arguments, which are checked
        and decided anew). A hook can only make a session stricter. One of `pre_tool_use`,
        `permission_request`, `pre_prompt` or `generate_start` that raises, is late or answers
        anything else blocks; others are recorded as failed. See docs/hooks.md.

        An event of a feature that this build does not have is accepted, stands in
        `init_warning`, and is announced by a `capability_missing` event of the next run.

        Args:
            event_type: Its name, such as `pre_tool_use`.
            matcher: What it is about: `tool`, `path_pattern`, `command_pattern`, `session_id`,
                `skill`; all that is given must match. Or the handler.
            config: `priority` (100; lower ones are asked first), `timeout_ms` (30000),
                `async_execution` (False), `max_retries` (0). Or the handler.
            handler: Sync or async. A sync one is called in a thread of its own. Calls of one
                turn may ask it more than once at a time.

        Raises:
            InvalidType, InvalidValue: one of them is not accepted; says which and why.
            SessionClosed: the session was closed.

        Source:
            SPEC 7; A3S Code README, "Hooks"; the Python SDK README, "Full API".
        """
        self._check_open()
        self._opening.hooks.register(hook_id, event_type, matcher, config, handler)

    def unregister_hook(self, hook_id: str) -> bool:
        """
        Forget a hook of this session; False when it has none of this id.

        In a session that was resumed it also says that a hook of before is not wanted any more.
        Those of its `hook_engine` and its `hook_commands` are not its own, and stay.
        """
        if self._engine is not None:
            self._engine.hooks_before = tuple(
                hook for hook in self._engine.hooks_before if hook.id != hook_id
            )
        return self._opening.hooks.unregister(hook_id)

    def hook_count(self) -> int:
        """Count the hooks that the session asks, those that its options name included."""
        return self._opening.hooks.count

    def hook_decisions(self) -> list[JsonObject]:
        """
        List what each hook said of each event, oldest first.

        Returns:
            `hook_id`, `event`, `outcome` (`continue`, `skip`, `modify`, `block`, `retry` or
            `failed`), `reason`, `duration_ms`, `call_id`, `run_id`, `timestamp_ms`.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.hook_decisions(log) if log else []
