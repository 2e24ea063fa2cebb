"""
Teams: a lead takes a goal apart, two workers do the tasks, and a reviewer judges each of them.

    python agent_teams.py [WORKSPACE]

Needs an `agent.acl` in the current directory.
"""

from __future__ import annotations

import sys

from a3s_code import Agent, Team, TeamConfig, TeamRunner

GOAL = "Describe what the files here are for, in one file and with a table of their sizes."
MEMBERS = {"lead": "lead", "worker-1": "worker", "worker-2": "worker", "reviewer": "reviewer"}


def main() -> None:
    workspace = sys.argv[1] if len(sys.argv) > 1 else "."
    team = Team("overview", TeamConfig(max_rounds=3))
    for member, role in MEMBERS.items():
        team.add_member(member, role)
    with Agent.create("agent.acl") as agent:
        runner = TeamRunner(team)
        for member in MEMBERS:
            runner.bind_session(member, agent.session(workspace))
        result = runner.run_until_done(GOAL)
    for task in (*result.done_tasks, *result.rejected_tasks):
        files = ", ".join(task.evidence.files_changed) if task.evidence else ""
        print(f"[{task.status}] {task.id} {task.description} ({files or 'no file changed'})")
    print(f"{len(result.done_tasks)} done, {result.rounds} rounds")


if __name__ == "__main__":
    main()
