"""
The border to what the host has hooked around an action.

Whatever a hook raises or answers, what comes out of here is a decision, or the record that
it failed: what comes before something denies then, what comes after it changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from a3s_code.kernel.border import answer_of, described
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.observation import redact_object
from a3s_code.kernel.plain import plain
from a3s_code.kernel.ports import Action, Allow, Ask, Deny, Hooks, Redactor, Sink
from a3s_code.kernel.records import CallRewritten, TraceRecorded
from a3s_code.kernel.tool import Observation

HOOK = "a hook"
"""What decides in place of a rule; see `ports.Allow`."""


async def before_tool(action: Action, hooks: Hooks | None, sink: Sink) -> Deny | ToolCall | None:
    """Ask what should become of a call; a hook that fails denies."""
    if hooks is None:
        return None
    try:
        verdict = await answer_of(hooks.before_tool(action, sink))
    except Exception as error:  # noqa: BLE001 - hooks are foreign code; broken ones deny
        return Deny(f"a hook failed: {described(error)}", HOOK)
    if verdict is None or isinstance(verdict, Deny | ToolCall):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
        return verdict
    return _no_decision(verdict)


async def before_ask(action: Action, ask: Ask, hooks: Hooks | None, sink: Sink) -> Ask | Deny:
    """Give the question that is to be put, or the denial of a hook in place of it."""
    if hooks is None:
        return ask
    try:
        verdict = await answer_of(hooks.before_ask(action, ask, sink))
    except Exception as error:  # noqa: BLE001 - hooks are foreign code; broken ones deny
        return Deny(f"a hook failed: {described(error)}", HOOK)
    if verdict is None:
        return ask
    return verdict if isinstance(verdict, Deny) else _no_decision(verdict)  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code


async def after_ask(action: Action, answer: Allow | Deny, hooks: Hooks | None, sink: Sink) -> None:
    """Tell how a question was answered, when one was put to somebody."""
    asked = sink.approvals.get(action.call.id)
    if hooks is not None and asked is not None and asked.answer is not None:
        name = f"after_ask {action.tool.name}"
        await _told(lambda: hooks.after_ask(action, answer, sink), name, sink)


async def after_tool(
    action: Action, observed: Observation, seconds: float, hooks: Hooks | None, sink: Sink
) -> None:
    """Tell how a call ended that ran."""
    if hooks is not None:
        name = f"after_tool {action.tool.name}"
        await _told(lambda: hooks.after_tool(action, observed, seconds, sink), name, sink)


async def after_refusal(
    call: ToolCall, observed: Observation, hooks: Hooks | None, sink: Sink
) -> None:
    """Tell that a call did not run."""
    if hooks is not None:
        name = f"after_refusal {call.name}"
        await _told(lambda: hooks.after_refusal(call, observed, sink), name, sink)


def rewritten(asked: ToolCall, now: ToolCall, redactor: Redactor | None) -> CallRewritten:
    """Give the record of a call that a hook put in place of another one."""
    return CallRewritten(
        call_id=asked.id,
        asked_tool=asked.name,
        asked=_shown(asked, redactor),
        tool=now.name,
        args=_shown(now, redactor),
    )


def _shown(call: ToolCall, redactor: Redactor | None) -> JsonObject:
    """Give the arguments of a call as a log can hold them; what is no object shows as empty."""
    try:
        given: object = plain(call.input)
    except Exception:  # noqa: BLE001 - values of foreign code, which decoding refuses
        return {}
    return redact_object(cast("JsonObject", given), redactor) or {} if type(given) is dict else {}


async def _told(tell: Callable[[], Awaitable[None]], name: str, sink: Sink) -> None:
    """What a hook makes of it changes nothing any more; that one failed is recorded."""
    try:
        await answer_of(tell())
    except Exception as error:  # noqa: BLE001 - hooks are foreign code
        sink.emit(
            TraceRecorded(
                kind="hook",
                name=f"{name}: {type(error).__name__}",
                success=False,
                exit_code=1,
                duration_ms=0,
                output_bytes=0,
            )
        )


def _no_decision(verdict: object) -> Deny:
    return Deny(f"a hook answered with a {type(verdict).__name__}, which is no decision", HOOK)
