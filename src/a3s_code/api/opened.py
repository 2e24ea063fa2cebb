"""How the log of a session begins, and goes on when the session is opened again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from a3s_code.api.recorded import Recorded
from a3s_code.api.settings import Opening, Parting
from a3s_code.kernel.events import TaskUpdated
from a3s_code.kernel.records import EffectInDoubt, ModelSwitched, Record, SessionOpened

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.kernel.log import Log

_NAMES_MODEL = frozenset({SessionOpened, ModelSwitched})


def last_of(records: Sequence[Record]) -> tuple[SessionOpened, str]:
    """Give how a session was opened the last time, and the model that answered it last."""
    model = ""
    for event in (each.event for each in reversed(records) if type(each.event) in _NAMES_MODEL):
        if isinstance(event, SessionOpened):
            return event, model or event.model
        if isinstance(event, ModelSwitched):
            model = model or event.model
    raise AssertionError("a log begins with SessionOpened; first_of has looked")


def begin(engine: Engine, opening: Opening) -> None:
    """Write the first record of a new log; in an older one, what is closed and what changed."""
    log, kept = engine.log, Recorded.of(opening.settings)
    opened, parting = log.state.opened, opening.parting
    if opened is None:
        log.append(
            SessionOpened(
                session_id=opening.session_id,
                workspace=opening.workspace,
                model=opening.model,
                created_at_ms=engine.clock.now_ms(),
                durability=log.durability,
                parent=parting.parent if parting is not None else None,
                history=parting.history if parting is not None else (),
                settings=kept.written_form(),
                sandbox=engine.sandbox,
            )
        )
        if parting is not None:
            _carry_over(log, parting)
        return
    engine.recover()
    is_as_before = Recorded.read(opened.settings) == kept and opened.sandbox == engine.sandbox
    if not is_as_before or log.state.durability != log.durability:
        again = msgspec.structs.replace(
            opened,
            model=opening.model,
            durability=log.durability,
            history=(),
            settings=kept.written_form(),
            sandbox=engine.sandbox,
        )
        log.append(again)
    elif log.state.model != opening.model:
        log.append(ModelSwitched(model=opening.model))
    engine.retain()


def _carry_over(log: Log, parting: Parting) -> None:
    """Give a fork the list, doubts and complete outputs of the session that it parts from."""
    if parting.tasks:
        log.append(TaskUpdated(session_id=str(log.session), tasks=parting.tasks))
    for stored, data in parting.artifacts:
        log.put_blob(stored.sha256, data)
        log.append(stored)
    for effect in parting.in_doubt:
        log.append(effect.intended)
        reason = f"{effect.doubt}, in session {parting.parent.session_id}"
        log.append(EffectInDoubt(call_id=effect.intended.call_id, reason=reason))
