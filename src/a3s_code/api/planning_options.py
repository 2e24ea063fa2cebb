"""What a session is told of planning: whether its runs are planned, by whom, and of their goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import msgspec

from a3s_code.errors import InvalidType

if TYPE_CHECKING:  # loaded by runs that are planned
    from a3s_code.harness.planning.planner import GivenPlanner

Mode: TypeAlias = Literal["auto", "enabled", "disabled"]


class PlanningOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    None = nothing was said: `auto`, and goals are not tracked.

    Source:
        SPEC 1.9; DESIGN 6, row "planning".
    """

    mode: Mode | None = None
    tracks_goals: bool | None = None


NO_PLANNING = PlanningOptions()


@dataclass(frozen=True, slots=True)
class Planning:
    """
    How the runs of a session are planned.

    Attributes:
        planner: Of the host; None for the one that asks the session's model.
    """

    mode: Mode = "auto"
    tracks_goals: bool = False
    planner: GivenPlanner | None = None

    @classmethod
    def of(cls, options: PlanningOptions, planner: GivenPlanner | None) -> Planning:
        return cls(options.mode or "auto", bool(options.tracks_goals), planner)


def planning_options(given: Mapping[str, Any]) -> PlanningOptions:
    """Take what was given of it; `planning_mode` wins over the older `planning`."""
    old = given.get("planning")
    mode = given.get("planning_mode") or (None if old is None else _OLD[old])
    options = PlanningOptions(cast("Mode | None", mode), given.get("goal_tracking"))
    return NO_PLANNING if options == NO_PLANNING else options


_OLD: Mapping[bool, Mode] = {True: "enabled", False: "disabled"}


def check_planner(given: object) -> None:
    """
    Raises:
        InvalidType: it has no `plan`, and is no function.
    """
    if isinstance(given, type):
        raise InvalidType(
            f"planner is the class {given.__name__}, not one that was made of it.",
            hint=f"give {given.__name__}()",
        )
    plan: Callable[..., Any] | object = getattr(given, "plan", given)
    if not callable(plan):
        raise InvalidType(
            f"planner is a {type(given).__name__} without plan, and no function.",
            hint="give an object with plan(request), or that function; see docs/planning.md",
        )
