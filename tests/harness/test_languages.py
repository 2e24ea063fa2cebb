"""What patterns match is compared exactly: no text contradicts an answer."""

from __future__ import annotations

import itertools
import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.harness.languages import (
    ANY_TEXT,
    COMMAND_WORDS,
    NORMAL_PATHS,
    TooManyStates,
    Universe,
    agreements,
    uncovered,
)
from a3s_code.harness.patterns import Pattern

SOURCES = st.lists(st.sampled_from([*"ab/*? .", "**", "**/", "*/"]), max_size=6).map("".join)
PATTERNS = st.lists(SOURCES, min_size=1, max_size=4)
SHORT = ["".join(text) for size in range(6) for text in itertools.product("ab/.", repeat=size)]


def compiled(sources: list[str], *, segments: bool) -> list[Pattern]:
    return [Pattern(source, segments=segments) for source in sources]


@settings(max_examples=300, deadline=None)
@given(PATTERNS, st.booleans())
def test_a_cover_has_no_counterexample_and_a_witness_is_one(
    sources: list[str], segments: bool
) -> None:
    inner, *outer = compiled(sources, segments=segments)
    witness = uncovered(inner, outer)

    if witness is None:
        assert not any(
            inner.matches(text) and not any(each.matches(text) for each in outer) for text in SHORT
        )
    else:
        assert inner.matches(witness)
        assert not any(each.matches(witness) for each in outer)


@settings(max_examples=200, deadline=None)
@given(PATTERNS, st.text("ab/ .x", max_size=8), st.booleans())
def test_every_way_to_agree_is_found(sources: list[str], text: str, segments: bool) -> None:
    patterns = compiled(sources, segments=segments)
    found = {each.matched for each in agreements(patterns)}

    assert tuple(pattern.matches(text) for pattern in patterns) in found


@settings(max_examples=200, deadline=None)
@given(PATTERNS, st.booleans())
def test_the_texts_that_are_given_match_as_they_say(sources: list[str], segments: bool) -> None:
    patterns = compiled(sources, segments=segments)
    for found in itertools.islice(agreements(patterns), 200):
        assert found.matched == tuple(pattern.matches(found.text) for pattern in patterns)


def member(among: Universe, text: str) -> bool:
    state: int | None = 0
    for char in text:
        state = among.after(state, char) if state is not None else None
    return state is not None and among.ends(state)


@settings(max_examples=500)
@given(st.text("a./", max_size=8))
def test_normal_paths_are_those_that_normalising_leaves_alone(text: str) -> None:
    once = posixpath.normpath(text) if text else ""
    normal = bool(text) and once == text and not text.startswith("//")
    assert member(NORMAL_PATHS, text) is normal


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=4))
def test_command_words_are_words_with_one_blank_between_them(words: list[str]) -> None:
    assert member(COMMAND_WORDS, " ".join(words)) is all(words)


@pytest.mark.parametrize(
    ("inner", "outer", "left"),
    [
        ("git status*", ["git *"], None),
        ("git *", ["git status*"], "git "),
        ("a*", ["ab*", "a"], "ax"),
        ("?", ["a", "b"], "x"),
        ("*", ["**"], None),
        ("", [], ""),
    ],
)
def test_examples(inner: str, outer: list[str], left: str | None) -> None:
    assert uncovered(Pattern(inner), compiled(outer, segments=False)) == left


def test_paths_are_compared_by_segments() -> None:
    (one, deep) = compiled(["src/*", "src/**"], segments=True)
    assert uncovered(one, [deep], NORMAL_PATHS) is None
    assert uncovered(deep, [one], NORMAL_PATHS) == "src/x/x"


def test_what_would_take_too_long_is_not_known() -> None:
    patterns = compiled(["*a" + "?" * 20 + "b*", "*b" + "?" * 20 + "a*"], segments=False)
    with pytest.raises(TooManyStates):
        uncovered(patterns[0], [patterns[1]], ANY_TEXT, limit=1_000)
