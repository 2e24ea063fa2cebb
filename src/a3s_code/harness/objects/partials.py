"""
An object while it comes in: shown again and again, each time as far as it is.

What is shown is one line of JSON, `{"object_partial": …, "final": false}`. It comes at most every
`INTERVAL_S`, and of an answer past `SMALL_CHARS` only when it has grown by a quarter since, so that
a long answer is parsed and shown about five times in all and not once for each piece.

Source:
    SPEC 5.16, "Streaming".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import cast

import msgspec

from a3s_code.harness.objects.json_text import MAX_JSON_BYTES, NotJson, read_part
from a3s_code.harness.objects.schema import VALUE
from a3s_code.kernel.live import MAX_LIVE_CHARS
from a3s_code.kernel.messages import JsonObject

INTERVAL_S = 0.1
MAX_PARTIAL_CHARS = MAX_LIVE_CHARS // 2
"""Shown before the end, in all; the rest is for the final value."""
SMALL_CHARS = 1024

_GROWTH = 4
"""It has to grow by one of so many parts."""
_OPEN = re.compile(r"[{\[]")
_NOTHING = object()


class Incoming:
    """
    Watches answers come in, one after the other; see `SaidListener`.

    Args:
        emit: Shows a piece of output.
        is_enveloped: See `ObjectSchema`.
        now: Seconds that only grow.
    """

    __slots__ = (
        "_arguments",
        "_at",
        "_emit",
        "_is_enveloped",
        "_latest",
        "_left",
        "_next_chars",
        "_next_s",
        "_now",
        "_size",
        "_text",
    )

    def __init__(
        self,
        emit: Callable[[str], None],
        *,
        is_enveloped: bool,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit, self._is_enveloped, self._now = emit, is_enveloped, now
        self._left, self._next_s = MAX_PARTIAL_CHARS, 0.0
        self.again()

    def again(self) -> None:
        """Begin another answer."""
        self._arguments: list[str] = []
        self._text: list[str] = []
        self._latest: str = ""
        self._size, self._next_chars, self._at = 0, 1, -1

    @property
    def arguments(self) -> str:
        """The text of the arguments so far."""
        return "".join(self._arguments)

    def piece(self, text: str, *, is_argument: bool) -> None:
        if is_argument and not self._arguments:
            self._size, self._next_chars, self._at = 0, 1, -1  # of what was said before them
        if is_argument or not self._arguments:
            self._size += len(text)
        (self._arguments if is_argument else self._text).append(text)
        if self._next_chars <= self._size <= MAX_JSON_BYTES and self._left > 0:
            self._show()

    def final(self, value: object) -> None:
        """Show the value that was accepted; its size alone where it is too long to be shown."""
        line = _line(value, final=True)
        if len(line) > MAX_LIVE_CHARS - MAX_PARTIAL_CHARS + self._left:
            facts = {"final": True, "left_out_chars": len(line)}
            line = f"{msgspec.json.encode(facts).decode()}\n"
        self._emit(line)

    def _show(self) -> None:
        now = self._now()
        if now < self._next_s:
            return
        value = self._so_far()
        grown = self._size // _GROWTH if self._size > SMALL_CHARS else 0
        self._next_chars = self._size + grown + 1
        if value is _NOTHING:
            return
        self._next_s = now + INTERVAL_S
        line = _line(value, final=False)
        if line == self._latest:
            return
        self._latest = line
        if len(line) > self._left:
            self._left = 0
            return
        self._left -= len(line)
        self._emit(line)

    def _so_far(self) -> object:
        text = "".join(self._arguments or self._text)
        if self._at < 0:
            start = _OPEN.search(text)
            if start is None:
                return _NOTHING
            self._at = start.start()
        try:
            value = read_part(text[self._at :].encode("utf-8", "replace"))
        except NotJson:
            return _NOTHING
        if not self._is_enveloped:
            return value
        fields = cast("JsonObject", value) if isinstance(value, dict) else {}
        return fields.get(VALUE, _NOTHING)


def _line(value: object, *, final: bool) -> str:
    shown = {"object_partial": value, "final": final}
    return f"{msgspec.json.encode(shown).decode()}\n"
