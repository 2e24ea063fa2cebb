"""
The agent loop.

Show the model what matters, take its answer, run the calls it made, look at what came of
them; stop when it makes none and the review finds nothing left. Everything else in the
package decides what goes into those steps, or watches them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from a3s_code.errors import ContextOverflow, LimitReached, ModelRefused
from a3s_code.kernel.events import ModelRetry, TextDelta, ToolInputDelta, TurnEnd, TurnStart
from a3s_code.kernel.ledger import digest
from a3s_code.kernel.messages import (
    Context,
    Conversation,
    JsonObject,
    Message,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    with_own_ids,
)
from a3s_code.kernel.ports import (
    Arriving,
    Attend,
    Compact,
    Inbox,
    Model,
    ModelDelta,
    ModelRequest,
    Prepare,
    Reply,
    Review,
    Sink,
)
from a3s_code.kernel.records import HistoryAppended
from a3s_code.kernel.tool import Observation, failure


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What bounds a run. Defaults: SPEC 2.1.

    Attributes:
        max_tool_rounds: Turns with tool calls; one answer may follow the last of them.
        max_parse_retries: Turns in a row whose tool arguments are no JSON object.
        duplicate_threshold: The n-th identical call in a row is not run any more.
        max_execution_ms: Wall-clock time of the whole run; None = no limit.
    """

    max_tool_rounds: int = 50
    max_parse_retries: int = 2
    duplicate_threshold: int = 3
    max_execution_ms: int | None = None


class EmptyInbox:
    """Of a run that nobody writes to while it goes on."""

    def deliver(self, add: Arriving, turn: int) -> None:
        pass


WITHHELD = frozenset({"refusal", "content_filter"})
"""Stops after which nothing of an answer is run or asked for again."""


class Answer(msgspec.Struct, frozen=True):
    """
    How a run ended well: the last text, and what the run took.

    Attributes:
        cost_usd: Of all its requests, as far as prices are known; whoever ran the loop adds it.
        verification_summary: What was checked in the session; as `cost_usd`.
        run_id, files_changed: Of the run, as `cost_usd`.
    """

    text: str
    usage: Usage
    tool_calls: int
    turns: int
    meta: dict[str, str | int]
    cost_usd: float = 0.0
    is_cost_known: bool = True
    verification_summary: JsonObject = msgspec.field(default_factory=dict[str, Any])
    run_id: str = ""
    files_changed: tuple[str, ...] = ()


class Calls(Protocol):
    """The executor, as a loop sees it."""

    async def execute(
        self,
        calls: Sequence[ToolCall],
        sink: Sink,
        *,
        refused: Mapping[str, Observation] | None = None,
        ended: dict[str, ToolResult] | None = None,
    ) -> tuple[ToolResult, ...]:
        """Run the calls of one turn; see `Executor.execute`."""
        ...


class Transcript:
    """The conversation of one run. Each message is an event; a session's own is its fold."""

    __slots__ = ("_isolated", "_sink", "conversation")

    def __init__(self, conversation: Conversation, sink: Sink, *, isolated: bool = False) -> None:
        self.conversation, self._sink, self._isolated = conversation, sink, isolated

    def add(self, message: Message, brings: tuple[str, ...] = ()) -> None:
        """Take in a message; `brings` as in `HistoryAppended`."""
        self._sink.emit(HistoryAppended(message=message, isolated=self._isolated, brings=brings))
        if self._isolated:
            self.conversation.append(message)

    def settle(self, results: Mapping[str, ToolResult] | None = None) -> None:
        """
        Give each call at the end of the conversation a result, so that it can go on.

        Args:
            results: By call id, of the calls that came to their end before.
        """
        last = self.conversation.last
        if last is not None and last.calls:
            known = results or {}
            stopped = "Not run to its end: the run was stopped."
            every = [
                known.get(call.id) or ToolResult(call.id, stopped, is_error=True)
                for call in last.calls
            ]
            self.add(Message("tool", tuple(every)))


