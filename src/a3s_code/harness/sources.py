"""
Several gates as one: the strictest decides.

Source:
    DESIGN 5: across sources of policy, hooks and children, Deny > Ask > Allow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from a3s_code.harness.policy import strictest
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Action, Allow, Ask, Decision, Deny, Gate


@dataclass(frozen=True, slots=True)
class Strictest:
    """
    Decides as the strictest of several gates, in whatever order they stand.

    A child has the gate of its parent beside its own, so it never may more than its parent.

    Attributes:
        gates: At least one; with none everything is denied.
    """

    gates: Sequence[Gate]

    @property
    def policy_version(self) -> str:
        """Give a text that changes when one of the gates does, and not with their order."""
        versions = sorted({gate.policy_version for gate in self.gates})
        if len(versions) == 1:
            return versions[0]
        return hashlib.sha256(canonical(versions)).hexdigest()

    def decide(self, action: Action) -> Decision:
        """
        Decide one action. Pure, as the gates are; a gate that raises denies.

        Of two decisions that are equally strict the one of the earlier gate is given; of two
        that ask, one that only an answer settles is stricter.
        """
        return strictest(self.parts(action))

    def parts(self, action: Action) -> tuple[Decision, ...]:
        """Give what each gate decides."""
        if not self.gates:
            return (Deny("no gate is there to allow it"),)
        return tuple(_decided(gate, action) for gate in self.gates)


def _decided(gate: Gate, action: Action) -> Decision:
    try:
        decision = gate.decide(action)
    except Exception as error:  # noqa: BLE001 - one gate that fails must not hide the others
        return Deny(f"a gate failed: {type(error).__name__}")
    if isinstance(decision, Allow | Ask | Deny):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
        return decision
    return Deny(f"a gate answered with a {type(decision).__name__}, which is no decision")
