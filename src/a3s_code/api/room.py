"""
Making room in a conversation: when, how much, and the record of it.

It is looked at before every request. What a provider reported last counts, with an estimate of
what came since, or an estimate of the whole where that is more. Nothing is changed before all of
it is ready, and then at once; so whatever fails or is cancelled on the way leaves the
conversation as it was.

Source:
    A3S Code docs, "Architecture: Context Management"; SPEC 12.2; DESIGN 6, "compaction".
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from a3s_code.api.lane import Lane, reported
from a3s_code.api.model_view import ModelView
from a3s_code.api.receipts import FOR_SUMMARY, summary_receipt
from a3s_code.api.settings import Compaction
from a3s_code.errors import HookBlocked, ModelError
from a3s_code.harness.compaction import (
    NoSummary,
    Notes,
    check,
    is_worth_it,
    split,
    summarise,
    summary,
    summary_request,
)
from a3s_code.harness.foreign_model import fitted
from a3s_code.harness.hooks.event_names import POST_COMPACT, PRE_COMPACT
from a3s_code.harness.hooks.run_hooks import SessionHooks
from a3s_code.harness.pruning import (
    KEEP_SHARE,
    KEEP_TOKENS,
    Old,
    kept_already,
    marker,
    old_outputs,
    pruned,
)
from a3s_code.harness.tokens import of_conversation, of_message
from a3s_code.kernel.children import session_of
from a3s_code.kernel.events import CompactionFailed, ContextCompacted
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Conversation, JsonObject, Message
from a3s_code.kernel.observation import keep_whole
from a3s_code.kernel.pinned import Pinned
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Model, Sink
from a3s_code.kernel.records import (
    Compacted,
    HistoryReplaced,
    OutputPruned,
    TokensSpent,
)

THRESHOLD = 0.8
MARGIN = 0.1
"""Of the window: where pruning leaves less than this below the threshold, it is not enough."""
OVERFLOW_KEEP_SHARE = 0.1
"""Of the window: outputs that stay when the provider has refused the request."""
FALLBACK_WINDOW = 200_000
FIRST_WAIT, MAX_WAIT = 4, 64
"""Messages before the next attempt, doubled after each that was no help."""


class Awake(Protocol):
    """What making room uses of the session."""

    @property
    def log(self) -> Log: ...
    @property
    def executor(self) -> Executor: ...
    @property
    def hooks(self) -> SessionHooks: ...


class Patience:
    """When it is tried again: not at every turn where it did not help."""

    __slots__ = ("again_at", "attempts")

    def __init__(self) -> None:
        self.attempts, self.again_at = 0, 0

    def wait(self, messages: int) -> None:
        """
        Args:
            messages: That the conversation has now.
        """
        self.again_at = messages + min(FIRST_WAIT << min(self.attempts, 8), MAX_WAIT)
        self.attempts += 1

    def reset(self) -> None:
        self.attempts, self.again_at = 0, 0


@dataclass(frozen=True, slots=True)
class _Draft:
    """
    What the conversation is to become.

    Attributes:
        gone: Outputs that became markers.
        first: Index of the first message that became a summary.
        left_out: Facts that had to go.
    """

    before: tuple[Message, ...]
    after: tuple[Message, ...]
    gone: tuple[Old, ...]
    first: int = 0
    count: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def replaced(self) -> tuple[Message, ...]:
        return self.before[self.first : self.first + self.count]


@dataclass(frozen=True, slots=True)
class Room:
    """
    In one conversation; meets `kernel.ports.Compact`.

    Attributes:
        lane: Which one it is.
        model: The session's, with its hooks.
        deadline: Gives that of a request that is made now.
    """

    session: Awake
    sink: Sink
    conversation: Conversation
    view: ModelView
    model: Model
    terms: Compaction
    deadline: Callable[[], float | None]
    patience: Patience = field(default_factory=Patience)
    lane: Lane = Lane()  # noqa: RUF009 - frozen

    async def __call__(self, conversation: Conversation, *, overflowed: bool = False) -> bool:  # noqa: ARG002 - the port
        if overflowed:
            return await self._try("overflow", self._used())
        if not self.terms.auto:
            return False
        used = self._used()
        if used < self._threshold * self.window:
            self.patience.reset()
            return False
        if len(self.conversation) < self.patience.again_at:
            return False
        return await self._try("threshold", used)

    async def command(self) -> str:
        """
        Make room because somebody asked for it, and say in a sentence what came of it.

        Raises:
            ModelError: the summary could not be made; nothing was changed.
            HookBlocked: a hook would not have the model asked; nothing was changed.
        """
        try:
            done = await self._shorten("command", self._used())
        except NoSummary as error:
            self._failed(str(error))
            return f"The conversation was left as it is: {error}."
        return f"{len(self.conversation)} are left." if done else "There was nothing to summarise."

    # How full it is

    @property
    def window(self) -> int:
        """Tokens of one request: of the model, or less as the session wants it."""
        own = self.model.context_window or FALLBACK_WINDOW
        return min(own, self.terms.max_tokens or own)

    @property
    def _threshold(self) -> float:
        return self.terms.threshold if self.terms.threshold is not None else THRESHOLD

    def _used(self) -> int:
        estimated = of_conversation(self.conversation)
        found = reported(self.session.log, self.lane)
        if found is None:
            return estimated
        usage, newer = found
        since = self.conversation.measured(of_message)[len(self.conversation) - newer + 1 :]
        return max(estimated, usage.total_tokens + (sum(since) if newer > 1 else 0))

    # What is done

    async def _try(self, trigger: str, used: int) -> bool:
        """Make room if that can be done; a run goes on where it cannot."""
        try:
            done = await self._shorten(trigger, used)
        except (ModelError, HookBlocked, NoSummary) as error:
            self.patience.wait(len(self.conversation))
            self._failed(str(error))
            return trigger == "overflow" and self._prune_alone(used)
        if done:
            self.patience.wait(len(self.conversation))
        return done

    async def _shorten(self, trigger: str, used: int) -> bool:
        """
        Raises:
            ModelError, HookBlocked, NoSummary: there is no summary; nothing was changed.
        """
        draft = self._pruned(trigger)
        start, middle = self._middle(draft, trigger, used)
        if not middle and not draft.gone:
            return False
        count = len(draft.before)
        await self.session.hooks.tell(PRE_COMPACT, {"messages": count}, self.sink)
        if middle:
            draft = await self._summarised(draft, start, len(middle))
        self._record(trigger, used, draft)
        counts = {"messages_before": count, "messages_after": len(draft.after)}
        await self.session.hooks.tell(POST_COMPACT, counts, self.sink)
        return True

    def _prune_alone(self, used: int) -> bool:
        draft = self._pruned("overflow")
        if draft.gone:
            self._record("overflow", used, draft)
        return bool(draft.gone)

    def _pruned(self, trigger: str) -> _Draft:
        before, shown = self.conversation.messages, self.view.of(self.conversation).messages
        share = OVERFLOW_KEEP_SHARE if trigger == "overflow" else KEEP_SHARE
        keep = min(KEEP_TOKENS, int(self.window * share))
        olds = old_outputs(shown, keep, spare=0 if trigger == "overflow" else 1)
        after, gone = pruned(before, olds, lambda old: marker(old, self._uri(old)))
        return _Draft(before, tuple(after), tuple(gone))

    def _uri(self, old: Old) -> str:
        """Give the URI under which an output is, or will be kept; empty when it will not."""
        kept = self.sink.artifacts
        there = kept_already(old.result, kept)
        if there:
            return there
        artifact, _ = self.session.executor.artifacts.put(old.tool, old.result.content, 0, kept)
        return artifact.artifact_uri if artifact is not None else ""

    def _middle(self, draft: _Draft, trigger: str, used: int) -> tuple[int, Sequence[Message]]:
        """Give what is to be summarised, and where it begins; nothing where pruning is enough."""
        freed = sum(map(of_message, draft.before)) - sum(map(of_message, draft.after))
        left = (self._threshold - MARGIN) * self.window
        if trigger == "threshold" and draft.gone and used - freed <= left:
            return 0, ()
        head, middle, _ = split(draft.before)
        return len(head), middle if is_worth_it(middle) else ()

    async def _summarised(self, draft: _Draft, start: int, count: int) -> _Draft:
        from a3s_code.harness.pins import missing  # has the words of ten languages

        shown, end = self.view.of(self.conversation).messages, start + count
        leaving, staying = shown[start:end], (*shown[:start], *shown[end:])
        pinned, left_out = await asyncio.to_thread(self._pins, leaving, staying)
        notes = await self._notes(leaving, pinned)
        after = (*draft.after[:start], summary(notes, pinned), *draft.after[end:])
        check(draft.before, leaving, after, notes)
        lost = missing(pinned, after)
        if lost:
            raise NoSummary(f"{len(lost)} facts would be lost, such as {lost[0][:200]}")
        staying_at = {*range(start), *range(end, len(draft.before))}
        gone = tuple(old for old in draft.gone if old.at in staying_at)
        return _Draft(draft.before, after, gone, start, count, left_out)

    def _pins(
        self, leaving: Sequence[Message], staying: Sequence[Message]
    ) -> tuple[Pinned, tuple[str, ...]]:
        from a3s_code.harness.decisions import facts_of
        from a3s_code.harness.pins import Allowance, pin

        lane = self.lane
        calls = {lane.named(call.id) for message in leaving for call in message.calls}
        facts = facts_of(self.session.log.records, calls, self._tasks())
        size = sum(map(of_message, leaving))
        return pin(leaving, staying, facts, Allowance.within(self.window, size))

    def _tasks(self) -> tuple[JsonObject, ...]:
        """Give the list of tasks of this conversation, and of no other."""
        from a3s_code.harness.decisions import plan_shown

        log, lane = self.session.log, self.lane
        if lane.is_own:
            return log.state.tasks
        if lane.child:
            return plan_shown(log.backwards(), session_of(lane.child))
        return plan_shown(log.backwards(), str(log.session), lane.run)

    async def _notes(self, shown: Sequence[Message], pinned: Pinned) -> Notes:
        request = summary_request(
            shown,
            pinned,
            window=self.window,
            session_id=str(self.session.log.session),
            deadline=self.deadline(),
        )
        request = await fitted(self.model, request)
        self.sink.emit(summary_receipt(self.model, request))
        notes = await summarise(self.model, request, len(shown))
        self.sink.emit(TokensSpent(usage=notes.usage, purpose=FOR_SUMMARY))
        return notes

    # The record

    def _record(self, trigger: str, used: int, draft: _Draft) -> None:
        """Change the conversation, and say so; nothing waits in between."""
        outputs = tuple(self._kept(old) for old in draft.gone)
        own, replaced = self.lane.is_own, draft.replaced
        self.sink.emit(
            Compacted(
                trigger=trigger,
                tokens_before=sum(map(of_message, draft.before)),
                tokens_after=sum(map(of_message, draft.after)),
                used=used,
                window=self.window,
                pruned=outputs,
                first=draft.first,
                count=draft.count,
                sha256=hashlib.sha256(canonical(replaced)).hexdigest() if replaced else "",
                left_out=draft.left_out,
                is_isolated=not own,
                summary=draft.after[draft.first] if draft.count and not own else None,
            )
        )
        if own:
            self.sink.emit(HistoryReplaced(messages=draft.after, reason="compact"))
        else:
            self.conversation.replace(list(draft.after))
        self.sink.emit(
            ContextCompacted(
                session_id=str(self.session.log.session),
                before_messages=len(draft.before),
                after_messages=len(draft.after),
                percent_before=round(used / self.window * 100, 1),
            )
        )

    def _kept(self, old: Old) -> OutputPruned:
        uri = kept_already(old.result, self.sink.artifacts)
        if not uri:
            artifact = keep_whole(
                old.tool, old.result.content, 0, self.sink, self.session.executor.artifacts
            )
            uri = artifact.artifact_uri if artifact is not None else ""
        return OutputPruned(old.result.tool_use_id, old.tokens, uri)

    def _failed(self, reason: str) -> None:
        session = str(self.session.log.session)
        again = self.patience.again_at
        self.sink.emit(CompactionFailed(session_id=session, reason=reason, again_at=again))
