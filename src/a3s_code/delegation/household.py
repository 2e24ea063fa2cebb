"""
Where the children of a session are started, and how deep they may stand.

Source:
    DESIGN 3, "Doors" (`Children.start`); SPEC 9.1 (no recursion unless it is allowed).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from a3s_code.kernel.children import ChildOutcome, ChildSpec
from a3s_code.kernel.ports import Sink

if TYPE_CHECKING:  # few sessions start a child
    from a3s_code.delegation.child import Child, Home
    from a3s_code.delegation.places import Places
    from a3s_code.harness.inheritance import Rights

MAX_DEPTH = 1
"""Children inside children: with 1 a child starts none."""
MAX_PARALLEL_TASKS = 8
"""Children that run at once, where nothing else is said; SPEC 2.1."""


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
    """

    home: Home
    rights: Rights | None = None
    depth: int = 0
    max_depth: int = MAX_DEPTH
    room: Room = field(default_factory=Room)

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
        household, id_ = self.household, self.new_id()
        if household.depth >= household.max_depth:
            most = f"{household.max_depth} deep"
            return ChildOutcome(
                id=id_,
                agent=spec.agent,
                kind="child.too_deep",
                error=f"{spec.agent} was not started: runs inside runs go {most} at most.",
            )
        if spec.output_schema is not None:
            from a3s_code.delegation.fitting import accepted

            await accepted(spec.output_schema)
        async with household.room.places.at(household.depth + 1):
            with household.home.budgeted(id_, spec.budget):
                return await self._child(id_, spec).run()

    def _child(self, id_: str, spec: ChildSpec) -> Child:
        from a3s_code.delegation.child import Child
        from a3s_code.delegation.child_gate import ChildGate, OwnRules
        from a3s_code.delegation.witness import Witness
        from a3s_code.harness.inheritance import Rights

        household, depth = self.household, self.household.depth + 1
        home, most = household.home, household.max_depth
        if spec.budget is not None and spec.budget.depth is not None:
            most = min(most, depth + spec.budget.depth)
        session = home.executor
        rules = OwnRules.of(spec, session.space.root, may_delegate=depth < most)
        parents = household.rights or Rights(session.gate, session.approver)
        rights = parents.for_child(rules, spec.inheritance)
        executor = session.narrowed(
            ChildGate(spec.agent, rights),
            rights.settles if rights.mode == "deny_on_ask" else rights.approver,
            ChildHousehold(home, rights, depth, most, household.room),
            home.askers(spec.model),
        )
        executor.hooks = witness = Witness(session.hooks, session.redactor)
        return Child(id_, spec, home, rules, executor, self.sink, witness)
