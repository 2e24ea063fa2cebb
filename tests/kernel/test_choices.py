"""What could stand in the place of a value that an enumeration does not have."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import msgspec
import pytest

from a3s_code.kernel.choices import MAX_CHOICES, with_choices
from a3s_code.kernel.tool import schema_of


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(msgspec.Struct):
    size: Literal["s", "m"] = "s"
    colour: Colour | None = None


class Args(msgspec.Struct):
    mode: Literal["on", "off"] = "on"
    part: Part | None = None
    parts: list[Part] = []


def said(given: Any) -> str:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(given, Args)
    return with_choices(str(refused.value), schema_of(Args))


@pytest.mark.parametrize(
    ("given", "choices"),
    [
        ({"mode": "of`f - at `$.part`"}, "'off', 'on'"),
        ({"part": {"size": "l"}}, "'m', 's'"),
        ({"parts": [{}, {"size": "l"}]}, "'m', 's'"),
        ({"parts": [{"colour": "green"}]}, "'blue', 'red'"),
    ],
)
def test_an_error_says_what_the_value_could_be(given: Any, choices: str) -> None:
    assert said(given).endswith(f"; give one of {choices}")


@pytest.mark.parametrize("given", [{"mode": 3}, {"part": 3}, 3])
def test_other_errors_stay_as_they_are(given: Any) -> None:
    assert "give one of" not in said(given)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": 3},
        {"properties": {"mode": {"enum": list(range(MAX_CHOICES + 1))}}},
        {"properties": {"mode": {"enum": 3, "anyOf": {"enum": ["x"]}}}},
        {"properties": {"mode": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"properties": {"mode": {"$ref": "#/$defs/a"}}, "$defs": []},
    ],
)
def test_a_schema_that_does_not_tell_adds_nothing(schema: Any) -> None:
    text = "Invalid enum value 'x' - at `$.mode`"
    assert with_choices(text, schema) == text
