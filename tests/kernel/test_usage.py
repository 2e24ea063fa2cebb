"""Tokens as providers count them, or claim to."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.kernel.messages import Usage

counts = st.integers(-(1 << 80), 1 << 80)


@given(st.builds(Usage, counts, counts, counts, counts))
def test_no_count_is_below_nothing_or_beyond_what_can_be_kept(told: Usage) -> None:
    usage = told.plausible

    assert min(msgspec.structs.astuple(usage)) >= 0
    assert usage.cache_read_tokens + usage.cache_write_tokens <= usage.prompt_tokens
    assert usage.plausible is usage
    assert msgspec.json.decode(msgspec.json.encode(usage + usage), type=Usage) == usage + usage


def test_what_can_be_stays_as_it_was_told() -> None:
    told = Usage(10, 5, 6, 4)

    assert told.plausible is told
