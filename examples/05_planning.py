"""
Planning: a request becomes steps, and those that do not wait run at the same time.

    python 05_planning.py [WORKSPACE]

Needs an `agent.acl` in the current directory.
"""

from __future__ import annotations

import json
import sys

from a3s_code import Agent, AgentEvent

REQUEST = """Please do all of this:
1. Say in one sentence what the files here are about.
2. Count them by their suffix.
3. From both, write a short overview of this directory."""


def show(event: AgentEvent) -> None:
    """Print how the list of tasks changes, and whether the goal was reached."""
    data = json.loads(event.data or "{}")
    match event.event_type:
        case "task_updated":
            marks = {"completed": "x", "in_progress": ">", "pending": " "}
            print(*(f"[{marks.get(row['status'], '!')}] {row['content']}" for row in data["tasks"]))
        case "goal_achieved":
            print("reached:", data["goal"])
        case "end":
            print(event.text)
        case _:
            pass


def main() -> None:
    workspace = sys.argv[1] if len(sys.argv) > 1 else "."
    with Agent.create("agent.acl") as agent:
        session = agent.session(workspace, planning_mode="auto", goal_tracking=True)
        for event in session.stream(REQUEST):
            show(event)


if __name__ == "__main__":
    main()
