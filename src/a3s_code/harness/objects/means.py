"""
By which means a provider is held to the form, and what comes next when it knows one not.

A provider that refuses a request for a field that it does not know is asked once more by the next
weaker means: the schema, a forced tool, JSON mode, and words alone, which every model takes.

Source:
    DESIGN 6, `generate_object`; SPEC 5.16.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from a3s_code.errors import ModelRefused
from a3s_code.kernel.answer_form import Means

Mode: TypeAlias = Literal["auto", "strict", "json", "tool", "prompt"]
Rung: TypeAlias = Means | Literal["words"]

LADDERS: dict[Mode, tuple[Rung, ...]] = {
    "auto": ("tool", "json", "words"),
    "tool": ("tool", "json", "words"),
    "strict": ("schema", "tool", "json", "words"),
    "json": ("json", "words"),
    "prompt": ("words",),
}

_STATUS = (400, 404, 422, 501)
_FIELDS = re.compile(
    r"response_format|json_schema|json_object|output_config|output_format|tool_choice|\btools?\b"
    r"|\bfunctions?\b|\bstrict\b|structured.outputs?|json.mode|input_schema|\bgrammar\b",
    re.IGNORECASE,
)


def is_about_form(error: ModelRefused) -> bool:
    """Say whether a provider refused a request for how it holds the answer to a form."""
    if error.kind not in {"bad_request", "not_found"} or error.status not in (None, *_STATUS):
        return False
    said = error.message.partition(": ")[2]  # behind the name of the model
    return _FIELDS.search(said) is not None