@dataclass(slots=True)
class Loop:
    """
    One run. Made for it, and used once.

    Attributes:
        attend: Gives what is shown behind the results of a turn; None = nothing is.
        spoken: What the model has said in the current turn, in pieces.
        results: Of the calls of the current turn that have ended, by call id.
        turns: Of the loops before in the same run; the numbers of this one go on from there.
        stop: Why the last answer ended; as in `Reply`.
    """

    model: Model
    executor: Calls
    sink: Sink
    prepare: Prepare
    review: Review
    compact: Compact
    inbox: Inbox
    limits: Limits
    attend: Attend | None = None
    spoken: list[str] = field(default_factory=list[str])
    usage: Usage = field(default_factory=Usage)
    tool_calls: int = 0
    results: dict[str, ToolResult] = field(default_factory=dict[str, ToolResult])
    turns: int = 0
    stop: str = ""
    _rounds: int = 0
    _malformed: int = 0
    _repeats: int = 0
    _last_call: str = ""

    async def go_on(self, transcript: Transcript, known: Mapping[str, ToolResult]) -> Answer:
        """
        Do the calls at the end of the conversation that have no result yet, and then `run`.

        Args:
            known: By call id, what came of those that were started.

        Raises:
            LimitReached, ModelError, StoreError: as `run`.
        """
        last = transcript.conversation.last
        calls = last.calls if last is not None else ()
        new = [call for call in calls if call.id not in known]
        self.results.update(known)
        self.tool_calls += len(calls)
        made = await self.executor.execute(new, self.sink, ended=self.results)
        every = {**known, **{result.tool_use_id: result for result in made}}
        transcript.add(Message("tool", tuple(every[call.id] for call in calls)))
        await self.sink.barrier()
        return await self.run(transcript)

    async def run(self, transcript: Transcript) -> Answer:
        """
        Run until the model answers without calling a tool and the review accepts it.

        Raises:
            LimitReached: too many rounds, malformed calls or repetitions.
            ModelError: the provider failed.
            StoreError: the record could not be made durable.
        """
        text = ""
        for turn in itertools.count(self.turns + 1):
            self.turns = turn
            self.inbox.deliver(transcript.add, turn)
            await self.compact(transcript.conversation)
            reply = await self._reply(transcript.conversation, turn)
            transcript.add(reply.message)
            if reply.stop in WITHHELD:
                transcript.settle()
                return Answer(
                    text + reply.message.text, self.usage, self.tool_calls, turn, reply.meta
                )
            if reply.message.calls:
                self._check(reply.message.calls)
                transcript.add(await self._act(reply.message.calls))
                await self.sink.barrier()
                text = ""
            else:
                text += reply.message.text
                onward = await self.review(transcript.conversation, reply)
                if onward is None:
                    return Answer(text, self.usage, self.tool_calls, turn, reply.meta)
                text = text if reply.stop == "length" else ""
                transcript.add(onward)
        raise AssertionError("unreachable")

    def leave(self, transcript: Transcript, why: str) -> None:
        """
        Leave a conversation that can go on after this was cut short.

        Every call has a result then, and what was being said is there as far as it came.

        Args:
            why: Who or what cut it short, such as `the user`; empty = what was said is left out.
        """
        transcript.settle(self.results)
        if self.spoken and why:
            marked = f"{''.join(self.spoken)}\n\n(Response interrupted by {why}.)"
            transcript.add(Message("assistant", (Text(marked),)))

    async def _reply(self, conversation: Conversation, turn: int) -> Reply:
        """
        Ask, and once more with a shorter conversation when it was too long.

        Raises:
            ContextOverflow: it cannot be made shorter, or not short enough.
        """
        try:
            return await self._ask(await self.prepare(conversation, turn), turn)
        except ContextOverflow as error:
            if not await self.compact(conversation, overflowed=True):
                raise _too_long(error) from error
        return await self._ask(await self.prepare(conversation, turn), turn)

    async def _ask(self, request: ModelRequest, turn: int) -> Reply:
        self.results.clear()
        listener = _Listener(self, turn)
        self.sink.emit(TurnStart(turn=turn))
        reply = fit(await self.model.reply(request, listener))
        reply = msgspec.structs.replace(
            reply, message=with_own_ids(reply.message, self.sink.call_ids)
        )
        self.usage += reply.usage
        self.stop = reply.stop
        self.spoken.clear()
        self.sink.emit(TurnEnd(turn=turn, usage=reply.usage, stop=reply.stop))
        return reply

    def _check(self, calls: tuple[ToolCall, ...]) -> None:
        """Stop a run that goes round in circles before it acts again."""
        self._rounds += 1
        if self._rounds > self.limits.max_tool_rounds:
            raise LimitReached(
                f"Max tool rounds ({self.limits.max_tool_rounds}) exceeded.",
                hint="raise max_tool_rounds, or ask for less at once",
            )
        malformed = any(call.malformed is not None for call in calls)
        self._malformed = self._malformed + 1 if malformed else 0
        if self._malformed > self.limits.max_parse_retries:
            raise LimitReached(
                f"The model sent malformed tool arguments {self._malformed} times in a row.",
                hint="raise max_parse_retries, or use a model that calls tools well",
            )

    async def _act(self, calls: tuple[ToolCall, ...]) -> Message:
        self.tool_calls += len(calls)
        refused = {call.id: note for call in calls if (note := self._repetition(call)) is not None}
        results = await self.executor.execute(calls, self.sink, refused=refused, ended=self.results)
        beside = await self.attend(calls, results) if self.attend is not None else ()
        return Message("tool", (*results, Context(beside)) if beside else results)

    def _repetition(self, call: ToolCall) -> Observation | None:
        """Refuse a call that is the same as those just before it; end the run if it goes on."""
        signature = f"{call.name}:{digest(call.input)}"
        self._repeats = self._repeats + 1 if signature == self._last_call else 1
        self._last_call = signature
        threshold = self.limits.duplicate_threshold
        if call.malformed is not None or self._repeats < threshold:
            return None
        if self._repeats > threshold:
            raise LimitReached(
                f"The model repeated the same call of {call.name} {self._repeats} times.",
                hint="rephrase the request, or raise duplicate_tool_call_threshold",
            )
        note = failure(
            f"Blocked: this is call {self._repeats} of {call.name} with the same arguments in a "
            "row, and its result would be the same. Use the result you have, or do something else."
        )
        facts = {
            "guard": "duplicate_tool_call",
            "duplicate_count": self._repeats,
            "threshold": threshold,
        }
        return Observation(note.text, failed=True, exit_code=1, metadata=facts)


