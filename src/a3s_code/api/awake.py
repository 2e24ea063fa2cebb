"""A session that is awake, as its runs see it, and what they all make requests with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from a3s_code.api.behaviour import Behaviour
from a3s_code.api.budgets import Budgets
from a3s_code.api.checkpoints import Checkpoints
from a3s_code.api.costs import PriceOf
from a3s_code.api.evidence_trees import EvidenceTrees
from a3s_code.api.lane import Lane
from a3s_code.api.memory_runs import Lessons
from a3s_code.api.model_view import ModelView
from a3s_code.api.prefixes import Prefixes
from a3s_code.api.receipts import Receipts
from a3s_code.api.room import Patience, Room
from a3s_code.api.supplied import Supplied
from a3s_code.harness.hooks.run_hooks import SessionHooks
from a3s_code.harness.selector import Selection
from a3s_code.kernel.artifacts import Artifact
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Conversation
from a3s_code.kernel.ports import Model, ModelRequest, Sink
from a3s_code.kernel.space import Space
from a3s_code.kernel.tool import ToolSet


class Awake(Protocol):
    """What a run uses of the session that it belongs to."""

    @property
    def log(self) -> Log: ...
    @property
    def executor(self) -> Executor: ...
    @property
    def model(self) -> Callable[[str], Model]: ...
    @property
    def behaviour(self) -> Behaviour: ...
    @property
    def selection(self) -> Selection: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def evidence(self) -> EvidenceTrees: ...
    @property
    def space_of_copy(self) -> Callable[[str], Space] | None: ...
    async def artifact(self, uri: str) -> Artifact | None: ...
    @property
    def hooks(self) -> SessionHooks: ...
    @property
    def price(self) -> PriceOf: ...
    @property
    def patience(self) -> Patience: ...
    @property
    def receipts(self) -> Receipts: ...
    @property
    def supplied(self) -> Supplied: ...
    @property
    def prefixes(self) -> Prefixes: ...
    @property
    def budgets(self) -> Budgets: ...
    @property
    def lessons(self) -> Lessons | None: ...


def deadline(session: Awake) -> float | None:
    """Say by `Clock.monotonic()` when a request that is made now must be answered."""
    limit_ms = session.behaviour.llm_timeout_ms
    return session.clock.monotonic() + limit_ms / 1000 if limit_ms else None


def request_of(
    session: Awake, system: str, conversation: Conversation, tools: ToolSet
) -> ModelRequest:
    """Give a request that is made now, as the session wants its model to answer."""
    behaviour = session.behaviour
    return ModelRequest(
        system=system,
        conversation=conversation,
        tools=tools,
        session_id=str(session.log.session),
        temperature=behaviour.temperature,
        thinking_budget=behaviour.thinking_budget,
        deadline=deadline(session),
    )


def room(
    session: Awake,
    sink: Sink,
    model: Model,
    conversation: Conversation,
    view: ModelView,
    lane: Lane,
) -> Room:
    """Give what makes room in a conversation as the session wants it."""
    return Room(
        session,
        sink,
        conversation,
        view,
        model,
        session.behaviour.compaction,
        partial(deadline, session),
        session.patience if lane.is_own else Patience(),
        lane,
    )
