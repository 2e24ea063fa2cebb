"""
The composition root: puts a session together from adapters, which nothing else knows.

`models.py` knows providers, `stores.py` where sessions are kept, and `workplaces.py` where they
work. Adapters are imported when the first session wakes, so that loading a configuration
and creating sessions costs neither an event loop nor an HTTP client.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from a3s_code.api.agent_skills import AgentSkills, with_skills
from a3s_code.api.closing import close_all
from a3s_code.api.confined import Held
from a3s_code.api.context_sources import with_code
from a3s_code.api.delegation_options import DelegationTerms
from a3s_code.api.hooking import engine_of
from a3s_code.api.host_agents import HostAgents
from a3s_code.api.memories import Memories
from a3s_code.api.models import Models
from a3s_code.api.opened import begin, last_of
from a3s_code.api.own_role import as_agent, in_role, named_for, shown_to, within_role
from a3s_code.api.recorded import Recorded
from a3s_code.api.retrieval import asked_providers, check_roots
from a3s_code.api.scripts import Scripts
from a3s_code.api.settings import Opening, Settings
from a3s_code.api.stores import Stores, first_of, place_of
from a3s_code.api.toolbox import Toolbox, checked_tool, checked_tools, sandbox_tool
from a3s_code.api.workplaces import Workplaces, directory_of, local_space, root_of
from a3s_code.checks import checked_path
from a3s_code.errors import A3SError, InvalidValue
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import (
    Record,
    SessionOpened,
)
from a3s_code.kernel.store import Store, check_session_id
from a3s_code.kernel.tool import Tool

if TYPE_CHECKING:
    from a3s_code.api.agent_shelf import Employed
    from a3s_code.api.checkpoints import Checkpoints
    from a3s_code.api.code_intelligence import CodeIntelligence
    from a3s_code.api.engine import Engine
    from a3s_code.api.worktrees import SessionGround
    from a3s_code.capabilities.code_map.outlines import Outlines
    from a3s_code.config.schema import Config
    from a3s_code.delegation.agents import WorkerAgentSpec
    from a3s_code.harness.hooks.run_hooks import SessionHooks
    from a3s_code.harness.redaction.values import Values
    from a3s_code.harness.security.session import SessionSecurity
    from a3s_code.harness.selector import Selection
    from a3s_code.kernel.clock import Clock
    from a3s_code.kernel.executor import Executor
    from a3s_code.kernel.log import Log
    from a3s_code.kernel.space import Space
    from a3s_code.kernel.state import Grant
    from a3s_code.kernel.tool import ToolSet

KEYS_TO_COME = frozenset(
    {
        "ahp",
        "document_parser",
        "mcp_servers",
        "os",
        "queue",
        "search",
        "storage_url",
        "task_scheduler",
    }
)


def load_config(source: str | os.PathLike[str] | Config) -> Config:
    """
    Read a configuration from a file or from its text; a typed one is taken as it is.

    Raises:
        ConfigError: it cannot be read; says where and what to do.
        InvalidType: it is neither text, path nor configuration.
    """
    from a3s_code.config.schema import Config, load

    if isinstance(source, Config):
        return source
    if not isinstance(source, str):
        checked_path("config_source", source)
    return load(source)


def new_id(prefix: str) -> str:
    """Give an id that cannot be guessed: the prefix and 128 random bits as a UUID."""
    hexed = os.urandom(16).hex()
    parts = (hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:])
    return f"{prefix}-{'-'.join(parts)}" if prefix else "-".join(parts)


class Assembly:
    """One agent's parts: what its sessions share, and how one is put together."""

    __slots__ = (
        *(
            "_agents",
            "_idle_keys",
            "_memories",
            "_models",
            "_outlines",
            "_scripts",
            "_secrets",
            "_skills",
        ),
        *("_stores", "_toolbox", "_working", "_workplaces"),
        "config",
    )

    def __init__(self, config: Config) -> None:
        self.config = config = config.rooted()
        self._memories = Memories(config)
        self._idle_keys = _idle_keys(config) | self._memories.idle_keys
        self._models = Models(config)
        self._stores = Stores(config)
        self._toolbox = Toolbox()
        self._workplaces = Workplaces(self._stores, self._memories)
        self._scripts = Scripts()
        self._secrets: Values | None = None
        self._skills = AgentSkills(config.skill_dirs)
        self._agents = HostAgents(config.agent_dirs, config.resolve_model)
        self._outlines: Outlines | None = None
        self._working: set[CodeIntelligence] = set()

    # A session that is not awake

    def open(self, workspace: str, session_id: str | None, settings: Settings) -> Opening:
        """
        Check all that can be checked before a session is first used.

        Raises:
            UnknownModel, ConfigError: no model of the configuration can answer.
            InvalidType, InvalidValue: the workspace cannot be served, or a tool is none.
            CapabilityMissing: the workspace's backend is not part of this build.
            SandboxUnavailable: the sandbox that was asked for does not work here.
        """
        check_session_id(session_id)
        model = self._models.choose(settings)
        root = directory_of(workspace, settings.storage.backend)
        checked = self._checked(settings)
        self._agents.check(settings)
        self._workplaces.check(settings, root)
        check_roots(settings, root)
        settings.budgets.check_price(model, self._models.price)
        hooks = engine_of(checked.safety, root, self._workplaces.host_programs)
        return Opening(
            session_id or new_id(""), root, model, checked, is_new=not session_id, hooks=hooks
        )

    def as_agent(self, settings: Settings, name: str) -> Settings:
        """
        Give the settings of a session that is to be a built-in agent, or one of the host.

        Raises:
            InvalidValue: there is no such agent, or the options have a role as well.
        """
        return as_agent(settings, self._agents.named(name, settings))

    def as_worker(self, settings: Settings, worker: WorkerAgentSpec) -> Settings:
        """
        Give the settings of a session that is to be a worker.

        Raises:
            InvalidType, InvalidValue: it is none, something of it is not accepted, or the options
                have a role as well.
        """
        from a3s_code.delegation.worker_roles import role_of

        return as_agent(settings, role_of(worker))

    @property
    def agents(self) -> HostAgents:
        """What the host gives sessions to delegate to."""
        return self._agents

    def reopen(self, session_id: str, settings: Settings, records: Sequence[Record]) -> Opening:
        """
        Check the options of a session that goes on, and lay them over the recorded ones.

        Raises:
            UnknownModel, ConfigError, InvalidType, CapabilityMissing: as `open`.
            InvalidValue: as `open`, or the session worked in another directory.
            StoreError: the log does not begin as a session's does.
        """
        opened = first_of(records)
        backend = settings.storage.backend
        if backend is not None and root_of("", backend) != opened.workspace:
            raise InvalidValue(
                f"Session {session_id!r} works in {opened.workspace}, and workspace_backend "
                "is another directory.",
                hint="leave workspace_backend out",
            )
        check_roots(settings, opened.workspace)
        checked = self._checked(settings)
        hooks = engine_of(checked.safety, opened.workspace, self._workplaces.host_programs)
        opening = Opening(session_id, opened.workspace, "", checked, hooks=hooks)
        return self._continued(opening, *last_of(records))

    def forked(
        self,
        opening: Opening,
        log: Log,
        session_id: str | None,
        workspace: str | os.PathLike[str] | None,
    ) -> Opening:
        """
        Give how a fork of a session is opened, in `workspace` or below its store's directory.

        What is recorded of the session, such as its policy, holds for the fork.

        Raises:
            InvalidValue: neither is there.
        """
        from a3s_code.api.trees import fork_directory

        if log.state.opened is not None:
            opening = self._continued(opening, log.state.opened, log.state.model)
        own = session_id or new_id("")
        if workspace is not None:
            root = root_of(checked_path("workspace", workspace), None)
        else:
            place = place_of(self._stores.own(opening.settings))
            if place is None:
                raise InvalidValue(
                    "A fork needs a directory for its copy of the files.",
                    hint="give workspace, or keep the session in a FileSessionStore",
                )
            root = str(fork_directory(place, own))
        storage = replace(opening.settings.storage, backend=None)
        settings = replace(opening.settings, storage=storage)
        return replace(
            opening,
            session_id=own,
            workspace=root,
            settings=settings,
            is_new=session_id is None,
            parting=None,
            hooks=opening.hooks.inherited(),
        )

    async def refuse_known(self, opening: Opening) -> None:
        """
        See that nothing is stored under the id of a session that is about to begin.

        Raises:
            InvalidValue: the session's store has one of this id already.
            StoreError: it cannot be read.
        """
        if await self.is_stored(opening):
            raise InvalidValue(
                f"There is a session {opening.session_id!r} in the store already.",
                hint="choose another session_id",
            )

    async def is_stored(self, opening: Opening) -> bool:
        """
        Say whether the session's own store knows it already.

        Raises:
            StoreError: it cannot be read.
        """
        return not opening.is_new and await self._stores.knows(opening)

    def deciders(self, opening: Opening, added: Sequence[Tool]) -> Executor:
        """Give what decides about the calls of a session that is not awake; it runs none."""
        from a3s_code.kernel.clock import SystemClock

        holding = self._workplaces.holding(opening)
        space = local_space(opening.workspace, holding=holding)
        tools = self._toolbox.sets((*self._own_tools(opening), *added), space)[0]
        return self._executor(opening, space, tools, SystemClock(), (), holding)

    def _checked(self, settings: Settings) -> Settings:
        """Check tools, and name the keys of the configuration that have no effect here."""
        idle = {*self._idle_keys, *self._stores.idle_keys(settings)}
        if not settings.tools and not idle:
            return settings
        missing = tuple(sorted({*settings.missing, *idle}))
        return replace(settings, tools=checked_tools(settings.tools), missing=missing)

    def _continued(self, opening: Opening, opened: SessionOpened, model: str) -> Opening:
        """Lay the options of a session that goes on over those that it had."""
        settings = Recorded.read(opened.settings).under(opening.settings)
        ref = self._models.choose(settings, model)
        settings.budgets.check_price(ref, self._models.price)
        return replace(opening, settings=settings, model=ref)

    def checked_tool(self, tool: Tool | Callable[..., Any]) -> Tool:
        """Take a tool, or make one of a function; see `toolbox.checked_tool`."""
        return checked_tool(tool)

    def tools(self, opening: Opening, added: Sequence[Tool] = ()) -> tuple[Tool, ...]:
        """Give every tool of a session, `added` ones last; the last one of a name counts."""
        return self._toolbox.tools(*self._own_tools(opening), *added)

    def _own_tools(self, opening: Opening) -> tuple[Tool, ...]:
        """Give the tools that only this session has."""
        given, safety = checked_tools(opening.settings.tools), opening.settings.safety
        if not self._workplaces.has_sandbox(opening.settings, opening.workspace):
            return given
        return (sandbox_tool(elsewhere=safety.elsewhere is not None), *given)

    # Where it is kept

    @property
    def default_store(self) -> Store:
        """Where sessions without a store of their own are saved; DESIGN 6."""
        return self._stores.default

    def own_store(self, opening: Opening) -> Store | None:
        """Give the store that a session has from its start; None when it has none."""
        return self._stores.own(opening.settings)

    async def records(
        self, session_id: str, settings: Settings, owner: str | None
    ) -> Sequence[Record]:
        """
        Read a stored session; see `Stores.records`.

        Raises:
            SessionNotFound: its store, or the agent's, has none of this id.
            SessionInUse: another owner is at work.
            StoreError: it cannot be read.
        """
        return await self._stores.records(session_id, settings, owner)

    async def stored(self, opening: Opening, owner: str) -> Sequence[Record] | None:
        """
        Read what the session's own store knows of it; None for a session that is new.

        Raises:
            SessionInUse: another owner than `owner` is at work.
            StoreError: it cannot be read.
            InvalidValue: it worked in another directory.
        """
        return await self._stores.stored(opening, owner)

    async def close(self) -> None:
        """Close what the sessions shared, whatever fails; they must be closed before."""
        try:
            left = [code.close for code in self._working]
            await close_all(left, [self._stores.close, self._memories.close, self._models.close])
        finally:
            await self._workplaces.close()

    # What it remembers

    def memory_trouble(self, opening: Opening) -> str:
        """Say why a session cannot remember; empty when nothing is known against it."""
        return self._memories.trouble(opening.settings)

    def memory_notes(self, opening: Opening) -> str:
        """Say what a person should know of the memories of a session; mostly empty."""
        return self._memories.notes(opening.settings)

    # Waking up

    async def try_levels(self, opening: Opening, records: Sequence[Record] | None = None) -> None:
        """
        Run in a thread what tells which level works here, and load skills, so that `wake` need not
        on the loop.

        What does not work is left for `wake` to say.

        Args:
            records: As of `wake`.
        """
        from asyncio import to_thread

        before = None
        with suppress(A3SError):
            if records:
                before, model = last_of(records)
                opening = self._continued(opening, before, model)
            await to_thread(self._workplaces.try_levels, opening, before)
        if self._skills.has_any(opening.settings):
            with suppress(A3SError):
                await to_thread(self._skills.load, opening.settings)
        if self._agents.has_any(opening.settings):
            await to_thread(self._agents.load, opening.settings)

    def wake(
        self, opening: Opening, records: Sequence[Record] | None = None, owner: str = ""
    ) -> Engine:
        """
        Put an engine together.

        Args:
            records: What is stored of the session, when it goes on.
            owner: Who loaded them; as that one it writes.
        """
        from a3s_code.api.behaviour import behaviour_of
        from a3s_code.api.engine import Engine
        from a3s_code.api.session_security import protected
        from a3s_code.kernel.clock import SystemClock
        from a3s_code.kernel.log import Log

        clock = SystemClock()
        store = self._stores.of(opening, goes_on=records is not None)
        log = Log(SessionId(opening.session_id), clock, store, records or (), owner or new_id(""))
        if log.state.opened is not None:
            opening = self._continued(opening, log.state.opened, log.state.model)
        holding = self._workplaces.holding(opening, log.state.opened)
        space = self._workplaces.space(opening, store, holding)
        security = self._security(log, opening)
        skills = self._skills.of(opening.settings)
        settings, news = with_skills(opening.settings, skills)
        settings, agents = in_role(settings), self._agents.of(opening.settings)
        shared = tuple(tool for each in (skills, agents) if each is not None for tool in each.tools)
        tools, visible = self._toolbox.sets(self._own_tools(opening), space, shared)
        visible = shown_to(settings.agents.own, visible, space.root)
        executor = self._executor(opening, space, tools, clock, log.state.grants, holding)
        asked = asked_providers(
            opening.settings,
            executor,
            lambda spent: engine.spend(spent),  # noqa: PLW0108 - it is being made
        )
        engine = Engine(
            log=log,
            executor=protected(executor, security),
            model=lambda ref: engine.budgets.around(self._models.answering(ref, opening)),
            behaviour=behaviour_of(self.config, settings, executor, asked),
            selection=self._selection(log, settings, visible),
            clock=clock,
            new_id=new_id,
            price=self._models.price,
            hooks=_hooked(executor, opening),
            checkpoints=self._checkpoints(log, opening, store),
            sandbox=holding.state,
            provider=security.provider if security is not None else None,
            terms=settings.budgets,
        )
        engine.hooks.skills = news
        self._furnish(engine, opening, agents)
        begin(engine, opening)
        engine.staff.begin()
        log.release()
        return engine

    def _selection(self, log: Log, settings: Settings, visible: ToolSet) -> Selection:
        """Give what chooses the tools that a model is shown."""
        return self._toolbox.selection(
            DelegationTerms.of(settings.delegation, self.config).shown(visible),
            settings.tool_index,
            log.state.offered_names or named_for(settings.agents.own, visible),
        )

    def _security(self, log: Log, opening: Opening) -> SessionSecurity | None:
        from a3s_code.api.session_security import secrets_given, secure

        return secure(
            log,
            opening.settings.safety.security,
            self._known_secrets(),
            secrets_given(opening.settings),
            is_fresh=opening.parting is None,
        )

    def _checkpoints(self, log: Log, opening: Opening, store: Store | None) -> Checkpoints:
        from a3s_code.api.checkpoints import Checkpoints

        return Checkpoints(
            log,
            opening.session_id,
            partial(self._workplaces.snapshots, store, opening.workspace),
            is_kept=opening.settings.storage.snapshots and place_of(store) is not None,
        )

    def _furnish(self, engine: Engine, opening: Opening, agents: Employed | None) -> None:
        """Give an engine what itself needs the engine: children, code, checkpoints, memory."""
        from a3s_code.api.asides import Asides
        from a3s_code.api.child_home import SessionHome
        from a3s_code.api.kept_outputs import kept_outputs
        from a3s_code.api.remembering import bring_memory
        from a3s_code.api.staff import Staff, Ties
        from a3s_code.delegation.household import ChildHousehold, Room

        home = SessionHome(engine, opening.settings.slots)
        room = Room(engine.behaviour.max_parallel_tasks)
        engine.executor.children = ChildHousehold(home, max_depth=engine.budgets.depth, room=room)
        ties = Ties(
            engine.executor,
            lambda event: engine.outlet().emit(event),
            lambda: engine.visible.by_name,
            engine.add_tool,
        )
        engine.staff = Staff(ties) if agents is None else Staff(ties, agents.roles, agents.loaded)
        engine.executor.agents = engine.staff.roster
        engine.executor.askers = Asides(engine)
        engine.executor.kept_output = kept_outputs(engine)
        if opening.settings.code.is_on:
            context = with_code(engine.behaviour.context, self.code_of(engine, opening))
            engine.behaviour = replace(engine.behaviour, context=context)
        if opening.settings.safety.elsewhere is None:
            engine.space_of_copy = partial(self._workplaces.space_of_copy, opening)
            engine.ground = self._ground(engine, opening)
        if engine.checkpoints.is_kept or engine.behaviour.verification is not None:
            engine.executor.before_effect = engine.checkpoints.before_effect
        bring_memory(engine, opening, self._memories)

    def _ground(self, engine: Engine, opening: Opening) -> SessionGround:
        from a3s_code.api.worktrees import SessionGround

        is_durable = place_of(self._stores.own(opening.settings)) is not None
        return SessionGround(
            engine.checkpoints,
            partial(self._workplaces.worktrees, opening, is_durable=is_durable),
            partial(self._workplaces.space_apart, opening),
        )

    def code_of(self, engine: Engine, opening: Opening) -> CodeIntelligence:
        """Give the code intelligence of a session that is awake; made when it is asked for."""
        if engine.code is None:
            from a3s_code.api.code_intelligence import CodeIntelligence
            from a3s_code.capabilities.code_map.outlines import Outlines

            self._outlines = self._outlines or Outlines()
            engine.code = CodeIntelligence(
                opening.settings.code,
                engine,
                self._outlines,
                partial(self._workplaces.server_place, opening),
                self._working,
            )
        return engine.code

    def _known_secrets(self) -> Values:
        from a3s_code.harness.security.session import values_of

        if self._secrets is None:
            self._secrets = values_of(self._models.secrets())
        return self._secrets

    def _executor(
        self,
        opening: Opening,
        space: Space,
        tools: ToolSet,
        clock: Clock,
        grants: Sequence[Grant],
        holding: Held,
    ) -> Executor:
        from a3s_code.harness.gate import PolicyGate
        from a3s_code.harness.grants import GrantingGate
        from a3s_code.harness.inheritance import Rights
        from a3s_code.harness.modes import Mode
        from a3s_code.harness.touched import touched
        from a3s_code.kernel.approval import Approvals
        from a3s_code.kernel.artifacts import Artifacts, ArtifactStoreLimits
        from a3s_code.kernel.executor import Executor

        settings = opening.settings
        mode = settings.safety.mode or Mode.DEFAULT
        gate = GrantingGate(
            PolicyGate(settings.safety.policy, space.root, mode, holding.shell_level)
        )
        for granted in grants:
            gate.grant(granted.what)
        timeout_ms = settings.limits.tool_timeout_ms
        enforced = self._skills.of(settings) if settings.skills.enforced else None
        own = gate if enforced is None else enforced.restricting(gate, space.root)
        rights = Rights(own, settings.safety.approver)
        if settings.agents.own is not None:
            rights = within_role(rights, settings.agents.own, space.root)
        if not DelegationTerms.of(settings.delegation, self.config).is_manual:
            from a3s_code.harness.manual_delegation import without_manual

            rights = replace(rights, gate=without_manual(rights.gate))
        return Executor(
            tools=tools.by_name,
            session_id=opening.session_id,
            space=space,
            gate=rights.gate,
            approver=rights.settles,
            artifacts=Artifacts(settings.storage.artifacts or ArtifactStoreLimits()),
            clock=clock,
            touches=touched,
            approvals=Approvals(settings.safety.confirmations, gate, clock),
            tool_timeout_s=timeout_ms / 1000 if timeout_ms else None,
            scripts=self._scripts,
        )


def _hooked(executor: Executor, opening: Opening) -> SessionHooks:
    """Give what a session tells its hooks, and have its calls pass them."""
    from a3s_code.harness.hooks.firing import Firing
    from a3s_code.harness.hooks.run_hooks import SessionHooks
    from a3s_code.harness.hooks.tool_hooks import ToolHooks
    from a3s_code.kernel.observation import redact

    firing = Firing(opening.hooks, opening.session_id, lambda text: redact(text, executor.redactor))
    executor.hooks = ToolHooks(firing, executor.space.root)
    return SessionHooks(firing, executor.clock)


def _idle_keys(config: Config) -> frozenset[str]:
    """Name the keys that the file sets and this build reads nothing of."""
    from a3s_code.config.providers import idle_keys

    empty = {key for key in config.declared if getattr(config, key) in ((), None)}
    off = {"ahp"} if config.ahp is not None and not config.ahp.enabled else set[str]()
    return (config.declared & KEYS_TO_COME) - empty - off | idle_keys(config.providers)
