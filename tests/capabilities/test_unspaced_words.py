"""Every search takes the words of a script without blanks in the same way."""

from __future__ import annotations

import pytest

from a3s_code.capabilities.retrieval.words import stems_of
from a3s_code.capabilities.skills.words import distinct
from a3s_code.harness.tool_words import words as tool_words
from a3s_code.kernel.words import folded, words

SCRIPTS = {
    "Chinese": ("修复auth认证", ["修复", "认证"]),
    "Japanese": ("カナ修正", ["カナ", "ナ修", "修正"]),
    "Korean": ("로그인을", ["로그", "그인", "인을"]),
    "Thai": ("แกไข", ["แก", "กไ", "ไข"]),
    "Khmer": ("កខគ", ["កខ", "ខគ"]),
}


@pytest.mark.parametrize(("text", "pairs"), SCRIPTS.values(), ids=SCRIPTS)
def test_all_of_them_find_the_same_pairs(text: str, pairs: list[str]) -> None:
    wanted = set(pairs)

    assert wanted <= set(words(folded(text)))
    assert wanted <= set(stems_of(text))
    assert wanted <= set(tool_words(text))
    assert wanted <= set(distinct(text))
