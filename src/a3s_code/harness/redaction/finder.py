"""All that is known of secrets, asked for one text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.redaction.assignments import assignments
from a3s_code.harness.redaction.blocks import blocks
from a3s_code.harness.redaction.people import people
from a3s_code.harness.redaction.placeholders import PLACEHOLDER
from a3s_code.harness.redaction.spans import Span, settled
from a3s_code.harness.redaction.tokens import tokens
from a3s_code.harness.redaction.values import Values

_LOWER = str.maketrans({upper: upper.lower() for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})


MAX_SHORT = 256
"""Characters of a piece that is looked at as a whole."""

MAX_PASSES = 4
"""How often a text is looked at once more, so that no text takes more than linear time."""


class Finder:
    """
    Args:
        by_shape: Look for known shapes too, and not for values alone.
        custom: More patterns, each with its label. How long they take is up to who gave them.
    """

    __slots__ = ("_open", "_values", "by_shape", "custom")

    def __init__(
        self,
        values: Sequence[Values],
        *,
        by_shape: bool = True,
        custom: Sequence[tuple[re.Pattern[str], str]] = (),
    ) -> None:
        self._values, self.by_shape, self.custom = tuple(values), by_shape, tuple(custom)
        self._open: tuple[int, tuple[str, ...]] = (-1, ())

    @property
    def values(self) -> Values:
        """The first ones."""
        return self._values[0]

    @property
    def known(self) -> int:
        """A number that is another one when values were added or forgotten."""
        changes = 0
        for values in self._values:  # asked for every text; `sum` takes three times as long
            changes += values.changes
        return changes

    @property
    def longest(self) -> int:
        """Characters of the longest form of a value."""
        return max(values.longest for values in self._values)

    @property
    def open_forms(self) -> tuple[str, ...]:
        """Forms of values that a word may end in the middle of, or all without shapes."""
        known, (kept, forms) = self.known, self._open
        if kept != known:  # asked for every piece of a stream
            forms = tuple(form for values in self._values for form in values.forms)
            if self.by_shape:
                forms = tuple(form for form in forms if any(char.isspace() for char in form))
            self._open = (known, forms)
        return forms

    def clears(self, written: bytes) -> bool:
        """
        Say that nothing of a text is to be replaced, by what msgspec writes for it as JSON.

        For one that looks for values alone; all others have to see the text.
        """
        if self.by_shape or self.custom:
            return False
        for values in self._values:  # noqa: SIM110 - asked for every event; see `known`
            if values.are_in(written):
                return False
        return True

    def settles(self, piece: str) -> bool:
        """
        Say that a piece is shown as it is, whatever follows, when nothing before it waits.

        For one that looks for values alone, and for short pieces; False for all others.
        """
        if self.by_shape or self.custom or len(piece) > MAX_SHORT:
            return False
        for values in self._values:  # noqa: SIM110 - asked for every delta; see `known`
            if values.may_begin_in(piece):
                return False
        return True

    def spans(self, text: str, start: int = 0) -> list[Span]:
        """
        Find what must not be shown and begins at `start` or later, in order, apart.

        What stands before `start` is looked at to tell what it is. Placeholders are none.
        """
        found = list(self._spans(text, start))
        if not found:
            return found
        if "[REDACTED" in text:
            found = _outside(found, text)
        return settled(found)

    def replaced(self, text: str, put: Callable[[str, str], str]) -> str:
        """
        Give `text` with what `put(label, secret)` gives in place of each secret.

        What stood beside a secret without a gap is looked at once more: a word that could
        not begin or end there may do so beside a placeholder.
        """
        spans = self.spans(text)
        shown = joined(text, spans, put)
        for _ in range(MAX_PASSES):
            if not any(is_tight(text, span) for span in spans):
                break
            text, spans = shown, self.spans(shown)
            shown = joined(text, spans, put)
        return shown

    def _spans(self, text: str, start: int) -> Iterator[Span]:
        for values in self._values:
            if values:
                yield from values.spans(text, start, whole_words=self.by_shape)
        if self.by_shape:
            lowered = text.lower() if text.isascii() else text.translate(_LOWER)
            yield from blocks(text, start)
            yield from tokens(text, start)
            yield from assignments(text, lowered, start)
            yield from people(text, start)
        for pattern, label in self.custom:
            for match in pattern.finditer(text, start):
                if match.end() > match.start():
                    yield Span(*match.span(), label)


def joined(text: str, spans: Sequence[Span], put: Callable[[str, str], str]) -> str:
    """Give `text` with what `put(label, secret)` gives in place of each span."""
    if not spans:
        return text
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += (text[at : span.start], put(span.label, text[span.start : span.end]))
        at = span.end
    return "".join((*parts, text[at:]))


def is_tight(text: str, span: Span) -> bool:
    """Say that a span has something other than a blank or a bracket beside it."""
    beside = text[max(0, span.start - 1) : span.start] + text[span.end : span.end + 1]
    return any(char.isalnum() or char in "+($-_%.@\\" for char in beside)


def _outside(found: list[Span], text: str) -> list[Span]:
    """Cut out of spans what is a placeholder already; none begins inside of one."""
    done = [match.span() for match in PLACEHOLDER.finditer(text)]
    ends = [last for _, last in done]
    kept: list[Span] = []
    for span in found:
        at, near = span.start, bisect_right(ends, span.start)
        if near < len(done) and done[near][0] < at:
            continue
        for first, last in done[near : bisect_right(ends, span.end, near) + 1]:
            if first >= span.end:
                break
            if first > at:
                kept.append(span._replace(start=at, end=first))
            at = last
        if at < span.end:
            kept.append(span._replace(start=at))
    return kept


def compiled(patterns: Sequence[object]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """
    Read patterns of the caller: texts, or pairs of a text or pattern and a label.

    Raises:
        InvalidType, InvalidValue: one is none; says which and why.
    """
    return tuple(_one(at, given) for at, given in enumerate(patterns))


def _one(at: int, given: object) -> tuple[re.Pattern[str], str]:
    pattern, label = given, "CUSTOM"
    if isinstance(given, tuple):
        pattern, label = (*cast("tuple[object, ...]", given), None, None)[:2]
    if not isinstance(pattern, str | re.Pattern) or not isinstance(label, str):
        hint = "give a regular expression, or (regular expression, label)"
        raise InvalidType(f"custom_patterns[{at}] is no pattern.", hint=hint)
    if isinstance(pattern, re.Pattern):
        source = cast("object", cast("re.Pattern[str]", pattern).pattern)
        if not isinstance(source, str):
            raise InvalidType(f"custom_patterns[{at}] matches bytes, not text.")
        return cast("re.Pattern[str]", pattern), label_of(label)
    try:
        return re.compile(pattern), label_of(label)
    except re.error as error:
        raise InvalidValue(f"custom_patterns[{at}] is no regular expression: {error}.") from error


def label_of(name: str) -> str:
    """Give the label that stands for `name` in a placeholder: capitals, digits and _."""
    label = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    return label[:40] or "SECRET"
