"""
Modes of a session: one word for how much of what the model does is put to somebody.

    plan          nothing is changed: only calls that read, and commands proved to
    default       as the policy says
    accept_edits  changes of single files in the workspace are not asked about
    permissive    only what a rule denies does not run

A mode never loosens a denial, and a protected place is asked for in all but the last.

Source:
    DESIGN 5; the modes are those of common coding agents.
"""

from __future__ import annotations

import difflib
import enum

from a3s_code.errors import InvalidValue
from a3s_code.harness.patterns import MCP_PREFIX, Kind
from a3s_code.harness.policy import CompiledPolicy
from a3s_code.harness.subjects import Subject
from a3s_code.harness.tool_names import SHELL_TOOL, SHELL_TOOLS
from a3s_code.kernel.ports import Action, Deny
from a3s_code.kernel.tool import Effect


class Mode(enum.Enum):
    PLAN = "plan"
    DEFAULT = "default"
    ACCEPT_EDITS = "accept_edits"
    PERMISSIVE = "permissive"


_NAMES = {
    **{mode.value: mode for mode in Mode},
    "bypass_permissions": Mode.PERMISSIVE,
    "bypasspermissions": Mode.PERMISSIVE,
    "acceptedits": Mode.ACCEPT_EDITS,
    "auto_edit": Mode.ACCEPT_EDITS,
    "read_only": Mode.PLAN,
    "readonly": Mode.PLAN,
    "normal": Mode.DEFAULT,
}
"""Every name that is accepted, in lower case and with `_` for `-`."""


def mode_named(name: str) -> Mode:
    """
    Read a mode by its name, in any case, or by one that other agents have for it.

    Raises:
        InvalidValue: there is no such mode; names the nearest.
    """
    known = name.strip().lower().replace("-", "_")
    mode = _NAMES.get(known)
    if mode is None:
        near = difflib.get_close_matches(known, _NAMES, n=1)
        names = ", ".join(each.value for each in Mode)
        meant = f"did you mean {_NAMES[near[0]].value!r}? " if near else ""
        raise InvalidValue(f"{name!r} is no permission mode.", hint=f"{meant}use one of {names}")
    return mode


def mode_of(name: str | None, permissive: bool | None) -> Mode | None:
    """
    Read the option, which may not contradict `permissive`; None when neither was given.

    `permissive` is a policy, and stands in the mode `default`.

    Raises:
        InvalidValue: there is no such mode, or `permissive` says another.
    """
    if name is None:
        return Mode.DEFAULT if permissive else None
    mode = mode_named(name)
    if permissive is not None and permissive is not (mode is Mode.PERMISSIVE):
        raise InvalidValue(
            f"permissive is {permissive}, and permission_mode is {mode.value!r}.",
            hint="choose one of them",
        )
    return mode


def policy_in(mode: Mode, policy: CompiledPolicy | None) -> CompiledPolicy | None:
    """Give the rules that decide in a mode."""
    if mode is not Mode.PERMISSIVE:
        return policy
    return (policy or CompiledPolicy((), (), (), "ask")).all_but_denied()


def refusal_in_plan(action: Action) -> Deny | None:
    """
    Give why a call does not run in the mode `plan`; None when it changes nothing itself.

    What calls other tools is no change: each of its calls is decided by itself. That a tool
    of a server says it only reads is its own word, and not believed.
    """
    name = action.tool.name
    doing = _changes(action)
    if not doing:
        return None
    return Deny(
        f"The session is in the mode plan, which only reads, and {name} {doing}; the user can "
        "allow it by another permission_mode.",
        f"permission_mode={Mode.PLAN.value}",
        Subject(action.subject, Kind.COMMAND).about() if name in SHELL_TOOLS else "",
    )


def _changes(action: Action) -> str:
    """Say what a call may change; empty when it changes nothing itself."""
    name, effect = action.tool.name, action.effect
    if name.lower().startswith(MCP_PREFIX):
        return "belongs to a server"
    if name == SHELL_TOOL:
        from a3s_code.harness.shell.analysis import effect_free  # loads the parser

        free = effect_free(action.subject)
        return "" if free else "may change something with this command"
    return _DOING.get(effect, "")


_DOING = {
    Effect.WRITE: "changes files",
    Effect.EXECUTE: "runs programs",
    Effect.NETWORK: "reaches the network",
    Effect.HOST: "is a function of the embedding program, which may change anything",
}