def _too_long(error: ContextOverflow) -> ContextOverflow:
    """Say what can still be done when there is nothing left to make shorter."""
    return ContextOverflow(
        error.message,
        kind=error.kind,
        status=error.status,
        attempts=error.attempts,
        hint="nothing of the conversation can be made shorter: send less at once, clear it, "
        "or use a model with a larger window",
    )


def fit(given: object) -> Reply:
    """
    Take an answer of a model, which may be foreign code, if the log can hold it.

    Counts of tokens that none can be are put right: what is recorded is what budgets go on from.

    Raises:
        ModelRefused: it is none.
    """
    try:
        if isinstance(given, Reply):
            msgspec.convert(msgspec.to_builtins(given), Reply)
            usage = given.usage.plausible
            return given if usage is given.usage else msgspec.structs.replace(given, usage=usage)
        wrong = f"a {type(given).__name__}, not a Reply"
    except Exception as error:  # noqa: BLE001 - values of foreign code
        wrong = str(error)
    raise ModelRefused(f"The model's answer cannot be used: {wrong}.", kind="protocol")


class _Listener:
    """Shows an answer as it comes in, and says when it starts over."""

    __slots__ = ("_ids", "_loop", "_shown", "_turn")

    def __init__(self, loop: Loop, turn: int) -> None:
        self._loop, self._turn, self._shown = loop, turn, False
        self._ids: dict[str, str] = {}

    def delta(self, delta: ModelDelta) -> None:
        if type(delta.delta if isinstance(delta, ToolInputDelta) else delta.text) is not str:
            raise ModelRefused("The model shows what is no text.", kind="protocol")
        self._shown = True
        if isinstance(delta, TextDelta):
            self._loop.spoken.append(delta.text)
        if isinstance(delta, ToolInputDelta):
            delta = ToolInputDelta(id=self._own(delta.id), delta=delta.delta)
        self._loop.sink.emit(delta)

    def _own(self, id_: str) -> str:
        """Give the id that the call will have, as far as can be told before the others come."""
        if id_ not in self._ids:
            alone = Message("assistant", (ToolCall(id_, "", {}),))
            self._ids[id_] = with_own_ids(alone, self._loop.sink.call_ids).calls[0].id
        return self._ids[id_]

    def retry(self, attempt: int, reason: str, delay_s: float) -> None:
        delay_ms = round(delay_s * 1000)
        self._loop.sink.emit(ModelRetry(attempt=attempt, reason=reason, delay_ms=delay_ms))
        if self._shown:
            self._shown = False
            self._loop.spoken.clear()
            self._loop.sink.emit(TurnStart(turn=self._turn))
