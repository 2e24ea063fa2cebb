"""A model in this process that plays a script; see `kernel.ports.Model`."""

from __future__ import annotations

import dataclasses

import msgspec

from a3s_code.kernel.clock import Clock, SystemClock
from a3s_code.kernel.events import ReasoningDelta, TextDelta, ToolInputDelta
from a3s_code.kernel.messages import (
    Block,
    Conversation,
    JsonObject,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from a3s_code.kernel.ports import ModelDelta, ModelRequest, Reply, ReplyListener
from a3s_code.testing.failures import broken, refused
from a3s_code.testing.script import USAGE, Asked, Playback, Rule, Script
from a3s_code.testing.turn import Call, Fault, Refusal, Turn

HANG_S = 600.0
"""A request without a deadline is left hanging for this long."""

_STOPS = ("length", "refusal", "content_filter")
"""What a model may stop for, other than its answer being whole."""


class Scripted:
    """
    Answers with `turns`, one a request, without a socket.

        agent = Agent.create('default_model = "scripted/model"')
        session = agent.session(".", llm_client=Scripted(calls("ls"), says("Two files.")))
        print(session.send("What is here?").text)

    An agent needs a configuration, and this line is enough of one: the model that it names is
    the one that is given.

    A turn means what it means over HTTP; failures are raised as a provider's adapter raises
    them after its last attempt. There is no wire, so a turn is taken as it is where the two
    wires differ: see `Turn.stop`.

    Args:
        rules, default, usage: As in `Script`.
        clock: What delays sleep on and deadlines are counted by.

    Attributes:
        seen: Every request, with its conversation as it was then.
    """

    def __init__(
        self,
        *turns: Turn,
        rules: tuple[Rule, ...] = (),
        default: Turn | None = None,
        usage: Usage = USAGE,
        ref: str = "scripted/model",
        context_window: int = 200_000,
        clock: Clock | None = None,
    ) -> None:
        self.seen: list[ModelRequest] = []
        self._ref, self._context_window = ref, context_window
        self._clock = clock or SystemClock()
        self._playback = Playback(Script(*turns, rules=rules, default=default, usage=usage))

    @property
    def ref(self) -> str:
        return self._ref

    @property
    def context_window(self) -> int:
        return self._context_window

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        """
        Play the next turn.

        Raises:
            UsageError: asked once more than the script is long.
            ModelRefused, ModelUnavailable, ContextOverflow: the script says so.
        """
        then = Conversation(list(request.conversation.messages))
        self.seen.append(dataclasses.replace(request, conversation=then))
        turn = self._playback.answer(_asked(request, self._ref))
        if turn.delay_s:
            await self._clock.sleep(turn.delay_s)
        if isinstance(turn.failure, Refusal):
            raise refused(turn.failure)
        deltas = _deltas(turn)
        if turn.failure is not None:
            deltas = _before(turn.failure, deltas)
        for delta in deltas:
            if not _is_empty(delta):
                listener.delta(delta)
            if turn.piece_delay_s:
                await self._clock.sleep(turn.piece_delay_s)
        if turn.failure is not None:
            await self._fail(turn.failure, request.deadline)
        meta: dict[str, str | int] = {"request_model": self._ref, "attempts": 1}
        return Reply(_message(turn), turn.usage or Usage(), _stop(turn), meta)

    async def _fail(self, fault: Fault, deadline: float | None) -> None:
        if fault in (Fault.HANG, Fault.HANG_MID):
            left = HANG_S if deadline is None else deadline - self._clock.monotonic()
            await self._clock.sleep(max(0.0, left))
        raise broken(fault)


def _asked(request: ModelRequest, ref: str) -> Asked:
    messages = request.conversation.messages
    body = {"system": request.system, "messages": messages}
    held = request.form is not None and request.form.means == "tool"
    forced = request.form.name if request.form is not None and held else None
    return Asked(
        system=request.system,
        users=tuple(message.text for message in messages if message.role == "user"),
        last=_text(messages[-1]) if messages else "",
        tools=(forced,) if forced else tuple(tool.name for tool in request.tools.tools),
        forced_tool=forced,
        tool_results=sum(
            isinstance(block, ToolResult) for message in messages for block in message.blocks
        ),
        model=ref.partition("/")[2],
        streams=True,
        body=msgspec.json.encode(body).decode(),
    )


def _text(message: Message) -> str:
    results = [block.content for block in message.blocks if isinstance(block, ToolResult)]
    return "\n".join(text for text in (message.text, *results) if text)


def _deltas(turn: Turn) -> list[ModelDelta]:
    thinking = [ReasoningDelta(text=piece) for piece in turn.thinking_deltas]
    text = [TextDelta(text=piece) for piece in turn.text_deltas]
    arguments = [
        ToolInputDelta(id=call.id, delta=piece) for call in turn.calls for piece in call.deltas
    ]
    return [*thinking, *text, *arguments]


def _is_empty(delta: ModelDelta) -> bool:
    return not (delta.delta if isinstance(delta, ToolInputDelta) else delta.text)


def _before(fault: Fault, deltas: list[ModelDelta]) -> list[ModelDelta]:
    """Give the deltas that are seen before a fault shows."""
    if fault in (Fault.RESET, Fault.EMPTY, Fault.BAD_JSON, Fault.HANG):
        return []
    return deltas if fault is Fault.NO_DONE else deltas[: (len(deltas) + 1) // 2]


def _message(turn: Turn) -> Message:
    blocks: list[Block] = []
    if turn.thinking:
        blocks.append(Thinking(turn.thinking))
    if turn.text:
        blocks.append(Text(turn.text))
    cut = turn.calls[-1] if turn.calls and turn.stopped_by == "length" else None
    blocks.extend(_tool_call(call, is_cut=call is cut) for call in turn.calls)
    return Message("assistant", tuple(blocks))


def _tool_call(call: Call, *, is_cut: bool) -> ToolCall:
    """Read the arguments; there are none where there is no text, unless it was cut off."""
    if not call.arguments.strip() and not is_cut:
        return ToolCall(call.id, call.name, {})
    try:
        return ToolCall(call.id, call.name, msgspec.json.decode(call.arguments, type=JsonObject))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return ToolCall(call.id, call.name, {}, malformed=call.arguments)


def _stop(turn: Turn) -> str:
    """Say why the model stopped, in the words of `kernel.ports.Reply`."""
    if turn.stopped_by in _STOPS:
        return turn.stopped_by
    return "tool_calls" if turn.calls else "end"
