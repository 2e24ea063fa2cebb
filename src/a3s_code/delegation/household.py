"""
Where the children of a session are started, and how deep they may stand.

Source:
    DESIGN 3, "Doors" (`Children.start`); SPEC 9.1 (no recursion unless it is allowed).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from a3s_code.kernel.children import ChildOutcome, ChildSpec
from a3s_code.kernel.ports import Sink

if TYPE_CHECKING:  # few sessions start a child
    from a3s_code.delegation.child import Child, Home
    from a3s_code.harness.inheritance import Rights
    from a3s_code.kernel.executor import Executor

MAX_DEPTH = 1
"""Children inside children: with 1 a child starts none."""


@dataclass(frozen=True, slots=True)
class ChildHousehold:
    """
    Attributes:
        rights: Of the child that the calls belong to; None for those of the session itself.
        depth: How many children the calls stand inside of.
        who: What that child is called.
    """

    home: Home
    rights: Rights | None = None
    depth: int = 0
    max_depth: int = MAX_DEPTH
    who: str = ""

    @property
    def executor(self) -> Executor:
        """The executor of those that the calls belong to, with their rights."""
        session, rights = self.home.executor, self.rights
        if rights is None or session.askers is None:
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
        household, id_ = self.household, self.new_id()
        if household.depth >= household.max_depth:
            most = f"{household.max_depth} deep"
            return ChildOutcome(
                id=id_,
                kind="child.too_deep",
                error=f"{spec.agent} was not started: runs inside runs go {most} at most.",
            )
        if spec.isolation == "worktree":
            return await self._apart(id_, spec)
        return await self._child(id_, spec, household.home).run()

    async def _apart(self, id_: str, spec: ChildSpec) -> ChildOutcome:
        from a3s_code.delegation.isolation import Ground, Isolation

        home, parent = self.household.home, self.household.executor
        isolation = Isolation(id_, spec, home.ground, parent, home.executor, self.sink, self.new_id)

        async def run(executor: Executor, ground: Ground) -> ChildOutcome:
            return await self._child(id_, spec, home.within(executor, ground)).run()

        return await isolation.conduct(run)

    def _child(self, id_: str, spec: ChildSpec, home: Home) -> Child:
        from a3s_code.delegation.child import Child
        from a3s_code.delegation.child_gate import OwnRules
        from a3s_code.harness.inheritance import Rights

        household, depth = self.household, self.household.depth + 1
        session, most = home.executor, household.max_depth
        rules = OwnRules.of(spec, household.home.executor.space.root, may_delegate=depth < most)
        gates = household.rights or Rights(session.gate, session.approver)
        rights = gates.for_child(rules, spec.inheritance)
        own = ChildHousehold(home, rights, depth, most, spec.agent)
        executor = replace(own.executor, askers=home.askers(spec.model))
        return Child(id_, spec, home, rules, executor, self.sink)
