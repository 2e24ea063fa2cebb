"""Rules about tools that do not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from a3s_code.harness.patterns import MCP_PREFIX
from a3s_code.harness.policy_lint.case import Case, Finding


def check(case: Case) -> Iterator[Finding]:
    """Find rules that are about no tool; names of servers' tools are not known here."""
    known = sorted(case.names)
    for placed in case.rules():
        name = placed.rule.tool.source
        if name.startswith(MCP_PREFIX) or any(map(placed.rule.names, known)):
            continue
        near = difflib.get_close_matches(name, [each.lower() for each in known], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield Finding(placed, "tool", f"no tool is named {name}{hint}")
