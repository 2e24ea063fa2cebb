"""
`a3s-code policy explain FILE TOOL ARG`, and the policy of `a3s-code --policy FILE`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from a3s_code.api.policy_files import explain, read_policy_file
from a3s_code.cli.visible import visible
from a3s_code.harness.policy import PermissionPolicy


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="a3s-code policy", description="Look at policy files.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser("explain", help="say what is decided about a call, and why")
    one.add_argument("file", metavar="FILE")
    one.add_argument("tool", metavar="TOOL")
    one.add_argument("text", metavar="ARG", help="command line, path, or arguments as JSON")
    one.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    return _explain(given)


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


def _explain(given: argparse.Namespace) -> int:
    found = explain(read_policy_file(given.file).policy, given.tool, given.text)
    if given.json:
        print(json.dumps(found._asdict()))
        return 0
    print(visible(f"{found.decision}: {found.reason}").replace("\n", "\\n"))
    return 0
