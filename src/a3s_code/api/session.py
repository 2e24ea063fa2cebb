"""
A conversation bound to a workspace.

`AsyncSession` is written here once; `Session` in `api/sync.py` is generated from it. A
session is a small record until it is first used; then its engine is assembled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import msgspec

from a3s_code.api.assembly import Assembly
from a3s_code.api.request import Request, history_rows, parse
from a3s_code.api.result import AgentResult, ToolResult, result_of, tool_result
from a3s_code.api.settings import Opening, warning
from a3s_code.capabilities.commands import (
    ClearHistory,
    Command,
    CommandAction,
    CommandContext,
    CommandRegistry,
    Compact,
    SlashCommand,
    SwitchModel,
)
from a3s_code.capabilities.commands import parse as parse_command
from a3s_code.errors import InvalidType, SessionClosed, ToolFailed, UnknownModel
from a3s_code.kernel.events import AgentEnd, AgentStart, Record, RunEvent, RunId, TraceRecorded
from a3s_code.kernel.messages import Attachment, JsonObject, Usage
from a3s_code.kernel.state import TERMINAL, RunSnapshot, run_events
from a3s_code.kernel.tool import Tool

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.api.stream import EventStream

TRACE_SCHEMA = "a3s.trace_event.v1"
_NO_LISTS: JsonObject = {"metadata_keys": [], "artifact_uris": []}

Prompt = str | Mapping[str, Any]
History = Sequence[Mapping[str, Any]]
Attachments = Sequence[Attachment | Mapping[str, Any]]


class AsyncSession:
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
        "_opening",
    )

    def __init__(
        self, assembly: Assembly, opening: Opening, records: Sequence[Record] | None = None
    ) -> None:
        self._assembly, self._opening = assembly, opening
        self._commands: CommandRegistry | None = None
        self._added: tuple[Tool, ...] = ()
        self._closed = False
        self._engine: Engine | None = None
        if records is not None:
            self._engine = assembly.wake(opening, records)

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

        Leaving the stream early cancels the run; a failure is its last event.

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
        """Stop the active run and wait for it to end; True when there was one."""
        return await self._engine.cancel() if self._engine else False

    async def cancel_run(self, run_id: str) -> bool:
        """Stop the active run if it is this one; any other id is ignored."""
        return await self._engine.cancel(run_id) if self._engine else False

    # Records

    def history(self) -> list[JsonObject]:
        """
        Give the conversation: `{"role", "content": [blocks]}`, oldest first.

        Empty until the session is first used, also when its store knows it.
        """
        return history_rows(self._engine.log.state.conversation.messages) if self._engine else []

    def runs(self) -> list[JsonObject]:
        """Give the snapshots of all runs, oldest first; fields of `RunSnapshot`."""
        return [_row(run) for run in self._runs().values()]

    def run_snapshot(self, run_id: str) -> JsonObject | None:
        """Give the snapshot of one run; None for an unknown id."""
        run = self._runs().get(RunId(run_id))
        return _row(run) if run is not None else None

    def run_events(self, run_id: str) -> list[JsonObject]:
        """List `{"sequence", "timestamp_ms", "event"}` of one run, from 0 without gaps."""
        if self._engine is None:
            return []
        rows = run_events(self._engine.log.records, RunId(run_id))
        return [msgspec.to_builtins(row) for row in rows]

    def current_run(self) -> JsonObject | None:
        """Give the snapshot of the active run; None when the session is idle."""
        current = self._engine.current if self._engine else None
        run = self._runs().get(current) if current is not None else None
        return _row(run) if run is not None and run.status not in TERMINAL else None

    def active_tools(self) -> list[JsonObject]:
        """List `{"id", "name", "started_at_ms"}` of the tool calls that run now."""
        if self._engine is None:
            return []
        calls = tuple(self._engine.executor.active.items())
        return [{"id": id_, "name": name, "started_at_ms": at} for id_, (name, at) in calls]

    def trace_events(self) -> list[JsonObject]:
        """List every tool call with its duration and size, without its output; SPEC 4.2."""
        records = self._engine.log.records if self._engine else ()
        traces = [r.event for r in records if isinstance(r.event, TraceRecorded)]
        return [{"schema": TRACE_SCHEMA, **_NO_LISTS, **_row(trace)} for trace in traces]

    async def get_artifact(self, artifact_uri: str) -> JsonObject | None:
        """
        Give a tool's complete output by the `a3s://` URI that stood in the cut one.

        Returns:
            `artifact_id`, `artifact_uri`, `tool_name`, `content`, `original_bytes`,
            `shown_bytes`; None for an unknown URI, or after the limits evicted it.
        """
        artifact = await self._engine.artifact(artifact_uri) if self._engine else None
        return _row(artifact) if artifact is not None else None

    async def save(self) -> None:
        """
        Return when the session is durable in its store, or in the agent's default one.

        Raises:
            StoreError: it cannot be stored.
        """
        await (await self._awake()).keep(self._assembly.default_store)

    async def close(self) -> None:
        """Stop what runs and refuse everything later; does nothing the second time."""
        self._closed = True
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()

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

    async def read_file(self, path: str) -> str:
        """
        Read a text file: its first 2,000 lines, numbered as the `read` tool shows them.

        Raises:
            ToolFailed: it is missing, outside the workspace, or no text.
        """
        return (await self._demand("read", file_path=path)).output

    async def write_file(self, path: str, content: str) -> ToolResult:
        """Write a file, atomically, with its parents; metadata has `before` and `after`."""
        return await self.tool("write", {"file_path": path, "content": content})

    async def edit_file(
        self, path: str, old_string: str, new_string: str, replace_all: bool = False
    ) -> ToolResult:
        """Replace text that occurs exactly once, or everywhere with `replace_all`."""
        args: JsonObject = {
            "file_path": path,
            "old_string": old_string,
            "new_string": new_string,
            "replace_all": replace_all,
        }
        return await self.tool("edit", args)

    async def patch_file(self, path: str, diff: str) -> ToolResult:
        """Apply a unified diff, all of it or nothing; its file headers are ignored."""
        return await self.tool("patch", {"file_path": path, "diff": diff})

    async def ls(self, path: str | None = None) -> ToolResult:
        """List a directory, the workspace root by default."""
        return await self.tool("ls", {} if path is None else {"path": path})

    async def glob(self, pattern: str) -> list[str]:
        """
        Find files by a pattern such as `**/*.py`; sorted paths relative to the root.

        Raises:
            ToolFailed: the pattern is not valid.
        """
        return list((await self._demand("glob", pattern=pattern)).metadata["paths"])

    async def grep(self, pattern: str) -> str:
        """
        Find lines by a regular expression: `path:line:text`.

        Raises:
            ToolFailed: the pattern is not valid.
        """
        return (await self._demand("grep", pattern=pattern)).output

    async def bash(self, command: str) -> str:
        """
        Run a shell command in the workspace and give its output, both streams in order.

        Raises:
            ToolFailed: its exit status is not 0; `error.result` has output and status.
        """
        return (await self._demand("bash", command=command)).output

    async def git(  # noqa: PLR0913, PLR0917 - the documents' own signature
        self,
        command: str | Mapping[str, Any],
        subcommand: str | None = None,
        name: str | None = None,
        path: str | None = None,
        new_branch: bool = True,
        base: str | None = None,
        force: bool = False,
        max_count: int | None = None,
        message: str | None = None,
        include_untracked: bool = False,
        target: str | None = None,
        reference: str | None = None,
    ) -> ToolResult:
        """
        Ask or change the workspace's repository.

        Args:
            command: `status`, `log`, `branch`, `checkout`, `diff`, `stash`, `remote`,
                `worktree`; or an object with it and the other fields (`ref` for
                `reference`).
        """
        if isinstance(command, Mapping):
            return await self.tool("git", dict(command))
        fields = {
            "subcommand": subcommand,
            "name": name,
            "path": path,
            "new_branch": None if new_branch else False,
            "base": base,
            "force": force or None,
            "max_count": max_count,
            "message": message,
            "include_untracked": include_untracked or None,
            "target": target,
            "ref": reference,
        }
        given = {key: value for key, value in fields.items() if value is not None}
        return await self.tool("git", {"command": command, **given})

    async def git_command(self, args: Mapping[str, Any]) -> ToolResult:
        """The same as `git`, with an object."""
        return await self.tool("git", dict(args))

    def tool_names(self) -> list[str]:
        """Name every tool of the session, in the order the model sees them."""
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
            records = await self._assembly.stored(self._opening)
            if self._engine is None:  # another call may have been quicker
                self._engine = self._assembly.wake(self._opening, records)
                for tool in self._added:
                    self._engine.add_tool(tool)
        return self._engine

    def _runs(self) -> Mapping[RunId, RunSnapshot]:
        return self._engine.log.state.runs if self._engine else {}

    def _tools(self) -> Sequence[Tool]:
        if self._engine is not None:
            return tuple(self._engine.executor.tools.values())
        return (*self._assembly.tools(self._opening), *self._added)

    async def _demand(self, name: str, **args: str) -> ToolResult:
        result = await self.tool(name, args)
        if result.exit_code:
            said = result.output.strip() or f"{name} failed with exit status {result.exit_code}"
            raise ToolFailed(said, result=result)
        return result

    async def _answer(
        self, request: Request, watch: Callable[[RunEvent], None] | None = None
    ) -> AgentResult:
        engine = await self._awake()
        command = parse_command(request.prompt)
        if command is not None:
            return await self._run_command(engine, *command, watch)
        from a3s_code.api.engine import NO_REPORTS

        return result_of(await engine.run(request, watch), NO_REPORTS)

    def _stream(self, request: Request) -> EventStream:
        from a3s_code.api.stream import open_stream

        self._check_open()
        return open_stream(partial(self._answer, request))

    async def _run_command(
        self, engine: Engine, name: str, args: str, watch: Callable[[RunEvent], None] | None
    ) -> AgentResult:
        sink = engine.session_sink(watch)
        sink.emit(AgentStart(prompt=f"/{name} {args}".strip()))
        command = self.command_registry().get(name)
        if command is None:
            text = f"Unknown command: /{name}. Type /help for the list."
        else:
            text = await self._execute(engine, command, args)
        summary = AgentResult(text).verification_summary
        sink.emit(AgentEnd(text=text, usage=Usage(), verification_summary=summary))
        return AgentResult(text)

    async def _execute(self, engine: Engine, command: Command, args: str) -> str:
        """Run a command's handler, foreign code, and carry out what it asks for."""
        try:
            output = await engine.run_handler(command, args, self._context(engine))
        except Exception as error:  # noqa: BLE001 - the handler is foreign code; the user is told
            return f"Command error: {type(error).__name__}: {error}"
        try:
            return f"{output.text}{await _effect(engine, output.action)}"
        except UnknownModel as error:
            return str(error)

    def _context(self, engine: Engine) -> CommandContext:
        state = engine.log.state
        return CommandContext(
            session_id=self.session_id,
            workspace=self.workspace,
            model=state.model,
            history_len=len(state.conversation),
            total_tokens=state.usage.total_tokens,
            total_cost=sum(engine.price(model, usage) for model, usage in state.spent.items()),
            tool_names=tuple(self.tool_names()),
        )


async def _effect(engine: Engine, action: CommandAction | None) -> str:
    """Carry out what a command asked for; gives what is to be said about it, if anything."""
    match action:
        case ClearHistory():
            await engine.clear()
        case SwitchModel(model=ref):
            await engine.switch_model(ref)
        case Compact():
            before, after = await engine.compact()
            return f" {after} are left." if after < before else " There was nothing to summarise."
        case None:
            pass
    return ""


def _row(value: msgspec.Struct) -> JsonObject:
    row: JsonObject = msgspec.to_builtins(value)
    row.pop("type", None)
    return row
