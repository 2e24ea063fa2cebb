"""An object is shown while it comes in, seldom enough and never wrongly."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.objects.partials import INTERVAL_S, Incoming
from a3s_code.kernel.live import MAX_LIVE_CHARS


class Shown:
    """What was shown, by a clock that goes on by itself."""

    def __init__(self, step_s: float = INTERVAL_S, *, is_enveloped: bool = False) -> None:
        self.lines: list[str] = []
        self.time, self.step_s = 0.0, step_s
        self.incoming = Incoming(self.lines.append, is_enveloped=is_enveloped, now=self.now)

    def now(self) -> float:
        self.time += self.step_s
        return self.time

    @property
    def objects(self) -> list[Any]:
        return [json.loads(line)["object_partial"] for line in self.lines]


def test_each_part_is_what_is_there_so_far() -> None:
    shown = Shown()
    for piece in ('{"a"', ":[1,", '2],"b":"te', 'xt"}'):
        shown.incoming.piece(piece, is_argument=True)
    assert shown.objects == [{}, {"a": [1]}, {"a": [1, 2], "b": "te"}, {"a": [1, 2], "b": "text"}]


def test_it_comes_no_more_often_than_ten_times_a_second() -> None:
    shown = Shown(step_s=INTERVAL_S / 4)
    for piece in '{"abcdef": "ghi"}':
        shown.incoming.piece(piece, is_argument=True)
    assert len(shown.lines) <= 1 + 17 // 4


def test_words_and_fences_around_it_are_not_shown() -> None:
    shown = Shown()
    for piece in ("Here it", " is:\n```json\n", '{"a": 1}', "\n```"):
        shown.incoming.piece(piece, is_argument=False)
    assert shown.objects == [{"a": 1}]


def test_an_envelope_is_not_shown() -> None:
    shown = Shown(is_enveloped=True)
    for piece in ('{"val', 'ue": [1', ", 2]}"):
        shown.incoming.piece(piece, is_argument=True)
    assert shown.objects == [[1], [1, 2]]


def test_arguments_replace_what_was_said_before_them() -> None:
    shown = Shown()
    shown.incoming.piece('{"said": 1}', is_argument=False)
    shown.incoming.piece('{"a": 1}', is_argument=True)
    assert shown.objects == [{"said": 1}, {"a": 1}]
    assert shown.incoming.arguments == '{"a": 1}'


def test_another_attempt_begins_anew() -> None:
    shown = Shown()
    shown.incoming.piece('{"a": 1', is_argument=True)
    shown.incoming.again()
    shown.incoming.piece('{"b": 2', is_argument=True)
    assert shown.objects == [{"a": 1}, {"b": 2}]


def test_a_long_answer_is_shown_a_few_times_and_its_end_always() -> None:
    shown = Shown()
    value = {"rows": [f"row {number}" for number in range(20_000)]}
    text = json.dumps(value)
    for start in range(0, len(text), 20):
        shown.incoming.piece(text[start : start + 20], is_argument=True)
    shown.incoming.final(value)
    assert len(shown.lines) < 100
    assert sum(map(len, shown.lines)) <= MAX_LIVE_CHARS
    assert json.loads(shown.lines[-1]) == {"object_partial": value, "final": True}


def test_an_end_that_is_too_long_to_be_shown_says_how_long_it_is() -> None:
    shown = Shown()
    shown.incoming.final(["x" * MAX_LIVE_CHARS])
    (line,) = map(json.loads, shown.lines)
    assert (line["final"], line["left_out_chars"] > MAX_LIVE_CHARS) == (True, True)
    assert "object_partial" not in line


@given(st.lists(st.text(st.characters(codec="utf-8") | st.sampled_from('{}[]",:\\'), max_size=9)))
def test_any_pieces_are_taken(pieces: list[str]) -> None:
    shown = Shown()
    for number, piece in enumerate(pieces):
        shown.incoming.piece(piece, is_argument=number % 3 == 0)
    assert all(json.loads(line)["final"] is False for line in shown.lines)
