from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.memory import (
    MAX_CONTENT_CHARS,
    MemoryItem,
    Pruning,
    Relevance,
    remembered,
    rfc3339,
)

DAY_NS = 86_400 * 1_000_000_000


def item(**fields: Any) -> MemoryItem:
    return MemoryItem(**{"id": "a", "content": "text", "timestamp_ns": 0, **fields})


def test_the_rank_is_importance_and_an_age_that_decays() -> None:
    now_ns = 1_000 * DAY_NS
    ranked = Relevance()

    assert ranked.score(0.8, now_ns, now_ns) == pytest.approx(0.8 * 0.7 + 0.3)
    aged = ranked.score(0.8, now_ns - 30 * DAY_NS, now_ns)
    assert aged == pytest.approx(0.8 * 0.7 + 0.3 * math.exp(-1))
    assert ranked.score(0.5, now_ns + DAY_NS, now_ns) == ranked.score(0.5, now_ns, now_ns)


@given(st.floats(allow_nan=False))
def test_importance_is_brought_into_its_range(importance: float) -> None:
    assert item(importance=importance).importance == min(1.0, max(0.0, importance))


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "a\0b"},
        {"id": "a" * 257},
        {"content": "x" * (MAX_CONTENT_CHARS + 1)},
        {"timestamp_ns": 10**30},
        {"last_accessed_ns": -(10**30)},
        {"importance": math.nan},
    ],
)
def test_what_cannot_be_kept_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        item(**fields)


def test_times_are_written_with_nanoseconds_in_utc() -> None:
    assert rfc3339(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456789Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999999999Z"


def test_an_item_as_plain_json_has_the_fields_of_the_documents() -> None:
    row = remembered("text", tags=["a", "a", "b"], metadata={"k": "v"}).row()

    assert list(row)[:9] == [
        *("id", "content", "timestamp", "importance", "tags", "memory_type", "metadata"),
        *("access_count", "last_accessed"),
    ]
    assert row["tags"] == ["a", "b"]
    assert row["memory_type"] == "episodic"
    assert row["importance"] == 0.5
    assert row["last_accessed"] is None


def test_ids_are_random_uuids() -> None:
    ids = {remembered("x").id for _ in range(100)}

    assert len(ids) == 100
    for each in ids:
        assert [len(part) for part in each.split("-")] == [8, 4, 4, 4, 12]
        assert each[14] == "4"
        assert each[19] in "89ab"


def test_an_access_is_counted_and_time_never_runs_back() -> None:
    once = item().accessed(50)

    assert (once.access_count, once.last_accessed_ns) == (1, 50)
    assert once.accessed(20).last_accessed_ns == 50


def test_what_cannot_be_written_becomes_a_question_mark() -> None:
    made = remembered("broken \udcff", tags=["\ud800"], metadata={"\udfff": "\udfff"})

    assert (made.content, made.tags, made.metadata) == ("broken ?", ("?",), {"?": "?"})


@pytest.mark.parametrize(
    ("given_fields", "error"),
    [
        ({"memory_type": "eternal"}, InvalidValue),
        ({"importance": "high"}, InvalidType),
        ({"importance": True}, InvalidType),
        ({"tags": "one"}, InvalidType),
        ({"tags": [1]}, InvalidType),
        ({"metadata": {"a": 1}}, InvalidType),
        ({"metadata": ["a"]}, InvalidType),
        ({"content": None}, InvalidType),
    ],
)
def test_bad_values_are_refused_by_name(given_fields: dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        remembered(**{"content": "x", **given_fields})


def test_pruning_of_any_age_names_a_time_that_can_be_compared() -> None:
    assert Pruning(max_age_days=1e9).oldest_ns(0) < 0
    assert Pruning(max_age_days=1).oldest_ns(DAY_NS) == 0
