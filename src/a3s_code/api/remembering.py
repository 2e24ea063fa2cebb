"""How a session that wakes comes to its memory."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from a3s_code.api.engine import Engine
from a3s_code.api.memories import Memories
from a3s_code.api.memory_runs import Lessons, OfferedMemories, SessionMemory
from a3s_code.api.settings import Opening
from a3s_code.kernel.memory import Provenance
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:
    from a3s_code.capabilities.memory import AgentMemory


def bring_memory(engine: Engine, opening: Opening, memories: Memories) -> None:
    """
    Let a session remember, when it first wants to.

    One that was given a store is also offered what it remembers before each run, and keeps how
    a run went in which tools were called.
    """
    engine.memory = SessionMemory(partial(_opened, engine, opening, memories))
    if memories.configured(opening.settings) is None:
        return
    engine.lessons = Lessons(engine.memory)
    offered = OfferedMemories(engine.memory, engine.log, engine.telling)
    context = engine.behaviour.context
    context = replace(context, providers=(*context.providers, offered))
    engine.behaviour = replace(engine.behaviour, context=context)


def _opened(engine: Engine, opening: Opening, memories: Memories) -> AgentMemory:
    from a3s_code.capabilities.memory import AgentMemory

    async def tell(event: str, payload: JsonObject) -> None:
        await engine.hooks.tell(event, payload, engine.telling())

    origin = Provenance(
        session_id=opening.session_id, workspace=opening.workspace, stored_by="host"
    )
    store = memories.configured(opening.settings) or memories.in_process()
    return AgentMemory(store, memories.limits(), origin, engine.log.shown, tell)
