"""
The events of a session and of its runs.

Payloads, SPEC 7; all have `session_id`:

    session_start            system_prompt, model_provider, model_name
    session_end              total_tokens, total_tool_calls, duration_ms
    pre_prompt               prompt, system_prompt, message_count
    post_response            response_text, tool_calls_count, usage, duration_ms
    on_success               prompt, and those of post_response
    on_error                 error_type, error_message, context
    intent_detection         prompt, intent, agent, confidence, source
    pre_context_perception   prompt
    post_context_perception  prompt, items: source, trust, chars
    pre_compact              messages
    post_compact             messages_before, messages_after
    pre_memory_recall        query, tags, limit
    post_memory_recall       query, tags, items: id, relevance
    pre_planning             prompt, mode
    post_planning            prompt, plan
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from a3s_code.errors import HookBlocked, LimitReached, ModelError
from a3s_code.harness.hooks import event_names as names
from a3s_code.harness.hooks.firing import Blocked, Firing
from a3s_code.harness.hooks.hooked_model import HookedModel, named_model, usage_row
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.loop import Answer
from a3s_code.kernel.messages import ContextText, JsonObject, Usage
from a3s_code.kernel.ports import Model, Sink


class SkillTelling(Protocol):
    """What tells the hooks of a session of its skills, and the log."""

    async def tell(self, hooks: SessionHooks, sink: Sink) -> None: ...

    async def end(self, hooks: SessionHooks, sink: Sink) -> None: ...

    def warning(self) -> str: ...


@dataclass(slots=True)
class SessionHooks:
    """
    What a session tells its hooks.

    Attributes:
        started_s: When `session_start` was told; None until the first run.
        skills: Tells of the skills of the session; None when it has none.
    """

    firing: Firing
    clock: Clock
    started_s: float | None = None
    skills: SkillTelling | None = None

    async def start(self, sink: Sink, system_prompt: str, model: str) -> None:
        """Tell that a run begins, and at the first one that the session does."""
        if self.started_s is None:
            self.started_s = self.clock.monotonic()
            payload = {"system_prompt": system_prompt, **named_model(model)}
            await self.tell(names.SESSION_START, payload, sink)
        if self.skills is not None:
            await self.skills.tell(self, sink)

    async def end(self, sink: Sink, spent: Usage, tool_calls: int) -> None:
        """Tell that a session ends that had begun, and wait for what is asked in the background."""
        started, self.started_s = self.started_s, None
        if self.skills is not None:
            await self.skills.end(self, sink)
        if started is not None:
            payload: JsonObject = {
                "total_tokens": spent.total_tokens,
                "total_tool_calls": tool_calls,
                "duration_ms": round((self.clock.monotonic() - started) * 1000),
            }
            await self.tell(names.SESSION_END, payload, sink)
        await self.firing.close()

    async def tell(self, event: str, payload: JsonObject, sink: Sink) -> None:
        """Fire an event that no hook can stop."""
        if self.firing.is_awaited(event):
            await self.firing.fire(event, {"session_id": self.firing.session_id, **payload}, sink)

    def run(self, sink: Sink, prompt: str) -> RunHooks:
        return RunHooks(self, sink, prompt, self.clock.monotonic())


@dataclass(frozen=True, slots=True)
class RunHooks:
    """What one run tells the hooks of its session."""

    session: SessionHooks
    sink: Sink
    prompt: str
    started_s: float

    def model(self, model: Model) -> Model:
        """Give a model that is asked with `generate_start` before and `generate_end` behind."""
        return HookedModel(model, self.session.firing, self.session.clock, self.sink, self.prompt)

    async def admit(self, system_prompt: str, messages: int) -> None:
        """
        Ask whether the prompt may enter the conversation.

        Raises:
            HookBlocked: a hook says no, or failed.
        """
        firing = self.session.firing
        if not firing.is_awaited(names.PRE_PROMPT):
            return
        payload: JsonObject = {
            "session_id": firing.session_id,
            "prompt": self.prompt,
            "system_prompt": system_prompt,
            "message_count": messages,
        }
        verdict = await firing.fire(names.PRE_PROMPT, payload, self.sink)
        if isinstance(verdict, Blocked):
            raise HookBlocked(f"The prompt was not sent: {verdict.reason}", hook_id=verdict.hook_id)

    async def perceive(
        self, gather: Callable[[], Awaitable[tuple[ContextText, ...]]]
    ) -> tuple[ContextText, ...]:
        """Gather the context, and tell before and after."""
        await self.session.tell(names.PRE_CONTEXT, {"prompt": self.prompt}, self.sink)
        items = await gather()
        rows = [{"source": it.source, "trust": it.trust, "chars": len(it.text)} for it in items]
        payload: JsonObject = {"prompt": self.prompt, "items": rows}
        await self.session.tell(names.POST_CONTEXT, payload, self.sink)
        return items

    async def respond(self, answer: Answer) -> None:
        """Tell what the run answers, before that is recorded."""
        await self.session.tell(names.POST_RESPONSE, self._answered(answer), self.sink)

    async def succeed(self, answer: Answer) -> None:
        """Tell that the run ended well; its answer is durable."""
        payload = {"prompt": self.prompt, **self._answered(answer)}
        await self.session.tell(names.ON_SUCCESS, payload, self.sink)

    async def fail(self, error: BaseException, message: str, code: str) -> None:
        """Tell that the run has no answer."""
        payload: JsonObject = {
            "error_type": _error_type(error),
            "error_message": message,
            "context": {"code": code, "prompt": self.prompt},
        }
        await self.session.tell(names.ON_ERROR, payload, self.sink)

    def _answered(self, answer: Answer) -> JsonObject:
        return {
            "response_text": answer.text,
            "tool_calls_count": answer.tool_calls,
            "usage": usage_row(answer.usage),
            "duration_ms": round((self.session.clock.monotonic() - self.started_s) * 1000),
        }


def _error_type(error: BaseException) -> str:
    match error:
        case ModelError(kind="timeout"):
            return "timeout"
        case ModelError():
            return "llm_failure"
        case LimitReached() if isinstance(error.__cause__, TimeoutError):
            return "timeout"
        case _:
            return "other"
