"""The index finds what looking at every text would find, in the same order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.kernel.memory import Pruning, Relevance
from a3s_code.kernel.words import asked_words, folded
from a3s_code.persistence.memories import index as index_module
from a3s_code.persistence.memories import vocabulary as vocabulary_module
from a3s_code.persistence.memories.index import Index, Wanted
from a3s_code.persistence.memories.question import answer

NOW = 1_000 * 86_400 * 1_000_000_000
Item = tuple[str, float, int, tuple[str, ...]]

word = st.sampled_from(
    ["auth", "authentication", "oauth2", "db", "x", "认证", "登录认证", "42", "420"]
)
texts = st.lists(word, max_size=4).map(" ".join)
items = st.lists(
    st.tuples(
        texts,
        st.sampled_from([0.0, 0.1, 0.33, 0.5, 0.8, 0.805, 1.0]),
        st.integers(NOW - 10**16, NOW + 10**12),
        st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    ),
    max_size=40,
)


def filled(given_items: Sequence[Item]) -> Index[int]:
    made: Index[int] = Index()
    for key, each in enumerate(given_items):
        made.add(key, *each)
    return made


def ranked(given_items: Sequence[Item], relevance: Relevance) -> list[int]:
    def rank(key: int) -> tuple[float, int, int]:
        _, importance, stamp, _ = given_items[key]
        return relevance.score(importance, stamp, NOW), stamp, key

    return sorted(range(len(given_items)), key=rank, reverse=True)


@given(items, texts, st.integers(1, 50))
def test_whole_answers_are_those_of_looking_at_every_text(
    given_items: list[Item], query: str, limit: int
) -> None:
    relevance = Relevance()
    asked = asked_words(folded(query))

    found = answer(filled(given_items), query, Wanted(limit, relevance, NOW))

    whole = [
        key
        for key in ranked(given_items, relevance)
        if all(each in folded(given_items[key][0]) for each in asked)
    ]
    assert found[: len(whole)] == whole[:limit]
    rest = set(found[len(whole) :])
    for key in rest:
        assert any(each in folded(given_items[key][0]) for each in asked)
    assert len(found) == len(set(found))


@settings(max_examples=50)
@given(items, texts, st.integers(1, 6))
def test_small_bounds_change_no_whole_answer(
    given_items: list[Item], query: str, limit: int
) -> None:
    """All ways of answering give the same: bounds decide only which of them is taken."""
    wanted = Wanted(limit, Relevance(), NOW)
    asked = asked_words(folded(query))
    plain = answer(filled(given_items), query, wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "MAX_LOOKED_AT", 2)
        patch.setattr(index_module, "MAX_RANKED", 2)
        patch.setattr(index_module, "MAX_STEPS", 3)
        patch.setattr(index_module, "MAX_WORDS_HOLDING", 1)
        patch.setattr(vocabulary_module, "_MAX_NEW", 0)
        bounded = answer(filled(given_items), query, wanted)

    count = sum(all(each in folded(it[0]) for each in asked) for it in given_items)
    assert bounded[:count] == plain[:count]


@given(items, st.lists(st.sampled_from("abcd"), max_size=3), st.integers(1, 9))
def test_tags_find_what_has_one_of_them(
    given_items: list[Item], tags: list[str], limit: int
) -> None:
    relevance = Relevance(importance_weight=0.2, recency_weight=0.8, decay_days=3)
    found = filled(given_items).by_tags(tags, Wanted(limit, relevance, NOW))

    fitting = [
        key for key in ranked(given_items, relevance) if set(tags) & set(given_items[key][3])
    ]
    assert found == fitting[:limit]


@given(items, st.sets(st.integers(0, 39)), texts)
def test_what_was_discarded_is_in_no_answer(
    given_items: list[Item], gone: set[int], query: str
) -> None:
    made = filled(given_items)
    for key in gone:
        assert made.discard(key) == (key < len(given_items))
    wanted = Wanted(50, Relevance(), NOW)
    left = set(range(len(given_items))) - gone

    assert set(answer(made, query, wanted)) <= left
    assert set(made.by_tags(["a", "b"], wanted)) <= left
    assert set(answer(made, "", wanted)) == left
    assert set(made.recent(50)) == left
    assert set(made.important(0.0, 50)) == left
    assert len(made) == len(left)


@given(items)
def test_the_newest_and_the_most_important_come_in_order(given_items: list[Item]) -> None:
    made = filled(given_items)
    stamps = [given_items[key][2] for key in made.recent(99)]
    shares = [(given_items[key][1], given_items[key][2]) for key in made.important(0.0, 99)]

    assert stamps == sorted(stamps, reverse=True)
    assert shares == sorted(shares, reverse=True)


@given(items, st.integers(0, 20))
def test_pruning_keeps_the_highest_ranks(given_items: list[Item], most: int) -> None:
    pruning = Pruning(max_age_days=1e6, max_items=most)
    gone = filled(given_items).prunable(pruning, Relevance(), NOW)

    kept = [key for key in ranked(given_items, Relevance()) if key not in gone]
    assert kept == ranked(given_items, Relevance())[: most or None]


def test_an_item_of_the_same_key_takes_the_place_of_the_first() -> None:
    made = filled([("old", 0.5, NOW, ("a",))])
    made.add(0, "new", 0.5, NOW, ("b",))
    wanted = Wanted(5, Relevance(), NOW)

    assert answer(made, "old", wanted) == []
    assert answer(made, "new", wanted) == [0]
    assert made.by_tags(["a"], wanted) == []


def test_an_index_of_many_that_are_gone_is_worn() -> None:
    made: Index[int] = Index()
    for number in range(3_000):
        made.add(number % 10, f"word{number}", 0.5, NOW, ())

    assert made.is_worn
    assert answer(made, "word", Wanted(20, Relevance(), NOW)) == list(range(9, -1, -1))


def test_items_with_rarer_words_of_a_question_come_first() -> None:
    common = [(f"the parser of part {n}", 0.9, NOW, ()) for n in range(50)]
    made = filled([*common, ("the zebra", 0.1, NOW - 10**16, ())])

    found = answer(made, "where is the zebra parser", Wanted(3, Relevance(), NOW))

    assert found[0] == 50
    assert len(found) == 3


def test_a_part_of_a_word_that_is_longer_than_any_is_found() -> None:
    blob = "".join(f"{n:02x}" for n in range(256))
    made = filled([(blob, 0.5, NOW, ()), ("other", 0.5, NOW, ())])

    assert answer(made, blob[100:180], Wanted(5, Relevance(), NOW)) == [0]
    assert answer(made, blob[100:180] + "zz", Wanted(5, Relevance(), NOW)) == []
