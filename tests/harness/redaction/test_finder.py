"""What is taken for a secret in a text, what is not, and what it costs to look."""

from __future__ import annotations

import base64
import itertools
import re
import sys
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.harness.redaction.finder import Finder
from a3s_code.harness.redaction.placeholders import plain
from a3s_code.harness.redaction.spans import Span
from a3s_code.harness.redaction.stream import Stream
from a3s_code.harness.redaction.values import Values
from harness.redaction.secrets_made import GITHUB, KEY, NAMED, NEAR_MISSES, PEM, SHAPES

VALUES = ("correct-horse-battery-9", "zq8!kk2p", "two words secret", "p\u00e4ssw\u00f6rd-9")


def finder(*values: str) -> Finder:
    known = Values()
    for value in values:
        known.add(value, "SECRET")
    return Finder((known,))


def redacted(text: str, *values: str) -> str:
    return finder(*values).replaced(text, plain)


# What is one


@pytest.mark.parametrize(("label", "secret"), SHAPES.items(), ids=SHAPES)
def test_a_known_shape_gives_way_to_its_label(label: str, secret: str) -> None:
    shown = redacted(f"here: {secret} and on")
    assert shown == f"here: [REDACTED:{label}] and on"


@pytest.mark.parametrize("text", NAMED)
def test_a_value_that_is_named_a_secret_goes_and_its_name_stays(text: str) -> None:
    shown = redacted(text)
    assert KEY not in shown
    assert re.sub(r"\[REDACTED:\w+\]", KEY, shown) == text


@pytest.mark.parametrize(
    "around", ["\x1b[32m{}\x1b[0m", "\\n{}\\n", "https://x:{}@h.test/", "`{}`", "<t>{}</t>", "a={}"]
)
def test_what_stands_around_a_secret_does_not_hide_it(around: str) -> None:
    assert GITHUB not in redacted(around.format(GITHUB))


@pytest.mark.parametrize("value", VALUES)
def test_a_registered_value_goes_in_every_spelling(value: str) -> None:
    data = value.encode()
    spellings = [value, quote(value, safe=""), data.hex(), base64.b64encode(data).decode()]
    spellings += [base64.b64encode(before + data).decode() for before in (b"u:", b"me:", b"bob:")]
    for spelling in spellings:
        assert redacted(f"is <{spelling}> end", value) == "is <[REDACTED:SECRET]> end"


def test_a_private_key_without_its_end_is_redacted_as_far_as_it_goes() -> None:
    assert redacted(PEM[:120]) == "[REDACTED:PRIVATE_KEY]"
    assert redacted(PEM.replace("\n", "\\n")) == "[REDACTED:PRIVATE_KEY]"


def test_a_pattern_of_the_caller_has_the_label_of_the_caller() -> None:
    own = Finder((Values(),), custom=[(re.compile(r"EMP-\d{4}"), "STAFF")])
    assert own.replaced("EMP-1234 and EMP-12", plain) == "[REDACTED:STAFF] and EMP-12"


# What is none


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_what_only_resembles_a_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_a_value_that_stands_in_too_many_texts_by_chance_is_not_looked_for() -> None:
    assert redacted("a yes is a yes", "yes") == "a yes is a yes"


# Laws

