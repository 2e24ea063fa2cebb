"""
Rules for the tool `sandbox`, read as rules for a shell.

What is said of `bash` alone neither allows nor asks for anything there, since its commands run
somewhere else; what it denies is denied there, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from a3s_code.harness.patterns import Pattern, Rule
from a3s_code.harness.policy import CompiledPolicy
from a3s_code.harness.tool_names import SANDBOX_TOOL


def rules_for_sandbox(policy: CompiledPolicy, shell: str) -> CompiledPolicy:
    """
    Give the policy that decides on `shell` as `policy` decides on the tool `sandbox`.

    Each rule keeps the words that it was written in.
    """
    return replace(
        policy,
        allow=tuple(_renamed(policy.allow, shell)),
        ask=tuple(_renamed(policy.ask, shell)),
        deny=tuple(_renamed(policy.deny, shell, keeps=True)),
    )


def _renamed(rules: Iterable[Rule], shell: str, *, keeps: bool = False) -> Iterable[Rule]:
    name = Pattern(shell)
    for rule in rules:
        if rule.names(SANDBOX_TOOL):
            yield replace(rule, tool=name) if not rule.names(shell) else rule
        elif keeps or not rule.names(shell):
            yield rule
