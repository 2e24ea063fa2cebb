"""
One child run, from `subagent_start` to `subagent_end`.

A child is a loop of its own in the session of the call that started it. Its conversation is its
own, and its parent sees its answer alone. Every call of it passes the executor of the session, on
the session's authority, within the rights of the child.

Source:
    SPEC 9.4; DESIGN 2, "The life of one action".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from a3s_code.delegation.child_gate import OwnRules
from a3s_code.delegation.child_sink import ChildSink
from a3s_code.delegation.flood import Flooded
from a3s_code.delegation.home import Asking, Home
from a3s_code.delegation.inner_calls import InnerCalls
from a3s_code.delegation.verdict import verdict
from a3s_code.delegation.witness import Witness
from a3s_code.errors import A3SError, LimitReached, StoreError
from a3s_code.harness.time_limit import within_limit
from a3s_code.kernel.border import answer_of, described
from a3s_code.kernel.children import ChildOutcome, ChildSpec, session_of
from a3s_code.kernel.events import SubagentEnd, SubagentStart
from a3s_code.kernel.excerpt import excerpt
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.loop import Answer, Limits, Loop, Transcript
from a3s_code.kernel.messages import Conversation, JsonObject, Message, user
from a3s_code.kernel.observation import keep_whole, redact
from a3s_code.kernel.plain import escaped
from a3s_code.kernel.ports import Model, Review, Sink
from a3s_code.kernel.tool import ToolSet

if TYPE_CHECKING:  # few children have a copy of the workspace, or answer with an object
    from a3s_code.delegation.fitting import Fitting
    from a3s_code.delegation.isolation import Apart

MAX_SHOWN_CHARS = 16_000
"""Of the answer of a child in its `subagent_end`; the whole is in its transcript."""
STOPPED = "Stopped before it was finished."


@dataclass(frozen=True, slots=True)
class Child:
    """
    Made for one run.

    Attributes:
        id: Inside that of the call that starts it, and no other call's.
        executor: With the rights of the child.
        sink: Of the call that starts it.
        witness: Of the calls of `executor`.
        parent: What the events of whoever started it have as `session_id`.
        background: The call does not wait for it.
        apart: The copy of the workspace that it works in; None for one in the workspace itself.
        cut: Told what there is of one that is cut short.
    """

    id: str
    spec: ChildSpec
    home: Home
    rules: OwnRules
    executor: Executor
    sink: Sink
    witness: Witness
    parent: str
    background: bool = False
    apart: Apart | None = None
    cut: Callable[[ChildOutcome], None] | None = None

    async def run(self) -> ChildOutcome:
        """
        Raises:
            UnknownModel: there is no such model; nothing was begun.
            StoreError: what it did could not be recorded.
        """
        return await self.begin()()

    def begin(self) -> Callable[[], Coroutine[Any, Any, ChildOutcome]]:
        """
        Record that it begins, and give what runs it to its end.

        Raises:
            UnknownModel: there is no such model; nothing was begun.
        """
        model = self.home.model(self.spec.model)
        inside = InnerCalls(self.executor, self.id)
        sink = ChildSink(self.sink, self.id, self.session_id, inside, model.ref, self.witness)
        transcript = Transcript(Conversation(), sink, isolated=True)
        hooked = self.home.hooked(model, sink, self.spec.prompt)
        loop = self._loop(hooked, inside, sink, transcript.conversation)
        self._begin()
        return partial(self._to_its_end, loop, transcript, sink)

    async def _to_its_end(
        self, loop: Loop, transcript: Transcript, sink: ChildSink
    ) -> ChildOutcome:
        try:
            outcome = await self._conducted(loop, transcript, sink)
            outcome = msgspec.structs.replace(outcome, agent=self.spec.agent)
            if self.apart is not None:  # its end says what became of its work
                with self.home.around_child():
                    outcome = await self.apart.settled(outcome)
        except BaseException as error:
            merge = await self.apart.left() if self.apart is not None else None
            loop.leave(transcript, "the end of its run")
            status = "cancelled" if isinstance(error, asyncio.CancelledError) else ""
            outcome = self._stopped(loop, sink, merge)
            self._end(STOPPED, outcome.transcript, merge, success=False, status=status)
            if self.cut is not None:
                self.cut(outcome)
            raise
        outcome = msgspec.structs.replace(
            outcome,
            session_id=self.session_id,
            transcript=self._kept(sink.said),
            answer=self._whole(outcome.text),
            usage=outcome.usage + sink.spent,
            **self.witness.seen,
        )
        self._end(_said(outcome), outcome.transcript, outcome.merge, success=not outcome.kind)
        return outcome

    @property
    def session_id(self) -> str:
        return session_of(self.id)

    def _loop(
        self, model: Model, inside: InnerCalls, sink: ChildSink, conversation: Conversation
    ) -> Loop:
        role, prompt = self.spec.role, self.spec.prompt
        review = self._review()
        asking = Asking(
            id=self.id,
            model=model,
            role=role,
            role_origin=self.spec.role_origin,
            prompt=prompt,
            tools=self._tools(),
            selects=not self.rules.names_tools,
            conversation=conversation,
            sink=sink,
            named=inside.named,
            form=self._form(review),
        )
        requests = self.home.requests(asking)
        return Loop(
            model=model,
            executor=inside,
            sink=sink,
            prepare=requests,
            review=review,
            compact=requests.compact,
            inbox=requests.inbox,
            limits=self._limits(),
            attend=inside.attended(requests.attend) if requests.attend is not None else None,
        )

    def _review(self) -> Review:
        review, wanted = self.home.review(), self.spec.output_schema
        if wanted is None:
            return review
        from a3s_code.delegation.fitting import Fitting
        from a3s_code.harness.objects.schema import accept

        return Fitting(review, accept(wanted), self.spec.prompt)

    def _fitting(self, review: Review) -> Fitting | None:
        """Give what judges its answers where they have to be objects."""
        if self.spec.output_schema is None:
            return None
        from a3s_code.delegation.fitting import Fitting

        return review if isinstance(review, Fitting) else None

    def _form(self, review: Review) -> str:
        fitting = self._fitting(review)
        return fitting.form if fitting is not None else ""

    def _limits(self) -> Limits:
        limits, spec = self.home.limits, self.spec
        times = [each for each in (limits.max_execution_ms, spec.max_execution_ms) if each]
        rounds = limits.max_tool_rounds
        return replace(
            limits,
            max_tool_rounds=rounds if spec.max_steps is None else min(spec.max_steps, rounds),
            max_execution_ms=min(times, default=None),
        )

    def _tools(self) -> ToolSet:
        """Give the tools that the model may be shown."""
        visible = self.home.visible.tools
        known = {tool.name for tool in visible}
        listed = () if self.spec.allow is None else self.executor.tools.values()
        others = tuple(tool for tool in listed if tool.name not in known)
        return ToolSet(tuple(tool for tool in (*visible, *others) if self.rules.shows(tool)))

    # On the way

    async def _conducted(self, loop: Loop, transcript: Transcript, sink: ChildSink) -> ChildOutcome:
        """Run the loop; what goes wrong inside is the outcome."""
        try:
            prompt = self.spec.prompt
            await self.home.admit(self.spec.role, prompt, sink, self._form(loop.review))
            transcript.add(user(prompt))
            limit_ms, who = loop.limits.max_execution_ms, self.spec.agent
            answer = await self.home.timed(
                lambda: within_limit(limit_ms, who, answer_of(loop.run(transcript)), self._late)
            )
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a model may be foreign code; its caller is told
            loop.leave(transcript, "" if isinstance(error, Flooded) else "an error")
            return self._failed(loop, sink.said, error)
        return self._answered(loop, answer)

    def _late(self) -> LimitReached:
        """Name the limit that was reached: that of the task, or that of every run."""
        every, own = self.home.limits.max_execution_ms, self.spec.max_execution_ms
        is_own = own is not None and (every is None or own <= every)
        name, limit_ms = ("timeout_ms", own) if is_own else ("max_execution_time_ms", every)
        return LimitReached(
            f"{self.spec.agent} took longer than {name} ({limit_ms} ms).",
            hint=f"raise {name}, or ask for less at once",
        )

    def _answered(self, loop: Loop, answer: Answer) -> ChildOutcome:
        """Give an answer as the outcome, or say why it is none."""
        found = verdict(loop, answer, self._fitting(loop.review))
        return ChildOutcome(
            id=self.id,
            text=answer.text,
            usage=answer.usage,
            tool_calls=answer.tool_calls,
            turns=answer.turns,
            kind=found.kind,
            error=f"{self.spec.agent} {found.error}" if found.error else "",
            structured=found.structured,
        )

    def _failed(self, loop: Loop, messages: Sequence[Message], error: Exception) -> ChildOutcome:
        is_ours = isinstance(error, A3SError)
        said = [message.text for message in messages if message.role == "assistant"]
        kind = error.code if is_ours else "child.failed"
        if isinstance(error, LimitReached) and isinstance(error.__cause__, TimeoutError):
            kind = "child.timeout"
        return ChildOutcome(
            id=self.id,
            text=next((text for text in reversed(said) if text.strip()), ""),
            usage=loop.usage,
            tool_calls=loop.tool_calls,
            turns=len(said),
            kind=kind,
            error=str(error) if is_ours else described(error),
        )

    def _stopped(self, loop: Loop, sink: ChildSink, merge: JsonObject | None) -> ChildOutcome:
        """Give what there is of one that was cut short; whoever asked for that says why."""
        return ChildOutcome(
            id=self.id,
            agent=self.spec.agent,
            session_id=self.session_id,
            usage=loop.usage + sink.spent,
            tool_calls=loop.tool_calls,
            turns=sum(message.role == "assistant" for message in sink.said),
            transcript=self._kept(sink.said),
            merge=merge,
            **self.witness.seen,
        )

    # What is recorded of it

    def _begin(self) -> None:
        self.sink.emit(
            SubagentStart(
                task_id=self.id,
                session_id=self.session_id,
                parent_session_id=self.parent,
                agent=self.spec.agent,
                description=self.spec.description,
                background=self.background,
            )
        )

    def _end(
        self,
        output: str,
        transcript: str,
        merge: JsonObject | None,
        *,
        success: bool,
        status: str = "",
    ) -> None:
        self.sink.emit(
            SubagentEnd(
                task_id=self.id,
                session_id=self.session_id,
                agent=self.spec.agent,
                output=excerpt(output, MAX_SHOWN_CHARS),
                success=success,
                status=status,
                transcript=transcript,
                merge=merge,
            )
        )

    def _whole(self, text: str) -> str:
        """Keep all of its answer, and give its URI."""
        if not text.strip():
            return ""
        executor = self.executor
        stored = keep_whole(
            "task", redact(text, executor.redactor), 0, self.sink, executor.artifacts
        )
        return stored.artifact_uri if stored is not None else ""

    def _kept(self, said: Sequence[Message]) -> str:
        """Keep all that was said as JSON, a message a line, and give its URI."""
        role = redact(self.spec.role, self.executor.redactor)
        header = {"child": self.id, "agent": self.spec.agent, "role": role}
        messages = map(self.home.shown, said)
        lines = [escaped(each).decode() for each in (header, *messages)]
        text, artifacts = "\n".join(lines) + "\n", self.executor.artifacts
        stored = keep_whole("transcript", text, 0, self.sink, artifacts)
        return stored.artifact_uri if stored is not None else ""


def _said(outcome: ChildOutcome) -> str:
    """Give what the end of a child says; of one whose work is not merged, its answer as well."""
    if outcome.error and outcome.merge is not None and outcome.text.strip():
        return f"{outcome.error}\nIt had said:\n{outcome.text}"
    return outcome.error or outcome.text