PIECES = st.one_of(
    st.sampled_from([*SHAPES.values(), *NAMED, *NEAR_MISSES, *VALUES, "[REDACTED:SSN]"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12),
    st.sampled_from([" ", "\n", ": ", '"', "=", "@", "-", "\\n", "password=", "token: ", "://"]),
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_what_is_redacted_stays_as_it_is(text: str) -> None:
    shown = redacted(text, *VALUES)
    assert redacted(shown, *VALUES) == shown


@given(TEXTS, st.lists(st.integers(0, 400), max_size=12))
@settings(max_examples=300, deadline=None)
def test_pieces_add_up_to_the_redacted_whole_wherever_they_are_cut(
    text: str, cuts: list[int]
) -> None:
    known = finder(*VALUES)
    assert pieces(known, text, cuts) == known.replaced(text, plain)


def pieces(known: Finder, text: str, cuts: list[int]) -> str:
    stream = Stream(known, plain)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    shown = [stream.feed(text[one:other]) for one, other in itertools.pairwise(places)]
    return "".join([*shown, stream.close()])


@pytest.mark.parametrize("secret", [*SHAPES.values(), *VALUES])
def test_no_piece_shows_the_beginning_of_a_secret_at_any_cut(secret: str) -> None:
    text = f"the key is {secret} ok"
    known = finder(*VALUES)
    for cut in range(len(text)):
        stream = Stream(known, plain)
        shown = stream.feed(text[:cut]) + stream.feed(text[cut:]) + stream.close()
        assert shown == known.replaced(text, plain)
        assert secret[:12] not in shown


def test_text_without_secrets_is_shown_while_it_comes() -> None:
    stream = Stream(finder(), plain)
    shown = [stream.feed(piece) for piece in ("The ", "answer ", "is four. ")]
    assert shown == ["The ", "answer ", "is four. "]


def test_values_alone_hold_nothing_back_but_their_own_beginning() -> None:
    known = Values()
    known.add("zq8!kk2p", "SECRET")
    stream = Stream(Finder((known,), by_shape=False), plain)
    assert stream.feed("anything") == "anything"
    assert stream.feed(" zq8!") == " "
    assert stream.feed("kk2p.") == "[REDACTED:SECRET]."


# What it costs

HARD = (
    "a", "_", "password", "a@", "QUJD", "\"'", "eyJ", "k=", "\n", "a:", " ", "1 ", "://a:", "sk-",
    "password=", "token: ", "-----BEGIN ", "eyJa.", "ghp_", "4111 ", "$2a$", "a.b@c.", "%41", "\\n",
    "(", "( ", "-eyJ", "-eyJaaaaaaaaa",
)  # fmt: skip


def calls(work: Callable[[], object]) -> int:
    """Count the calls of Python and C functions that `work` makes."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("unit", HARD)
def test_four_times_the_text_takes_four_times_the_calls(unit: str) -> None:
    text, known = unit * (100_000 // len(unit)), finder("zq8!kk2p")
    once = calls(lambda: known.replaced(text, plain))
    assert calls(lambda: known.replaced(text * 4, plain)) <= 4 * once + 200


def test_a_value_may_be_added_while_a_text_is_looked_at() -> None:
    known = Values()
    known.add("value-0", "SECRET")
    found = known.spans("value-0 value-1")
    assert next(found).start == 0
    known.add("value-1", "SECRET")
    assert {span.start for span in found} <= {8}


class Counting(Finder):
    """Counts the characters that are looked at."""

    looked_at = 0

    def spans(self, text: str, start: int = 0) -> list[Span]:
        self.looked_at += len(text)
        return super().spans(text, start)


@pytest.mark.parametrize("unit", HARD)
def test_every_character_of_a_stream_is_looked_at_a_bounded_number_of_times(unit: str) -> None:
    looked_at: list[int] = []
    for length in (30_000, 120_000):
        known = Counting((Values(),))
        pieces(known, (unit * length)[:length], list(range(0, length, 16)))
        looked_at.append(known.looked_at)
    # What waits is tried again when it has grown by a quarter, so it is not four times exactly.
    assert looked_at[1] <= 7 * looked_at[0]


CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize("beside", ["{}", "({})", "a {}. b", "{}, ", "4111 {}", "{}-", "no {} 1"])
def test_a_card_number_that_stands_alone_is_one(beside: str) -> None:
    assert "1111 1111" not in redacted(beside.format(CARD))


@pytest.mark.parametrize(
    "beside", ["x{}", "{}x", "_{}", "{}_", "1{}", "{}2", "9.{}", "{}.5", "{}-5"]
)
def test_a_card_number_that_is_a_part_of_something_else_is_none(beside: str) -> None:
    text = beside.format(CARD.replace(" ", ""))
    assert redacted(text) == text


@given(st.from_regex(r"[2-6][0-9]{15}|3[47][0-9]{13}", fullmatch=True))
def test_a_card_number_has_the_check_digit_of_luhn(number: str) -> None:
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(number))]
    is_card = sum(map(int, "".join(map(str, doubled)))) % 10 == 0
    assert (redacted(number) != number) == is_card


def test_what_is_named_at_the_end_of_a_long_value_is_found() -> None:
    for filling in range(480, 760, 7):
        text = f"password=a1{'b' * filling}password: x9-Kd!mm end"
        assert "x9-Kd!mm" not in redacted(text)


@pytest.mark.parametrize("named", ["<password>{}</password>", " -p {}", " --token {}"])
def test_what_stands_behind_an_address_is_no_user_of_it(named: str) -> None:
    text = "see sip://+1-555-123-4567" + named.format("gR7UGDCpCntpeEsp20!")
    assert "gR7UGDCp" not in redacted(text)
