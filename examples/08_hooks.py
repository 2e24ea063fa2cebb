"""
Hooks: hear of every call, stop some, change others.

    python 08_hooks.py [WORKSPACE]

Needs an `agent.acl` in the current directory.
"""

from __future__ import annotations

import sys
from typing import Any

from a3s_code import Agent, PermissionPolicy


def audit(event: dict[str, Any]) -> None:
    """Say what is about to run; an answer of None has nothing against it."""
    print("audit:", event["payload"]["tool"], event["payload"]["args"])


def block(event: dict[str, Any]) -> dict[str, str]:
    """Stop every call that the matcher of this hook picks."""
    return {"action": "block", "reason": f"{event['payload']['paths'][0]} stays as it is"}


def transform(event: dict[str, Any]) -> dict[str, Any]:
    """Run another command in place of this one; it is checked and decided anew."""
    command = event["payload"]["args"]["command"]
    return {"action": "modify", "data": {"command": f"nice {command}"}}


def main() -> None:
    workspace = sys.argv[1] if len(sys.argv) > 1 else "."
    policy = PermissionPolicy(allow=["*"])
    with Agent.create("agent.acl") as agent:
        session = agent.session(workspace, permission_policy=policy)
        session.register_hook("audit", "pre_tool_use", audit)
        session.register_hook(
            "secrets", "pre_tool_use", {"path_pattern": "**/.env*"}, {"priority": 1}, block
        )
        session.register_hook(
            "nice", "pre_tool_use", {"command_pattern": "make *"}, None, transform
        )
        print(session.send("Build the project, and write the key into .env").text)
        for said in session.hook_decisions():
            print(said["hook_id"], said["outcome"], said["reason"])


if __name__ == "__main__":
    main()
