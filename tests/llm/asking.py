"""A model adapter under test: what it is asked, who listens, and by which clock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from a3s_code.kernel.clock import Clock
from a3s_code.kernel.events import ReasoningDelta, TextDelta, ToolInputDelta
from a3s_code.kernel.messages import Conversation, Message, user
from a3s_code.kernel.ports import ModelDelta, ModelRequest
from a3s_code.kernel.tool import Tool, ToolSet
from a3s_code.llm.anthropic import AnthropicModel
from a3s_code.llm.breaker import Breaker
from a3s_code.llm.endpoint import Endpoint, Timeouts
from a3s_code.llm.http import Http
from a3s_code.llm.openai import OpenAIModel
from a3s_code.llm.retry import Backoff

KEY = "sk-test-0123456789"
QUICK = Timeouts(connect_s=0.4, idle_s=0.4, total_s=20.0)
SECOND_OF_2026 = 1_795_224_000
"""2026-11-21 01:20:00 UTC."""


class FakeClock:
    """Time that passes only while somebody sleeps, and then at once."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.sleeps: list[float] = []

    def now_ms(self) -> int:
        return int((SECOND_OF_2026 + self.now_s) * 1000)

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


class StuckClock(FakeClock):
    """A sleep on it never ends by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeping = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.sleeping.set()
        await asyncio.Event().wait()


@dataclass
class Watcher:
    """A listener that keeps what it is shown. A retry voids the deltas before it."""

    deltas: list[ModelDelta] = field(default_factory=list)
    retries: list[tuple[int, str, float]] = field(default_factory=list)
    shown: asyncio.Event = field(default_factory=asyncio.Event)

    def delta(self, delta: ModelDelta) -> None:
        self.deltas.append(delta)
        self.shown.set()

    def retry(self, attempt: int, reason: str, delay_s: float) -> None:
        self.deltas.clear()
        self.retries.append((attempt, reason, delay_s))

    @property
    def text(self) -> str:
        return "".join(d.text for d in self.deltas if isinstance(d, TextDelta))

    @property
    def reasoning(self) -> str:
        return "".join(d.text for d in self.deltas if isinstance(d, ReasoningDelta))

    def arguments(self, call_id: str) -> str:
        inputs = [d for d in self.deltas if isinstance(d, ToolInputDelta)]
        return "".join(d.delta for d in inputs if d.id == call_id)


def model(
    api: str,
    url: str,
    http: Http,
    clock: Clock,
    *,
    timeouts: Timeouts = QUICK,
    breaker: Breaker | None = None,
    **endpoint: Any,
) -> OpenAIModel | AnthropicModel:
    kind = AnthropicModel if api == "anthropic" else OpenAIModel
    given = {"api_key": KEY, "timeouts": timeouts, **endpoint}
    where = Endpoint(ref=f"{api}/m", model="m", base_url=url, **given)
    return kind(
        where,
        http,
        clock,
        breaker or Breaker(clock),
        backoff=Backoff(),
        random=lambda: 0.5,
    )


def ask(
    *messages: Message, system: str = "", tools: Sequence[Tool] = (), **settings: Any
) -> ModelRequest:
    conversation = Conversation(list(messages) or [user("hi")])
    return ModelRequest(system, conversation, ToolSet(tuple(tools)), "s-1", **settings)
