from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.kernel.words import MAX_WORD_CHARS, WHOLE_CHARS, asked_words, folded, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Fix the Auth-Bug in module_42", ["fix", "the", "auth", "bug", "in", "module_42"]),
        ("src/auth.py:12", ["src", "auth", "py", "12"]),
        ("修复auth认证", ["修复", "auth", "认证"]),
        ("修复登录", ["修复", "复登", "登录"]),
        ("字", ["字"]),
        ("로그인을 고쳐", ["로그", "그인", "인을", "고쳐"]),
        ("แก้ไข", ["แก", "ก้", "้ไ", "ไข"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("\uff21\uff35\uff34\uff28", ["auth"]),
        ("cafe\u0301", ["caf\xe9"]),
        ("-> !", []),
    ],
)
def test_a_text_has_these_words(text: str, found: list[str]) -> None:
    assert list(words(folded(text))) == found


def test_a_question_asks_for_each_word_once() -> None:
    assert asked_words(folded("Auth auth AUTH bug")) == ["auth", "bug"]


def test_half_of_a_long_word_is_whole_in_a_piece() -> None:
    long = "".join(chr(97 + n % 26) for n in range(300))

    pieces = list(words(long))

    assert max(map(len, pieces)) <= MAX_WORD_CHARS
    for at in range(len(long) - WHOLE_CHARS + 1):
        part = long[at : at + WHOLE_CHARS]
        assert any(part in piece for piece in pieces)


@given(st.text())
def test_every_word_stands_in_the_folded_text(text: str) -> None:
    plain = folded(text)

    assert all(word in plain for word in words(plain))
    assert set(asked_words(plain)) >= {word for word in words(plain) if len(word) < WHOLE_CHARS}
