"""An executor over a real directory, and a log in which everything it does can be looked up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from a3s_code.api.workplaces import local_space
from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.harness.completion import Completion
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.artifacts import Artifact, Artifacts, ArtifactStoreLimits
from a3s_code.kernel.clock import SystemClock
from a3s_code.kernel.events import RunId, SessionId
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import Log, RunSink
from a3s_code.kernel.loop import Answer, Limits, Loop, Transcript
from a3s_code.kernel.messages import (
    Conversation,
    Message,
    ToolCall,
    ToolResult,
    user,
)
from a3s_code.kernel.ports import (
    Action,
    Allow,
    Approver,
    Arriving,
    Ask,
    Authority,
    Deny,
    Model,
    ModelRequest,
    Sink,
)
from a3s_code.kernel.records import ArtifactStored, Event, Record, RunStarted, SessionOpened
from a3s_code.kernel.store import Store
from a3s_code.kernel.tool import Observation, Tool, ToolSet

RUN = RunId("run-1")
SESSION = SessionId("s")
WAIT_S = 10.0
"""How long a test waits for what must happen, before it fails."""

E = TypeVar("E", bound=Event)
T = TypeVar("T")


def call(name: str, id_: str = "c1", /, **args: Any) -> ToolCall:
    return ToolCall(id_, name, args)


@dataclass
class Bench:
    """
    One executor, one log, one run.

    Attributes:
        policy: None for the default policy.
    """

    root: Path
    tools: Sequence[Tool] = CORE_TOOLS
    policy: PermissionPolicy | None = field(default_factory=PermissionPolicy.permissive)
    approver: Approver | None = None
    store: Store | None = None
    artifacts: ArtifactStoreLimits = field(default_factory=ArtifactStoreLimits)
    tool_timeout_s: float | None = None

    def __post_init__(self) -> None:
        space, clock = local_space(str(self.root)), SystemClock()
        self.log = Log(SESSION, clock, self.store)
        self.log.append(
            SessionOpened(
                session_id=SESSION, workspace=str(self.root), model="p/m", created_at_ms=1
            )
        )
        self.sink = RunSink(self.log, RUN)
        self.sink.emit(RunStarted(prompt="do it"))
        policy = self.policy.compile() if self.policy is not None else None
        self.executor = Executor(
            tools={tool.name: tool for tool in self.tools},
            session_id=SESSION,
            space=space,
            gate=PolicyGate(policy, space.root),
            approver=self.approver,
            artifacts=Artifacts(self.artifacts),
            clock=clock,
            tool_timeout_s=self.tool_timeout_s,
        )

    def resume(self, records: Sequence[Record]) -> None:
        """Go on with a log of before."""
        self.log = Log(SESSION, SystemClock(), self.store, records)
        self.sink = RunSink(self.log, RUN)

    async def execute(self, *calls: ToolCall) -> tuple[ToolResult, ...]:
        """Run calls as one turn of the model."""
        return await self.executor.execute(calls, self.sink)

    async def directly(self, name: str, **args: Any) -> Observation:
        """Run one call as the host."""
        return await self.executor.call(call(name, **args), Authority.HOST, self.sink)

    @property
    def events(self) -> list[Event]:
        return [record.event for record in self.log.records]

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def names(self) -> list[str]:
        """The types of all events, without what opened the log."""
        return [type(event).__name__ for event in self.events[2:]]


class Unhooked:
    """Hooks that have nothing against anything; tests say otherwise of what they are about."""

    async def before_tool(self, action: Action, sink: Sink) -> Deny | ToolCall | None:
        return None

    async def before_ask(self, action: Action, ask: Ask, sink: Sink) -> Deny | None:
        return None

    async def after_ask(self, action: Action, answer: Allow | Deny, sink: Sink) -> None: ...

    async def after_tool(
        self, action: Action, observation: Observation, seconds: float, sink: Sink
    ) -> None: ...

    async def after_refusal(self, call: ToolCall, observation: Observation, sink: Sink) -> None: ...


class Shelf:
    """Artifacts, and what a log would say that is kept of them."""

    def __init__(self, limits: ArtifactStoreLimits) -> None:
        self.artifacts = Artifacts(limits)
        self.kept: dict[str, ArtifactStored] = {}
        self._contents: dict[str, Artifact] = {}

    def get(self, uri: str) -> Artifact | None:
        return self._contents.get(uri)

    def put(
        self, tool: str, content: str, shown_bytes: int
    ) -> tuple[Artifact | None, tuple[str, ...]]:
        artifact, gone = self.artifacts.put(tool, content, shown_bytes, self.kept)
        for uri in gone:
            del self.kept[uri]
            self._contents.pop(uri, None)
        if artifact is not None:
            self._contents[artifact.artifact_uri] = artifact
            self.kept[artifact.artifact_uri] = ArtifactStored(
                uri=artifact.artifact_uri,
                tool=tool,
                sha256=artifact.artifact_uri.rpartition("/")[2],
                original_bytes=artifact.original_bytes,
                shown_bytes=artifact.shown_bytes,
            )
        return artifact, gone


class WatchedStore:
    """
    Remembers what a barrier has acknowledged.

    Attributes:
        durable: Records that are safe.
        broken: Barriers fail from now on, with this error when it is one.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.blobs: dict[str, bytes] = {}
        self.durable = 0
        self.broken: bool | StoreError = False

    @property
    def durability(self) -> str:
        return "none"

    def safe(self, kind: type[E]) -> list[E]:
        """Give the durable events of one type."""
        events = [record.event for record in self.records[: self.durable]]
        return [event for event in events if isinstance(event, kind)]

    def append(self, session: SessionId, record: Record, owner: str = "") -> None:
        self.records.append(record)

    async def barrier(self, session: SessionId, owner: str = "") -> None:
        count = len(self.records)
        await asyncio.sleep(0)
        if isinstance(self.broken, StoreError):
            raise self.broken
        if self.broken:
            raise StoreError("The disk is full.")
        self.durable = count

    async def load(self, session: SessionId, owner: str | None = "") -> Sequence[Record]:
        if not self.records:
            raise SessionNotFound("There is none.")
        return tuple(self.records)

    def release(self, session: SessionId, owner: str = "") -> None: ...

    async def sessions(self) -> Sequence[SessionId]:
        return [SESSION] if self.records else []

    async def delete(self, session: SessionId) -> None:
        self.records.clear()

    def put_blob(self, session: SessionId, sha256: str, data: bytes, owner: str = "") -> None:
        self.blobs[sha256] = data

    def drop_blob(self, session: SessionId, sha256: str, owner: str = "") -> None:
        self.blobs.pop(sha256, None)

    async def get_blob(self, session: SessionId, sha256: str) -> bytes | None:
        return self.blobs.get(sha256)

    async def head(self, session: SessionId) -> tuple[int, str]:
        count = len(await self.load(session, None))
        return count, f"{count:02x}"

    async def close(self) -> None: ...


