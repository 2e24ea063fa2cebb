"""
The security provider of the documents: what comes in is marked, what goes out is cleaned.

Source:
    A3S Code README, "Security & Safety"; SPEC 6.5.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Literal

from a3s_code.checks import check_list
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.redaction.finder import Finder, compiled, label_of
from a3s_code.harness.redaction.placeholders import plain
from a3s_code.harness.redaction.values import Values

MAX_VALUE_CHARS = 16 * 1024
"""A longer text is no value of a secret; only what is found in it counts."""


class DefaultSecurityProvider:
    """
    Redacts secrets by their value and by their shape.

    The shapes are those of SPEC 6.5 (social security and card numbers, addresses, telephone
    numbers, keys), of the keys of many providers, of private keys, and of values that are
    named a secret. A placeholder is `[REDACTED:LABEL]`. Time is linear in the text.

    Args:
        enable_taint_tracking: What is tainted or registered must not leave in the arguments
            of commands and calls over the network.
        enable_output_sanitization: Off: only tainted and registered values are redacted.
        enable_injection_detection: Texts from outside that look like orders to the model are
            labelled. Never blocks.
        custom_patterns: More regular expressions, or pairs of one and a label. They are not
            checked for how long they take. In what is shown while it comes in, they see
            whole lines.
        on_leak: What becomes of a call that would carry a tainted value away: `deny`, or
            `ask`, which has it confirmed.

    Raises:
        InvalidType, InvalidValue: a switch is no bool, or a pattern is none.

    Source:
        SPEC 6.5.
    """

    def __init__(
        self,
        *,
        enable_taint_tracking: bool = True,
        enable_output_sanitization: bool = True,
        enable_injection_detection: bool = False,
        custom_patterns: Sequence[str | re.Pattern[str] | tuple[str | re.Pattern[str], str]] = (),
        on_leak: Literal["deny", "ask"] = "deny",
    ) -> None:
        _check_bools(
            enable_taint_tracking=enable_taint_tracking,
            enable_output_sanitization=enable_output_sanitization,
            enable_injection_detection=enable_injection_detection,
        )
        if on_leak not in ("deny", "ask"):
            raise InvalidValue(f"on_leak is {on_leak!r}.", hint="use 'deny' or 'ask'")
        if isinstance(custom_patterns, str):
            raise InvalidType("custom_patterns is a str.", hint="give a list of patterns")
        if custom_patterns is None:  # pyright: ignore[reportUnnecessaryComparison] - the border
            custom_patterns = ()
        check_list("custom_patterns", custom_patterns)
        self.enable_taint_tracking = enable_taint_tracking
        self.enable_output_sanitization = enable_output_sanitization
        self.enable_injection_detection = enable_injection_detection
        self.on_leak: Literal["deny", "ask"] = on_leak
        self._values = Values()
        self._tainted: dict[str, None] = {}
        self._finder = Finder(
            (self._values,),
            by_shape=enable_output_sanitization,
            custom=compiled(custom_patterns) if enable_output_sanitization else (),
        )

    @property
    def finder(self) -> Finder:
        """What it looks for; sessions put placeholders of their own there."""
        return self._finder

    @property
    def tainted(self) -> tuple[str, ...]:
        """What was tainted or registered, as `name:sha256` of its UTF-8; never a value."""
        return tuple(self._tainted)

    def register_secret(self, name: str, value: str) -> None:
        """
        Redact `value` wherever it stands, also in Base64, hexadecimal and addresses.

        Args:
            name: Becomes the label; capitals, digits and `_` of it are kept.
            value: Of less than 6 characters it is not looked for.

        Raises:
            InvalidType: one of them is no text.
        """
        if not isinstance(name, str) or not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType("A secret is registered by its name and its value, both texts.")
        self._add(label_of(name), value)

    def taint_input(self, text: str) -> None:
        """
        Take `text` for a secret, and what is found in it too.

        Give it values, not prompts: a text of up to 16 KiB is redacted as a whole wherever
        it stands again.

        Raises:
            InvalidType: it is no text.
        """
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(f"taint_input was given a {type(text).__name__}, not a text.")
        for span in self._finder.spans(text):
            self._add(span.label, text[span.start : span.end])
        if len(text) <= MAX_VALUE_CHARS:
            self._add("SECRET", text.strip("\r\n"))

    def sanitize_output(self, text: str) -> str:
        """
        Give `text` with `[REDACTED:LABEL]` in place of each secret.

        Raises:
            InvalidType: it is no text.
        """
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(f"sanitize_output was given a {type(text).__name__}, not a text.")
        return self._finder.replaced(text, plain)

    def wipe(self) -> None:
        """Forget every tainted and registered value."""
        self._values.clear()
        self._tainted.clear()

    def register_hooks(self, engine: object) -> None:
        """Does nothing: it is a stage of every call already, behind the confirmation."""

    def teardown(self) -> None:
        """The same as `wipe`."""
        self.wipe()

    def _add(self, label: str, value: str) -> None:
        self._values.add(value, label)
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
        self._tainted.setdefault(f"{label}:{digest}")


def _check_bools(**given: object) -> None:
    for name, value in given.items():
        if not isinstance(value, bool):
            raise InvalidType(f"{name} is {value!r}, not True or False.")
