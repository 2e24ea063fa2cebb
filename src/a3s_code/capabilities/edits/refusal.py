"""Why a change to a file was not made, as a value."""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """
    Nothing was changed.

    Attributes:
        kind: The `type` of `error_kind`: `context_mismatch`, `ambiguous`, `malformed`,
            `unsupported`, `empty_patch`, `already_applied`, `binary`, `path_refused`,
            `invalid_argument`, `unchanged`, …
        text: What was wrong, where, and what to do; the model reads it.
    """

    kind: str
    text: str
