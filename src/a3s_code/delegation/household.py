"""
Where the children of a session are started, and how deep they may stand.

Source:
    DESIGN 3, "Doors" (`Children.start`); SPEC 9.1 (no recursion unless it is allowed).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from a3s_code.errors import RunCancelled, TooDeep
from a3s_code.kernel.children import ChildOutcome, ChildSpec
from a3s_code.kernel.ports import Sink

if TYPE_CHECKING:  # few sessions start a child
    from a3s_code.delegation.child import Child, Home
    from a3s_code.harness.inheritance import Rights

CANCELLED = "child.cancelled"
"""The kind of an outcome that somebody asked for."""
MAX_DEPTH = 1
"""Children inside children: with 1 a child starts none."""


@dataclass(frozen=True, slots=True)
class ChildHousehold:
    """
    Attributes:
        rights: Of the child that the calls belong to; None for those of the session itself.
        depth: How many children the calls stand inside of.
    """

    home: Home
    rights: Rights | None = None
    depth: int = 0
    max_depth: int = MAX_DEPTH

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
            return ChildOutcome(id=id_, kind=TooDeep.code, error=error)
        try:
            return await self.household.home.run(id_, self._child(id_, spec).run)
        except RunCancelled:
            error = f"{spec.agent} was cancelled before it was finished."
            return ChildOutcome(id=id_, kind=CANCELLED, error=error)

    async def launch(self, spec: ChildSpec) -> str:
        """Begin a child that goes on by itself; see `kernel.children.Children`."""
        error = self._too_deep(spec)
        if error:
            raise TooDeep(error)
        child = self._child(self.new_id(), spec, background=True)
        self.household.home.launch(child.id, child.begin())
        return child.id

    def _too_deep(self, spec: ChildSpec) -> str:
        household = self.household
        if household.depth < household.max_depth:
            return ""
        most = f"{household.max_depth} deep"
        return f"{spec.agent} was not started: runs inside runs go {most} at most."

    def _child(self, id_: str, spec: ChildSpec, *, background: bool = False) -> Child:
        from a3s_code.delegation.child import Child
        from a3s_code.delegation.child_gate import ChildGate, OwnRules
        from a3s_code.harness.inheritance import Rights

        household, depth = self.household, self.household.depth + 1
        home, most = household.home, household.max_depth
        session = home.executor
        rules = OwnRules.of(spec, session.space.root, may_delegate=depth < most)
        parents = household.rights or Rights(session.gate, session.approver)
        rights = parents.for_child(rules, spec.inheritance)
        executor = session.narrowed(
            ChildGate(spec.agent, rights),
            rights.settles if rights.mode == "deny_on_ask" else rights.approver,
            ChildHousehold(home, rights, depth, most),
            home.askers(spec.model),
        )
        return Child(id_, spec, home, rules, executor, self.sink, background)
