"""
A workflow: the shape of the work is computed on the way, and a crash repeats nothing.

    python 06_workflow.py [WORKSPACE]

Needs an `agent.acl` in the current directory. Stop it in the middle and start it again: steps that
have come to a good end are not asked again.
"""

from __future__ import annotations

import sys
import threading

from a3s_code import Agent, AgentStepSpec, FileSessionStore, PhaseEnd, PhaseStart, Workflow


def main() -> None:
    workspace = sys.argv[1] if len(sys.argv) > 1 else "."
    store = FileSessionStore(".a3s-sessions")
    with Agent.create("agent.acl") as agent:
        session = agent.session(workspace, session_id="overview", session_store=store)
        with session.workflow(token_budget=200_000) as wf:
            watch(wf)
            parts = wf.phase("split", [step("plan", "plan", "Name three parts, one a line.")])
            names = parts[0].output.split("\n") if parts[0].success else []
            told = wf.phase(
                "look", [step(f"look-{i}", "explore", f"Look at {n}.") for i, n in enumerate(names)]
            )
            for outcome in told:
                print(outcome.output if outcome.success else f"failed: {outcome.error}")
            spent = wf.budget_snapshot()
            print("tokens:", spent.consumed_tokens if spent else 0)


def step(task_id: str, agent: str, prompt: str) -> AgentStepSpec:
    return AgentStepSpec(task_id, agent, prompt, prompt)


def watch(wf: Workflow) -> None:
    """Print what begins and ends, from a thread of its own."""
    events = wf.subscribe()

    def read() -> None:
        for event in events:
            match event:
                case PhaseStart(name=name, step_count=count):
                    print(f"{name}: {count} steps", file=sys.stderr)
                case PhaseEnd(name=name, failed=failed):
                    print(f"{name}: {failed} failed", file=sys.stderr)
                case _:
                    pass

    threading.Thread(target=read, daemon=True).start()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped; start it again, and it goes on")
