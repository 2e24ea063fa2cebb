"""
Which events a hook is about: the keys of a matcher, and what they match.

    tool              the name of the tool, in any case; `*` and `?` as in rules
    command_pattern   a simple command that `bash` could run, wherever it stands in the text;
                      without a wildcard also with more words behind it: `git push` matches
                      `git push --force`
    path_pattern      the file of the call: as it was resolved, as it was written, or its
                      absolute path; `*` stays within one directory, `**` crosses
    session_id        the session, for an engine that several share
    skill             the name of the skill

All keys of a matcher must match. Patterns are those of permission rules (`harness.patterns`),
so they take linear time. What a command does not show until it runs counts as a match: a hook
that guards something is asked rather than passed by.

Source:
    SPEC 7 for the keys.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.hooks.event_names import ABOUT_CALLS, ABOUT_SKILLS, nearest
from a3s_code.harness.patterns import Pattern
from a3s_code.harness.tool_names import SHELL_TOOLS
from a3s_code.kernel.messages import JsonObject

_CAMEL = {
    "commandPattern": "command_pattern",
    "pathPattern": "path_pattern",
    "sessionId": "session_id",
}
_KEYS = frozenset({"command_pattern", "path_pattern", "session_id", "skill", "tool"})
_WHERE = {
    "command_pattern": ABOUT_CALLS,
    "path_pattern": ABOUT_CALLS,
    "skill": ABOUT_SKILLS,
    "tool": ABOUT_CALLS,
}
"""The events in which a key can be found; all of them for the others."""

_REGEX = {
    "command_pattern": re.compile(r"^\^|\$$|\\[bBdDsSwW.]|\(\?|\(.*\||[^\s*/]\.[*+]"),
    "path_pattern": re.compile(r"^\^|\$$|\\[bBdDsSwW.]|\(\?|\(.*\|"),
}
"""What no pattern has and regular expressions do; a guard written as one would never match."""

_TOOL = re.compile(r"[\w.*?:-]+")


class Given(msgspec.Struct, frozen=True, omit_defaults=True):
    """A matcher in the words that it was given in."""

    tool: str | None = None
    path_pattern: str | None = None
    command_pattern: str | None = None
    session_id: str | None = None
    skill: str | None = None


@dataclass(frozen=True, slots=True)
class HookMatcher:
    """A checked matcher; every attribute that is None matches everything."""

    given: Given
    tool: Pattern | None = None
    path: Pattern | None = None
    command: Pattern | None = None

    def matches(self, payload: JsonObject) -> bool:
        """Say whether a hook with this matcher is asked about an event."""
        given = self.given
        return (
            (given.session_id is None or payload.get("session_id") == given.session_id)
            and (given.skill is None or payload.get("skill_name") == given.skill)
            and (self.tool is None or self._is_of_tool(payload, self.tool))
            and (self.path is None or any(map(self.path.matches, _paths(payload))))
            and (self.command is None or _may_run(payload, self.command))
        )

    @staticmethod
    def _is_of_tool(payload: JsonObject, tool: Pattern) -> bool:
        name = payload.get("tool")
        return isinstance(name, str) and tool.matches(name.lower())


def matcher_of(given: object, event: str) -> HookMatcher:
    """
    Check a matcher: None, an object of the keys above, or one that was checked before.

    Raises:
        InvalidType: it is something else, or a value is no text.
        InvalidValue: there is no such key, a pattern is empty or a regular expression, or
            the key is in no payload of `event`.
    """
    if isinstance(given, HookMatcher):
        given = msgspec.to_builtins(given.given)
    if given is None:
        return _EVERYTHING
    if not isinstance(given, Mapping):
        raise InvalidType(
            f"The matcher of a hook is a {type(given).__name__}.",
            hint=f"give an object of {', '.join(sorted(_KEYS))}",
        )
    pairs = cast("Mapping[object, object]", given).items()
    named = {_checked_key(key, event): it for key, it in pairs if it is not None}
    keys = {key: _checked_value(key, it) for key, it in named.items()}
    tool, path, command = (keys.get(key) for key in ("tool", "path_pattern", "command_pattern"))
    return HookMatcher(
        given=Given(**keys),
        tool=Pattern(tool.lower()) if tool is not None else None,
        path=Pattern(path.removeprefix("./"), segments=True) if path is not None else None,
        command=_command(command) if command is not None else None,
    )


def _checked_key(key: object, event: str) -> str:
    name = _CAMEL.get(str(key), str(key))
    if name not in _KEYS:
        raise InvalidValue(f"A matcher has no key {key!r}.", hint=nearest(str(key), _KEYS))
    if event not in _WHERE.get(name, {event}):
        raise InvalidValue(
            f"A hook of {event} with the key {key!r} would never be asked.",
            hint=f"leave {key!r} out, or hook one of {', '.join(sorted(_WHERE[name]))}",
        )
    return name


def _checked_value(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidType(f"{key!r} of a matcher is a {type(value).__name__}, not a text.")
    if not value:
        raise InvalidValue(f"{key!r} of a matcher is empty.", hint="leave it out to match all")
    if key == "tool" and _TOOL.fullmatch(value) is None:
        raise InvalidValue(
            f"{key!r} of a matcher is {value!r}, which is no name of a tool.",
            hint="name one tool, or write `*` for any text in its name",
        )
    if key in _REGEX and _REGEX[key].search(value):
        raise InvalidValue(
            f"{key!r} of a matcher is {value!r}, which looks like a regular expression.",
            hint="patterns are those of permission rules: `*` is any text, `?` one character",
        )
    return value


def _command(pattern: str) -> Pattern:
    """Compile a pattern; a trailing `:*` makes it a prefix, as in rules."""
    text = pattern.removesuffix(":*")
    return Pattern(f"{text}**" if text != pattern else text)


def _paths(payload: JsonObject) -> Iterator[str]:
    """Give the spellings of the file that a call is about."""
    root = payload.get("working_directory")
    for path in cast("Sequence[object]", payload.get("paths") or ()):
        if isinstance(path, str):
            yield path
            if isinstance(root, str) and not path.startswith("/"):
                yield posixpath.join(root, path)


def _may_run(payload: JsonObject, pattern: Pattern) -> bool:
    """Whether a call may run a command that matches."""
    args = payload.get("args")
    if payload.get("tool") not in SHELL_TOOLS or not isinstance(args, dict):
        return False
    command = cast("dict[str, Any]", args).get("command")
    return isinstance(command, str) and any(_fits(pattern, text) for text in _commands(command))


def _commands(command: str) -> Iterator[str]:
    """Give every text that a simple command of a line has; `UNKNOWN` for what may be any."""
    from a3s_code.harness.shell.analysis import analyse  # loads the parser
    from a3s_code.harness.shell.words import UNKNOWN

    analysis = analyse(command)
    yield command.strip()
    if analysis.unresolved:
        yield UNKNOWN
    for simple in analysis.commands:
        yield simple.text
        yield from simple.also
        if simple.unknown:
            yield UNKNOWN


def _fits(pattern: Pattern, text: str) -> bool:
    if pattern.may_match(text):
        return True
    literal = not any(mark in pattern.source for mark in "*?")
    return literal and text.startswith(f"{pattern.source} ")


_EVERYTHING = HookMatcher(Given())
