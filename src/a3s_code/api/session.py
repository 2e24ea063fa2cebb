"""
A conversation bound to a workspace.

`AsyncSession` is written here once; `Session` in `api/sync.py` is generated from it. A
session is a small record until it is first used; then its engine is assembled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from a3s_code.api import records_view
from a3s_code.api.assembly import Assembly, new_id
from a3s_code.api.direct_tools import DirectTools
from a3s_code.api.event_page import event_page
from a3s_code.api.live import Live
from a3s_code.api.request import Request, parse
from a3s_code.api.result import AgentResult, ToolResult, result_of, tool_result
from a3s_code.api.settings import Opening, warning
from a3s_code.api.time_travel import TimeTravel
from a3s_code.capabilities.commands import CommandRegistry, SlashCommand
from a3s_code.capabilities.commands import parse as parse_command
from a3s_code.errors import A3SError, InvalidType, SessionClosed
from a3s_code.kernel.events import RunEvent
from a3s_code.kernel.messages import Attachment, JsonObject
from a3s_code.kernel.records import Record
from a3s_code.kernel.tool import Tool

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.api.stream import EventStream
    from a3s_code.kernel.log import Log

Prompt = str | Mapping[str, Any]
History = Sequence[Mapping[str, Any]]
Attachments = Sequence[Attachment | Mapping[str, Any]]


class AsyncSession(DirectTools, TimeTravel):
    """
    A conversation bound to a workspace. Made by `AsyncAgent.session`.

    One run at a time: concurrent sends wait their turn, and none is lost. A run that
    fails leaves the conversation as far as it came.

    Source:
        A3S Code README, "AgentSession"; the Python SDK README, "Full API".
    """

    __slots__ = (
        "__weakref__",
        "_added",
        "_assembly",
        "_closed",
        "_commands",
        "_engine",
        "_live",
        "_opening",
    )

    def __init__(
        self,
        assembly: Assembly,
        live: Live[AsyncSession],
        opening: Opening,
        records: Sequence[Record] | None = None,
        owner: str = "",
    ) -> None:
        self._assembly, self._live, self._opening = assembly, live, opening
        self._commands: CommandRegistry | None = None
        self._added: tuple[Tool, ...] = ()
        self._closed = False
        self._engine: Engine | None = None
        if records is not None:
            self._engine = assembly.wake(opening, records, owner)

    # Who it is

    @property
    def session_id(self) -> str:
        return self._opening.session_id

    @property
    def workspace(self) -> str:
        """The directory it works in, as an absolute path."""
        return self._opening.workspace

    @property
    def is_closed(self) -> bool:
        return self._closed

    @property
    def init_warning(self) -> str | None:
        """What was accepted at creation and has no effect; None when there is nothing."""
        return warning(self._opening.settings.missing)

    # Runs

    async def send(self, prompt: Prompt, history: History | None = None) -> AgentResult:
        """
        Run a prompt to its end and give the answer.

        Args:
            prompt: Text, or `{"prompt", "history"?, "attachments"?}`. Text that starts
                with `/` is a command, answered without the model.
            history: Messages to go on from instead of the session's own conversation,
                which then stays as it is.

        Raises:
            InvalidType, InvalidValue: the request is malformed; nothing was run.
            RunError: a limit was reached, or the run was cancelled.
            ModelError: the provider failed.
            StoreError: the record could not be made durable.
            SessionClosed: the session was closed.
            UsageError: called by one of the session's own tools, in the middle of a run.
        """
        return await self._answer(parse(prompt, history))

    async def run(self, prompt: Prompt, history: History | None = None) -> AgentResult:
        """The same as `send`."""
        return await self.send(prompt, history)

    async def send_request(self, request: Mapping[str, Any]) -> AgentResult:
        """The same as `send`, with a request object."""
        return await self.send(request)

    async def send_with_attachments(
        self, prompt: str, attachments: Attachments, history: History | None = None
    ) -> AgentResult:
        """
        Run a prompt with images.

        Args:
            attachments: `Attachment`, or `{"data": bytes, "media_type": str}`.
        """
        return await self._answer(parse(prompt, history, attachments))

    def stream(self, prompt: Prompt, history: History | None = None) -> EventStream:
        """
        Start a run and give its events as they happen. Arguments as for `send`.

        Closing or dropping the stream before its end cancels the run; a stream that is
        still held goes on. A failure of the run is its last event.

        Raises:
            InvalidType, InvalidValue: the request is malformed; nothing was run.
        """
        return self._stream(parse(prompt, history))

    def stream_request(self, request: Mapping[str, Any]) -> EventStream:
        """The same as `stream`, with a request object."""
        return self.stream(request)

    def stream_with_attachments(
        self, prompt: str, attachments: Attachments, history: History | None = None
    ) -> EventStream:
        """Start a run with images and give its events."""
        return self._stream(parse(prompt, history, attachments))

    async def cancel(self) -> bool:
        """
        Stop the active run or command and wait for its end; True when there was one.

        What waits its turn goes on, and so do tools that were called directly.

        Raises:
            UsageError: it did not stop within 10 s; says what goes on by itself.
        """
        return await self._engine.cancel() if self._engine else False

    async def cancel_run(self, run_id: str) -> bool:
        """Stop the active run, as `cancel` does, if it is this one; ignore any other id."""
        return await self._engine.cancel(run_id) if self._engine else False

    async def resume_run(self, run_id: str) -> AgentResult:
        """
        Go on with the last run where it was cut off: by the end of its process, a limit, a
        failure or a cancellation.

        Its calls that were not started are done now, each decided anew; what took effect is
        not repeated. The new run has an id of its own, and its usage and tool calls count
        those of the one before.

        Raises:
            InvalidValue: there is no such run, it is not the last one, or it ended well.
            RunError, ModelError, StoreError, SessionClosed, UsageError: as `send`.

        Source:
            SPEC 9.6; DESIGN 4.
        """
        return result_of(await (await self._awake()).resume_run(run_id))

    async def fork(
        self,
        at: str | None = None,
        workspace: str | os.PathLike[str] | None = None,
        session_id: str | None = None,
    ) -> AsyncSession:
        """
        Begin another session from a checkpoint of this one, or from now, on its own files.

        It has the conversation, the options and the model of this one, and a copy of the
        files that a snapshot holds (see `rewind`): no `.git`, nothing that git ignores. Its
        log names the one it comes from. When it is given, it is durable in its store.

        Args:
            workspace: A new or empty directory for the copy. By default one below the
                directory of the session's store.

        Raises:
            InvalidValue: there is no such checkpoint; or no directory was given, and the
                session has no store on the disk; or a session of this id is open.
            SnapshotLost, SnapshotRefused, WorkspaceError, StoreError: as `rewind`.

        Source:
            DESIGN 4.
        """
        engine = await self._awake()
        opening = self._assembly.forked(self._opening, session_id, workspace)
        parent = await engine.export(at, opening.workspace)
        history = engine.checkpoints.chat_at(parent.at)
        opening = replace(opening, parent=parent, history=history)
        forked = self._live.take(
            opening.session_id, partial(AsyncSession, self._assembly, self._live, opening)
        )
        begun = await forked._awake()  # noqa: SLF001 - another of this class
        await begun.log.barrier()
        return forked

    # What is left to decide

    def in_doubt(self) -> list[JsonObject]:
        """
        List the effects of which nobody can tell whether they came about.

        They were about to run when their process ended. The same call of the model is put
        to the approver, and denied when there is none, until `resolve_in_doubt` is called.

        Returns:
            `call_id`, `tool`, `args_sha256`, `run_id`, `since_ms` (Unix time), `reason`.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.in_doubt(log) if log else []

    async def resolve_in_doubt(self, call_id: str, took_effect: bool) -> bool:
        """
        Say of an effect in doubt what it came to; False when none of this call is.

        Raises:
            StoreError: it could not be made durable.
            SessionClosed: the session was closed.
        """
        return await (await self._awake()).resolve(call_id, took_effect=took_effect)

    def pending_confirmations(self) -> list[JsonObject]:
        """
        List the questions about calls that nobody has answered, oldest first.

        Those that a process left behind are among them; `resume_run` takes up the answers.

        Returns:
            `tool_id`, `tool_name`, `args`, and `remaining_ms`, None when no time is set.

        Raises:
            SessionClosed: the session was closed.

        Source:
            SPEC 6.2.
        """
        log = self._log()
        return records_view.pending_confirmations(log) if log else []

    async def confirm_tool_use(
        self, tool_id: str, approved: bool, reason: str | None = None
    ) -> bool:
        """
        Answer the question about a call; False when none waits for an answer.

        Raises:
            StoreError: the answer could not be made durable.
            SessionClosed: the session was closed.
        """
        engine = await self._awake()
        return await engine.confirm(tool_id, approved=approved, reason=reason)

    # Records

    def history(self) -> list[JsonObject]:
        """
        Give the conversation: `{"role", "content": [blocks]}`, oldest first.

        Empty until the session is first used, also when its store knows it. Like every
        record it goes with the session: read it before `close`, or resume the session.

        Raises:
            SessionClosed: the session was closed; nothing of it is kept in memory.
        """
        log = self._log()
        return records_view.history(log) if log else []

    def runs(self) -> list[JsonObject]:
        """
        Give the snapshots of all runs, oldest first; fields of `RunSnapshot`.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.runs(log) if log else []

    def run_snapshot(self, run_id: str) -> JsonObject | None:
        """
        Give the snapshot of one run; None for an unknown id.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.run_snapshot(log, run_id) if log else None

    def run_events(self, run_id: str) -> list[JsonObject]:
        """
        List `{"sequence", "timestamp_ms", "event"}` of one run, without gaps.

        The first is 0, or what `retention_limits` left of a long run.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.run_events(log, run_id) if log else []

    def run_event_page(
        self, run_id: str, after_sequence: int | None = None, limit: int = 256
    ) -> JsonObject | None:
        """
        Give a part of `run_events`, so that a long run can be followed piece by piece.

        Args:
            after_sequence: The last one that was seen; `next_after_sequence` of the page
                before. None = from the beginning.
            limit: Events at most.

        Returns:
            `events`; `first_available_sequence`, that of the oldest one that is kept;
            `latest_sequence_exclusive`, that of the next one to come;
            `next_after_sequence`, None while the run has no event; `retention_gap`, some
            between what was seen and this page were dropped; `has_more`. None for an
            unknown run.

        Raises:
            InvalidType, InvalidValue: a number is none, or outside what is accepted.
            SessionClosed: the session was closed.

        Source:
            SPEC 4.1.
        """
        return event_page(self._log(), run_id, after_sequence, limit)

    def current_run(self) -> JsonObject | None:
        """Give the snapshot of the active run; None when the session is idle or closed."""
        engine = self._engine
        return records_view.active_run(engine.log, engine.current) if engine else None

    def active_tools(self) -> list[JsonObject]:
        """List `{"id", "name", "started_at_ms"}` of the tool calls that run now."""
        calls = self._engine.executor.active.items() if self._engine else ()
        return [{"id": id_, "name": name, "started_at_ms": at} for id_, (name, at) in calls]

    def trace_events(self) -> list[JsonObject]:
        """
        List every tool call with its duration and size, without its output; SPEC 4.2.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.trace_events(log) if log else []

    async def get_artifact(self, artifact_uri: str) -> JsonObject | None:
        """
        Give a tool's complete output by the `a3s://` URI that stood in the cut one.

        Returns:
            `artifact_id`, `artifact_uri`, `tool_name`, `content`, `original_bytes`,
            `shown_bytes`; None for an unknown URI, or after the limits evicted it.

        Raises:
            SessionClosed: the session was closed.
        """
        self._check_open()
        artifact = await self._engine.artifact(artifact_uri) if self._engine else None
        return records_view.row(artifact) if artifact is not None else None

    async def log_head(self) -> JsonObject | None:
        """
        Give `{"sequence", "hash"}` of the last record that the store holds: an anchor.

        Kept somewhere else, it shows later whether the log was cut off or written anew:
        `a3s-code verify DIR --session ID --head HASH`.

        Returns:
            None when the session was not used, has no store yet, or one without anchors.

        Raises:
            StoreError: the store cannot be read.
            SessionClosed: the session was closed.
        """
        log = self._log()
        head = await log.head() if log else None
        return {"sequence": head[0] - 1, "hash": head[1]} if head else None

    async def save(self) -> None:
        """
        Return when the session is durable in its store, or in the agent's default one.

        Raises:
            StoreError: it cannot be stored.
        """
        await (await self._awake()).keep(self._assembly.default_store)

    async def close(self) -> None:
        """
        Stop what runs and refuse everything later; does nothing the second time.

        Nothing of the session is kept in memory; what it recorded is in its store.

        Raises:
            UsageError: something did not stop within 10 s; the session is closed, and the
                error says what goes on by itself.
            StoreError: what was recorded last could not be made durable.
        """
        self._closed = True
        engine = self._engine
        if engine is None:
            return
        try:
            await engine.close()  # whoever closes it meanwhile waits for the same end
        except A3SError:
            self._engine = None
            raise
        self._engine = None

    # Tools, called directly

    async def tool(self, name: str, args: Mapping[str, Any]) -> ToolResult:
        """
        Run one tool without the model, on the caller's own authority.

        The workspace boundary, hooks, limits and the log hold as for the model's calls.
        A tool that fails, or does not exist, gives a result with `exit_code` other than 0.
        """
        if not isinstance(name, str) or not isinstance(args, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType("A tool is called by its name and an object of arguments.")
        return tool_result(name, await (await self._awake()).call(name, dict(args)))

    def tool_names(self) -> list[str]:
        """
        Name every tool that can be called.

        The model is shown the same ones in this order, without `git_worktree`, which older
        documents call directly.
        """
        return [tool.name for tool in self._tools()]

    def tool_definitions(self) -> list[JsonObject]:
        """List `{"name", "description", "parameters"}` of every tool."""
        return [
            {"name": tool.name, "description": tool.summary, "parameters": tool.schema}
            for tool in self._tools()
        ]

    def register_tool(self, tool: Tool | Callable[..., Any]) -> None:
        """
        Offer one more tool to the model: a `Tool`, or a function with typed parameters.

        Raises:
            InvalidType: a parameter of the function has no type, or one without a schema.
        """
        self._check_open()
        made = self._assembly.checked_tool(tool)
        if self._engine is not None:
            self._engine.add_tool(made)
        else:
            self._added = (*self._added, made)

    # Commands

    def list_commands(self) -> list[dict[str, str | None]]:
        """List `{"name", "description", "usage"}` of the slash commands, by name."""
        return self.command_registry().rows()

    def register_command(
        self,
        name: str | SlashCommand,
        description: str = "",
        handler: Callable[[str, dict[str, Any]], Any] | None = None,
    ) -> None:
        """
        Add a slash command: a name with `handler(args, ctx) -> str`, or one object.

        Raises:
            InvalidValue: the name is malformed or built in.
            InvalidType: there is nothing to call.
        """
        self.command_registry().register(name, description, handler)

    def command_registry(self) -> CommandRegistry:
        """Give the commands of this session."""
        if self._commands is None:
            self._commands = CommandRegistry()
        return self._commands

    # Inside

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosed(
                f"Session {self.session_id} is closed.", hint="open a new one, or resume it"
            )

    async def _awake(self) -> Engine:
        """Give the engine; a session that its store knows goes on where it stopped."""
        self._check_open()
        if self._engine is None:
            owner = new_id("")
            records = await self._assembly.stored(self._opening, owner)
            self._check_open()
            if self._engine is None:  # another call may have been quicker
                self._engine = self._assembly.wake(self._opening, records, owner)
                for tool in self._added:
                    self._engine.add_tool(tool)
        engine = self._engine
        await engine.settle()
        return engine

    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""
        self._check_open()
        return self._engine.log if self._engine else None

    def _tools(self) -> Sequence[Tool]:
        if self._engine is not None:
            return tuple(self._engine.executor.tools.values())
        return self._assembly.tools(self._opening, self._added)

    async def _answer(
        self, request: Request, watch: Callable[[RunEvent], None] | None = None
    ) -> AgentResult:
        engine = await self._awake()
        command = parse_command(request.prompt)
        if command is None:
            return result_of(await engine.run(request, watch))
        from a3s_code.api.command_runs import CommandRun

        name, args = command
        known = self.command_registry().get(name)
        return await CommandRun(engine, known, name, args, watch).conduct()

    def _stream(self, request: Request) -> EventStream:
        from a3s_code.api.stream import open_stream

        self._check_open()
        return open_stream(partial(self._answer, request))
