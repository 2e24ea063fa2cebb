"""
The agent that a host's `WorkerAgentSpec` makes.

    read_only     looks at files                    as `explore`
    planner       looks at files                    as `plan`
    reviewer      looks at files and the history    as `review`
    verifier      looks, and runs commands          as `verification`
    implementer   what its parent may               as `general`
    custom        what its parent may               as its `prompt` says

`permissions` of a worker make that narrower, and what its parent may not it never may.

Source:
    SPEC 9.1, 9.3; A3S Code Python SDK, "Disposable worker agents".
"""

from __future__ import annotations

from a3s_code.delegation.agents import WorkerAgentSpec
from a3s_code.delegation.builtin_agents import by_name, reporting, role_text
from a3s_code.errors import InvalidType
from a3s_code.harness.inheritance import check_inheritance
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.children import AgentRole, Permissions

_LIKE = {
    "read_only": "explore",
    "planner": "plan",
    "reviewer": "review",
    "verifier": "verification",
    "implementer": "general",
}
"""By the kind of a worker, the built-in agent whose text and rights it begins with."""


def role_of(worker: WorkerAgentSpec) -> AgentRole:
    """
    Check a worker and give the agent that it makes.

    Raises:
        InvalidType, InvalidValue: as `WorkerAgentSpec.validate`.
        PackageUnreadable: a text of this package is not there.
    """
    if not isinstance(worker, WorkerAgentSpec):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType(f"A worker is a WorkerAgentSpec, not a {type(worker).__name__}.")
    checked = worker.validate()
    like = by_name().get(_LIKE.get(worker.kind or "", ""))
    return AgentRole(
        name=checked.name,
        description=" ".join(checked.description.split()),
        role=_role(worker),
        allow=like.allow if like is not None else None,
        permissions=_permissions(worker.permissions),
        model=worker.model or "",
        max_steps=checked.max_steps,
        inheritance=check_inheritance(worker.confirmation_inheritance),
        hidden=checked.hidden,
    )


def _role(worker: WorkerAgentSpec) -> str:
    """Give the text of its kind, then its own; a custom worker that has one is told that alone."""
    kind, own = _LIKE.get(worker.kind or "", "custom"), (worker.prompt or "").strip()
    if kind == "custom" and own:
        return own
    purpose = f"You are called `{worker.name}`, and are here for this: {worker.description.strip()}"
    return reporting("\n\n".join(part for part in (role_text(kind), purpose, own) if part))


def _permissions(policy: PermissionPolicy | None) -> Permissions | None:
    """Keep a policy as text, so that it goes on with a session that is resumed."""
    if policy is None:
        return None
    compiled = policy.compile()
    allow, deny, ask = (
        tuple(rule.source for rule in rules)
        for rules in (compiled.allow, compiled.deny, compiled.ask)
    )
    return Permissions(allow, deny, ask, compiled.default)
