"""
The JSON in what a model said: arguments of a call, then its text, then its thoughts.

Nothing here knows a schema. A candidate is whole JSON, read strictly; what looks like JSON and is
none is among the faults, so that the model can be told.

Source:
    SPEC 5.16.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from a3s_code.harness.objects.json_text import NotJson, check, read
from a3s_code.kernel.asking import Said
from a3s_code.kernel.messages import Thinking, ToolCall

Place: TypeAlias = Literal["arguments", "text", "fence", "inline", "reasoning"]

MAX_CANDIDATES = 16
"""Of one answer; what comes behind them is not looked at."""
MAX_STARTS = 16
"""Brackets in prose that are tried as the beginning of a value."""
MAX_INLINE_CHARS = 256 * 1024
"""Of a text with words around its JSON."""

_FENCE = re.compile(
    r"^[ \t]*(`{3,}|~{3,})[^\n`]*\n(.*?)^[ \t]*\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL
)
_OPEN = re.compile(r"[{\[]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\]]|"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    Attributes:
        place: Where it stood; `text` for a text that is JSON as a whole.
        value: Plain JSON.
    """

    place: Place
    value: Any


@dataclass(frozen=True, slots=True)
class Found:
    """
    Attributes:
        candidates: Those from the likeliest place first, each place in the order of the answer.
        faults: What looked like JSON and is none, with the reason; only where nothing is.
    """

    candidates: tuple[Candidate, ...]
    faults: tuple[str, ...] = ()


def candidates(said: Said, tool: str = "", arguments: str = "") -> Found:
    """
    Find the values in an answer.

    Args:
        tool: The one that was to be called; arguments of others come behind all else.
        arguments: The text of the arguments as it came in, where it is known: a key that
            stands twice in it is not seen in the call any more.
    """
    search = _Search()
    calls = said.message.calls
    named = [call for call in calls if call.name == tool]
    for call in named:
        search.call(call, arguments if len(calls) == 1 else "")
    search.text(said.message.text)
    for call in calls:
        if call not in named:
            search.call(call, arguments if len(calls) == 1 else "")
    if not search.found:
        for block in said.message.blocks:
            if isinstance(block, Thinking) and block.text:
                search.thoughts(block.text)
    return Found(tuple(search.found[:MAX_CANDIDATES]), () if search.found else tuple(search.faults))


class _Search:
    __slots__ = ("faults", "found")

    def __init__(self) -> None:
        self.found: list[Candidate] = []
        self.faults: list[str] = []

    def call(self, call: ToolCall, arguments: str) -> None:
        text = arguments if call.malformed is None else call.malformed
        if text.strip():
            self._read("arguments", text, f"the arguments of {call.name}")
        elif call.malformed is not None:
            self.faults.append(f"the call of {call.name} has no arguments")
        else:
            self._take(call)

    def _take(self, call: ToolCall) -> None:
        try:
            check(call.input)
        except NotJson as error:
            self.faults.append(f"the arguments of {call.name}: {error}")
        else:
            self.found.append(Candidate("arguments", call.input))

    def text(self, text: str) -> None:
        """Take a text as a whole, else its fences, else what stands in its prose."""
        if not text.strip():
            return
        before = len(self.faults)
        if self._read("text", text, "the text"):
            return
        if not text.lstrip().startswith(("{", "[")):
            del self.faults[before:]  # prose, of which nobody thinks that it is JSON
        blocks = [match[2] for match in _FENCE.finditer(text)][:MAX_CANDIDATES]
        spans = () if blocks else _spans(text[:MAX_INLINE_CHARS])
        for block in blocks:
            self._read("fence", block, "a fenced block")
        for span in spans:
            self._read("inline", span, "JSON in the text")

    def thoughts(self, text: str) -> None:
        inner = _Search()
        inner.text(text)
        self.found += [Candidate("reasoning", each.value) for each in inner.found]

    def _read(self, place: Place, text: str, where: str) -> bool:
        try:
            value = read(text.strip().removeprefix("\ufeff"))
        except NotJson as error:
            self.faults.append(f"{where}: {error}")
            return False
        self.found.append(Candidate(place, value))
        return True


def _spans(text: str) -> Iterator[str]:
    """Give what stands between brackets that belong together, the outermost ones."""
    at = 0
    for _ in range(MAX_STARTS):
        start = _OPEN.search(text, at)
        if start is None:
            return
        end = _end(text, start.start())
        if end:
            yield text[start.start() : end]
        at = end or start.end()


def _end(text: str, start: int) -> int:
    """Give the place behind the bracket that closes the one at `start`; 0 when none does."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        mark = token[0]
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
        if depth == 0:
            return token.end()
    return 0
