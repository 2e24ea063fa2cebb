"""
The events that hooks are registered for.

Source:
    SPEC 7 for the names; document 000 for their order; DESIGN 6, row "hooks".
"""

from __future__ import annotations

import difflib

from a3s_code.errors import InvalidType, InvalidValue

PRE_TOOL_USE = "pre_tool_use"
POST_TOOL_USE = "post_tool_use"
PERMISSION_REQUEST = "permission_request"
ON_CONFIRMATION = "on_confirmation"
ON_ERROR = "on_error"
GENERATE_START = "generate_start"
GENERATE_END = "generate_end"
PRE_PROMPT = "pre_prompt"
POST_RESPONSE = "post_response"
SESSION_START = "session_start"
SESSION_END = "session_end"
ON_SUCCESS = "on_success"
ON_RATE_LIMIT = "on_rate_limit"
PRE_CONTEXT = "pre_context_perception"
POST_CONTEXT = "post_context_perception"
PRE_COMPACT = "pre_compact"
POST_COMPACT = "post_compact"
PRE_MEMORY = "pre_memory_recall"
POST_MEMORY = "post_memory_recall"
INTENT_DETECTION = "intent_detection"
PRE_PLANNING = "pre_planning"
POST_PLANNING = "post_planning"

GATING = frozenset({PRE_TOOL_USE, PRE_PROMPT, GENERATE_START, PERMISSION_REQUEST})
"""What comes after them happens only when no hook blocks, fails or is late."""

ABOUT_CALLS = frozenset(
    {PRE_TOOL_USE, POST_TOOL_USE, PERMISSION_REQUEST, ON_CONFIRMATION, ON_ERROR}
)
"""Their payloads may name a tool and its arguments."""

SKILL_LOAD = "skill_load"
SKILL_UNLOAD = "skill_unload"
ABOUT_SKILLS = frozenset({SKILL_LOAD, SKILL_UNLOAD})

IDLE = frozenset(
    {
        "post_reasoning",
        "pre_reasoning",
    }
)
"""Events of features that this build does not have: accepted, announced, and never fired."""

FIRED = (
    GATING
    | ABOUT_CALLS
    | ABOUT_SKILLS
    | {
        GENERATE_END,
        INTENT_DETECTION,
        ON_RATE_LIMIT,
        ON_SUCCESS,
        POST_COMPACT,
        POST_CONTEXT,
        POST_MEMORY,
        POST_PLANNING,
        POST_RESPONSE,
        PRE_COMPACT,
        PRE_CONTEXT,
        PRE_MEMORY,
        PRE_PLANNING,
        SESSION_END,
        SESSION_START,
    }
)

EVENTS = FIRED | IDLE


def checked_event(name: object) -> str:
    """
    Raises:
        InvalidType: it is no text.
        InvalidValue: there is no such event; names the nearest one.
    """
    if not isinstance(name, str):
        raise InvalidType(f"The event of a hook is a {type(name).__name__}, not its name.")
    if name not in EVENTS:
        raise InvalidValue(f"Hooks have no event {name!r}.", hint=nearest(name, EVENTS))
    return name


def nearest(name: str, names: frozenset[str]) -> str:
    """Give a hint: the name that was probably meant, or all of them."""
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(sorted(names))}"
