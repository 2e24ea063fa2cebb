"""
A session that is itself an agent: its role, its steps and its rights are those of the agent.

What the options of the session say holds beside that, and the stricter of both counts.

Source:
    Python SDK 3.1, "Full API" (`session_for_agent`, `session_for_worker`); SPEC 9.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from a3s_code.api.settings import Settings
from a3s_code.errors import InvalidValue
from a3s_code.kernel.children import AgentRole

if TYPE_CHECKING:  # few sessions are agents
    from a3s_code.delegation.child_gate import OwnRules
    from a3s_code.harness.inheritance import Rights
    from a3s_code.kernel.tool import ToolSet


def as_agent(settings: Settings, role: AgentRole) -> Settings:
    """
    Give the settings of a session that is to be this agent.

    Raises:
        InvalidValue: the options have a role as well.
    """
    if settings.slots.role is not None:
        raise InvalidValue(
            f"role was set, and the session has the role of the agent {role.name!r}.",
            hint="leave role out; guidelines and extra are added to it",
        )
    own = msgspec.structs.replace(settings.agents, own=role)
    return replace(settings, model=settings.model or role.model or None, agents=own)


def in_role(settings: Settings) -> Settings:
    """Put role and steps of the agent that a session is into its settings."""
    role = settings.agents.own
    if role is None:
        return settings
    steps = [each for each in (role.max_steps, settings.limits.max_tool_rounds) if each]
    return replace(
        settings,
        slots=msgspec.structs.replace(settings.slots, role=role.role),
        role_origin=role.role_origin,
        limits=msgspec.structs.replace(
            settings.limits, max_tool_rounds=min(steps) if steps else None
        ),
    )


def own_rules(role: AgentRole, root: str) -> OwnRules:
    """
    Give the gate of the agent that a session is.

    Raises:
        InvalidValue: a rule of it is none.
    """
    from a3s_code.delegation.child_gate import OwnRules

    return OwnRules.of(role.spec("", ""), root, may_delegate=True)


def within_role(rights: Rights, role: AgentRole, root: str) -> Rights:
    """
    Give the rights of a session within those of the agent that it is.

    It is no child: what is asked goes to whoever answers for the session, also where a child of
    the agent would have it approved. One that may not ask, may not here either.

    Raises:
        InvalidValue: as `own_rules`.
    """
    mode = "deny_on_ask" if role.inheritance == "deny_on_ask" else "inherit_parent"
    return rights.for_child(own_rules(role, root), mode)


def shown_to(role: AgentRole | None, visible: ToolSet, root: str) -> ToolSet:
    """Give what the model of a session is shown, where it is an agent."""
    if role is None:
        return visible
    from a3s_code.kernel.tool import ToolSet

    rules = own_rules(role, root)
    return ToolSet(tuple(tool for tool in visible.tools if rules.shows(tool)))


def named_for(role: AgentRole | None, visible: ToolSet) -> tuple[str, ...]:
    """Name the tools that are shown from the beginning, because an agent has no others."""
    if role is None or role.allow is None:
        return ()
    return tuple(visible.by_name)
