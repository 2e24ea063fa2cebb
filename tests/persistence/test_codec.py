from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import StoreError
from a3s_code.kernel.events import BudgetThresholdHit, RunId, SessionId, TextDelta, ToolEnd
from a3s_code.kernel.messages import Message, Text, ToolCall
from a3s_code.kernel.records import Event, HistoryAppended, Record
from a3s_code.persistence.codec import GENESIS, decode, encode, link, read_chain

S = SessionId("s")


def alone(text: str) -> bool:
    """Two surrogates that make a pair are read back as the character they stand for."""
    return text == text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


any_text = st.text(st.characters(exclude_categories=()), max_size=20).filter(alone)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
any_object = st.dictionaries(any_text, any_json, max_size=3)
any_block = st.builds(Text, any_text) | st.builds(ToolCall, any_text, any_text, any_object)
any_event = st.one_of(
    st.builds(TextDelta, text=any_text),
    st.builds(
        ToolEnd,
        id=any_text,
        name=any_text,
        output=any_text,
        exit_code=st.integers(-9, 255),
        metadata=any_object,
    ),
    st.builds(
        HistoryAppended,
        message=st.builds(Message, st.just("assistant"), st.lists(any_block).map(tuple)),
    ),
    st.builds(
        BudgetThresholdHit,
        resource=any_text,
        kind=any_text,
        consumed=st.floats(allow_nan=False),
        limit=st.floats(allow_nan=False),
    ),
)


def record(event: Event, sequence: int = 0) -> Record:
    return Record(sequence, 1, RunId("run-1"), event)


def chained(*bodies: bytes) -> list[tuple[int, bytes, bytes]]:
    head, rows = GENESIS, []
    for sequence, body in enumerate(bodies):
        head = link(head, body)
        rows.append((sequence, body, head))
    return rows


@given(any_event)
def test_what_is_decoded_is_what_was_encoded(event: Event) -> None:
    assert decode(encode(record(event))) == record(event)


def test_a_number_that_is_none_comes_back_as_such() -> None:
    hit = BudgetThresholdHit(resource="r", kind="k", consumed=math.nan, limit=math.inf)
    event = decode(encode(record(hit))).event

    assert isinstance(event, BudgetThresholdHit)
    assert math.isnan(event.consumed)
    assert event.limit == math.inf


def test_arguments_keep_the_order_of_their_keys() -> None:
    call = ToolCall("c", "f", {"b": 1, "a": {"z": 1, "y": 2}})
    event = HistoryAppended(message=Message("assistant", (call,)))

    assert decode(encode(record(event))) == record(event)
    assert b'{"b":1,"a":{"z":1,"y":2}}' in encode(record(event))


def test_an_object_of_a_tool_is_kept_as_its_text() -> None:
    event = ToolEnd(id="c", name="f", output="", exit_code=0, metadata={"path": Path("a/b")})

    decoded = decode(encode(record(event))).event

    assert isinstance(decoded, ToolEnd)
    assert decoded.metadata == {"path": "a/b"}


def test_what_contains_itself_is_refused() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    with pytest.raises(StoreError, match=r"Record 0 \(tool_end\) cannot be written"):
        encode(record(ToolEnd(id="c", name="f", output="", exit_code=0, metadata=endless)))


def test_a_type_of_a_later_version_is_named_with_its_sequence() -> None:
    known = encode(record(TextDelta(text="a")))
    later = known.replace(b"text_delta", b"mind_read").replace(b'"sequence":0', b'"sequence":1')
    rows = chained(known, later)

    with pytest.raises(StoreError, match=r"Record 1 of session 's'.*'mind_read' is unknown") as e:
        read_chain(S, rows, 2, rows[-1][2])
    assert "later" in e.value.hint


def test_the_chain_can_be_checked_without_our_types() -> None:
    import hashlib

    rows = chained(encode(record(TextDelta(text="a"))), encode(record(TextDelta(text="b"), 1)))

    first = hashlib.sha256(bytes(32) + rows[0][1]).digest()
    assert [row[2] for row in rows] == [first, hashlib.sha256(first + rows[1][1]).digest()]


@given(st.data())
def test_no_edit_of_a_log_goes_unnoticed(data: st.DataObject) -> None:
    rows = chained(*(encode(record(TextDelta(text=str(i)), i)) for i in range(6)))
    length, last = len(rows), rows[-1][2]
    at = data.draw(st.integers(0, 5))
    sequence, body, stored = rows[at]
    match data.draw(st.sampled_from(["drop", "repeat", "swap", "edit", "cut"])):
        case "drop":
            del rows[at]
        case "repeat":
            rows.insert(at, rows[at])
        case "swap":
            other = data.draw(st.integers(0, 5).filter(lambda other: other != at))
            rows[at], rows[other] = rows[other], rows[at]
        case "cut":
            del rows[at:]
        case _:
            flipped = data.draw(st.integers(0, len(body) - 1))
            edited = body[:flipped] + bytes([body[flipped] ^ 1]) + body[flipped + 1 :]
            rows[at] = (sequence, edited, stored)

    with pytest.raises(StoreError, match=r"Record \d of session 's'"):
        read_chain(S, rows, length, last)


def test_a_last_record_that_was_linked_anew_is_noticed() -> None:
    first, last, forged = (
        encode(record(TextDelta(text=text), sequence))
        for text, sequence in (("first", 0), ("last", 1), ("forged", 1))
    )
    stored, linked_anew = chained(first, last), chained(first, forged)

    with pytest.raises(StoreError, match="Record 1 of session 's' is not the one"):
        read_chain(S, linked_anew, 2, stored[-1][2])


def test_a_record_that_gives_itself_another_sequence_is_noticed() -> None:
    rows = chained(encode(record(TextDelta(text="a"))), encode(record(TextDelta(text="b"), 7)))

    with pytest.raises(StoreError, match="Record 1 of session 's' says that it is record 7"):
        read_chain(S, rows, 2, rows[-1][2])


def test_a_body_that_is_no_record_is_refused_and_its_place_is_named() -> None:
    for body in (b"", b"{}", b"\xff", b'{"sequence":0}', b"[" * 100_000, msgspec.json.encode("x")):
        rows = chained(body)
        with pytest.raises(StoreError, match="Record 0 of session 's'"):
            read_chain(S, rows, 1, rows[-1][2])
