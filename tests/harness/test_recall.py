"""What a user demands is still there after ten compactions, in whatever words it was said."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from a3s_code.harness.compaction import Notes, check, split, summary
from a3s_code.harness.constraints import constraints_in
from a3s_code.harness.pins import Allowance, Facts, missing, pin
from a3s_code.harness.tokens import estimate, of_message
from a3s_code.kernel.messages import Message, Text, ToolCall, ToolResult, Usage, user
from harness.phrasings import BUILT_WITH, HELD_OUT, LATER, PHRASINGS
from harness.planted import FILLER
from harness.test_compaction import is_whole

WINDOW = 60_000
LOG = "\n".join(
    f"2024-03-07 12:{n:02}:01 worker {n} cannot open file, must retry" for n in range(40)
)
CODE = "\n".join(f"    value_{n} = compute(value_{n}, only=True)" for n in range(40))
TABLE = "\n".join(f"| row {n} | {n * 17} | never | always |" for n in range(40))
PROGRAM = f"```python\ndef work():\n{CODE}\n```"
STACK = "Traceback (most recent call last):\n" + '  File "a.py", line 3, in f\n' * 30
PASTES = (LOG, PROGRAM, TABLE, STACK)
ASKED = (
    "Why does test_billing fail on my machine, but never on the server?",
    "Can you look at the module ledger.py and tell me what it does?",
    "How far are you?",
    "ok, go on",
    "Thanks!",
)


def forms(text: str, chance: random.Random) -> str:
    """Give what a user could write to say `text` in passing, with much around it."""
    before, after = (" ".join(chance.choices(FILLER, k=chance.randint(0, 6))) for _ in range(2))
    paste = chance.choice(PASTES)
    return chance.choice(
        (
            text,
            f"{before}\n\n{text}\n\n{after}",
            f"{before}\n\n- {text}\n- the rest as it was\n\n{after}",
            f"{before}\n{paste}\n{text}\n{paste}\n{after}",
            f'{before}\n1. "{text}"\n2. {after}',
            f"> {text}\n\n{paste}",
            f"{before} {text}.\n{after}",
        )
    )


def turn(at: int, text: str, calls: int) -> Iterator[Message]:
    yield user(text)
    for number in range(calls):
        id_ = f"{at}-{number}"
        yield Message("assistant", (ToolCall(id_, "read", {"file_path": f"{at}.py"}),))
        yield Message("tool", (ToolResult(id_, "only what never must " * 40),))
    yield Message("assistant", (Text("Work went on, as it had to. " * 20),))


def compacted(messages: list[Message], window: int = WINDOW) -> list[Message]:
    """Compact once, as sessions do, with notes that say nothing of what was there."""
    head, middle, tail = split(messages)
    room = Allowance.within(window, sum(map(of_message, middle)))
    pinned, _ = pin(middle, [*head, *tail], Facts(), room)
    notes = Notes("Work went on.", len(middle), Usage())
    after = [*head, summary(notes, pinned), *tail]
    check(messages, middle, after, notes)
    assert missing(pinned, after) == []
    return after


def lived(texts: Sequence[str], seed: int, window: int = WINDOW) -> list[Message]:
    """Say all of `texts` over ten compactions of two hundred messages and more each."""
    chance = random.Random(seed)
    messages: list[Message] = []
    parts = [texts[n::10] for n in range(10)]
    for at, part in enumerate(parts):
        said = [forms(text, chance) for text in part]
        said += [chance.choice((*ASKED, *PASTES, *FILLER)) for _ in range(60)]
        chance.shuffle(said)
        for number, text in enumerate(said):
            messages += turn(1_000 * at + number, text, chance.randint(0, 2))
        assert len(messages) > 150
        messages = compacted(messages, window)
    assert is_whole(messages)
    return messages


def lost(texts: Sequence[str], messages: Sequence[Message]) -> list[str]:
    whole = "\n".join(message.text for message in messages)
    return [text for text in texts if text not in whole]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "texts", [BUILT_WITH, HELD_OUT, LATER], ids=["built with", "held out", "later"]
)
def test_fifty_demands_in_any_words_survive_ten_compactions(
    texts: Sequence[str], seed: int
) -> None:
    planted = random.Random(seed).sample(texts, 50)
    assert lost(planted, lived(planted, seed)) == []


def test_all_of_them_at_once_survive_ten_compactions() -> None:
    assert lost(PHRASINGS, lived(PHRASINGS, 3, 200_000)) == []


@pytest.mark.parametrize(("texts", "least"), [(BUILT_WITH, 0.85), (HELD_OUT, 0.75)])
def test_most_are_seen_to_be_rules_already(texts: Sequence[str], least: float) -> None:
    found = [each for each in texts if any(each in it.text for it in constraints_in(each))]
    assert len(found) / len(texts) >= least


def test_what_was_said_does_not_grow_from_one_compaction_to_the_next() -> None:
    messages = lived(PHRASINGS[:50], 5, 200_000)
    messages = compacted(
        [*messages, *(it for n in range(12) for it in turn(n, "go on", 0))], 200_000
    )
    (before,) = [it.pinned for it in messages if it.pinned is not None]
    staying = messages[-20:]
    for _ in range(5):
        for at in range(12):
            messages += turn(at, "go on", 0)
        messages = compacted(messages, 200_000)
    (after,) = [it.pinned for it in messages if it.pinned is not None]

    assert after.constraints[: len(before.constraints)] == before.constraints
    still = [each for each in after.words if each in before.words]
    assert still == [each for each in before.words if each in after.words]
    assert len(still) >= len(before.words) * 0.9
    left = [it.text for it in staying if it.role == "user"]
    assert len(after.words) + len(after.constraints) <= (
        len(before.words) + len(before.constraints) + sum(len(text.splitlines()) for text in left)
    )


def test_what_takes_a_rule_back_stands_behind_it() -> None:
    said = ["Use tabs", "Forget what I said about tabs, use spaces"]
    for first, then in (said, said[::-1]):
        messages = [*turn(0, "hi", 0), *turn(1, first, 0), *turn(2, "go on", 1), *turn(3, then, 0)]
        for _ in range(10):
            for at in range(12):
                messages += turn(10 + at, "go on", 0)
            messages = compacted(messages)
        (pinned,) = [it.pinned for it in messages if it.pinned is not None]
        assert pinned.constraints == (first, then)


@pytest.mark.parametrize("window", [2_000, 8_000, 20_000])
@pytest.mark.parametrize("length", [1, 20])
def test_a_conversation_of_nothing_but_rules_can_be_compacted_again_and_again(
    window: int, length: int
) -> None:
    messages: list[Message] = []
    told = 0
    for _ in range(10):
        size = sum(map(of_message, messages))
        while size < window * 0.8 or len(messages) < 40:
            told += 1
            messages.append(user(f"Never touch number {told}{' of the old system' * length}."))
            size += of_message(messages[-1])
        messages = compacted(messages, window)
        assert len(messages) == 23
        assert sum(map(of_message, messages)) < size
    (pinned,) = [it.pinned for it in messages if it.pinned is not None]
    assert sum(map(estimate, (*pinned.constraints, *pinned.words))) <= window * 0.4
    assert pinned.left_out == told - len(pinned.constraints) - 22
