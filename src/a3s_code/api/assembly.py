"""
The composition root: the only place that knows adapters, and puts a session together.

Adapters are imported when the first session wakes, so that loading a configuration and
creating sessions costs neither an event loop nor an HTTP client.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a3s_code.api.settings import Opening, Settings
from a3s_code.errors import CapabilityMissing, InvalidValue, SessionNotFound, StoreError
from a3s_code.harness.prompt import system_prompt
from a3s_code.kernel import state
from a3s_code.kernel.events import ModelSwitched, Record, SessionId, SessionOpened
from a3s_code.kernel.ports import Model, Store
from a3s_code.kernel.tool import Tool, ToolSet

if TYPE_CHECKING:
    from a3s_code.api.engine import Behaviour, Engine
    from a3s_code.config.providers import ResolvedModel
    from a3s_code.config.schema import Config
    from a3s_code.kernel.clock import Clock
    from a3s_code.kernel.executor import Executor, Space
    from a3s_code.kernel.log import Log
    from a3s_code.kernel.messages import Usage
    from a3s_code.llm.breaker import Breaker
    from a3s_code.llm.endpoint import Endpoint
    from a3s_code.llm.http import Http

KEYS_TO_COME = frozenset(
    {
        "agent_dirs",
        "ahp",
        "auto_delegation",
        "auto_parallel",
        "document_parser",
        "max_parallel_tasks",
        "mcp_servers",
        "memory",
        "memory_dir",
        "os",
        "project_doc_fallback_filenames",
        "project_doc_max_bytes",
        "queue",
        "search",
        "skill_dirs",
        "storage_url",
        "task_scheduler",
        "user_instructions_dir",
    }
)
DIRECT_ONLY = frozenset({"git_worktree"})
"""Tools of older documents: they can be called directly, and the model is not shown them."""
BREAKER_THRESHOLD = 3
CONTINUATIONS = 3
CONTEXT_WINDOW = 200_000
SILENCE_S = 300.0
"""How long a model may think without sending a byte."""


def load_config(source: str | os.PathLike[str] | Config) -> Config:
    """
    Read a configuration from a file or from its text; a typed one is taken as it is.

    Raises:
        ConfigError: it cannot be read; says where and what to do.
    """
    from a3s_code.config.schema import Config, load

    return source if isinstance(source, Config) else load(source)


def file_store(directory: str | Path) -> Store:
    """Give the store that keeps sessions in `directory`; nothing is opened yet."""
    from a3s_code.persistence.sqlite import FileSessionStore

    return FileSessionStore(directory)


def local_space(root: str) -> Space:
    """Give all that tools may use of a local directory; nothing is opened yet."""
    from a3s_code.kernel.executor import Space
    from a3s_code.workspace.local import LocalFiles
    from a3s_code.workspace.processes import LocalProcesses
    from a3s_code.workspace.search import LocalSearch

    files, processes = LocalFiles(root), LocalProcesses(root)
    return Space(root, files, LocalSearch(files, processes), processes)


def new_id(prefix: str) -> str:
    """Give an id that cannot be guessed: the prefix and 128 random bits as a UUID."""
    hexed = os.urandom(16).hex()
    parts = (hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:])
    return f"{prefix}-{'-'.join(parts)}" if prefix else "-".join(parts)


class Assembly:
    """One agent's parts: what its sessions share, and how one is put together."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._idle_keys = _idle_keys(config)
        self._stores: list[Store] = []
        self._directories: dict[str, Store] = {}
        self._default_store: Store | None = None
        self._tools: dict[tuple[Tool, ...], tuple[ToolSet, ToolSet]] = {}
        self._models: dict[tuple[str, int], Model] = {}
        self._breakers: dict[tuple[str, int], Breaker] = {}
        self._http: Http | None = None

    # A session that is not awake

    def open(self, workspace: str, session_id: str | None, settings: Settings) -> Opening:
        """
        Check all that can be checked before a session is first used.

        Raises:
            UnknownModel, ConfigError: no model of the configuration can answer.
            InvalidValue: the workspace cannot be served.
            CapabilityMissing: the workspace's backend is not part of this build.
        """
        model = self._model_ref(settings)
        settings = replace(settings, tools=self._checked_tools(settings))
        root = self._root(workspace, settings.storage.backend)
        return Opening(session_id or new_id(""), root, model, self._with_keys(settings))

    def _with_keys(self, settings: Settings) -> Settings:
        """Add configuration keys to the names that are accepted and have no effect."""
        if not self._idle_keys:
            return settings
        return replace(settings, missing=tuple(sorted({*settings.missing, *self._idle_keys})))

    def _model_ref(self, settings: Settings) -> str:
        if settings.llm_client is not None:
            return settings.model or settings.llm_client.ref
        ref = settings.model or self.config.default_model
        if ref is None:
            raise InvalidValue(
                "The configuration has no default_model.",
                hint="set default_model, or give the session a model",
            )
        self.config.resolve_model(ref)
        return ref

    def _root(self, workspace: str, backend: object) -> str:
        if backend is not None:
            from a3s_code.workspace.backend import LocalWorkspaceBackend

            if not isinstance(backend, LocalWorkspaceBackend):
                kind = type(backend).__name__
                raise CapabilityMissing(
                    f"This build cannot work in a {kind}.", hint="use LocalWorkspaceBackend(root)"
                )
            return os.path.abspath(backend.root)  # noqa: PTH100 - as below
        if "://" in workspace or "\0" in workspace:
            raise InvalidValue(
                f"{workspace!r} is no directory.", hint="give a path, or set workspace_backend"
            )
        return os.path.abspath(workspace)  # noqa: PTH100 - keeps links as they were given

    # Tools

    def tool(self, tool: Tool | Callable[..., Any]) -> Tool:
        """Take a tool as it is, and make one of a function with typed parameters."""
        from a3s_code.capabilities.function_tool import function_tool

        return tool if isinstance(tool, Tool) else function_tool(tool)

    def checked_tool(self, tool: Tool | Callable[..., Any]) -> Tool:
        """
        Take a tool, or make one of a function, and check its name.

        Raises:
            InvalidType: the function cannot be a tool; says why.
            InvalidValue: the name is malformed or built in.
        """
        from a3s_code.capabilities.function_tool import check_name

        made = self.tool(tool)
        check_name(made.name)
        return made

    def _checked_tools(self, settings: Settings) -> tuple[Tool, ...]:
        """Check the tools of a session, and that no two have one name."""
        made = tuple(map(self.checked_tool, settings.tools))
        names = [tool.name.lower() for tool in made]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidValue(f"Two tools are named {twice!r}.", hint="rename one")
        return made

    def tools(self, opening: Opening) -> tuple[Tool, ...]:
        """Give every tool of a session: the core, git, and those it was given."""
        from a3s_code.capabilities.git.tool import GIT_TOOLS
        from a3s_code.capabilities.tools import CORE_TOOLS

        return (*CORE_TOOLS, *GIT_TOOLS, *map(self.tool, opening.settings.tools))

    # Stores

    @property
    def default_store(self) -> Store:
        """Where sessions without a store of their own are saved; DESIGN 6."""
        if self._default_store is None:
            self._default_store = self._open_default_store()
            self._stores.append(self._default_store)
        return self._default_store

    def _own_store(self, settings: Settings) -> Store | None:
        """Give the store that the session was given; a directory has one for all sessions."""
        storage = settings.storage
        if storage.store is not None or storage.directory is None:
            return storage.store
        directory = os.path.abspath(storage.directory)  # noqa: PTH100 - a name, not a look-up
        if directory not in self._directories:
            self._directories[directory] = file_store(directory)
            self._stores.append(self._directories[directory])
        return self._directories[directory]

    def _open_default_store(self) -> Store:
        directory = self.config.sessions_dir
        if self.config.storage_backend == "file" and directory:
            return file_store(directory)
        from a3s_code.persistence.memory import MemorySessionStore

        return MemorySessionStore()

    async def records(self, session_id: str, settings: Settings) -> Sequence[Record]:
        """
        Read a stored session.

        Raises:
            SessionNotFound: its store, or the agent's, has none of this id.
            StoreError: it cannot be read.
        """
        store = self._own_store(settings) or self.default_store
        return await store.load(SessionId(session_id))

    async def stored(self, opening: Opening) -> Sequence[Record] | None:
        """
        Read what the session's own store knows of it; None for a session that is new.

        Raises:
            StoreError: it cannot be read.
        """
        store = self._own_store(opening.settings)
        if store is None:
            return None
        try:
            records = await store.load(SessionId(opening.session_id))
        except SessionNotFound:
            return None
        _check_place(opening, records)
        return records

    def reopen(self, session_id: str, settings: Settings, records: Sequence[Record]) -> Opening:
        """
        Check the options of a session that goes on.

        Raises:
            StoreError: the log does not begin as a session's does.
        """
        opened = records[0].event if records else None
        if not isinstance(opened, SessionOpened):
            raise StoreError(f"The log of session {session_id!r} has no beginning.")
        model = settings.model or state.fold(records).model
        if settings.llm_client is None:
            self.config.resolve_model(model)
        return Opening(session_id, opened.workspace, model, self._with_keys(settings))

    # Waking up

    def wake(self, opening: Opening, records: Sequence[Record] | None = None) -> Engine:
        """
        Put an engine together.

        Args:
            records: What is stored of the session, when it is resumed.
        """
        from a3s_code.api.engine import Engine
        from a3s_code.kernel.clock import SystemClock

        settings, clock = opening.settings, SystemClock()
        space = local_space(opening.workspace)
        tools, visible = self._tool_sets(opening, space)
        engine = Engine(
            log=self._log(opening, clock, records),
            executor=self._executor(opening, space, tools, clock),
            model=lambda ref: self._model(ref, settings),
            behaviour=self._behaviour(settings, space),
            visible=visible,
            clock=clock,
            new_id=new_id,
            price=self._price,
        )
        _begin(engine, opening)
        return engine

    def _tool_sets(self, opening: Opening, space: Space) -> tuple[ToolSet, ToolSet]:
        """Give all tools, and those the model sees; sessions with the same ones share them."""
        served = tuple(tool for tool in self.tools(opening) if space.serves(tool))
        if served not in self._tools:
            visible = ToolSet(tuple(tool for tool in served if tool.name not in DIRECT_ONLY))
            sets = ToolSet(served), visible
            if opening.settings.tools:
                return sets
            self._tools[served] = sets
        return self._tools[served]

    def _log(self, opening: Opening, clock: Clock, records: Sequence[Record] | None) -> Log:
        from a3s_code.kernel.log import Log

        store = self._own_store(opening.settings)
        if store is None and (opening.settings.storage.auto_save or records is not None):
            store = self.default_store
        return Log(SessionId(opening.session_id), clock, store, records or ())

    def _executor(self, opening: Opening, space: Space, tools: ToolSet, clock: Clock) -> Executor:
        from a3s_code.harness.gate import PolicyGate
        from a3s_code.harness.unattended import Unattended
        from a3s_code.kernel.artifacts import Artifacts, ArtifactStoreLimits
        from a3s_code.kernel.executor import Executor

        settings = opening.settings
        timeout_ms = settings.limits.tool_timeout_ms
        return Executor(
            tools=tools.by_name,
            session_id=opening.session_id,
            space=space,
            gate=PolicyGate(settings.safety.policy, space.root),
            approver=settings.safety.approver or Unattended(),
            artifacts=Artifacts(settings.storage.artifacts or ArtifactStoreLimits()),
            clock=clock,
            tool_timeout_s=timeout_ms / 1000 if timeout_ms else None,
        )

    def _behaviour(self, settings: Settings, space: Space) -> Behaviour:
        from a3s_code.api.engine import Behaviour
        from a3s_code.harness.context import agents_file
        from a3s_code.kernel.loop import Limits

        given, config, ours = settings.limits, self.config, Limits()
        limits = Limits(
            max_tool_rounds=_first(given.max_tool_rounds, config.max_tool_rounds),
            max_parse_retries=_first(given.max_parse_retries, ours.max_parse_retries),
            duplicate_threshold=_first(given.duplicate_threshold, ours.duplicate_threshold),
            max_execution_ms=given.max_execution_ms,
        )
        return Behaviour(
            prompt=system_prompt(settings.slots),
            sources=(agents_file(space.files),),
            limits=limits,
            continuations=_first(given.continuations, CONTINUATIONS),
            temperature=settings.sampling.temperature,
            thinking_budget=settings.sampling.thinking_budget or config.thinking_budget,
            llm_timeout_ms=given.llm_timeout_ms or config.llm_api_timeout_ms,
            missing=settings.missing,
        )

    # Models

    def _model(self, ref: str, settings: Settings) -> Model:
        """Open a model; sessions that ask alike share one, its connections and its breaker."""
        if settings.llm_client is not None:
            return settings.llm_client
        threshold = _first(settings.limits.breaker_threshold, BREAKER_THRESHOLD)
        key = (ref, threshold)
        if key not in self._models:
            self._models[key] = self._open_model(ref, threshold)
        return self._models[key]

    def _open_model(self, ref: str, threshold: int) -> Model:
        from a3s_code.kernel.clock import SystemClock
        from a3s_code.llm.breaker import Breaker
        from a3s_code.llm.http import Http

        found = self.config.resolve_model(ref)
        if found.kind == "anthropic":
            from a3s_code.llm.anthropic import AnthropicModel as Provider
        else:
            from a3s_code.llm.openai import OpenAIModel as Provider
        endpoint = _endpoint(found)
        clock = SystemClock()
        self._http = self._http or Http()
        breaker = self._breakers.setdefault(
            (found.provider, threshold), Breaker(clock, threshold=threshold)
        )
        return Provider(endpoint, self._http, clock, breaker)

    def _price(self, ref: str, usage: Usage) -> float:
        """Give what tokens cost, in US dollars; the configuration's price wins."""
        from a3s_code.llm.pricing import Price, cost_usd

        known = {provider.name for provider in self.config.providers}
        stated = self.config.resolve_model(ref).cost if ref.partition("/")[0] in known else None
        return cost_usd(ref, usage, Price(stated.input, stated.output) if stated else None)

    async def close(self) -> None:
        """Close what the sessions shared; they must be closed before."""
        try:
            for store in self._stores:
                await store.close()
        finally:
            if self._http is not None:
                await self._http.close()


