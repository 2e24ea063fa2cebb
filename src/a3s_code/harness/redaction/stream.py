"""
Redacting a text that comes in pieces, wherever they are cut.

What may still become a secret waits: the word at the end, digits with blanks between them,
the beginning of a value with blanks in it, a private key without its end. All else is given
at once. The pieces that are given add up to the redacted whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from a3s_code.harness.redaction.assignments import REACH
from a3s_code.harness.redaction.blocks import unfinished
from a3s_code.harness.redaction.finder import Finder, is_tight
from a3s_code.harness.redaction.placeholders import Put
from a3s_code.harness.redaction.spans import Span
from a3s_code.harness.redaction.tokens import unfinished_name

MAX_WAITING = 16 * 1024
"""Characters of one word that wait at most, unless it is a secret so far."""

MAX_TOKEN = 4 * 1024
"""Of a word that is longer, this much of its end waits on."""

_NUMBER = "0123456789 ().+-"
_MAX_NUMBER = 48


class Stream:
    """One text. Used by one thread at a time."""

    __slots__ = ("_finder", "_put", "_shown", "_text", "_tried")

    def __init__(self, finder: Finder, put: Put) -> None:
        self._finder, self._put = finder, put
        self._text = ""
        self._shown = 0
        self._tried = 0

    def feed(self, piece: str) -> str:
        """Take the next piece, and give what may be shown now."""
        if self._shown == len(self._text) and self._finder.settles(piece):
            return piece
        self._text += piece
        waiting = len(self._text) - self._shown
        if waiting > MAX_WAITING and waiting < self._tried + self._tried // 4:
            return ""  # looking again at every piece would take quadratic time
        until = self._settled_before()
        given = self._given(until) if until > self._shown else ""
        self._tried = len(self._text) - self._shown
        return given

    def close(self) -> str:
        """Give what still waits; the text ends here."""
        return self._given(len(self._text))

    def _settled_before(self) -> int:
        """Say up to where nothing that comes can change what is there."""
        places = [self._value()]
        if self._finder.by_shape:
            text, shown = self._text, self._shown
            begun = (unfinished(text, shown), unfinished_name(text, shown))
            places += [self._number(), *(at for at in begun if at >= 0)]
            places = [self._word(), *map(self._whole_word, places)]
        if self._finder.custom:
            places.append(self._line())
        return max(self._shown, min(places))

    def _word(self) -> int:
        end = len(self._text)
        at = self._word_at(end)
        if end - at < MAX_WAITING:
            return at
        return end - max(MAX_TOKEN, self._finder.longest)

    def _word_at(self, place: int) -> int:
        """Give where the word that `place` is in, or behind, begins."""
        last = max(self._text.rfind(blank, self._shown, place) for blank in " \n\t\r")
        return last + 1 if last >= 0 else self._shown

    def _whole_word(self, place: int) -> int:
        """Give `place`, or where the word that it parts begins, if that is not far."""
        if place == len(self._text) or not self._finder.by_shape:
            return place
        at = self._word_at(place)
        return at if place - at < MAX_WAITING else place

    def _number(self) -> int:
        """What was said of digits and what is between them needs no more than they take."""
        end = len(self._text)
        tail = self._text[max(self._shown, end - _MAX_NUMBER) :]
        number = tail[len(tail.rstrip(_NUMBER)) :]
        if not any(char in "0123456789+(" for char in number):
            return end
        return end - len(number)

    def _value(self) -> int:
        """Find where the longest beginning of a value begins that the words do not tell of."""
        text, end = self._text, len(self._text)
        earliest = end
        for value in self._finder.open_forms:
            at = text.find(value[0], max(self._shown, end - len(value) + 1))
            while 0 <= at < earliest:
                if value.startswith(text[at:]):
                    earliest = at
                at = text.find(value[0], at + 1)
        return earliest

    def _line(self) -> int:
        """Patterns of the caller are asked for whole lines, of which the end is known."""
        at = self._text.rfind("\n", self._shown) + 1
        is_long = len(self._text) - self._shown > MAX_WAITING
        return at or (len(self._text) if is_long else self._shown)

    def _given(self, until: int) -> str:
        """Give what is before `until`, and no half of a secret."""
        spans = self._finder.spans(self._text, self._shown)
        if not spans:
            return self._cut(self._text[self._shown : until], until)
        for span in reversed(spans):
            if span.start < until < span.end:
                until = self._whole_word(span.start)
        kept = [span for span in spans if span.end <= until]
        shown = self._joined(kept, until)
        if any(is_tight(self._text, span) for span in kept):
            shown = self._finder.replaced(shown, self._put)
        return self._cut(shown, until)

    def _cut(self, shown: str, until: int) -> str:
        """Forget what nothing that comes reaches back to; gives `shown`."""
        cut = max(0, until - REACH)
        self._text, self._shown = self._text[cut:], until - cut
        return shown

    def _joined(self, spans: Sequence[Span], until: int) -> str:
        parts: list[str] = []
        at = self._shown
        for span in spans:
            secret = self._text[span.start : span.end]
            parts += (self._text[at : span.start], self._put(span.label, secret))
            at = span.end
        return "".join((*parts, self._text[at:until]))
