"""
Policies that a user keeps in a file of their own, in review and with examples.

What a file says is read by `config.policy_text`, what rules mean is known to `harness`; here
they meet.

Source:
    SPEC 1.3, 6.1; DESIGN 5.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from a3s_code.api.toolbox import Toolbox
from a3s_code.checks import checked_path
from a3s_code.config.blocks import Place
from a3s_code.config.policy_text import (
    Example,
    PolicyText,
    WrittenRule,
    policy_text,
    read_policy,
)
from a3s_code.errors import ConfigError, UsageError
from a3s_code.harness.patterns import parse_rule
from a3s_code.harness.policy import CompiledPolicy, PermissionPolicy
from a3s_code.harness.subjects import printable
from a3s_code.harness.trial import Trial, name_of, said_of
from a3s_code.kernel.ports import Decision

if TYPE_CHECKING:
    from a3s_code.harness.policy_diff import Difference


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """
    A policy, and where each rule of it stands.

    Attributes:
        policy: What a session takes as `permission_policy`.
        places: Of each rule, by its list (`allow`, `deny`, `ask`) and its text.
        at: Of the default decision, else of the file.
    """

    policy: PermissionPolicy
    places: dict[tuple[str, str], Place]
    at: Place


def load_policy(path: str | os.PathLike[str]) -> PermissionPolicy:
    """
    Read a policy file, and hold every rule in it against its examples.

    A file is trusted with what the model may do, so keep it where the model cannot write.

    Raises:
        ConfigError: the file cannot be read, a rule of it is wrong, or an example is not
            decided as its rule says; names file, line and column.
        InvalidType, InvalidValue: `path` is none.
    """
    return read_policy_file(checked_path("path", path)).policy


def read_policy_file(path: str | os.PathLike[str]) -> PolicyFile:
    """
    Read a policy file, with its places.

    Raises:
        ConfigError: as `load_policy`.
    """
    return _checked(read_policy(path))


def policy_from_text(text: str, name: str = "policy.acl") -> PolicyFile:
    """
    Take what a policy file says as text; `name` is what errors call it.

    Raises:
        ConfigError: as `load_policy`.
    """
    return _checked(policy_text(text, name))


class Explained(NamedTuple):
    """
    What would be decided about a call.

    Attributes:
        decision: `allow`, `ask` or `deny`.
        rule: Which rule made it; empty when none alone did.
        part: What of the call made it, such as one command of a line.
    """

    decision: str
    rule: str
    part: str
    reason: str


def explain(policy: PermissionPolicy, tool: str, text: str) -> Explained:
    """
    Say what a policy decides about a call of the model; nothing runs.

    Args:
        text: What the call is about: a command line, a path, or the arguments as JSON.

    Raises:
        InvalidValue: the text is not what this tool takes, or a rule is wrong.
    """
    compiled, asked = policy.compile(), trial()
    tool = next((name for name in asked.tools if name.lower() == tool.lower()), tool)
    made = asked.decide(compiled, tool, text)
    rule = said_of(made, "rule") or asked.deciding(compiled, tool, text)[1]
    return Explained(name_of(made), rule, said_of(made, "part"), made.reason)


@dataclass(frozen=True, slots=True)
class Remark:
    """
    Something about one rule of a file that its writer may not know.

    Attributes:
        kind: One word: `tool`, `nothing`, `unreachable`, `redundant`, `evaded`, `swallowed`,
            `broad`, `prefix`, `disabled` or `unknown`.
        witness: A call that shows it, its tool and its text; empty when none is needed.
    """

    at: Place
    kind: str
    sentence: str
    witness: tuple[str, str]


def lint(file: PolicyFile, tools: Sequence[str] = ()) -> tuple[Remark, ...]:
    """
    Look a policy over for rules that do not do what they seem to, in the order of the file.

    Args:
        tools: Names of tools that the host adds.
    """
    from a3s_code.capabilities.function_tool import RESERVED_NAMES
    from a3s_code.harness.policy_lint.checks import findings

    remarks: list[Remark] = []
    policy = copy(file.policy)
    if not policy.enabled:
        policy.enabled = True
        off = "the policy is not enabled, so every call is allowed"
        remarks.append(Remark(replace(file.at, line=1, column=1), "disabled", off, ("", "")))
    for found in findings(policy.compile(), trial(), (*RESERVED_NAMES, *tools)):
        at = file.places[found.placed.among, found.placed.rule.source]
        remarks.append(
            Remark(at, found.kind, f"{found.placed.named}: {found.sentence}", found.witness)
        )
    return tuple(sorted(remarks, key=lambda remark: (remark.at.line, remark.at.column)))


def compare(old: PermissionPolicy, new: PermissionPolicy, tools: Sequence[str] = ()) -> Difference:
    """
    Find the calls that two policies decide differently.

    Args:
        tools: Names of tools that the host adds.

    Raises:
        InvalidValue: a rule or the default decision of one is wrong.
    """
    from a3s_code.harness.policy_diff import difference

    return difference(old.compile(), new.compile(), trial(), tools)


def trial() -> Trial:
    """Give what puts calls of the tools that every session has to a gate."""
    return Trial({tool.name: tool for tool in Toolbox().tools()})


def _checked(text: PolicyText) -> PolicyFile:
    policy = PermissionPolicy(
        *(_listed(text.rules, among) for among in ("allow", "deny", "ask")),
        default_decision=text.default_decision,
        enabled=text.enabled,
    )
    for rule in text.rules:
        _check_rule(rule)
    try:
        compiled = policy.compile()
    except UsageError as error:  # the rules are right, so it is the default decision
        raise _refused(text.at, error) from None
    asked = trial()
    for rule in text.rules:
        for example in rule.examples:
            _check_example(rule, example, asked, compiled)
    places = {(rule.among, rule.text): rule.at for rule in text.rules}
    return PolicyFile(policy, places, text.at)


def _listed(rules: Sequence[WrittenRule], among: str) -> list[str]:
    return [rule.text for rule in rules if rule.among == among]


def _check_rule(rule: WrittenRule) -> None:
    try:
        parse_rule(rule.text)
    except UsageError as error:
        raise _refused(rule.at, error) from None


def _check_example(
    rule: WrittenRule, example: Example, asked: Trial, policy: CompiledPolicy
) -> None:
    parsed = parse_rule(rule.text)
    if asked.matches(parsed, rule.among, example.text) is example.matches:
        return
    does = "does not match its example" if example.matches else "matches what it must not,"
    try:
        name = (asked.about(parsed) or (rule.text.partition("(")[0],))[0]
        instead = f": {_said(asked.decide(policy, name, example.text))}"
    except UsageError:  # an example of a tool that takes more than one text
        instead = ""
    raise example.at.error(
        f"{rule.among} {printable(rule.text)} {does} `{printable(example.text)}`{instead}",
        "change the rule or the example",
    )


def _refused(at: Place, error: UsageError) -> ConfigError:
    """Say at a place of the file what was wrong with what stands there."""
    return at.error(error.message, error.hint)


def _said(decision: Decision) -> str:
    return f"decided is {name_of(decision)}, {decision.reason}"