class Play:
    """One run of the loop on a bench, with a model that plays a script."""

    def __init__(
        self,
        bench: Bench,
        model: Model,
        limits: Limits | None = None,
        review: Completion | None = None,
    ) -> None:
        self.bench, self.model = bench, model
        self.mail: list[Message] = []
        self.compacted: list[int] = []
        self.can_shorten = False
        self.transcript = Transcript(bench.log.state.conversation, bench.sink)
        self.loop = Loop(
            model=model,
            executor=bench.executor,
            sink=bench.sink,
            prepare=self._prepare,
            review=review or Completion(),
            compact=self._compact,
            inbox=self,
            limits=limits or Limits(),
        )

    async def run(self, prompt: str = "do it") -> Answer:
        self.transcript.add(user(prompt))
        return await self.loop.run(self.transcript)

    def deliver(self, add: Arriving, turn: int) -> None:
        mail, self.mail = self.mail, []
        for message in mail:
            add(message)

    async def _prepare(self, conversation: Conversation, turn: int) -> ModelRequest:
        return ModelRequest("", conversation, ToolSet(tuple(self.bench.tools)), SESSION)

    async def _compact(self, conversation: Conversation, *, overflowed: bool = False) -> bool:
        self.compacted.append(-len(conversation) if overflowed else len(conversation))
        return overflowed and self.can_shorten

    @property
    def said(self) -> list[Message]:
        """The conversation as it stands."""
        return list(self.bench.log.state.conversation.messages)


def files(root: Path) -> dict[str, str]:
    """Give the text of every file below `root`, by its path there."""
    found = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(root)): path.read_text() for path in sorted(found)}


async def come(look: Callable[[], T | None]) -> T:
    """Look again and again until there is something, and give it."""
    async with asyncio.timeout(WAIT_S):
        while not (found := look()):  # noqa: ASYNC110 - files and processes call nobody back
            await asyncio.sleep(0.005)
    return found


async def until(path: Path) -> str:
    """Wait until a file has been written, and give its text."""
    return await come(lambda: path.read_text() if path.exists() else None)


async def until_gone(pid: int) -> None:
    """Wait until there is no such process, or only what is left of it for its parent."""
    await come(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
