"""The quick answers for a session that knows only values: never other than the whole search."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.redaction.finder import Finder
from a3s_code.harness.redaction.placeholders import Placeholders, plain
from a3s_code.harness.redaction.stream import Stream
from a3s_code.harness.redaction.values import Values
from a3s_code.harness.security.provider import DefaultSecurityProvider
from a3s_code.harness.security.redactor import FoundRedactor
from a3s_code.harness.security.session import session_security, values_of
from a3s_code.kernel.events import PermissionDenied, RunId, TextDelta, ToolEnd
from a3s_code.kernel.records import Event, SessionEnded
from a3s_code.kernel.screen import MAX_WRITTEN, Screen

RUN = RunId("run-1")
LETTERS = 'ab"\\\n\x01é/€ '
SECRETS = st.text(LETTERS, min_size=6, max_size=9)


def finder(*secrets: str) -> Finder:
    known = Values()
    for secret in secrets:
        known.add(secret, "SECRET")
    return Finder((known,), by_shape=False)


@given(st.lists(SECRETS, max_size=3), st.lists(st.text(LETTERS) | SECRETS, max_size=6))
def test_what_is_cleared_by_its_json_is_left_as_it_is(secrets: list[str], texts: list[str]) -> None:
    found = finder(*secrets)
    for given_ in (texts, {"".join(texts): [*texts, *secrets]}):
        if found.clears(msgspec.json.encode(given_)):
            assert not any(found.spans(text) for text in texts)
            assert not secrets or given_ is texts


@given(st.lists(SECRETS, max_size=3), st.lists(st.text(LETTERS, max_size=5) | SECRETS, max_size=8))
def test_pieces_add_up_to_what_the_whole_gives(secrets: list[str], pieces: list[str]) -> None:
    found = finder(*secrets)
    stream = Stream(found, plain)
    shown = "".join([*map(stream.feed, pieces), stream.close()])
    assert shown == found.replaced("".join(pieces), plain)


def test_a_value_in_two_pieces_is_found_behind_pieces_that_were_clear() -> None:
    stream = Stream(finder("zq8!kk2p"), plain)
    shown = [*map(stream.feed, ("plain, ", "words z", "q8!k", "k2p and", " more")), stream.close()]
    assert "".join(shown) == "plain, words [REDACTED:SECRET] and more"
    assert shown[:2] == ["plain, ", "words "]


def test_half_a_surrogate_is_no_way_around() -> None:
    found = finder("\ud800-secret")
    with pytest.raises(UnicodeEncodeError):
        msgspec.json.encode("the \ud800-secret")
    assert found.spans("the \ud800-secret")


def test_a_placeholder_that_is_none_of_ours_is_always_looked_at() -> None:
    redactor = FoundRedactor(finder("zq8!kk2p"), Placeholders())
    assert not redactor.clears(msgspec.json.encode("[REDACTED:SECRET]"))
    assert redactor.clears(msgspec.json.encode("nothing"))


def screen() -> Screen:
    security = session_security(None, values_of([("api_key", 'zq8!"k\n2p')]), is_fresh=True)
    assert security is not None
    assert security.clears is not None
    return Screen(security.redactor, security.clears)


@pytest.mark.parametrize(
    "event",
    [
        ToolEnd(id="c", name="n", output='a zq8!"k\n2p b', exit_code=0),
        ToolEnd(id="c", name="n", output="x" * MAX_WRITTEN + 'zq8!"k\n2p', exit_code=0),
        ToolEnd(id="c", name="n", output="", exit_code=0, metadata={'zq8!"k\n2p': [1]}),
        PermissionDenied(tool_id="c", tool_name="t", args={"a": ['zq8!"k\n2p']}, reason=""),
        PermissionDenied(tool_id="c", tool_name="t", args={"a": "\ud800"}, reason='zq8!"k\n2p'),
        PermissionDenied(tool_id="c", tool_name="t", args={"a": object()}, reason='zq8!"k\n2p'),
        TextDelta(text='zq8!"k\n2p '),
    ],
)
def test_a_value_never_passes_the_screen(event: Event) -> None:
    before = screen()
    passed = [*before.passed(event, RUN), *before.passed(SessionEnded(), RUN)]
    assert "zq8!" not in repr(passed)
    assert "[REDACTED:API_KEY]" in repr(passed)


def test_an_event_and_a_delta_without_values_are_the_same_ones() -> None:
    before = screen()
    for event in (ToolEnd(id="c", name="n", output="fine", exit_code=0), TextDelta(text="a b ")):
        assert before.passed(event, RUN)[0] is event


def test_a_session_that_looks_for_shapes_has_every_text_looked_at() -> None:
    found = session_security(
        DefaultSecurityProvider(), values_of([("k", "zq8!kk2p")]), is_fresh=True
    )
    assert found is not None
    assert found.clears is None
    assert not DefaultSecurityProvider().finder.clears(b"anything")
