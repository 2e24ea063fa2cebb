"""
The styles in which an agent goes about a run.

A style is guidance in front of the words of the user. It takes nothing away and allows nothing:
tools, policy and the core of the system prompt are the same in all of them.

Source:
    SPEC 1.8 for the styles and their agents; SPEC 9.1 for other names of the agents.
"""

from __future__ import annotations

import difflib
import re

import msgspec

from a3s_code.errors import InvalidValue


class Style(msgspec.Struct, frozen=True):
    """
    Attributes:
        name: As the documents write it, such as `CodeReview`.
        mode, agent, description: What `agent_mode_changed` says of it; `agent` is the built-in
            agent that works like this.
    """

    name: str
    mode: str
    agent: str
    description: str


GENERAL = Style("GeneralPurpose", "general", "general", "Work of any kind, in several steps")
PLAN = Style("Plan", "plan", "plan", "Design the steps of a change before it is made")
VERIFICATION = Style(
    "Verification", "verification", "verification", "Try to break what is said to work"
)
EXPLORE = Style("Explore", "explore", "explore", "Find out, and change nothing")
CODE_REVIEW = Style("CodeReview", "code_review", "review", "Look for what is wrong with a change")

STYLES = (GENERAL, PLAN, VERIFICATION, EXPLORE, CODE_REVIEW)

AUTO = "auto"
"""Instead of a style: let the words of each prompt say it."""

_ALIASES = {
    "codereviewer": CODE_REVIEW,
    "planner": PLAN,
    "planning": PLAN,
    "reviewer": CODE_REVIEW,
    "verifier": VERIFICATION,
    "verify": VERIFICATION,
}
_JOINTS = re.compile(r"[\s_-]+")
_BY_NAME = {
    **_ALIASES,
    **{style.mode.replace("_", ""): style for style in STYLES},
    **{style.agent: style for style in STYLES},
    **{style.name.lower(): style for style in STYLES},
}


def style_named(text: str) -> Style | None:
    """Give the style of this name, or of the agent of this name; case and joints do not count."""
    return _BY_NAME.get(_JOINTS.sub("", text).lower())


def check_style(text: str) -> None:
    """
    Raises:
        InvalidValue: there is no such style; names the nearest one.
    """
    if text == AUTO or style_named(text) is not None:
        return
    known = [*(style.agent for style in STYLES), AUTO]
    near = difflib.get_close_matches(text.lower(), [*known, *_BY_NAME], n=1)
    meant = style_named(near[0]) if near and near[0] != AUTO else None
    name = meant.agent if meant is not None else "".join(near)
    raise InvalidValue(
        f"agent_style is {text!r}.",
        hint=f"did you mean {name!r}?" if name else f"use one of {', '.join(known)}",
    )
