"""
What the handler of a hook may answer.

    None, {"action": "continue"}                 it has nothing against it
    {"action": "block", "reason": "..."}         it stops it
    {"action": "skip"}                           the hooks behind it are not asked
    {"action": "retry", "delay_ms": 1000}        it cannot say yet: ask it once more
    {"action": "modify", "data": {...}}          other arguments for the call (`pre_tool_use`)

Anything else is no answer, which counts as a hook that failed.

Source:
    SPEC 7; DESIGN 6, row "hooks", for the synonyms of `data`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from a3s_code.harness.hooks.event_names import PRE_TOOL_USE, nearest
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import plain

RETRY_DELAY_MS = 1000
MAX_DELAY_MS = 600_000

_ACTIONS = frozenset({"block", "continue", "modify", "retry", "skip"})
_DATA = ("data", "args", "modified")


class NoAnswer(Exception):
    """What a handler gave is no answer; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Continue:
    pass


@dataclass(frozen=True, slots=True)
class Block:
    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    pass


@dataclass(frozen=True, slots=True)
class Retry:
    delay_ms: float


@dataclass(frozen=True, slots=True)
class Modify:
    """`args` takes the place of all arguments of the call."""

    args: JsonObject


Answer: TypeAlias = Continue | Block | Skip | Retry | Modify


def answer_to(event: str, given: object) -> Answer:
    """
    Read what a handler gave.

    Raises:
        NoAnswer: it is none, or `event` takes no such answer.
    """
    if given is None:
        return Continue()
    if not isinstance(given, Mapping):
        raise NoAnswer(f"it answered with a {type(given).__name__}, not an object with an action")
    fields = cast("Mapping[str, Any]", given)
    action = fields.get("action")
    match action:
        case "continue":
            return Continue()
        case "block":
            return Block(_reason(fields.get("reason")))
        case "skip":
            return Skip()
        case "retry":
            return Retry(_delay_ms(fields.get("delay_ms")))
        case "modify":
            return Modify(_args(event, fields))
        case _:
            hint = nearest(action, _ACTIONS) if isinstance(action, str) else "it has no action"
            raise NoAnswer(f"it answered with the action {action!r}; {hint}")


def _reason(given: object) -> str:
    if given is None or given == "":
        return "it gave no reason"
    if not isinstance(given, str):
        raise NoAnswer(f"its reason is a {type(given).__name__}, not a text")
    return given


def _delay_ms(given: object) -> float:
    if given is None:
        return RETRY_DELAY_MS
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise NoAnswer(f"its delay_ms is a {type(given).__name__}")
    if not 0 <= given <= MAX_DELAY_MS:
        raise NoAnswer(f"its delay_ms is {given}, outside of 0 to {MAX_DELAY_MS}")
    return given


def _args(event: str, fields: Mapping[str, Any]) -> JsonObject:
    if event != PRE_TOOL_USE:
        raise NoAnswer(f"it would modify {event}, and only the call of {PRE_TOOL_USE} can be")
    given = [fields[key] for key in _DATA if key in fields]
    if len(given) != 1:
        raise NoAnswer(f"its modify has {'no' if not given else 'more than one'} `data`")
    try:
        args: object = plain(given[0])
    except Exception as error:
        raise NoAnswer(f"its data is no plain JSON: {type(error).__name__}") from error
    if type(args) is not dict:
        raise NoAnswer(f"its data is a {type(given[0]).__name__}, not an object of arguments")
    return cast("JsonObject", args)
