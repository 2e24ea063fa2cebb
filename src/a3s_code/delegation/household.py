"""
Where the children of a session are started, and how deep they may stand.

Source:
    DESIGN 3, "Doors" (`Children.start`); SPEC 9.1 (no recursion unless it is allowed).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from a3s_code.errors import NotIsolated, RunCancelled, TooDeep, UsageError
from a3s_code.kernel.children import ChildOutcome, ChildSpec, session_of
from a3s_code.kernel.ports import Sink

if TYPE_CHECKING:  # few sessions start a child
    from a3s_code.delegation.child import Child
    from a3s_code.delegation.home import Home
    from a3s_code.delegation.isolation import Apart, Isolation
    from a3s_code.delegation.places import Places
    from a3s_code.harness.inheritance import Rights
    from a3s_code.kernel.executor import Executor

Cut: TypeAlias = Callable[[ChildOutcome], None]
"""Told what there is of a child that is cut short."""

CANCELLED = "child.cancelled"
"""The kind of an outcome that somebody asked for."""
MAX_DEPTH = 1
"""Children inside children: with 1 a child starts none."""
MAX_PARALLEL_TASKS = 8
"""Children that run at once, where nothing else is said; SPEC 2.1."""

_LEVEL: ContextVar[int] = ContextVar("a3s_child_level", default=0)
"""How deep the place is that the code which runs now stands in; a function of the host that is
called by a child, and has the session start another one, must not wait for the place of that."""


@dataclass(slots=True)
class Room:
    """
    Where the children of a session wait for each other; made when the first one is started.

    Attributes:
        most: Children of one depth that run at once.
    """

    most: int = MAX_PARALLEL_TASKS
    _places: Places | None = None

    @property
    def places(self) -> Places:
        if self._places is None:
            from a3s_code.delegation.places import Places

            self._places = Places(self.most)
        return self._places


@dataclass(frozen=True, slots=True)
class ChildHousehold:
    """
    Attributes:
        rights: Of the child that the calls belong to; None for those of the session itself.
        depth: How many children the calls stand inside of.
        room: Shared by all children of the session.
        who: What that child is called.
        session_id: What its events have as theirs; empty for the session itself.
        root: Of the workspace that rules name places of; empty for that of `home`.
    """

    home: Home
    rights: Rights | None = None
    depth: int = 0
    max_depth: int = MAX_DEPTH
    room: Room = field(default_factory=Room)
    who: str = ""
    session_id: str = ""
    root: str = ""

    @property
    def executor(self) -> Executor:
        """The executor of those that the calls belong to, with their rights."""
        session, rights = self.home.executor, self.rights
        if rights is None:
            return session
        from a3s_code.delegation.child_gate import ChildGate

        return session.narrowed(
            ChildGate(self.who, rights),
            rights.settles if rights.mode == "deny_on_ask" else rights.approver,
            self,
            session.askers,
        )

    def inside(self, new_id: Callable[[], str], sink: Sink) -> CallChildren:
        """Give what one call starts its children with."""
        return CallChildren(self, new_id, sink)


@dataclass(frozen=True, slots=True)
class CallChildren:
    """The children of one call."""

    household: ChildHousehold
    new_id: Callable[[], str]
    sink: Sink

    async def start(self, spec: ChildSpec) -> ChildOutcome:
        """Run a child to its end; see `kernel.children.Children`."""
        id_, error = self.new_id(), self._too_deep(spec)
        if error:
            return ChildOutcome(id=id_, agent=spec.agent, kind=TooDeep.code, error=error)
        await _accept(spec)
        cut: list[ChildOutcome] = []
        try:
            return await self.household.home.run(id_, partial(self._run, id_, spec, cut.append))
        except RunCancelled:
            error = f"{spec.agent} was cancelled before it was finished."
            there_is = cut[-1] if cut else ChildOutcome(id=id_, agent=spec.agent)
            return msgspec.structs.replace(there_is, kind=CANCELLED, error=error)

    async def launch(self, spec: ChildSpec) -> str:
        """Begin a child that goes on by itself; see `kernel.children.Children`."""
        error = self._too_deep(spec)
        if error:
            raise TooDeep(error)
        _check_stays(spec, self.household)
        await _accept(spec)
        id_, home = self.new_id(), self.household.home
        with home.budgeted(id_, spec.budget):
            home.launch(id_, await self._begun(id_, spec))
        if spec.isolation == "worktree":
            await asyncio.sleep(0)  # its first step: from then on it tidies up after itself
        return id_

    async def _begun(
        self, id_: str, spec: ChildSpec
    ) -> Callable[[], Coroutine[Any, Any, ChildOutcome]]:
        """Begin a child in the background, and give what runs it."""
        home = self.household.home
        if spec.isolation != "worktree":
            return partial(self._in_place, self._child(id_, spec, home, background=True).begin())
        apart = await self._isolation(id_, spec).begin()
        async with apart.kept_tidy():
            own = home.within(apart.executor, apart.ground)
            run = self._child(id_, spec, own, apart, background=True).begin()
        return partial(apart.conduct, partial(self._in_place, run))

    async def _run(self, id_: str, spec: ChildSpec, cut: Cut) -> ChildOutcome:
        """Run a child that is waited for, as soon as there is a place for it."""

        async def run() -> ChildOutcome:
            home = self.household.home
            with home.budgeted(id_, spec.budget):
                if spec.isolation == "worktree":
                    return await self._apart(id_, spec, cut)
                return await replace(self._child(id_, spec, home), cut=cut).run()

        return await self._in_place(run)

    async def _in_place(self, run: Callable[[], Coroutine[Any, Any, ChildOutcome]]) -> ChildOutcome:
        """Wait until there is a place, and run a child to its end there."""
        household = self.household
        level = max(household.depth, _LEVEL.get()) + 1
        async with household.room.places.at(level):
            held = _LEVEL.set(level)
            try:
                return await run()
            finally:
                _LEVEL.reset(held)

    def _too_deep(self, spec: ChildSpec) -> str:
        household = self.household
        if household.depth < household.max_depth:
            return ""
        most = f"{household.max_depth} deep"
        return f"{spec.agent} was not started: runs inside runs go {most} at most."

    async def _apart(self, id_: str, spec: ChildSpec, cut: Cut) -> ChildOutcome:
        try:
            apart = await self._isolation(id_, spec).begin()
        except NotIsolated as error:
            return ChildOutcome(id=id_, agent=spec.agent, kind=error.code, error=str(error))
        own = self.household.home.within(apart.executor, apart.ground)

        async def run() -> ChildOutcome:
            return await replace(self._child(id_, spec, own, apart), cut=cut).run()

        return await apart.conduct(run)

    def _isolation(self, id_: str, spec: ChildSpec) -> Isolation:
        from a3s_code.delegation.isolation import Isolation

        home, parent = self.household.home, self.household.executor
        return Isolation(id_, spec, home.ground, parent, home.executor, self.sink, self.new_id)

    def _child(
        self,
        id_: str,
        spec: ChildSpec,
        home: Home,
        apart: Apart | None = None,
        *,
        background: bool = False,
    ) -> Child:
        from a3s_code.delegation.child import Child
        from a3s_code.delegation.child_gate import OwnRules
        from a3s_code.delegation.witness import Witness
        from a3s_code.harness.inheritance import Rights

        household, depth = self.household, self.household.depth + 1
        session, most = home.executor, household.max_depth
        if spec.budget is not None and spec.budget.depth is not None:
            most = min(most, depth + spec.budget.depth)
        root = household.root or household.home.executor.space.root
        rules = OwnRules.of(spec, root, may_delegate=depth < most)
        parents = household.rights or Rights(session.gate, session.approver)
        rights = parents.for_child(rules, spec.inheritance)
        own = ChildHousehold(
            home,
            rights,
            depth,
            most,
            household.room,
            who=spec.agent,
            session_id=session_of(id_),
            root=root,
        )
        executor = replace(own.executor, askers=home.askers(spec.model))
        executor.hooks = witness = Witness(session.hooks, session.redactor)
        parent = household.session_id or home.session_id
        return Child(
            id_, spec, home, rules, executor, self.sink, witness, parent, background, apart
        )


def _check_stays(spec: ChildSpec, household: ChildHousehold) -> None:
    """
    See that what goes on by itself has a place to do so.

    Raises:
        UsageError: it would outlive the copy that it works in, and find itself in another one.
    """
    if household.home.executor.space.is_apart:
        raise UsageError(
            f"{spec.agent} was not started: {household.who} works in a copy of the workspace, "
            "which ends with it, so nothing can go on there in the background.",
            hint="wait for it",
        )


async def _accept(spec: ChildSpec) -> None:
    """
    Look at the form of an answer before anything runs.

    Raises:
        InvalidValue: it is none.
    """
    if spec.output_schema is not None:
        from a3s_code.delegation.fitting import accepted

        await accepted(spec.output_schema)
