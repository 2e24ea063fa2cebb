"""
Runs a team: the lead takes a goal apart, the workers do the tasks, a reviewer judges each.

`AsyncTeamRunner` is written here once; `TeamRunner` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from functools import partial

from a3s_code.checks import check_text
from a3s_code.delegation.team import Team
from a3s_code.delegation.team_board import TeamTaskBoard
from a3s_code.delegation.team_member import (
    AgentMember,
    DelegatingSession,
    Member,
    SessionMember,
    TeamSession,
    checked_session,
)
from a3s_code.delegation.team_result import TeamResult
from a3s_code.errors import InvalidType, InvalidValue, UsageError
from a3s_code.harness.tool_names import TASK_TOOL

AGENTS = {"worker": "general", "reviewer": "review"}
"""Who works for a member that nothing is bound to, in a child run of the lead's session."""


class AsyncTeamRunner:
    """
    A team with the sessions of its members. It consumes the team: another runner of it is refused.

    Every member is an ordinary session, or a child run of one, so gate, limits, budgets and the
    log of that session hold for what it does. A worker or reviewer that nothing is bound to works
    as an agent (`general`, `review`) in child runs of the lead's session.

    Raises:
        InvalidType: what was given is no team.
        UsageError: the team has a runner already.

    Source:
        A3S Code README of the 0.9 crate, "Agent Teams"; SPEC 9.8; DESIGN 6, rows "teams".
    """

    __slots__ = ("_bound", "_is_running", "_team")

    def __init__(self, team: Team) -> None:
        if not isinstance(team, Team):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(f"A {type(team).__name__} is no Team.")
        team.give_to_runner()
        self._team = team
        self._bound: dict[str, Member] = {}
        self._is_running = False

    def bind_session(self, member: str, session: TeamSession) -> None:
        """
        Have a member work in a session; what it was bound to before is let go.

        Raises:
            InvalidValue: the team has no such member.
            InvalidType: it is no session, or none that this runner can wait for.
        """
        self._team.check_member(member)
        self._bound[member] = SessionMember(checked_session(session))

    def bind_agent(self, member: str, session: DelegatingSession, agent_name: str) -> None:
        """
        Have a member work as an agent of a session, each time in a child run of its own.

        Args:
            agent_name: As the tool `task` knows it, such as `general`.

        Raises:
            InvalidValue, InvalidType: as `bind_session`.
        """
        check_text("agent_name", agent_name)
        self._team.check_member(member)
        self._bound[member] = AgentMember(checked_session(session, "tool"), agent_name)

    def task_board(self) -> TeamTaskBoard:
        """Give the board of the team; it may be used while the team runs."""
        return self._team.task_board()

    async def run_until_done(self, goal: str) -> TeamResult:
        """
        Have the lead take a goal apart, and work until every task is done or was rejected too
        often.

        Tasks that are on the board already are worked on as well. When this is cancelled, so is
        every member, and what they were at work on is open again.

        Raises:
            InvalidType, InvalidValue: the goal is no text, or an empty one.
            UsageError: the team has no lead, nothing is bound to it, there is no worker or none
                that can work, or the runner is at work already.
            TasksMissing: what the lead said holds no tasks.
            A3SError: the lead failed; as the `send` of its session.
        """
        from a3s_code.delegation.team_work import TeamWork

        check_text("goal", goal)
        if not goal.strip():
            raise InvalidValue("The goal of a team is empty.", hint="say what is to be reached")
        if self._is_running:
            raise UsageError("The team is at work.", hint="wait for it, or make another team")
        lead = self._lead()
        self._is_running = True
        try:
            return await TeamWork(self._team, goal, partial(self._member, lead)).conduct(lead)
        finally:
            self._is_running = False

    def _lead(self) -> Member:
        name = next(iter(self._team.members_by_role("lead")), None)
        if name is None:
            raise UsageError("The team has no lead.", hint="add_member('lead', 'lead')")
        if name not in self._bound:
            raise UsageError(
                f"Nothing is bound to the lead {name!r}.",
                hint=f"bind_session({name!r}, agent.session('.'))",
            )
        return self._bound[name]

    def _member(self, lead: Member, name: str, role: str) -> Member:
        """
        Give who works for a member.

        Raises:
            UsageError: nothing is bound to it, and the lead's session runs no agents.
        """
        bound = self._bound.get(name)
        if bound is not None:
            return bound
        if isinstance(lead, SessionMember | AgentMember) and hasattr(lead.session, "tool"):
            return AgentMember(checked_session(lead.session, "tool"), AGENTS[role])
        raise UsageError(
            f"Nothing is bound to the {role} {name!r}, and the lead's session has no {TASK_TOOL}.",
            hint=f"bind_session({name!r}, agent.session('.'))",
        )
