"""The form in which a model is to answer, where that is a value and no text."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from a3s_code.kernel.messages import JsonObject

Means: TypeAlias = Literal["tool", "schema", "json"]
"""
How a provider is held to a form: it has to call a tool of that name; it is given the schema; or
it is only told to answer in JSON. One that lacks one of these gets the nearest that it has.
"""


class AnswerForm(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        name: Letters, digits, `_` and `-`, at most 64; also that of the tool.
        schema: JSON Schema with `type: object` on top.

    Source:
        A3S Code README 3.x, "Structured Output"; DESIGN 6, `generate_object`.
    """

    name: str
    schema: JsonObject
    description: str = ""
    means: Means = "tool"
