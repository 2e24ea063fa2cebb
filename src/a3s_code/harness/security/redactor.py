"""What a session puts in the place of secrets: placeholders that it can bring back."""

from __future__ import annotations

import re
import threading
from typing import cast

from a3s_code.harness.redaction.finder import Finder
from a3s_code.harness.redaction.placeholders import Placeholders
from a3s_code.harness.redaction.stream import Stream
from a3s_code.kernel.ports import Redacting, Redactor, SecurityProvider

MAX_REMEMBERED = 1024
SHORT = 256
MAX_LONG = 8


class FoundRedactor:
    """
    By what a `Finder` finds; see `kernel.ports.Redactor`.

    The same texts come again and again (names of tools, an output that is recorded, shown
    and sent), so what came of the last ones is remembered.
    """

    __slots__ = ("_finder", "_known", "_lock", "_long", "_placeholders", "_short")

    def __init__(self, finder: Finder, placeholders: Placeholders) -> None:
        self._finder, self._placeholders = finder, placeholders
        self._short: dict[str, str] = {}
        self._long: dict[str, str] = {}
        self._known = -1
        self._lock = threading.Lock()

    def redact(self, text: str) -> str:
        if not text:
            return text
        if self._known != self._finder.known:
            self._forget()
        memory = self._short if len(text) <= SHORT else self._long
        done = memory.get(text)
        if done is None:
            self._placeholders.take(text)
            done = self._finder.replaced(text, self._placeholders.put)
            self._remember(memory, text, done)
        return done

    def clears(self, written: bytes) -> bool:
        """Say that `redact` would leave every text of a JSON text as it is, and learn nothing."""
        return b"[REDACTED:" not in written and self._finder.clears(written)

    def stream(self) -> Redacting:
        return Stream(self._finder, self._placeholders.put)

    def _forget(self) -> None:
        with self._lock:
            self._known = self._finder.known
            self._short, self._long = {}, {}

    def _remember(self, memory: dict[str, str], text: str, done: str) -> None:
        with self._lock:
            if len(memory) >= (MAX_REMEMBERED if memory is self._short else MAX_LONG):
                memory.clear()
            memory[text] = memory[done] = done


class ProvidedRedactor:
    """
    By a provider of the caller's own, and then by the values that the harness knows.

    What the provider cannot redact is withheld. Nobody knows where its secrets begin and
    end, so a text that comes in pieces waits for its last one.
    """

    __slots__ = ("_known", "_provider")

    def __init__(self, provider: SecurityProvider, known: Redactor) -> None:
        self._provider, self._known = provider, known

    def redact(self, text: str) -> str:
        if not text:
            return text
        try:
            given = cast("object", self._provider.sanitize_output(text))
        except Exception as error:  # noqa: BLE001 - foreign code; raw text is never shown instead
            return withheld(type(error).__name__)
        if not isinstance(given, str):
            return withheld(f"it gave a {type(given).__name__}")
        return self._known.redact(given)

    def stream(self) -> Redacting:
        return _Whole(self)


class _Whole:
    __slots__ = ("_pieces", "_redactor")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._pieces: list[str] = []

    def feed(self, piece: str) -> str:
        self._pieces.append(piece)
        return ""

    def close(self) -> str:
        return self._redactor.redact("".join(self._pieces))


def withheld(why: str) -> str:
    """Give what stands where a text could not be redacted."""
    return f"[WITHHELD: the security provider failed: {re.sub(r'[^A-Za-z0-9_ ]', '', why)[:80]}]"
