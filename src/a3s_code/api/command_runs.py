"""
One slash command, from the record of its prompt to the record of its answer.

Its handler, foreign code, runs beside the session's turn, so that it may call the session.
What it asks for changes the conversation and waits for the turn.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

from a3s_code.api.changes import clear, compact, switch_model
from a3s_code.api.cost_log import cost_records
from a3s_code.api.costs import aggregate_cost_records
from a3s_code.api.engine import Engine
from a3s_code.api.outlet import Watch
from a3s_code.api.result import AgentResult, no_reports
from a3s_code.api.run import failure_of
from a3s_code.capabilities.commands import (
    ClearHistory,
    Command,
    CommandAction,
    CommandContext,
    CommandOutput,
    Compact,
    SwitchModel,
    output_of,
)
from a3s_code.errors import UnknownModel
from a3s_code.kernel.events import AgentEnd, AgentStart
from a3s_code.kernel.messages import Usage


class CommandRun:
    """
    Made for one command, and used once.

    Args:
        command: None for a name that nobody registered.
    """

    __slots__ = ("_args", "_command", "_engine", "_name", "_sink", "_verified")

    def __init__(
        self, engine: Engine, command: Command | None, name: str, args: str, watch: Watch | None
    ) -> None:
        self._engine, self._command = engine, command
        self._name, self._args = name, args
        self._sink = engine.outlet(watch=watch)
        self._verified = no_reports()

    async def conduct(self) -> AgentResult:
        """
        Raises:
            RunCancelled: somebody stopped it.
            SessionClosed: the session was closed, also while this waited for the turn.
            UsageError: it would change the conversation of a run that it is part of.
            ModelError: the conversation could not be summarised; it is as it was.
            StoreError: the record could not be made durable.
        """
        output = await self._engine.beside_turn(self._handle)
        if output.action is None:
            return self._result(output.text)
        return await self._engine.in_turn(partial(self._carry_out, output.text, output.action))

    async def _handle(self) -> CommandOutput:
        with self._failures_told():
            self._sink.emit(AgentStart(prompt=f"/{self._name} {self._args}".strip()))
            output = await self._output()
            if output.action is None:
                await self._end(output.text)
            return output

    async def _carry_out(self, text: str, action: CommandAction) -> AgentResult:
        with self._failures_told():
            try:
                text += await self._effect(action)
            except UnknownModel as error:
                text = str(error)
            await self._end(text)
            return self._result(text)

    async def _output(self) -> CommandOutput:
        command = self._command
        if command is None:
            return CommandOutput(f"Unknown command: /{self._name}. Type /help for the list.")
        try:
            return await _call(command, self._args, _context(self._engine))
        except Exception as error:  # noqa: BLE001 - the handler is foreign code; the user is told
            return CommandOutput(f"Command error: {type(error).__name__}: {error}")

    async def _effect(self, action: CommandAction) -> str:
        """Carry out what the command asked for; gives what is to be said about it, if anything."""
        match action:
            case ClearHistory():
                clear(self._sink)
            case SwitchModel(model=ref):
                switch_model(self._engine, self._sink, ref)
            case Compact():
                return f" {await compact(self._engine, self._sink)}"
        return ""

    async def _end(self, text: str) -> None:
        """Record the answer, and show it when it is durable."""
        engine = self._engine
        reports = engine.log.state.verifications
        self._verified = (await engine.evidence.summary(reports, self._sink)).as_json()
        end = AgentEnd(text=text, usage=Usage(), verification_summary=self._verified)
        self._sink.record(end)
        await self._sink.barrier()
        self._sink.show()

    def _result(self, text: str) -> AgentResult:
        text = self._engine.log.shown(text)
        return AgentResult(text, verification_summary=self._verified)

    @contextmanager
    def _failures_told(self) -> Generator[None]:
        try:
            yield
        except BaseException as error:
            self._sink.emit(failure_of(error))
            raise


async def _call(command: Command, args: str, context: CommandContext) -> CommandOutput:
    """Run a command's handler; blocking ones in a thread, so that they may call us back."""
    if command.blocking:
        given = await asyncio.to_thread(command.execute, args, context)
    else:
        given = command.execute(args, context)
    return output_of(await given if inspect.isawaitable(given) else given)


def _context(engine: Engine) -> CommandContext:
    state = engine.log.state
    spent = aggregate_cost_records(cost_records(engine.log, engine.price))
    return CommandContext(
        session_id=str(engine.log.session),
        workspace=state.opened.workspace if state.opened else "",
        model=state.model,
        history_len=len(state.conversation),
        total_tokens=state.usage.total_tokens,
        total_cost=spent.total_usd,
        tool_names=tuple(engine.executor.tools),
        cache_read_tokens=spent.usage.cache_read_tokens,
        cache_write_tokens=spent.usage.cache_write_tokens,
        unpriced=spent.unpriced,
    )
