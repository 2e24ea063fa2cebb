"""
An agent from the text of its file.

    explore-db.md                     ci.yaml

    ---                               name: ci
    name: explore-db                  description: Reads build logs
    description: Knows the schema     max_steps: 12
    tools: Read, Grep                 permissions:
    max_steps: 12                       allow: [read, "bash(gh run view:*)"]
    ---                                 deny: [write]
    You know the schema...            prompt: You read build logs...

Nothing that a file says widens what the parent of a run may do. Keys that are not ours are left
alone; one of ours with a value that cannot be meant refuses the file, and so does one that is
nearly the name of a limit, so that no limit is lost.

Source:
    SPEC 9.2; DESIGN 6 ("confirmation inheritance"). `tools` and `disallowedTools` are those of
    public agents, in the forms of `capabilities.skills.tool_list`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from a3s_code.capabilities.skills.front_matter import FrontMatter, split, whole
from a3s_code.capabilities.skills.text import decoded, flag, line
from a3s_code.capabilities.skills.tool_list import tool_rules
from a3s_code.delegation.agents import check_agent_name
from a3s_code.delegation.builtin_agents import role_text
from a3s_code.errors import InvalidValue
from a3s_code.harness.policy import DECISIONS
from a3s_code.kernel.children import AgentRole, Inheritance, Isolation, Permissions
from a3s_code.kernel.context import Origin
from a3s_code.kernel.visible import on_one_line

if TYPE_CHECKING:  # PyYAML is loaded when the first front matter is read; DESIGN 7
    from a3s_code.capabilities.skills.bounded_yaml import Value

MAX_ROLE_CHARS = 64 * 1024
MAX_DESCRIPTION_CHARS = 1_024
MAX_STEPS = 1_000
SUFFIXES = frozenset({".md", ".yaml", ".yml"})
"""How the files of agents end, in lower case."""

LIMITS = (
    "tools",
    "allowed-tools",
    "disallowed-tools",
    "disallowed-tool",
    "permissions",
    "max-steps",
    "isolation",
    "confirmation-inheritance",
)
"""Keys that bound an agent."""
NEAR = 0.85
"""How like one of these a key is, by `difflib`, that was meant for it; `max-turns` is not."""

STARTING = ("task", "parallel_task", "Skill")
"""Tools that start runs: denied to an agent that may start none."""

Whose: TypeAlias = Literal["host", "workspace"]


class AgentSource(NamedTuple):
    """
    Attributes:
        path: As it is named in faults and receipts; its ending says in which form it is.
        stem: The name of an agent whose text has none.
        whose: Whose words it is. What the workspace says chooses no model, and stands in a
            frame that says where it comes from.
    """

    path: str
    stem: str
    whose: Whose = "host"


def agent_of(data: bytes, source: AgentSource) -> AgentRole | None:
    """
    Read the bytes of a file; None for a Markdown file without front matter, which is no agent.

    Raises:
        InvalidValue: it is binary, not UTF-8, or something in it is wrong; says what.
    """
    text = decoded(data)
    matter = split(text) if source.path.lower().endswith(".md") else whole(text)
    if matter is None:
        return None
    _check_keys(matter)
    name = line(matter.fields, "name") or source.stem
    check_agent_name(name)
    spawns = flag(matter.fields, "can-spawn-subagents")
    return AgentRole(
        name=name,
        description=_description(matter),
        role=_role(matter, source),
        role_origin=Origin(f"file://{source.path}", source.whose),
        allow=_allowed(matter, spawns=spawns),
        deny=(*_denied(matter), *(() if spawns else STARTING)),
        permissions=_permissions(matter),
        model=_model(matter) if source.whose == "host" else "",
        max_steps=_steps(matter),
        inheritance=_inheritance(matter),
        isolation=_isolation(matter),
        may_delegate=spawns,
        hidden=flag(matter.fields, "hidden") or _mode(matter) == "primary",
    )


# What it is told


def _description(matter: FrontMatter) -> str:
    said = line(matter.fields, "description")
    if not said:
        raise InvalidValue("It has no description.", hint="say what the agent is for")
    return on_one_line(said[:MAX_DESCRIPTION_CHARS])


def _role(matter: FrontMatter, source: AgentSource) -> str:
    given = matter.fields.get("prompt", "")
    own = (matter.body or (given if isinstance(given, str) else "\n".join(given))).strip()
    role = own or line(matter.fields, "description")
    if len(role) > MAX_ROLE_CHARS:
        raise InvalidValue(
            f"Its prompt has {len(role)} characters.", hint=f"{MAX_ROLE_CHARS} are the most"
        )
    return role if source.whose == "host" else f"{role_text('from_file')}\n\n{role}"


# What it may do


def _check_keys(matter: FrontMatter) -> None:
    """
    Raises:
        InvalidValue: a key is nearly the name of a limit, which would not hold.
    """
    for key in (*matter.fields, *matter.nested):
        near = difflib.get_close_matches(key, LIMITS, n=1, cutoff=NEAR)
        if near and key not in LIMITS:
            raise InvalidValue(
                f"It has no key {_shown(key)!r}.", hint=f"did you mean {_shown(near[0])}?"
            )


def _allowed(matter: FrontMatter, *, spawns: bool) -> tuple[str, ...] | None:
    given = _either(matter, "tools", "allowed-tools")
    if given is None:
        return None
    rules = tool_rules(given)
    return (*rules, *STARTING) if spawns else rules


def _denied(matter: FrontMatter) -> tuple[str, ...]:
    given = _either(matter, "disallowed-tools", "disallowed-tool")
    return () if given is None else tool_rules(given)


def _either(matter: FrontMatter, *keys: str) -> str | list[str] | None:
    """Give the value of the only one of these keys that is there."""
    for key in keys:
        if key in matter.nested:
            raise InvalidValue(f"{_shown(key)} is no list of tools.")
    found = [key for key in keys if key in matter.fields]
    if len(found) > 1:
        raise InvalidValue(f"It has both {' and '.join(map(_shown, found))}.", hint="write one")
    return matter.fields[found[0]] if found else None


def _permissions(matter: FrontMatter) -> Permissions | None:
    """Read `permissions {allow, deny, ask, default_decision}`; only `allow` leaves nothing else."""
    given = matter.nested.get("permissions")
    if given is None and not line(matter.fields, "permissions"):
        return None
    if not isinstance(given, dict):
        raise InvalidValue("permissions is no mapping.", hint="write allow: and deny: below it")
    known = {"allow", "deny", "ask", "default_decision", "default"}
    odd = next((key for key in given if key not in known), None)
    if odd is not None:
        raise InvalidValue(f"permissions has no key {odd!r}.", hint="it has allow, deny and ask")
    allow, deny, ask = (_listed(given, key) for key in ("allow", "deny", "ask"))
    default = given.get("default_decision", given.get("default", "deny" if allow else "allow"))
    if not isinstance(default, str) or default not in DECISIONS:
        raise InvalidValue(
            f"default_decision is {default!r}.", hint=f"use one of {', '.join(DECISIONS)}"
        )
    return Permissions(allow, deny, ask, default)


def _listed(given: dict[str, Value], key: str) -> tuple[str, ...]:
    """Read rules, each a text or `{rule: text}`."""
    rules: list[str] = []
    value = given.get(key, [])
    for each in [value] if isinstance(value, str | dict) else value:
        rule = each.get("rule") if isinstance(each, dict) else each
        if not isinstance(rule, str):
            raise InvalidValue(f"permissions.{key} has something that is no rule.")
        rules += [rule] if rule.strip() else []
    return tool_rules(rules)


# Numbers and words


def _model(matter: FrontMatter) -> str:
    """Read `provider/model`; a word alone, as other programs have them, names none of ours."""
    given = line(matter.fields, "model")
    return given if "/" in given else ""


def _steps(matter: FrontMatter) -> int | None:
    given = line(matter.fields, "max-steps")
    if not given and "max-steps" not in matter.nested:
        return None
    if not (given.isascii() and given.isdigit()) or not 1 <= int(given[:9]) <= MAX_STEPS:
        raise InvalidValue(
            f"max_steps is {given[:20]!r}.", hint=f"give a whole number from 1 to {MAX_STEPS}"
        )
    return int(given)


def _mode(matter: FrontMatter) -> str:
    return _word(matter, "mode", ("subagent", "primary", "all"))


def _isolation(matter: FrontMatter) -> Isolation:
    said = _word(matter, "isolation", ("shared", "worktree"))
    return "worktree" if said == "worktree" else "shared"


def _inheritance(matter: FrontMatter) -> Inheritance:
    """Read who settles questions; no file can have them approved (DESIGN 6)."""
    said = _word(matter, "confirmation-inheritance", ("inherit_parent", "deny_on_ask"))
    return "deny_on_ask" if said == "deny_on_ask" else "inherit_parent"


def _word(matter: FrontMatter, key: str, known: tuple[str, ...]) -> str:
    """Read one of some words; the first one where nothing is said."""
    given = line(matter.fields, key).lower()
    if key in matter.nested or (given and given not in known):
        raise InvalidValue(
            f"{_shown(key)} is {given[:40]!r}.", hint=f"use one of {', '.join(known)}"
        )
    return given or known[0]


def _shown(key: str) -> str:
    return key.replace("-", "_")
