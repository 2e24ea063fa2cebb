"""
Rules about tools that are not there: mostly a slip, which would leave a denial without effect.

They are reported and not refused, because a tool may be registered later.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from a3s_code.harness.patterns import MCP_PREFIX
from a3s_code.harness.policy import CompiledPolicy


def strange_rules(policy: CompiledPolicy, names: Iterable[str]) -> str | None:
    """
    Name the rules that are about none of the tools `names`; None when there are none.

    A rule with a wildcard in its tool, and one about a server, may be about any.
    """
    known = {name.lower() for name in names}
    rules = (*policy.deny, *policy.ask, *policy.allow)
    strange = dict.fromkeys(
        rule.source for rule in rules if not any(map(rule.names, known)) and _is_plain(rule.source)
    )
    if not strange:
        return None
    said = ", ".join(_shown(source, known) for source in strange)
    return f"These permission rules are about no tool of this session: {said}."


def _is_plain(source: str) -> bool:
    name = _tool(source)
    return not name.startswith(MCP_PREFIX) and "*" not in name and "?" not in name


def _tool(source: str) -> str:
    return source.partition("(")[0].lower()


def _shown(source: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(_tool(source), known, n=1)
    return f"{source} (did you mean {near[0]}?)" if near else source
