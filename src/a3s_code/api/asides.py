"""Questions to the model of a session, or of a child, beside its conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from a3s_code.api.awake import deadline
from a3s_code.api.receipts import question_receipt
from a3s_code.harness.foreign_model import fitted
from a3s_code.kernel.asking import Question, Said, SaidListener
from a3s_code.kernel.events import ModelRetry, TextDelta, ToolInputDelta
from a3s_code.kernel.loop import fit
from a3s_code.kernel.messages import Conversation
from a3s_code.kernel.observation import redact
from a3s_code.kernel.ports import Model, ModelDelta, ModelRequest, Sink
from a3s_code.kernel.records import TokensSpent
from a3s_code.kernel.tool import ToolSet

if TYPE_CHECKING:
    from a3s_code.api.engine import Engine

_NO_TOOLS = ToolSet(())


@dataclass(frozen=True, slots=True)
class Asides:
    """
    Where the calls of a session, or of one child, ask; see `kernel.ports.Askers`.

    Attributes:
        model: `provider/model` that answers; empty for the one that the session has then.
    """

    engine: Engine
    model: str = ""

    def inside(self, sink: Sink) -> Aside:
        return Aside(self.engine, self.model, sink)


@dataclass(frozen=True, slots=True)
class Aside:
    """See `kernel.asking.Asker`."""

    engine: Engine
    model: str
    sink: Sink

    async def ask(self, question: Question, listener: SaidListener | None = None) -> Said:
        """Ask once; receipt, hooks and costs as for every request."""
        ref = self.model or self.engine.log.state.model
        asked = next((each for each in reversed(question.messages) if each.role == "user"), None)
        hooks = self.engine.hooks.run(self.sink, asked.text if asked is not None else "")
        model = hooks.model(self.engine.model(ref))
        request = await fitted(model, self._request(question))
        self.sink.emit(question_receipt(model, request, question.purpose))
        await self.sink.barrier()
        reply = fit(await model.reply(request, _Pieces(listener, self.sink)))
        spent = TokensSpent(usage=reply.usage, purpose=question.purpose, model=_other(model, ref))
        self.sink.emit(spent)
        return Said(reply.message, reply.usage, reply.stop)

    def _request(self, question: Question) -> ModelRequest:
        engine, screen = self.engine, self.engine.log.screen
        shown = question.messages if screen is None else map(screen.message, question.messages)
        until = deadline(engine)
        if question.timeout_s is not None:
            own = engine.clock.monotonic() + question.timeout_s
            until = own if until is None else min(own, until)
        return ModelRequest(
            system=redact(question.system, engine.executor.redactor),
            conversation=Conversation([*shown]),
            tools=_NO_TOOLS,
            session_id=str(engine.log.session),
            temperature=question.temperature,
            max_output_tokens=question.max_output_tokens,
            deadline=until,
            form=question.form,
        )


def _other(model: Model, ref: str) -> str:
    """Name the model that answers where it is not the one that was meant."""
    return model.ref if model.ref != ref else ""


class _Pieces:
    """Hands the pieces of an answer on; thoughts are shown to nobody, and new attempts are told."""

    __slots__ = ("_listener", "_sink")

    def __init__(self, listener: SaidListener | None, sink: Sink) -> None:
        self._listener = listener
        self._sink = sink

    def delta(self, delta: ModelDelta) -> None:
        if self._listener is None:
            return
        if isinstance(delta, TextDelta):
            self._listener.piece(delta.text, is_argument=False)
        elif isinstance(delta, ToolInputDelta):
            self._listener.piece(delta.delta, is_argument=True)

    def retry(self, attempt: int, reason: str, delay_s: float) -> None:
        delay_ms = round(delay_s * 1000)
        self._sink.emit(ModelRetry(attempt=attempt, reason=reason, delay_ms=delay_ms))
        if self._listener is not None:
            self._listener.again()
