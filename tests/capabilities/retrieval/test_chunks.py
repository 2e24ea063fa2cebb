from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.retrieval.chunks import chunked

TEXTS = st.text(st.sampled_from("abcé \n\n\n"), max_size=400)


@given(TEXTS, st.integers(4, 60))
def test_parts_are_bounded_in_order_and_leave_out_blanks_alone(text: str, most: int) -> None:
    lines = text.split("\n")
    parts = list(chunked(text, most))

    assert all(0 < len(part.text) <= most for part in parts)
    assert all(before.last <= after.first for before, after in pairwise(parts))
    shown = "".join(part.text for part in parts)
    assert "".join(shown.split()) == "".join(text.split())
    for part in parts:
        whole = "\n".join(lines[part.first - 1 : part.last])
        assert part.text in whole
        assert part.text == whole or part.first == part.last


def test_a_part_ends_with_a_paragraph_where_one_ends_in_its_second_half() -> None:
    paragraph = "x" * 30
    text = f"{paragraph}\n{paragraph}\n\n{paragraph}\n{paragraph}\n"

    assert [(part.first, part.last) for part in chunked(text, 100)] == [(1, 3), (4, 6)]


def test_a_line_beyond_the_bound_is_cut_and_keeps_its_number() -> None:
    parts = list(chunked("short\n" + "y" * 25 + "\nend", 10))

    assert [(part.first, part.last, len(part.text)) for part in parts] == [
        (1, 1, 5),
        (2, 2, 10),
        (2, 2, 10),
        (2, 2, 5),
        (3, 3, 3),
    ]
