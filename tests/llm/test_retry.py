from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.llm.retry import RETRY_AFTER_CAP_S, Backoff, retry_after_s

NOW_S = 1_795_224_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after": "90"}, 90.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "abc"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "\u0663"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 01:20:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 01:20:30 GMT", "date": "nonsense"}, 30.0),
    ],
)
def test_a_servers_wish_is_read_in_each_of_its_forms(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers, NOW_S) == seconds


def test_a_date_counts_from_the_servers_own_clock() -> None:
    headers = {
        "retry-after": "Fri, 21 Nov 2036 05:00:45 GMT",
        "date": "Fri, 21 Nov 2036 05:00:00 GMT",
    }
    assert retry_after_s(headers, NOW_S) == 45.0


def test_a_date_without_the_servers_clock_is_clamped() -> None:
    assert retry_after_s({"retry-after": "Fri, 21 Nov 2036 05:00:45 GMT"}, NOW_S) == (
        RETRY_AFTER_CAP_S
    )


def test_endless_digits_neither_overflow_nor_become_infinite() -> None:
    seconds = retry_after_s({"retry-after": "9" * 6000}, NOW_S)
    assert seconds is not None
    assert 1e6 < seconds < 1e9


@given(st.text())
def test_any_header_text_is_read_without_an_exception(text: str) -> None:
    seconds = retry_after_s({"retry-after": text, "date": text}, NOW_S)
    assert seconds is None or seconds >= 0


@given(st.integers(1, 60), st.floats(0, 1, exclude_max=True))
def test_a_pause_stays_within_its_spread_and_its_cap(failures: int, chance: float) -> None:
    pause_s = Backoff().pause_s(failures, lambda: chance)
    whole = min(2.0 ** (failures - 1), 30.0)
    assert 0.75 * whole <= pause_s <= 1.25 * whole


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=3, max_size=3))
def test_pauses_grow_whatever_the_jitter(chances: list[float]) -> None:
    pauses = [Backoff().pause_s(n, lambda n=n: chances[n - 1]) for n in (1, 2, 3)]
    assert pauses == sorted(set(pauses))
