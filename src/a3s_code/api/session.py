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

from a3s_code.api.assembly import Assembly, new_id
from a3s_code.api.blank import tear_down
from a3s_code.api.context_index import ContextIndex
from a3s_code.api.delegating import Delegating
from a3s_code.api.direct_tools import DirectTools
from a3s_code.api.evidence import SessionEvidence
from a3s_code.api.explaining import Explaining
from a3s_code.api.hooking import idle
from a3s_code.api.live import Live
from a3s_code.api.object_generation import ObjectGeneration
from a3s_code.api.orchestration import Orchestration
from a3s_code.api.questions import Questions
from a3s_code.api.request import Request, parse
from a3s_code.api.result import AgentResult, ToolResult, result_of, tool_result
from a3s_code.api.rule_names import strange_rules
from a3s_code.api.session_agents import SessionAgents
from a3s_code.api.session_budgets import SessionBudgets
from a3s_code.api.session_code import SessionCode
from a3s_code.api.session_costs import SessionCosts
from a3s_code.api.session_hooks import HookRegistration
from a3s_code.api.session_memory import SessionRemembrance
from a3s_code.api.session_programs import SessionPrograms
from a3s_code.api.session_records import SessionRecords
from a3s_code.api.session_sandbox import SessionSandbox
from a3s_code.api.settings import Opening, warning
from a3s_code.api.steering import Steering
from a3s_code.api.subagents import Subagents
from a3s_code.api.time_travel import TimeTravel
from a3s_code.api.verification import SessionVerification
from a3s_code.capabilities.commands import CommandRegistry, SlashCommand
from a3s_code.capabilities.commands import parse as parse_command
from a3s_code.checks import check_text
from a3s_code.errors import A3SError, InvalidType, SessionClosed
from a3s_code.kernel.events import RunEvent
from a3s_code.kernel.messages import Attachment, JsonObject
from a3s_code.kernel.records import Record
from a3s_code.kernel.store import Store
from a3s_code.kernel.tool import Tool

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.api.stream import EventStream
    from a3s_code.kernel.log import Log

Prompt = str | Mapping[str, Any]
History = Sequence[Mapping[str, Any]]
Attachments = Sequence[Attachment | Mapping[str, Any]]


class AsyncSession(
    SessionRecords,
    SessionCosts,
    SessionBudgets,
    Questions,
    HookRegistration,
    SessionSandbox,
    SessionCode,
    TimeTravel,
    SessionVerification,
    SessionEvidence,
    Explaining,
    ContextIndex,
    SessionRemembrance,
    ObjectGeneration,
    SessionPrograms,
    SessionAgents,
    Orchestration,
    Delegating,
    Subagents,
    Steering,
    DirectTools,
):
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
        "_workflows",
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
        self._workflows = 0
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
        """
        What was accepted and has no effect, hooks that a resume has lost, why nothing can be
        remembered, and from the first use on skills and agents that could not be loaded; else
        None.

        Rules about tools that the session does not have are named as long as it has none.
        """
        missing = (*self._opening.settings.missing, *idle(self._opening.hooks))
        said = (
            *(warning(missing), self._lost_hooks(), self._strange_rules()),
            *(self._memory_warning(), self._skipped(), self._skipped_agents()),
        )
        return " ".join(filter(None, said)) or None

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

        The children that the run has in the background end with it. When nothing is active, the
        children of earlier runs are ended. What waits its turn goes on, and so do tools that
        were called directly, and their children.

        Raises:
            UsageError: it did not stop within 10 s; says what goes on by itself.
        """
        return await self._engine.cancel() if self._engine else False

    async def cancel_run(self, run_id: str) -> bool:
        """
        Stop the active run, as `cancel` does, if it is this one. Of a run that has ended, stop
        the children that it has in the background.
        """
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
            InvalidType: `session_id` is no text, or `workspace` no path.
            SnapshotLost, SnapshotRefused, WorkspaceError, StoreError: as `rewind`.

        Source:
            DESIGN 4.
        """
        if session_id is not None:
            check_text("session_id", session_id)
        engine = await self._awake()
        opening = self._assembly.forked(self._opening, engine.log, session_id, workspace)
        await self._assembly.refuse_known(opening)
        made = self._live.take(
            opening.session_id, partial(AsyncSession, self._assembly, self._live, opening)
        )
        try:
            parting = await engine.export(at, opening.workspace)
            made._opening = replace(opening, parting=parting)  # noqa: SLF001 - another of this class
            begun = await made._awake()  # noqa: SLF001 - as above
            await begun.log.barrier()
        except BaseException:
            await made.close()
            raise
        return made

    # Where it is kept

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
        was_closed, self._closed = self._closed, True
        engine = self._engine
        if engine is None:
            self._leave(is_first=not was_closed)
            return
        try:
            await engine.close()  # whoever closes it meanwhile waits for the same end
        except A3SError:
            self._leave(is_first=self._engine is not None)
            raise
        self._leave(is_first=self._engine is not None)

    def _leave(self, *, is_first: bool) -> None:
        """Let go of the engine, and of the security provider where no other session has it."""
        self._engine = None
        provider = self._opening.settings.safety.security
        others = (each for each in self._live.all() if each is not self and not each.is_closed)
        used = (each._opening.settings.safety.security for each in others)  # noqa: SLF001 - of this class
        if is_first and not any(each is provider for each in used):
            tear_down(provider)

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

        The model is shown those that its conversation asks for; it may call any of them.
        `git_worktree`, which older documents call directly, is never shown.
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

        It is shown from the next turn on; one that the session's `tool_index` has, when it is
        found there.

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
            await self._assembly.try_levels(self._opening, records)
            self._check_open()
            if self._engine is None:  # another call may have been quicker
                self._engine = self._assembly.wake(self._opening, records, owner)
                for tool in self._added:
                    self._engine.add_tool(tool)
        engine = self._engine
        await engine.settle()
        if engine.log.state.waiting:  # such as prompts that an ended process did not come to
            engine.prompts(self._answer)
        return engine

    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""
        self._check_open()
        return self._engine.log if self._engine else None

    def _next_workflow(self) -> int:
        self._workflows += 1
        return self._workflows - 1

    def _workflow_store(self, *, own: bool) -> Store | None:
        store = self._assembly.own_store(self._opening)
        return store if own or store is not None else self._assembly.default_store

    def _max_parallel_tasks(self) -> int:
        given = self._opening.settings.limits.max_parallel_tasks
        return self._assembly.config.max_parallel_tasks if given is None else given

    def _skipped(self) -> str:
        """Name what is not there as a skill; known from the first use of the session on."""
        skills = self._engine.hooks.skills if self._engine is not None else None
        return skills.warning() if skills is not None else ""

    def _strange_rules(self) -> str | None:
        policy = self._opening.settings.safety.policy
        if policy is None:
            return None
        from a3s_code.capabilities.function_tool import RESERVED_NAMES

        said = strange_rules(policy, RESERVED_NAMES)  # mostly none, and then no tool is loaded
        return said and strange_rules(policy, (*RESERVED_NAMES, *self.tool_names()))

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
