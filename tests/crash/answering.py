"""A call that somebody has to approve: the question outlives the process that put it."""

from __future__ import annotations

from a3s_code import AsyncAgent, PermissionPolicy
from a3s_code.kernel.ports import Action, Allow, Ask, Deny
from a3s_code.testing import CrashStage
from crash.scenario import ask, counted

WAITING = "while a question waits"
ANSWERED = "answered for the process before"


class Approver:
    """Approves what the counter does not show as done. While it is asked, it can be killed."""

    def __init__(self, stage: CrashStage) -> None:
        self._stage = stage

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        self._stage.tally.reach(WAITING)
        del ask
        return self.decide(str(action.call.input["command"]))

    def decide(self, command: str) -> Allow | Deny:
        done = any(word in command for word in counted(self._stage.workspace))
        return Deny("it has been counted") if done else Allow("looked at the counter")


async def answers(stage: CrashStage) -> None:
    """Count once; what the process before was asked is answered first."""
    async with AsyncAgent(stage.config) as agent:
        approver = Approver(stage)
        policy = PermissionPolicy(ask=["bash(*)"], default_decision="allow")
        session = await stage.session(
            agent, permission_policy=policy, confirmation_manager=approver
        )
        for question in session.pending_confirmations():
            decision = approver.decide(question["args"]["command"])
            approved = isinstance(decision, Allow)
            assert await session.confirm_tool_use(question["tool_id"], approved, decision.reason)
            stage.tally.reach(ANSWERED)
        await ask(session, "Count one.")
        await stage.compare(session)
