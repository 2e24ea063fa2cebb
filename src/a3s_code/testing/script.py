"""
Which request gets which answer.

    Script(
        calls("bash", command="ls"), says("Done."),
        rules=(on(When(last_user="summarise"), says("A summary.")),),
        default=says("Nothing more."),
    )

A request goes to the first rule that fits and is not used up, then to the next turn, then
to the default. Without a default, a request after the last turn is an error that says so.
`Script` is a value and may be shared; `Playback` is where one playing of it stands.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec

from a3s_code.errors import InvalidType, UsageError
from a3s_code.kernel.messages import Usage
from a3s_code.testing.turn import ONLY_TOOL, Turn

Pattern: TypeAlias = str | re.Pattern[str]
"""A text to be found, or a regular expression that is searched for."""

USAGE = Usage(prompt_tokens=10, completion_tokens=5)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """
    What conditions look at in a request, whatever wire it came over.

    Attributes:
        users: What the user said, a text for each message; results of tools are not in it.
        last: Text of the last message; results of tools are in it, a line or more each. In
            Chat Completions images of results are a message of the user after them.
        tool_results: How many results of tools the conversation holds.
        body: The whole request as JSON.
    """

    system: str = ""
    users: tuple[str, ...] = ()
    last: str = ""
    tools: tuple[str, ...] = ()
    forced_tool: str | None = None
    tool_results: int = 0
    model: str = ""
    streams: bool = False
    path: str = ""
    body: str = ""


class When(msgspec.Struct, frozen=True, kw_only=True):
    """
    A condition: everything that is set has to hold.

    Attributes:
        user: Found in any text of the user; `first_user` and `last_user` look at one.
        tool: A tool that is listed; `without_tool` one that is not.
        any_tool: Are tools listed at all?
        forced_tool: The tool that the model must call.
    """

    system: Pattern | None = None
    user: Pattern | None = None
    first_user: Pattern | None = None
    last_user: Pattern | None = None
    last: Pattern | None = None
    body: Pattern | None = None
    not_body: Pattern | None = None
    model: Pattern | None = None
    path: Pattern | None = None
    tool: str | None = None
    without_tool: str | None = None
    any_tool: bool | None = None
    forced_tool: str | None = None
    tool_results: int | None = None
    streams: bool | None = None

    def holds(self, asked: Asked) -> bool:
        return self._texts_hold(asked) and self._facts_hold(asked)

    def _texts_hold(self, asked: Asked) -> bool:
        first, last = (asked.users[0], asked.users[-1]) if asked.users else ("", "")
        return (
            _found(self.system, asked.system)
            and _found(self.user, "\n".join(asked.users))
            and _found(self.first_user, first)
            and _found(self.last_user, last)
            and _found(self.last, asked.last)
            and _found(self.model, asked.model)
            and _found(self.path, asked.path)
            and _found(self.body, asked.body)
            and (self.not_body is None or not _found(self.not_body, asked.body))
        )

    def _facts_hold(self, asked: Asked) -> bool:
        return (
            (self.tool is None or self.tool in asked.tools)
            and (self.without_tool is None or self.without_tool not in asked.tools)
            and self.any_tool in (None, bool(asked.tools))
            and self.forced_tool in (None, asked.forced_tool)
            and self.tool_results in (None, asked.tool_results)
            and self.streams in (None, asked.streams)
        )


def _found(pattern: Pattern | None, text: str) -> bool:
    if pattern is None:
        return True
    if isinstance(pattern, str):
        return pattern in text
    return pattern.search(text) is not None


class Rule(msgspec.Struct, frozen=True):
    """
    Answers for the requests that a condition holds for.

    Attributes:
        turns: In order; the last one repeats.
        times: Requests it answers; None = all.
    """

    when: When
    turns: tuple[Turn, ...]
    times: int | None = None


def on(when: When, *turns: Turn, times: int | None = None) -> Rule:
    """
    Answer with `turns` where `when` holds; see `Rule`.

    Raises:
        UsageError: there are no turns.
    """
    if not turns:
        raise UsageError("A rule without turns answers nothing.", hint="add says(...)")
    return Rule(when, turns, times)


class Script:
    """
    What a model is going to answer.

    Attributes:
        usage: Tokens that a turn reports which says nothing of them.

    Raises:
        InvalidType: something is no turn.
    """

    __slots__ = ("default", "rules", "turns", "usage")

    def __init__(
        self,
        *turns: Turn,
        rules: tuple[Rule, ...] = (),
        default: Turn | None = None,
        usage: Usage = USAGE,
    ) -> None:
        for turn in turns if default is None else (*turns, default):
            if not isinstance(turn, Turn):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
                raise InvalidType(
                    f"A {type(turn).__name__} is no turn of a script.",
                    hint='give says("text"), calls("tool", argument=...) and their like; '
                    "Scripted and Script take turns, ScriptedServer a Script",
                )
        self.turns, self.rules, self.default, self.usage = turns, rules, default, usage


class Playback:
    """One playing of a script, for one caller at a time."""

    __slots__ = ("_answered", "_calls", "_next", "_script", "_used")

    def __init__(self, script: Script) -> None:
        self._script = script
        self._used = [0] * len(script.rules)
        self._next = self._answered = self._calls = 0

    def answer(self, asked: Asked, *, id_prefix: str = "call_") -> Turn:
        """
        Give the turn for a request: its calls have names and ids, and it has a usage.

        Raises:
            UsageError: no rule fits, the turns are used up, and there is no default.
        """
        turn = self._choose(asked)
        self._answered += 1
        if any(call.name == ONLY_TOOL for call in turn.calls):
            turn = _addressed(turn, asked)
        numbered = tuple(
            call if call.id else msgspec.structs.replace(call, id=self._id(id_prefix))
            for call in turn.calls
        )
        usage = turn.usage or self._script.usage
        return msgspec.structs.replace(turn, calls=numbered, usage=usage)

    def _choose(self, asked: Asked) -> Turn:
        for number, rule in enumerate(self._script.rules):
            used = self._used[number]
            if used != rule.times and rule.when.holds(asked):
                self._used[number] = used + 1
                return rule.turns[min(used, len(rule.turns) - 1)]
        if self._next < len(self._script.turns):
            self._next += 1
            return self._script.turns[self._next - 1]
        if self._script.default is None:
            raise UsageError(
                f"The script is over after {self._answered} requests.",
                hint="add a turn, or a default",
            )
        return self._script.default

    def _id(self, prefix: str) -> str:
        self._calls += 1
        return f"{prefix}{self._calls}"


def _addressed(turn: Turn, asked: Asked) -> Turn:
    """Give calls of `ONLY_TOOL` their name; without such a tool they become text."""
    name = asked.forced_tool or (asked.tools[0] if len(asked.tools) == 1 else None)
    meant = tuple(call for call in turn.calls if call.name == ONLY_TOOL)
    if name is None:
        texts = tuple(call.arguments for call in meant)
        others = tuple(call for call in turn.calls if call.name != ONLY_TOOL)
        return msgspec.structs.replace(turn, pieces=turn.pieces + texts, calls=others)
    named = tuple(
        msgspec.structs.replace(call, name=name) if call.name == ONLY_TOOL else call
        for call in turn.calls
    )
    return msgspec.structs.replace(turn, calls=named)
