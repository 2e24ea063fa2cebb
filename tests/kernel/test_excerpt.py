"""What is shown of a text says how much of it is not."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from a3s_code.kernel.excerpt import excerpt

_TEXT = st.text(alphabet="abc\n", max_size=60)
_COUNT = st.integers(0, 20)


@given(_TEXT, _COUNT, _COUNT)
def test_a_text_is_whole_or_says_how_much_it_leaves_out(text: str, head: int, tail: int) -> None:
    shown = excerpt(text, head, tail)
    if len(text) <= head + tail:
        assert shown == text
        return
    left = re.search(r"\n\[(\d+) characters left out\]", shown)
    assert left is not None
    before, after = shown[: left.start()], shown[left.end() :].removeprefix("\n" if tail else "")
    assert text.startswith(before)
    assert text.endswith(after)
    assert len(before) + int(left[1]) + len(after) == len(text)
