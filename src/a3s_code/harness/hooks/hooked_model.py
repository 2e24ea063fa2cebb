"""
A model that is asked only when no hook has anything against it.

Payloads, SPEC 7; all have `session_id`, `model_provider` and `model_name`:

    generate_start  prompt, system_prompt, available_tools
    generate_end    prompt, response_text, tool_calls: name, args; usage, duration_ms
    on_rate_limit   attempt (the next one; 0 when there is none), reason, delay_ms
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from a3s_code.errors import HookBlocked, ModelError
from a3s_code.harness.foreign_model import ask, fitted
from a3s_code.harness.hooks.event_names import GENERATE_END, GENERATE_START, ON_RATE_LIMIT
from a3s_code.harness.hooks.firing import Blocked, Firing
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.measure import Measure
from a3s_code.kernel.measured import measure_of
from a3s_code.kernel.messages import JsonObject, Usage
from a3s_code.kernel.ports import Model, ModelDelta, ModelRequest, Reply, ReplyListener, Sink

_RATE_LIMIT = re.compile(r"rate.?limit|HTTP 429|too many requests", re.IGNORECASE)
"""In the reason of another attempt, which is a text; models of users write their own."""


@dataclass(frozen=True, slots=True)
class HookedModel:
    """
    Attributes:
        prompt: Of the run that asks.
    """

    model: Model
    firing: Firing
    clock: Clock
    sink: Sink
    prompt: str

    @property
    def ref(self) -> str:
        return self.model.ref

    @property
    def context_window(self) -> int:
        return self.model.context_window

    def measure(self, request: ModelRequest) -> Measure:
        return measure_of(self.model, request)

    async def fitted(self, request: ModelRequest) -> ModelRequest:
        return await fitted(self.model, request)

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        """
        Ask the hooks and then the model, and tell the hooks what it answered.

        Raises:
            HookBlocked: a hook says no, or failed; the model was not asked.
            ModelError: as the model says.
        """
        await self._admit(request)
        if self.firing.is_awaited(ON_RATE_LIMIT):
            listener = _Listener(listener, self)
        started = self.clock.monotonic()
        try:
            reply = await ask(self.model, request, listener)
        except ModelError as error:
            if error.kind == "rate_limit":
                self.limited(0, str(error), 0.0)
            raise
        await self._tell(reply, self.clock.monotonic() - started)
        return reply

    async def _admit(self, request: ModelRequest) -> None:
        if not self.firing.is_awaited(GENERATE_START):
            return
        payload = self._payload() | {
            "prompt": self.prompt,
            "system_prompt": request.system,
            "available_tools": [tool.name for tool in request.tools.tools],
        }
        verdict = await self.firing.fire(GENERATE_START, payload, self.sink)
        if isinstance(verdict, Blocked):
            raise HookBlocked(f"The model was not asked: {verdict.reason}", hook_id=verdict.hook_id)

    async def _tell(self, reply: Reply, seconds: float) -> None:
        if not self.firing.is_awaited(GENERATE_END):
            return
        try:
            answered = _answered(reply)
        except Exception:  # noqa: BLE001 - a model may be foreign code; the loop refuses such answers
            return
        payload = self._payload() | answered
        payload |= {"prompt": self.prompt, "duration_ms": round(seconds * 1000)}
        await self.firing.fire(GENERATE_END, payload, self.sink)

    def limited(self, attempt: int, reason: str, delay_s: float) -> None:
        """Tell of a rate limit; the model goes on meanwhile."""
        if self.firing.is_awaited(ON_RATE_LIMIT):
            payload = self._payload() | {
                "attempt": attempt,
                "reason": reason,
                "delay_ms": round(delay_s * 1000),
            }
            self.firing.beside(self.firing.fire(ON_RATE_LIMIT, payload, self.sink))

    def _payload(self) -> JsonObject:
        return {"session_id": self.firing.session_id, **named_model(self.ref)}


@dataclass(frozen=True, slots=True)
class _Listener:
    inner: ReplyListener
    hooked: HookedModel

    def delta(self, delta: ModelDelta) -> None:
        self.inner.delta(delta)

    def retry(self, attempt: int, reason: str, delay_s: float) -> None:
        self.inner.retry(attempt, reason, delay_s)
        if _RATE_LIMIT.search(reason):
            self.hooked.limited(attempt, reason, delay_s)


def _answered(reply: Reply) -> JsonObject:
    calls = [{"name": call.name, "args": call.input} for call in reply.message.calls]
    return {
        "response_text": reply.message.text,
        "tool_calls": calls,
        "usage": usage_row(reply.usage),
    }


def named_model(ref: str) -> JsonObject:
    """Give the provider and the name of a model by its `provider/model`."""
    provider, _, name = ref.partition("/")
    return {"model_provider": provider, "model_name": name}


def usage_row(usage: Usage) -> JsonObject:
    """Give the tokens of an answer in the words of SPEC 7; `prompt_tokens` has the cached ones."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
    }