def _check_place(opening: Opening, records: Sequence[Record]) -> None:
    """Refuse to go on with a session in another directory than it worked in."""
    opened = records[0].event if records else None
    if isinstance(opened, SessionOpened) and opened.workspace != opening.workspace:
        raise InvalidValue(
            f"Session {opening.session_id!r} is stored for {opened.workspace}.",
            hint="use resume_session, or another session_id",
        )


def _begin(engine: Engine, opening: Opening) -> None:
    """Write the first record of a new log, or close what the last process left open."""
    log = engine.log
    if log.state.opened is None:
        log.append(
            SessionOpened(
                session_id=opening.session_id,
                workspace=opening.workspace,
                model=opening.model,
                created_at_ms=engine.clock.now_ms(),
                settings=opening.settings.recorded(),
            )
        )
        return
    engine.recover()
    if log.state.model != opening.model:
        log.append(ModelSwitched(model=opening.model))


def _endpoint(found: ResolvedModel) -> Endpoint:
    from a3s_code.llm.endpoint import Endpoint, Timeouts

    return Endpoint(
        ref=found.ref,
        model=found.model,
        base_url=found.base_url,
        api_key=found.api_key.reveal(),
        headers=tuple((name, value.reveal()) for name, value in found.headers.items()),
        session_id_header=found.session_id_header or "",
        context_window=found.limit.context or CONTEXT_WINDOW,
        max_output_tokens=found.limit.output,
        timeouts=Timeouts(idle_s=SILENCE_S),
    )


def _idle_keys(config: Config) -> frozenset[str]:
    """Name the keys that the file sets and this build reads nothing of."""
    empty = {key for key in config.declared if getattr(config, key) in ((), None)}
    off = {"ahp"} if config.ahp is not None and not config.ahp.enabled else set[str]()
    return (config.declared & KEYS_TO_COME) - empty - off


def _first(given: int | None, default: int) -> int:
    return default if given is None else given
