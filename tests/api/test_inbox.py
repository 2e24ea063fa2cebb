"""Whatever comes when: no words are lost, none are seen twice, and all keep their order."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from a3s_code import AsyncAgent, AsyncSession, MemorySessionStore, PermissionPolicy, SessionOptions
from a3s_code.errors import A3SError, UsageError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.messages import Message, Text, ToolCall, Usage
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener

T = TypeVar("T")
ID = "s"
WAIT_S = 5.0


class Stepwise:
    """A model that answers when it is told to, and with what."""

    ref, context_window = "step/wise", 200_000

    def __init__(self) -> None:
        self.asked: asyncio.Future[Message] | None = None

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        self.asked = asyncio.get_running_loop().create_future()
        try:
            return Reply(await self.asked, Usage(1, 1))
        finally:
            self.asked = None

    def answer(self, message: Message) -> None:
        assert self.asked is not None
        self.asked.set_result(message)


class Interleavings(RuleBasedStateMachine):
    """One session, which is written to, answered, cancelled and killed in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.place = tempfile.TemporaryDirectory()
        self.agent = AsyncAgent('default_model = "step/wise"')
        self.model, self.store = Stepwise(), MemorySessionStore()
        self.numbers = itertools.count()
        self.steered: list[str] = []
        self.queued: list[str] = []
        self.sends: list[asyncio.Task[Any]] = []
        options = self._options()
        self.session = self.agent.session(self.place.name, options, session_id=ID)
        self.send()
        self.answer()

    def _options(self) -> SessionOptions:
        return SessionOptions(
            llm_client=self.model,
            session_store=self.store,
            permission_policy=PermissionPolicy(default_decision="allow"),
            planning_mode="disabled",
        )

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, WAIT_S))

    def until(self, look: Callable[[], object]) -> None:
        async def wait() -> None:
            while not look():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0)

        self.do(wait())

    def settle(self) -> None:
        """Let all go on that does not wait for the model."""
        self.until(lambda: self.model.asked is not None or self.is_idle())

    def go_on(self, message: Message) -> None:
        asked = self.model.asked
        self.model.answer(message)
        self.until(lambda: self.model.asked is not asked)
        self.settle()

    def is_idle(self) -> bool:
        is_sent = all(task.done() for task in self.sends)
        engine = self.session._engine
        works = engine._works._works if engine is not None else ()
        return is_sent and not works

    def word(self, kind: str) -> str:
        return f"{kind}-{next(self.numbers)}"

    @rule()
    def send(self) -> None:
        async def send() -> None:
            self.sends.append(asyncio.ensure_future(self.session.send(self.word("sent"))))

        self.do(send())
        self.settle()

    @rule()
    def steer(self) -> None:
        text, is_active = self.word("steered"), self.model.asked is not None
        try:
            self.do(self.session.steer(text))
            self.steered.append(text)
            assert is_active
        except UsageError:
            assert not is_active

    @rule()
    def queue(self) -> None:
        text = self.word("queued")
        self.do(self.session.queue(text))
        self.queued.append(text)
        self.settle()

    @precondition(lambda self: self.model.asked is not None)
    @rule()
    def answer(self) -> None:
        self.go_on(Message("assistant", (Text("answer"),)))

    @precondition(lambda self: self.model.asked is not None)
    @rule()
    def call(self) -> None:
        made = ToolCall("", "glob", {"pattern": self.word("x")})
        self.go_on(Message("assistant", (made,)))

    @rule()
    def steer_while_it_answers(self) -> None:
        """The answer is there, and the run has not looked at it yet."""
        if self.model.asked is not None:
            self.model.answer(Message("assistant", (Text("answer"),)))
        text = self.word("steered")
        try:
            self.do(self.session.steer(text))
            self.steered.append(text)
        except UsageError:
            pass
        self.settle()

    @rule()
    def cancel(self) -> None:
        self.do(self.session.cancel())
        self.settle()

    @rule()
    def crash(self) -> None:
        """The process ends here; what the store has is all there is."""
        left, model = self.session, self.model
        records = self.do(self.store.load(SessionId(ID), None))
        self.store, self.model = MemorySessionStore(), Stepwise()
        for record in records:
            self.store.append(SessionId(ID), record, "")
        self.do(self.store.barrier(SessionId(ID), ""))
        self.store.release(SessionId(ID), "")
        self.do(self._end(left))
        assert model.asked is None
        self.sends = []
        self.session = self.do(self._again())
        assert self.is_idle(), "nothing begins by itself"

    async def _end(self, session: AsyncSession) -> None:
        await session.close()
        await asyncio.gather(*self.sends, return_exceptions=True)

    async def _again(self) -> AsyncSession:
        return await self.agent.resume_session(ID, self._options())

    @precondition(lambda self: bool(self.session.runs()))
    @rule()
    def resume(self) -> None:
        last = self.session.runs()[-1]
        if not self.is_idle() or last["status"] not in ("failed", "cancelled"):
            return

        async def resume() -> None:
            work = self.session.resume_run(last["id"])
            self.sends.append(asyncio.ensure_future(work))

        self.do(resume())
        self.settle()

    def teardown(self) -> None:
        try:
            while not self.is_idle():
                self.answer()
            self.send()  # it has what was left over in front of it
            while not self.is_idle():
                self.answer()
            self._check()
        finally:
            self.do(self.agent.close())
            self.do(self._collect())
            self.loop.close()
            self.place.cleanup()

    async def _collect(self) -> None:
        for ended in await asyncio.gather(*self.sends, return_exceptions=True):
            assert not isinstance(ended, Exception) or isinstance(ended, A3SError)
        await asyncio.get_running_loop().shutdown_default_executor()

    def _check(self) -> None:
        texts = [
            block["text"]
            for row in self.session.history()
            for block in row["content"]
            if row["role"] == "user" and block["type"] == "text"
        ]
        assert [text for text in texts if text.startswith("steered")] == self.steered
        prompts = [run["prompt"] for run in self.session.runs()]
        began = [text for text in prompts if text.startswith("queued")]
        assert list(dict.fromkeys(began)) == self.queued
        assert len(texts) == len(set(texts) - GO_ON) + sum(text in GO_ON for text in texts)
        assert self.session.queued_prompts() == []


GO_ON = {"Go on with the task. If it is finished, say what you did and how you checked it."}

TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
