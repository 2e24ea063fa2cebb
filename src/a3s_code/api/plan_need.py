"""Which requests a planner has to do with; most have nothing to do with one."""

from __future__ import annotations

from a3s_code.api.awake import Awake
from a3s_code.api.request import Request
from a3s_code.harness.planning.demands import has_several_demands


def is_concerned(session: Awake, request: Request) -> bool:
    """Say whether a request is to be planned, or looked at for a plan, or has a goal to be told."""
    return session.behaviour.planning.tracks_goals or is_looked_at(session, request)


def is_styled_by_plan(session: Awake, request: Request) -> bool:
    """Say whether whoever plans a request also says in which style it is gone about."""
    return session.behaviour.style is None and is_looked_at(session, request)


def is_looked_at(session: Awake, request: Request) -> bool:
    """Say whether a request is to be planned, or looked at for a plan."""
    match session.behaviour.planning.mode:
        case "enabled":
            return True
        case "disabled":
            return False
        case _:
            return request.history is None and has_several_demands(request.prompt)
