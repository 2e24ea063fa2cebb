"""What a user said stays word for word, and what is least like a rule goes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.tokens import estimate
from a3s_code.harness.user_words import MAX_PASTE_CHARS, Rank, fit, parts_of, pieces_of

LOG = "\n".join(f"12:00:{n:02} worker {n} is up" for n in range(60))
PROGRAM = "```python\ndef f():\n" + "    x = f(x)\n" * 100 + "```"
DIFF = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n" + "-old line\n+new line\n" * 60

PIECES = st.sampled_from(
    ["Tests live in tests/", "- ", "\n", "\n\n", "```\n", "> ", "a = f(x);\n", "Why?", "Thanks!",
     "12:00:01 up\n", "| a | b |\n", ". ", "[…] ", "x" * 700, "必须。", "@@ -1\n", "1. "]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=40).map("".join)


def ranks(text: str) -> list[Rank]:
    return [piece.rank for piece in pieces_of(text)]


@given(TEXTS)
def test_all_that_was_said_is_in_the_parts(text: str) -> None:
    assert "".join(said for said, _ in parts_of(text)) == text


@given(st.lists(TEXTS, max_size=6))
def test_with_room_nothing_but_pastes_and_endless_sentences_is_cut(texts: list[str]) -> None:
    kept, gone = fit(texts, (), 1_000_000)
    again, _ = fit(kept, (), 1_000_000)

    assert gone == ()
    assert again == kept
    if "…" not in "".join(kept):
        assert {text.strip() for text in texts} - {""} == set(kept)


@given(st.lists(TEXTS, max_size=6), st.integers(0, 400))
def test_what_is_kept_and_what_is_told_to_be_gone_is_all(texts: list[str], room: int) -> None:
    kept, gone = fit(texts, (), room)
    marks = sum(text.count("[…]") + 1 for text in kept)

    assert sum(map(estimate, kept)) <= room + 8 * marks + len(texts)
    for text in texts:
        if text.strip() and len(text) < MAX_PASTE_CHARS:
            assert text.strip() in kept or gone


def test_the_middle_of_a_paste_goes_and_the_words_around_it_stay() -> None:
    for paste in (LOG, PROGRAM, DIFF):
        ((said,), gone) = fit([f"The port is 8080.\n{paste}\nPR titles in imperative"], (), 10_000)
        assert said.startswith("The port is 8080.\n")
        assert said.endswith("PR titles in imperative")
        assert "characters …]" in said
        assert len(said) < MAX_PASTE_CHARS + 60
        assert gone == ()


def test_a_block_of_prose_is_no_paste() -> None:
    text = "```\nTests live in tests/\n- English comments\nFour spaces\n```"
    assert Rank.PASTED not in ranks(text)
    assert ranks(PROGRAM) == [Rank.PASTED]


def test_a_block_that_never_ends_takes_nothing_with_it() -> None:
    assert Rank.PASTED not in ranks("```\nTests live in tests/\nfour spaces")


def test_without_room_pastes_go_before_thanks_and_thanks_before_what_is_stated() -> None:
    said = [LOG, "Thanks!", "We looked at it yesterday.", "English comments", "Tests are in tests/"]
    sizes = [estimate(text) for text in said[1:]]
    kept = [fit(said, (), sum(sizes[n:]))[0] for n in range(4)]

    assert kept == [tuple(said[n:]) for n in range(1, 5)]


def test_of_what_was_said_again_the_last_stays() -> None:
    said = ["English comments. Go.", "other words", "English comments. Now!"]
    kept, gone = fit(said, (), sum(map(estimate, said)) - 1)

    assert kept == ("[…]  Go.", *said[1:])
    assert gone == ("English comments.",)
