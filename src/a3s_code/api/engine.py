"""
A session that is awake: its log, its executor, and one run at a time.

Made when a session is first used and dropped when it is closed; a session that only
exists costs a small record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import InitVar, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from a3s_code.api.behaviour import Behaviour
from a3s_code.api.blank import blank, taint
from a3s_code.api.budgeting import NO_TERMS, BudgetTerms
from a3s_code.api.budgets import Budgets
from a3s_code.api.checkpoints import Checkpoints
from a3s_code.api.child_works import ChildWorks
from a3s_code.api.costs import PriceOf
from a3s_code.api.evidence_trees import EvidenceTrees
from a3s_code.api.hooking import idle, lost
from a3s_code.api.inbox import RunInbox, nobody
from a3s_code.api.memory_runs import Lessons, SessionMemory
from a3s_code.api.outlet import Outlet, Seal, Watch
from a3s_code.api.prefixes import Prefixes
from a3s_code.api.prompt_queue import TAKEN_BACK, PromptQueue
from a3s_code.api.receipts import Receipts
from a3s_code.api.recovery import leave_behind, recover, settle
from a3s_code.api.request import Request
from a3s_code.api.result import AgentResult
from a3s_code.api.rewind import Rewind
from a3s_code.api.room import Patience
from a3s_code.api.run import Run
from a3s_code.api.settings import Parting
from a3s_code.api.supplied import Supplied
from a3s_code.api.unfinished import parting, resumption
from a3s_code.api.verdicts import Verdicts
from a3s_code.api.verification_runs import verify
from a3s_code.api.works import Stopped, Works, is_inside
from a3s_code.api.worktrees import reclaim
from a3s_code.checks import check_bool
from a3s_code.errors import InvalidValue, RunCancelled, RunError, StoreError, UsageError
from a3s_code.harness.hooks.run_hooks import SessionHooks
from a3s_code.harness.selector import Selection
from a3s_code.harness.verification.commands import CheckCommand
from a3s_code.harness.verification.summary import Summary
from a3s_code.kernel.artifacts import Artifact
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.confinement import SandboxState
from a3s_code.kernel.events import RunId
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import SESSION, Log
from a3s_code.kernel.loop import Answer
from a3s_code.kernel.messages import JsonObject, ToolCall, Usage
from a3s_code.kernel.ports import Authority, Model, SecurityProvider
from a3s_code.kernel.records import HookNamed, HooksInForce, ParentLog, TokensSpent, WorktreeMade
from a3s_code.kernel.retention import retain
from a3s_code.kernel.space import Space
from a3s_code.kernel.state import OpenEffect, Verified
from a3s_code.kernel.store import Store
from a3s_code.kernel.tool import Observation, Tool, ToolSet

if TYPE_CHECKING:  # few sessions have it
    from a3s_code.api.code_intelligence import CodeIntelligence
    from a3s_code.api.staff import Staff
    from a3s_code.delegation.isolation import Ground

T = TypeVar("T")

KEEP_S = 90.0
"""For any store; those of this package say sooner that they cannot keep something."""

_COMMAND = "command"


@dataclass(slots=True)
class Engine:
    """
    Attributes:
        model: Opens a model by its `provider/model`; raises UnknownModel.
        selection: Which tools the model is shown.
        price: US dollars for the tokens of a model's answer; None when nobody knows its price.
        keep_s: How long `close` waits for the store.
        hooks_before: Hooks that the session had when it went on.
        sandbox: How the programs of its calls are held.
        terms: What the session may use up; `budgets` holds it to them.
        provider: The security provider of the session; None when it has none.
        code: The map and the diagnostics; None when nobody asked for them.
        memory: What it remembers; set by whoever wakes it, and so is `staff`.
        staff: Whom it can delegate to.
        lessons: What it keeps of its runs; None where it was given no memory store.
        space_of_copy: Gives what programs may use in a copy of its files; None where its
            commands run elsewhere.
        ground: Gives its workspace, for children that get a copy of it; None where none can.
    """

    log: Log
    executor: Executor
    model: Callable[[str], Model]
    behaviour: Behaviour
    selection: Selection
    clock: Clock
    new_id: Callable[[str], str]
    price: PriceOf
    checkpoints: Checkpoints
    hooks: SessionHooks
    keep_s: float = KEEP_S
    sandbox: SandboxState | None = None
    provider: SecurityProvider | None = None
    patience: Patience = field(default_factory=Patience)
    code: CodeIntelligence | None = None
    memory: SessionMemory = field(init=False)
    staff: Staff = field(init=False)
    lessons: Lessons | None = None
    space_of_copy: Callable[[str], Space] | None = None
    terms: InitVar[BudgetTerms] = NO_TERMS
    budgets: Budgets = field(init=False)
    ground: Callable[[], Ground] | None = None
    hooks_before: tuple[HookNamed, ...] = field(init=False)
    receipts: Receipts = field(default_factory=Receipts)
    prefixes: Prefixes = field(init=False)
    evidence: EvidenceTrees = field(init=False)
    supplied: Supplied = field(default_factory=Supplied)
    _works: Works = field(init=False)
    _seal: Seal = field(default_factory=Seal)
    _announced: set[str] = field(default_factory=set[str])
    _closing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _settling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _left: dict[str, OpenEffect] = field(init=False)
    _worktrees_left: list[WorktreeMade] = field(init=False)
    _outlet: Outlet | None = None
    child_works: ChildWorks = field(init=False)
    _asides: int = 0
    _inbox: RunInbox | None = None
    _prompts: PromptQueue | None = None

    def __post_init__(self, terms: BudgetTerms) -> None:
        self.budgets = Budgets(terms, self.log, self.executor, self.clock, self.price, self.telling)
        self._works = Works(self.log.release, blank=partial(blank, shown=self.log.shown))
        self.child_works = ChildWorks(self._works, self.log, self._seal, self.retain)
        self._left = dict(self.log.state.effects)
        self._worktrees_left = [*self.log.state.worktrees.values()]
        self.prefixes = Prefixes(self.log, self.price)
        self.evidence = EvidenceTrees(self.checkpoints)
        self.hooks_before = self.log.state.hooks

    # Runs

    async def run(self, request: Request, watch: Watch | None = None) -> Answer:
        """
        Answer one request; concurrent ones wait their turn.

        Raises:
            SessionClosed: `close` was called, also while this waited.
            UsageError: called from inside a run of this session.
            RunError, ModelError, StoreError: as `Run.conduct`; the session goes on.
        """

        def asked() -> tuple[Request, None]:
            if request.queued and request.queued not in self.log.state.waiting:
                raise RunCancelled(TAKEN_BACK)
            return request, None

        return await self._conduct(asked, watch)

    async def resume_run(self, run_id: str) -> Answer:
        """
        Go on with a run that was cut off, as a run of its own.

        Raises:
            InvalidValue: there is no such run, or nothing to go on with; says why.
            SessionClosed, UsageError, RunError, ModelError, StoreError: as `run`.
        """
        return await self._conduct(lambda: resumption(self.log, run_id))

    async def _conduct(
        self, asked: Callable[[], tuple[Request, RunId | None]], watch: Watch | None = None
    ) -> Answer:
        """Run what `asked` gives when it is its turn."""
        run_id = RunId(self.new_id("run"))
        async with self._works.turn(run_id):
            request, resumed = asked()
            self._note_hooks()
            taint(self.provider, request.prompt)
            self._outlet = outlet = self.outlet(run_id, watch)
            run = Run(self, outlet, request, self._news(), resumed)
            self._inbox = run.inbox
            try:
                return await self._works.run(run_id, partial(self._bounded, run))
            except RunError as error:
                error.run_id, error.partial_text = run_id, run.said
                raise
            finally:
                run.inbox.close()
                if self._prompts is not None:
                    self._prompts.wake()

    async def _bounded(self, run: Run) -> Answer:
        """Conduct a run, and keep of the log then what the limits allow."""
        try:
            with self.budgets.run(self._works.holder):
                return await run.conduct()
        finally:
            self.budgets.settle(self.outlet())
            self.retain()

    @property
    def current(self) -> RunId | None:
        """The run that is active now."""
        holder = RunId(self._works.holder)
        return holder if holder in self.log.state.runs else None

    async def cancel(self, run_id: str | None = None) -> bool:
        """
        Stop what is being answered, or only the run `run_id`, with the children that it has in
        the background; True when there was something. When nothing is being answered, the
        children of earlier runs are stopped.

        What waits its turn goes on, and so does a command that this is called from.

        Raises:
            UsageError: it does not stop; says what goes on by itself.
        """
        run = RunId(run_id) if run_id is not None else self.current
        return self._stopped(
            await self._works.stop(
                lambda key: self._answers(key, run_id) or self.child_works.is_of(key, run)
            )
        )

    async def cancel_child(self, id_: str) -> bool:
        """
        End a child run, with what it has started; True when it was running.

        Raises:
            UsageError: as `cancel`.
        """
        return self._stopped(await self.child_works.cancel(id_))

    def _stopped(self, stopped: Stopped) -> bool:
        if stopped.left:
            raise self._left_behind()
        return stopped.count > 0

    def _answers(self, key: str, run_id: str | None) -> bool:
        if key == self._works.holder:
            return run_id in (None, key)
        return run_id is None and key.startswith(_COMMAND) and not is_inside(key)

    def _news(self) -> tuple[str, ...]:
        """Name the settings and hooks without effect that were not named before."""
        asked = self.hooks.firing.engine
        gone = (f"hook {name}" for name in lost(self.hooks_before, asked))
        missing = (*self.behaviour.missing, *idle(asked), *gone)
        new = tuple(name for name in missing if name not in self._announced)
        self._announced.update(new)
        return new

    def _note_hooks(self) -> None:
        """Record which hooks are asked, when they are others than before."""
        now = self.hooks.firing.engine.names
        if now != self.log.state.hooks:
            self.outlet().emit(HooksInForce(hooks=now))

    # Words for the run of now, and for later ones

    async def steer(self, text: str) -> str:
        """
        Take in words of the user for the active run; see `Steering.steer`, whose errors these are.
        """
        inbox = self._heard()
        hooks = self.hooks.run(inbox.sink, text)
        await hooks.admit(self.behaviour.prompt, len(self.log.state.conversation))
        if inbox is not self._heard():
            raise nobody()
        taint(self.provider, text)
        id_ = self.new_id("steer")
        inbox.put(id_, text)
        await inbox.sink.barrier()
        return id_

    def _heard(self) -> RunInbox:
        if self._inbox is None or not self._inbox.is_open:
            raise nobody()
        return self._inbox

    def prompts(self, answer: Callable[[Request], Awaitable[AgentResult]]) -> PromptQueue:
        """Give what waits for its turn; `answer` runs a request."""
        if self._prompts is None:
            self._prompts = PromptQueue(self, answer)
        return self._prompts

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop that the session belongs to; None where it may still be any."""
        return self._works.loop

    @property
    def is_closing(self) -> bool:
        return self._works.is_closed

    def launch(
        self,
        key: str,
        begin: Callable[[], Coroutine[Any, Any, object]],
        on_end: Callable[[], None],
    ) -> None:
        """Run what nobody waits for, and who launches it has no part in; see `Works.launch`."""
        self._works.launch(key, begin, on_end, is_apart=True)

    # Works

    async def in_turn(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run what changes the conversation, when it is its turn."""
        key = self.new_id("change")
        async with self._works.turn(key):
            return await self._works.run(key, begin)

    async def beside_turn(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run what may itself wait for the turn."""
        return await self._works.run(self.new_id(_COMMAND), begin)

    async def aside(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run what only adds to the log, whoever has the turn."""
        self._asides += 1
        return await self._works.run(f"aside-{self._asides}", begin)

    def outlet(self, run: RunId = SESSION, watch: Watch | None = None) -> Outlet:
        """Give the log to a run, or to what belongs to no run."""
        return Outlet(self.log, self._seal, run, watch)

    def spend(self, spent: TokensSpent) -> None:
        """Book and record tokens that were used outside of any run."""
        self.budgets.charge(spent)
        self.outlet().emit(spent)

    def telling(self) -> Outlet:
        """Give the log to what belongs to the run of now, or to none."""
        return self._outlet if self._outlet is not None and self.current else self.outlet()

    # The end of the process before, and of this session

    def recover(self) -> None:
        """Record how the runs ended that an ended process left open."""
        recover(self.log)

    async def settle(self) -> None:
        """
        Look up what an ended process left open of its effects; only the first call does.

        Raises:
            StoreError: it could not be recorded.
        """
        async with self._settling:
            if any(not effect.doubt for effect in self._left.values()):
                work = partial(settle, self.log, self.executor, self.outlet())
                await self._works.run(self.new_id("settle"), work)
            left = self._worktrees_left
            if left and self.ground is not None:
                again = partial(reclaim, left, self.ground(), self.outlet())
                await self._works.run(self.new_id("settle"), again)
            self._left, self._worktrees_left = {}, []

    # Going back

    async def rewind(self, name: str, *, files: bool, chat: bool) -> JsonObject:
        """
        Go back to a checkpoint; see `Rewind.conduct`.

        Raises:
            InvalidType: `files` or `chat` is no bool.
            InvalidValue: there is no such checkpoint.
        """
        check_bool("files", files)
        check_bool("chat", chat)

        async def go_back() -> JsonObject:
            place = self.checkpoints.find(name)
            return await Rewind(self, place).conduct(files=files, chat=chat)

        return await self.in_turn(go_back)

    async def diff(self, before: str, after: str | None) -> str:
        """
        Give what differs between two checkpoints, or from one to now, as a unified diff.

        Raises:
            InvalidValue: there is no such checkpoint.
            SnapshotLost, SnapshotRefused, WorkspaceError, StoreError: the files of one of
                them cannot be told.
        """
        return await self._works.run(self.new_id("diff"), partial(self._diff, before, after))

    async def _diff(self, before: str, after: str | None) -> str:
        sink = self.outlet()
        old = await self.checkpoints.tree_at(self.checkpoints.find(before), sink, "diff")
        if after is None:
            new = await self.checkpoints.take("diff", sink)
        else:
            new = await self.checkpoints.tree_at(self.checkpoints.find(after), sink, "diff")
        await sink.barrier()
        return self.log.shown(await self.checkpoints.snapshots.diff(old, new))

    async def export(self, name: str | None, directory: str) -> Parting:
        """
        Write the files of a checkpoint, or of now, into a new directory, and say what a
        session that parts there begins with.

        Raises:
            InvalidValue, SnapshotLost, SnapshotRefused, WorkspaceError, StoreError: as `diff`.
        """

        async def export() -> Parting:
            sink, at = self.outlet(), len(self.log.records)
            if name is None:
                tree = await self.checkpoints.take("fork", sink)
            else:
                place = self.checkpoints.find(name)
                at = place.sequence
                tree = await self.checkpoints.tree_at(place, sink, "fork")
            await sink.barrier()
            await self.checkpoints.snapshots.export(tree, directory)
            count, sha256 = await self.log.head() or (0, "")
            parent = ParentLog(str(self.log.session), at, count - 1, sha256)
            return await parting(self.log, parent, self.checkpoints.state_at(at))

        return await self.in_turn(export)

    # What is kept, and the end

    @property
    def verdicts(self) -> Verdicts:
        """What people decide about the calls of this session."""
        return Verdicts(self.log, self.executor, self.outlet, self._work)

    async def _work(self, begin: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
        return await self._works.run(self.new_id("record"), begin)

    def retain(self) -> None:
        """
        Drop what is beyond the limits of the session.

        A log that is closed stays as it is; so does one whose last calls wait for results,
        which are looked up in it.
        """
        last = self.log.state.conversation.last
        if not self._seal.is_set and not (last is not None and last.calls):
            retain(self.log, self.behaviour.retention)

    async def close(self) -> None:
        """
        Stop what runs and refuse what comes; what was recorded is made durable.

        Raises:
            UsageError: something does not stop; says what goes on by itself. Nothing of it
                is recorded any more.
            StoreError: what was recorded could not be made durable.
        """
        stopped = await self._works.close()
        async with self._closing:
            await self._tell_end()
            if self.code is not None:
                await self.code.close()
        leave_behind(self.log)
        self._seal.set()
        try:
            async with asyncio.timeout(self.keep_s):
                await self.log.barrier()
                await self.memory.flush()
            self.log.release()  # what was recorded of the end came after the last work
            self.executor.forget_exits()
        except TimeoutError as error:
            raise StoreError(f"The store did not answer within {self.keep_s:g} s.") from error
        if stopped.left:
            raise self._left_behind()

    async def _tell_end(self) -> None:
        spent = sum(self.log.state.spent.values(), Usage())
        await self.hooks.end(self.outlet(), spent, len(self.log.state.call_ids))

    def _left_behind(self) -> UsageError:
        tools = sorted({name for name, _ in self.executor.active.values()})
        what = f"the tool {', '.join(tools)}" if tools else "a model, a command or a store"
        return UsageError(
            f"Cancelled, not stopped within {self._works.stop_s:g} s, and left behind: {what}.",
            hint="make it end when it is cancelled",
        )

    # Calls of the host

    async def call(self, name: str, args: JsonObject, tool: Tool | None = None) -> Observation:
        """Run one tool, or `tool` itself, on the host's authority, outside any run."""
        call = ToolCall(self.new_id("call"), name, args)
        return await self._works.run(call.id, partial(self._call, call, tool))

    async def call_to(self, call: ToolCall, sink: Outlet) -> Observation:
        """Run one call on the host's authority, told to `sink`."""
        return await self._works.run(call.id, partial(self._call, call, None, sink))

    async def _call(
        self, call: ToolCall, tool: Tool | None, sink: Outlet | None = None
    ) -> Observation:
        sink = sink or self.outlet()
        self._note_hooks()
        observation = await self.executor.call(call, Authority.HOST, sink, tool)
        await sink.barrier()
        self.retain()  # no run need come behind it
        return observation

    async def verify(self, subject: str, commands: Sequence[CheckCommand]) -> Verified:
        """Run checks outside any run, on the host's authority; see `verification_runs.verify`."""
        self._note_hooks()
        return await self.beside_turn(partial(verify, self, self.outlet(), subject, commands))

    async def verification_summary(self) -> Summary:
        """Say what was checked comes to on the files of now."""

        async def look() -> Summary:
            sink = self.outlet()
            summary = await self.evidence.summary(self.log.state.verifications, sink)
            await sink.barrier()
            return summary

        return await self.aside(look)

    async def keep(self, store: Store) -> None:
        """
        Keep the session in `store` from now on, unless it has one; return when it is durable.

        Raises:
            StoreError: it cannot be stored.
        """
        await self._works.run(self.new_id("save"), partial(self._keep, store))

    async def _keep(self, store: Store) -> None:
        if not self.log.is_stored:
            self.log.attach(store)
        await self.log.barrier()

    async def artifact(self, uri: str) -> Artifact | None:
        """Find a tool's complete output; None when there is none, or no more."""
        stored = self.log.state.artifacts.get(uri)
        if stored is None:
            return None
        data = await self.log.get_blob(stored.sha256)
        if data is None:
            return None
        return Artifact(
            artifact_id=f"tool-output:{stored.tool}:{stored.sha256}",
            artifact_uri=uri,
            tool_name=stored.tool,
            content=data.decode("utf-8", "surrogatepass"),
            original_bytes=stored.original_bytes,
            shown_bytes=stored.shown_bytes,
        )

    def real_path(self, path: str) -> str:
        """
        Give the real path of a file, below the workspace root.

        Raises:
            PathRefused: it leads outside.
        """
        target = self.executor.space.files.resolve(path)
        target.close()
        return target.path

    async def file_now(self, path: str) -> bytes:
        """
        Read a whole file; there is nothing in one that is not there.

        Raises:
            InvalidValue: it is a directory.
        """
        files = self.executor.space.files
        target = files.resolve(path)
        try:
            return await files.read(target)
        except FileNotFoundError:
            return b""
        except IsADirectoryError as error:
            raise InvalidValue(f"{path} is a directory now.") from error
        finally:
            target.close()

    @property
    def visible(self) -> ToolSet:
        """All tools that the model may be shown, in a stable order."""
        return ToolSet(self.selection.tools)

    def add_tool(self, tool: Tool) -> None:
        """Offer one more tool from the next turn on; its name replaces an equal one."""
        self.selection.add(tool)
        self.executor.tools = {**self.executor.tools, tool.name: tool}
