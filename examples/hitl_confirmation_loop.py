"""
A UI's loop: the agent works, and a person answers when it wants to do something.

    python examples/hitl_confirmation_loop.py agent.acl /my-project "Tidy up the notes"

Events are shown as they come. At `confirmation_required` the question is among
`pending_confirmations()`; `view` is all of the call as text that is safe to print. The run
waits until `confirm_tool_use` is called, from this loop or from any other thread, or until
the time of the policy is over.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from a3s_code import (
    Agent,
    AgentEvent,
    ConfirmationPolicy,
    PermissionPolicy,
    Session,
    SessionOptions,
)


def options() -> SessionOptions:
    """Ask before commands and writes; looking around needs nobody."""
    return SessionOptions(
        permission_policy=PermissionPolicy(
            allow=["read", "ls", "glob", "grep"], default_decision="ask"
        ),
        confirmation_policy=ConfirmationPolicy(
            enabled=True, default_timeout_ms=120_000, timeout_action="reject"
        ),
    )


def run(session: Session, prompt: str, ask: Callable[[str], str] = input) -> str:
    """Stream one prompt, answer what is asked on the way, and give the answer."""
    text = ""
    for event in session.stream(prompt):
        if event.event_type == "confirmation_required":
            answer(session, ask)
        elif event.event_type == "end":
            text = event.text or ""
        else:
            show(event)
    return text


def answer(session: Session, ask: Callable[[str], str]) -> None:
    """Put every question that waits; `a` is yes to this, and a rule for its like."""
    for question in session.pending_confirmations():
        print(question["view"])
        for rule in question["rules"]:
            print(f"  a = always {rule}")
        said = ask("Allow it? [y/a/N] ").strip().lower()
        always = said == "a" and question["rules"]
        session.confirm_tool_use(
            question["tool_id"],
            approved=said == "y" or bool(always),
            reason="looked at by a person",
            remember=question["rules"] if always else None,
        )


def show(event: AgentEvent) -> None:
    match event.event_type:
        case "text_delta":
            print(event.text, end="", flush=True)
        case "tool_end":
            print(f"\n[{event.tool_name} -> {event.exit_code}]")
        case "permission_denied" | "confirmation_timeout":
            print(f"\n[{event.tool_name or event.tool_id}: {event.event_type}]")
        case "error":
            print(f"\n{event.error}", file=sys.stderr)
        case _:
            pass


def main() -> None:
    match sys.argv[1:]:
        case [config, workspace, prompt]:
            with Agent.create(config) as agent:
                run(agent.session(workspace, options()), prompt)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
