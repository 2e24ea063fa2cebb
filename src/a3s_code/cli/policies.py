"""
`a3s-code policy lint|explain|diff`, and the policy of `a3s-code --policy FILE`.

Exit status of `lint`: 0 nothing found, 1 something was. Of `diff`: 0 nothing is loosened, 1
something is or may be. Of `explain`: 0. Of all: 2 wrong use, or no policy.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from a3s_code.api.policy_files import compare, explain, lint, read_policy_file
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.harness.policy_diff import Change
from a3s_code.kernel.visible import visible

DESCRIPTION = """Look at policy files: what is wrong, what is decided, what a change would change.

A policy file has the lists allow, deny and ask, and default_decision; a rule in it may have
examples, match and not_match, which are checked whenever it is read. Nothing is run."""

LINT = """Find rules of FILE that do not do what they seem to, each with a call that shows it.

  tool         the rule is about a tool that does not exist
  nothing      the rule matches no call, or not the command that it spells
  unreachable  the rule never decides: a list before its own covers it
  redundant    another rule of its list covers it
  evaded       another spelling of what the rule stops is let through
  swallowed    what the rule stops is allowed by way of another tool or program
  broad        the rule allows any command, or any program that a file holds
  prefix       the rule also allows other programs, whose names begin the same
  disabled     the policy is not enabled
  unknown      it takes too long to tell"""

EXPLAIN = """Say what the policy of FILE decides about a call of the model, and why.

ARG is the command line of bash, the path of a tool that has one, or arguments as JSON."""

DIFF = """Show which calls the policies OLD and NEW decide differently, loosened ones first.

Each is shown by a call that both were asked about. What differs and cannot be shown by a call
is told as unknown, and counts as loosened."""


def main(arguments: Sequence[str]) -> int:
    """
    Run a command.

    Raises:
        ConfigError: a file is no policy.
        InvalidValue: there can be no such call.
    """
    given = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = given.run
    return run(given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="a3s-code policy",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="lint|explain|diff")

    def command(name: str, about: str, run: Callable[[argparse.Namespace], int]) -> None:
        made = commands.add_parser(
            name, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        for argument in arguments[name]:
            made.add_argument(argument, metavar=argument.upper())
        if name != "explain":
            made.add_argument(
                "--tool", metavar="NAME", action="append", default=[], help="a tool of the host"
            )
        made.add_argument("--json", action="store_true", help="print JSON, one object a line")
        made.set_defaults(run=run)

    arguments = {"lint": ("file",), "explain": ("file", "tool", "arg"), "diff": ("old", "new")}
    command("lint", LINT, _lint)
    command("explain", EXPLAIN, _explain)
    command("diff", DIFF, _diff)
    return parser


def policy_for(file: str, workspace: str, allow: Sequence[str]) -> PermissionPolicy:
    """
    Give the policy of a run; says so when the model could write the file itself.

    Raises:
        ConfigError: as `load_policy`.
    """
    policy = read_policy_file(file).policy
    policy.allow.extend(allow)
    inner = os.path.relpath(Path(file).resolve(), Path(workspace).resolve())
    if not inner.startswith("..") and explain(policy, "write", inner).decision == "allow":
        sys.stderr.write(
            f"a3s-code: {visible(file)} lies in the workspace, and by its own rules the model "
            "may write it\n"
        )
    return policy


def _lint(given: argparse.Namespace) -> int:
    remarks = lint(read_policy_file(given.file), given.tool)
    for remark in remarks:
        at = remark.at
        if given.json:
            place = {"file": at.file, "line": at.line, "column": at.column}
            tool, text = remark.witness
            shown = {"tool": tool, "arg": text} if tool else None
            said = {"kind": remark.kind, "sentence": remark.sentence, "witness": shown}
            _line(json.dumps(place | said))
        else:
            _line(f"{at.file}:{at.line}:{at.column}: {remark.kind}: {remark.sentence}")
    return 1 if remarks else 0


def _explain(given: argparse.Namespace) -> int:
    found = explain(read_policy_file(given.file).policy, given.tool, given.arg)
    if given.json:
        _line(json.dumps(found._asdict()))
        return 0
    _line(f"{found.decision}: {found.reason}")
    if found.rule:
        _line(f"rule: {found.rule}")
    if found.part:
        _line(f"part: {found.part}")
    return 0


def _diff(given: argparse.Namespace) -> int:
    old, new = read_policy_file(given.old), read_policy_file(given.new)
    found = compare(old.policy, new.policy, given.tool)
    for change in found.changes:
        if given.json:
            _line(json.dumps({"loosened": change.loosened, **change._asdict()}))
        else:
            _line(_said(change))
    for unknown in found.unknown:
        _line(json.dumps({"unknown": unknown}) if given.json else f"unknown: {unknown}")
    return 1 if found.loosened else 0


def _said(change: Change) -> str:
    how = "loosened" if change.loosened else "tightened"
    by = f"{change.old_rule or 'default'} -> {change.new_rule or 'default'}"
    also = f"; also {', '.join(change.tools)}" if change.tools else ""
    return f"{how}: {change.tool} `{change.text}`: {change.old} -> {change.new} ({by}{also})"


def _line(text: str) -> None:
    """Print one line, whatever a policy holds."""
    print(visible(text).replace("\n", "\\n"))
