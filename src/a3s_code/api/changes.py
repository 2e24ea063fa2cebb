"""
What changes a conversation besides its runs. Made in the session's turn; the caller sees
to it that what is emitted becomes durable.
"""

from __future__ import annotations

from a3s_code.api.awake import Awake, room
from a3s_code.api.lane import Lane
from a3s_code.api.model_view import ModelView
from a3s_code.api.outlet import Outlet
from a3s_code.kernel.records import HistoryReplaced, ModelSwitched


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


async def compact(session: Awake, sink: Outlet) -> str:
    """
    Put the middle of the conversation into a summary, and say what came of it.

    Raises:
        ModelError: the summary could not be made; nothing was changed.
        HookBlocked: a hook would not have the model asked; nothing was changed.
    """
    log = session.log
    model = session.hooks.run(sink, "/compact").model(session.model(log.state.model))
    view = ModelView(log, is_own=True)
    return await room(session, sink, model, log.state.conversation, view, Lane()).command()
