"""
What changes a conversation besides its runs. Made in the session's turn; the caller sees
to it that what is emitted becomes durable.
"""

from __future__ import annotations

from a3s_code.api.outlet import Outlet
from a3s_code.api.run import Awake, deadline
from a3s_code.harness.compaction import split, summarise
from a3s_code.harness.hooks.event_names import POST_COMPACT, PRE_COMPACT
from a3s_code.kernel.events import ContextCompacted
from a3s_code.kernel.records import HistoryReplaced, ModelSwitched, TokensSpent


def clear(sink: Outlet) -> None:
    """Forget the conversation; the log keeps it."""
    sink.emit(HistoryReplaced(messages=(), reason="clear"))


def switch_model(session: Awake, sink: Outlet, ref: str) -> None:
    """
    Answer with another model from the next run on.

    Raises:
        UnknownModel: the configuration knows no such provider.
    """
    session.model(ref)
    sink.emit(ModelSwitched(model=ref))


async def compact(session: Awake, sink: Outlet) -> tuple[int, int]:
    """
    Put the middle of the conversation into a summary.

    Returns:
        Messages before and after; equal when there was no middle.

    Raises:
        ModelError: the summary could not be made; nothing was changed.
        HookBlocked: a hook would not have the model asked; nothing was changed.
    """
    state, session_id = session.log.state, str(session.log.session)
    messages = state.conversation.messages
    head, middle, tail = split(messages)
    if not middle:
        return len(messages), len(messages)
    hooks = session.hooks.run(sink, "/compact")
    await session.hooks.tell(PRE_COMPACT, {"messages": len(messages)}, sink)
    model = hooks.model(session.model(state.model))
    summary, usage = await summarise(model, middle, session_id, deadline=deadline(session))
    sink.emit(TokensSpent(usage=usage, purpose="compact"))
    shorter = (*head, summary, *tail)
    sink.emit(HistoryReplaced(messages=shorter, reason="compact"))
    used = state.last_usage.total_tokens / model.context_window * 100
    sink.emit(
        ContextCompacted(
            session_id=session_id,
            before_messages=len(messages),
            after_messages=len(shorter),
            percent_before=round(used, 1),
        )
    )
    counts = {"messages_before": len(messages), "messages_after": len(shorter)}
    await session.hooks.tell(POST_COMPACT, counts, sink)
    return len(messages), len(shorter)
