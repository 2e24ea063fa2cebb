"""
The events around a call, for every caller: the model, the host, and what a tool calls itself.

Payloads, SPEC 7:

    pre_tool_use        session_id, tool, args, working_directory, recent_tools, paths
    post_tool_use       the same, and result: success, output, exit_code, duration_ms
    permission_request  as pre_tool_use, and reason: why somebody is asked
    on_confirmation     as pre_tool_use, and approved, reason
    on_error            session_id, tool, args, error_type, error_message, context

`paths` is the file of a call, as it was resolved and as it was written, below the workspace
root; it is empty for a tool without one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from a3s_code.harness.hooks.event_names import (
    ON_CONFIRMATION,
    ON_ERROR,
    PERMISSION_REQUEST,
    POST_TOOL_USE,
    PRE_TOOL_USE,
)
from a3s_code.harness.hooks.firing import Blocked, Firing, Passed
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.plain import plain
from a3s_code.kernel.ports import Action, Allow, Ask, Deny, Sink
from a3s_code.kernel.tool import Observation, kind_of

MAX_RECENT_TOOLS = 10

_AS_MADE: tuple[ToolCall | None, int | None, frozenset[int]] = (None, None, frozenset())
"""Of a call that no hook has modified."""

_ERROR_TYPES = {"permission_denied": "permission_denied", "timeout": "timeout"}


@dataclass(slots=True)
class ToolHooks:
    """
    `Hooks` of a session, asked through a `HookEngine`.

    A call that a hook modified is decoded, gated and hooked again. The hook that it is of is
    not asked about it; any other one is, and may still stop it, but modifies a call once. So
    each has its say, and a guard sees what will run.

    Attributes:
        root: The workspace as an absolute path.
    """

    firing: Firing
    root: str
    _recent: deque[str] = field(default_factory=lambda: deque[str](maxlen=MAX_RECENT_TOOLS))
    _rewritten: dict[str, tuple[ToolCall, int | None, frozenset[int]]] = field(
        default_factory=dict[str, "tuple[ToolCall, int | None, frozenset[int]]"]
    )

    async def before_tool(self, action: Action, sink: Sink) -> Deny | ToolCall | None:
        """Ask whether a call may run, and as what."""
        call = action.call
        made, by, modified = self._rewritten.pop(call.id, _AS_MADE)
        if made != call:
            _, by, modified = _AS_MADE
        if not self.firing.is_awaited(PRE_TOOL_USE):
            return None
        payload = self._payload(action)
        verdict = await self.firing.fire(
            PRE_TOOL_USE, payload, sink, call_id=call.id, without=by, modified=modified
        )
        match verdict:
            case Blocked():
                return _denial(verdict)
            case Passed(args, author, others) if args is not None and args != call.input:
                changed = ToolCall(call.id, call.name, args)
                self._rewritten[call.id] = (changed, author, modified | others)
                return changed
            case _:
                return None

    async def before_ask(self, action: Action, ask: Ask, sink: Sink) -> Deny | None:
        """Ask whether somebody is to be asked at all; nobody else can say yes in their place."""
        if not self.firing.is_awaited(PERMISSION_REQUEST):
            return None
        payload = self._payload(action) | {"reason": ask.reason}
        verdict = await self.firing.fire(PERMISSION_REQUEST, payload, sink, call_id=action.call.id)
        return _denial(verdict) if isinstance(verdict, Blocked) else None

    async def after_ask(self, action: Action, answer: Allow | Deny, sink: Sink) -> None:
        """Tell how a question was answered."""
        if self.firing.is_awaited(ON_CONFIRMATION):
            approved = isinstance(answer, Allow)
            payload = self._payload(action) | {"approved": approved, "reason": answer.reason}
            await self.firing.fire(ON_CONFIRMATION, payload, sink, call_id=action.call.id)

    async def after_tool(
        self, action: Action, observation: Observation, seconds: float, sink: Sink
    ) -> None:
        """Tell how a call ended, and when it failed that there was an error."""
        self._recent.append(action.tool.name)
        if self.firing.is_awaited(POST_TOOL_USE):
            payload = self._payload(action) | {"result": _result(observation, seconds)}
            await self.firing.fire(POST_TOOL_USE, payload, sink, call_id=action.call.id)
        if observation.failed and self.firing.is_awaited(ON_ERROR):
            await self._tell_error(self._payload(action), action.call.id, observation, sink)

    async def after_refusal(self, call: ToolCall, observation: Observation, sink: Sink) -> None:
        """Tell that a call did not run."""
        self._rewritten.pop(call.id, None)
        if self.firing.is_awaited(ON_ERROR):
            payload: JsonObject = {
                "session_id": self.firing.session_id,
                "tool": call.name,
                "args": _readable(call.input),
            }
            await self._tell_error(payload, call.id, observation, sink)

    async def _tell_error(
        self, payload: JsonObject, call_id: str, observation: Observation, sink: Sink
    ) -> None:
        error_type = _ERROR_TYPES.get(kind_of(observation.error_kind) or "", "tool_failure")
        payload |= {
            "error_type": error_type,
            "error_message": observation.text,
            "context": {"call_id": call_id, "exit_code": observation.exit_code},
        }
        await self.firing.fire(ON_ERROR, payload, sink, call_id=call_id)

    def _payload(self, action: Action) -> JsonObject:
        target = action.target
        return {
            "session_id": self.firing.session_id,
            "tool": action.tool.name,
            "args": action.call.input,
            "working_directory": action.root or self.root,
            "recent_tools": list(self._recent),
            "paths": list(dict.fromkeys((target.path, target.spelled))) if target else [],
        }


def _denial(blocked: Blocked) -> Deny:
    return Deny(blocked.reason, f"hook {blocked.hook_id}")


def _readable(args: object) -> object:
    """Give arguments that may not have been read; what is no JSON shows as empty."""
    try:
        return plain(args)
    except Exception:  # noqa: BLE001 - values of foreign code
        return {}


def _result(observation: Observation, seconds: float) -> JsonObject:
    return {
        "success": not observation.failed,
        "output": observation.text,
        "exit_code": observation.exit_code,
        "duration_ms": round(seconds * 1000),
    }
