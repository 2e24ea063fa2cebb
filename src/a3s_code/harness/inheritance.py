"""
What a child may do: its own policy and its parent's, and who settles what they ask about.

    auto_approve     yes, without asking
    deny_on_ask      no, without asking
    inherit_parent   whoever answers for the parent

A child is decided by both policies, and the strictest result counts, so what the parent's
denies stays denied in every mode, and in a child of a child too. The modes of a line of
children add up the same way: below a child that has to ask, or may not, `auto_approve` asks,
or may not. What only an answer may settle (`Ask.explicit`) is never settled by
`auto_approve`: it goes to whoever answers for the parent.

Source:
    A3S Code Python SDK, "Confirmation inheritance"; SPEC 6.3; DESIGN 6; INVARIANTS 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from a3s_code.errors import InvalidValue
from a3s_code.harness.sources import Strictest
from a3s_code.kernel.children import Inheritance
from a3s_code.kernel.ports import Action, Allow, Approver, Ask, Deny, Gate

Mode: TypeAlias = Inheritance

INHERITANCES: tuple[Mode, ...] = ("auto_approve", "deny_on_ask", "inherit_parent")
_STRICTNESS: tuple[Mode, ...] = ("auto_approve", "inherit_parent", "deny_on_ask")


def check_inheritance(name: object) -> Mode:
    """
    Read the name of a mode.

    Raises:
        InvalidValue: there is none of this name.
    """
    if name not in INHERITANCES:
        raise InvalidValue(
            f"{name!r} is no confirmation_inheritance.",
            hint=f"use one of {', '.join(INHERITANCES)}",
        )
    return name


@dataclass(frozen=True, slots=True)
class Rights:
    """
    What a session or a child may do, and who settles what its gate asks about.

    Attributes:
        approver: Who answers for it; None when nobody does.
        mode: The strictest of the line of children down to this one; None for the session
            that the line begins with.
    """

    gate: Gate
    approver: Approver | None
    mode: Mode | None = None

    def for_child(self, own: Gate | None, mode: Mode) -> Rights:
        """
        Give the rights of a child.

        Args:
            own: The gate of the child's own policy; None when it has none.
        """
        gate = self.gate if own is None else Strictest((self.gate, own))
        strict = max((mode, self.mode or mode), key=_STRICTNESS.index)
        return Rights(gate, self.approver, strict)

    @property
    def settles(self) -> Approver | None:
        """Who settles what the gate asks about; None when nobody does, which denies."""
        match self.mode:
            case "deny_on_ask":
                return _Refusing()
            case "auto_approve":
                return _Approving(self.approver)
            case _:
                return self.approver


@dataclass(frozen=True, slots=True)
class _Approving:
    parents: Approver | None

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        if not ask.explicit:
            return Allow("approved for this child by confirmation_inheritance auto_approve")
        if self.parents is None:
            return Deny(f"{ask.reason} Nobody is there to confirm it.")
        return await self.parents.approve(action, ask)


class _Refusing:
    async def approve(self, action: Action, ask: Ask) -> Deny:  # noqa: ARG002 - the port
        return Deny(f"{ask.reason} This child may not ask: confirmation_inheritance deny_on_ask.")
