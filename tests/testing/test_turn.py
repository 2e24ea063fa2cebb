from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import InvalidValue
from a3s_code.kernel.messages import Usage
from a3s_code.testing import Fault, Turn, breaks, calls, calls_text, overflows, refuses, says


@given(st.text(), st.integers(min_value=0, max_value=50))
def test_the_deltas_of_a_text_join_to_the_text(text: str, piece_chars: int) -> None:
    turn = says(text, piece_chars=piece_chars)

    assert "".join(turn.text_deltas) == text
    assert all(0 < len(delta) <= (piece_chars or len(text)) for delta in turn.text_deltas)


@given(st.lists(st.text(min_size=1), min_size=2))
def test_several_pieces_are_deltas_as_they_stand(pieces: list[str]) -> None:
    assert says(*pieces).text_deltas == tuple(pieces)


@given(st.text())
def test_the_deltas_of_arguments_join_to_the_arguments(text: str) -> None:
    (call,) = calls_text("write", text).calls

    assert "".join(call.deltas) == call.arguments == text


def test_turns_add_up_in_order() -> None:
    turn = says("Looking.") + calls("ls") + calls("glob", pattern="*.py")

    assert turn.text == "Looking."
    assert [call.name for call in turn.calls] == ["ls", "glob"]
    assert turn.stopped_by == "tool_calls"


def test_of_two_settings_the_later_one_counts_and_the_rest_is_kept() -> None:
    first = says("a", usage=Usage(1, 2), delay_s=1.0)
    second = says("b", delay_s=2.0)

    assert (first + second).usage == Usage(1, 2)
    assert (first + second).delay_s == 2.0


def test_a_tool_may_have_an_argument_called_name() -> None:
    (call,) = calls("Skill", name="x").calls

    assert call.name == "Skill"
    assert msgspec.json.decode(call.arguments) == {"name": "x"}


def test_a_fault_breaks_a_turn_and_leaves_what_it_says() -> None:
    assert breaks("reset_mid", says("abc")).text == "abc"
    assert breaks("reset_mid", says("abc")).failure is Fault.RESET_MID


def test_a_fault_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(InvalidValue, match="reset_mid"):
        breaks("explode")


def test_turns_are_values() -> None:
    assert calls("ls", path="a") == calls("ls", path="a")
    assert refuses(500) == refuses(500)
    assert overflows() == overflows()
    assert says("a") != Turn()
