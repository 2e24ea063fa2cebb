"""
What must survive when messages leave a conversation, found by code and never by a model.

From the messages that leave: the rules and the words of the user, what was asked and not
answered, the files that calls touched, the plan. From the log: what was decided about calls.
From the summaries among them: all that they had pinned. Context that the harness had put into a
message goes with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from a3s_code.harness.completion import CUT, GO_ON, NOTHING
from a3s_code.harness.constraints import (
    Constraint,
    constraints_in,
    is_question,
    normalised,
    sentences,
)
from a3s_code.harness.pins_text import as_fact
from a3s_code.harness.tokens import estimate
from a3s_code.harness.user_words import fit, parts_of
from a3s_code.kernel.messages import Message, ToolCall, ToolResult
from a3s_code.kernel.pinned import Pinned, TouchedFile, Verdict

MAX_OF_ONE = 100
"""Rules in one message; in one with more something was pasted, and they are only likely ones."""
MAX_QUESTIONS = 20
MAX_FILES = 200
MAX_VERDICTS = 60
MAX_QUESTION_CHARS = 600
MAX_NAMED_CHARS = 400
"""Of each of the words that had to go, in the record; the messages themselves are in the log."""
MAX_PLAN_CHARS = 8_000

_NUDGES = frozenset({CUT, GO_ON, NOTHING})
"""What the harness says in the place of the user."""
_READS = frozenset({"read"})
_CHANGES = frozenset({"write", "edit", "patch"})
_PATHS = ("file_path", "path")
_PLANS = ("update_plan",)

MIN_RULES, MIN_WORDS = 2_000, 4_000
"""Tokens; of a small window each is `SMALL_SHARE` percent at most."""
SMALL_SHARE = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What the log knows of the calls that leave.

    Attributes:
        changed: Paths that they have changed, oldest first.
        plan: Rows of the last plan; empty when there is none.
    """

    verdicts: tuple[Verdict, ...] = ()
    changed: tuple[str, ...] = ()
    plan: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Allowance:
    """
    Tokens for what the user said.

    Attributes:
        constraints: For rules alone; they may take what is for words, too.
        words: For all else.
        most: For both; what was said in few words does not become longer than it was.
    """

    constraints: int
    words: int
    most: int

    @classmethod
    def within(cls, window: int, leaving: int) -> Allowance:
        """
        Args:
            window: Tokens of the whole request.
            leaving: Tokens of the messages that leave.
        """
        rules, words = max(MIN_RULES, window // 10), max(MIN_WORDS, window * 8 // 100)
        share = window * SMALL_SHARE // 100
        return cls(min(rules, share), min(words, share), leaving)


@dataclass(slots=True)
class _Gone:
    names: list[str] = field(default_factory=list[str])

    def add(self, kind: str, text: str) -> None:
        self.names.append(f"{kind}: {text}")


def pin(
    leaving: Sequence[Message], staying: Sequence[Message], facts: Facts, room: Allowance
) -> tuple[Pinned, tuple[str, ...]]:
    """
    Gather what must survive; messages are oldest first.

    Rules go last of all: those that are only likely ones before the others, the longest first, and
    of those that are sure the oldest. No rule goes for anything but other rules.

    Returns:
        The facts, and those that had to go, each with its kind.
    """
    gone = _Gone()
    before = [message.pinned for message in leaving if message.pinned is not None]
    said = [message for message in leaving if is_of_user(message)]
    rules = _constraints(before, said, room.constraints + room.words, gone)
    elsewhere = {*rules, *(name.removeprefix("constraint: ") for name in gone.names)}
    left = min(room.constraints + room.words, room.most) - sum(map(estimate, rules))
    pinned = Pinned(
        constraints=tuple(rules),
        likely=tuple(at for at, is_weak in enumerate(rules.values()) if is_weak),
        questions=_questions(before, leaving, staying, gone),
        files=_files(before, leaving, facts.changed, gone),
        verdicts=_last(
            "decision",
            _decided([*_each(before, lambda it: it.verdicts), *facts.verdicts]),
            MAX_VERDICTS,
            gone,
        ),
        plan=_plan(before, leaving, staying, facts, gone),
        words=_words(before, said, elsewhere, min(left, room.words), gone),
    )
    left_out = sum(it.left_out for it in before) + len(gone.names)
    return msgspec.structs.replace(pinned, left_out=left_out), tuple(gone.names)


def is_of_user(message: Message) -> bool:
    """Say whether a message is the user's own, and neither a summary nor a nudge of ours."""
    is_said = message.role == "user" and message.pinned is None
    return is_said and bool(message.text.strip()) and message.text not in _NUDGES


def missing(wanted: Pinned, shorter: Sequence[Message]) -> list[str]:
    """
    Name the facts that cannot be found again in a conversation as the log will hold it.

    Each is looked for as data, and the rules also in the text that the model reads.
    """
    kept = [msgspec.convert(msgspec.to_builtins(it), Message) for it in shorter]
    found = [message for message in kept if message.pinned is not None]
    lines = {line for message in found for line in message.text.split("\n")}
    lost = [it for it in wanted.constraints if not lines.issuperset(_lines_of(it))]
    for name in Pinned.__struct_fields__:
        if name == "left_out":
            continue
        there = {_plain(each) for it in found for each in getattr(it.pinned, name)}
        lost += [f"{name}: {each}" for each in getattr(wanted, name) if _plain(each) not in there]
    return lost


def _lines_of(fact: str) -> list[str]:
    return f"- {as_fact(fact)}".split("\n")


def _plain(fact: object) -> str:
    """Write a fact so that the same ones are the same."""
    return json.dumps(msgspec.to_builtins(fact), sort_keys=True)


# Rules, words


def _constraints(
    before: Sequence[Pinned], said: Sequence[Message], room: int, gone: _Gone
) -> dict[str, bool]:
    """Give every rule once, where it was said last, and whether it is only likely to be one."""
    found: dict[str, tuple[str, bool]] = {}
    for pinned in before:
        likely = set(pinned.likely)
        for at, text in enumerate(pinned.constraints):
            found[normalised(text)] = (text, at in likely)
    for message in said:
        for each in _rules_in(message.text):
            key = normalised(each.text)
            found.pop(key, None)
            found[key] = (each.text, each.weak)
    costs = {text: estimate(text) for text, _ in found.values()}
    over = sum(costs.values()) - room
    weak = [text for text, is_weak in found.values() if is_weak]
    weak.sort(key=lambda text: -len(text).bit_length())
    dropped = set[str]()
    for text in [*weak, *(text for text, is_weak in found.values() if not is_weak)]:
        if over <= 0:
            break
        over -= costs[text]
        dropped.add(text)
        gone.add("constraint", text)
    return {text: is_weak for text, is_weak in found.values() if text not in dropped}


def _rules_in(text: str) -> list[Constraint]:
    """Find the rules in a message; where something was pasted, they are only likely ones."""
    every = [
        Constraint(it.text, it.weak or is_paste)
        for said, is_paste in parts_of(text)
        for it in constraints_in(said)
    ]
    is_pasted = len(every) > MAX_OF_ONE
    return [Constraint(it.text, it.weak or is_pasted) for it in every]


def _words(
    before: Sequence[Pinned],
    said: Sequence[Message],
    elsewhere: Iterable[str],
    room: int,
    gone: _Gone,
) -> tuple[str, ...]:
    """Give what the user said; what is nothing but rules stands elsewhere."""
    every = [*_each(before, lambda it: it.words), *(message.text for message in said)]
    rules = {normalised(each) for each in elsewhere}
    kept, lost = fit(every, rules, room)
    for text in lost:
        gone.add("words", text[:MAX_NAMED_CHARS])
    return kept


# Questions


def _questions(
    before: Sequence[Pinned], leaving: Sequence[Message], staying: Sequence[Message], gone: _Gone
) -> tuple[str, ...]:
    """
    Give what the user asked before an answer came: the run ended, or they asked again.

    A question is answered when the model speaks without calling a tool before the user does.
    """
    open_ = {normalised(text): text for text in _each(before, lambda it: it.questions)}
    asked: set[str] = set()
    for at, message in enumerate([*leaving, *staying]):
        if is_of_user(message):
            said = {normalised(text): text for text in _asked(message.text)}
            asked = set(said)
            if at < len(leaving):
                open_.update(said)
        elif _is_answer(message):
            for key in asked & open_.keys():
                del open_[key]
    return _last("question", list(open_.values()), MAX_QUESTIONS, gone)


def _is_answer(message: Message) -> bool:
    said = message.text.strip() if message.role == "assistant" and not message.calls else ""
    return bool(said) and not (said.endswith(".)") and "(Response interrupted by " in said[-60:])


def _asked(text: str) -> list[str]:
    lines = (line for line in text.splitlines() if line.strip())
    asked = (each for line in lines for each in sentences(line) if is_question(each))
    return [each[-MAX_QUESTION_CHARS:] for each in asked]


# Files, plan


def _files(
    before: Sequence[Pinned], leaving: Sequence[Message], changed: Sequence[str], gone: _Gone
) -> tuple[TouchedFile, ...]:
    """Give each file once; when there are too many, those that were only read go first."""
    touched = [*_each(before, lambda it: it.files), *filter(None, map(_file, _done(leaving)))]
    touched += [TouchedFile(path, changed=True) for path in changed]
    every: dict[str, TouchedFile] = {}
    for each in touched:
        known = every.pop(each.path, each)
        every[each.path] = TouchedFile(each.path, each.changed or known.changed)
    over = len(every) - MAX_FILES
    for each in sorted(every.values(), key=lambda it: it.changed)[: max(over, 0)]:
        del every[each.path]
        gone.add("file", each.path)
    return tuple(every.values())


def _done(messages: Sequence[Message]) -> list[ToolCall]:
    """Give the calls of which no message says that they failed."""
    failed = {
        block.tool_use_id
        for message in messages
        for block in message.blocks
        if isinstance(block, ToolResult) and block.is_error
    }
    return [call for message in messages for call in message.calls if call.id not in failed]


def _file(call: ToolCall) -> TouchedFile | None:
    path = next((call.input[name] for name in _PATHS if name in call.input), None)
    if not isinstance(path, str) or call.name not in _READS | _CHANGES:
        return None
    return TouchedFile(path, changed=call.name in _CHANGES)


def _plan(
    before: Sequence[Pinned],
    leaving: Sequence[Message],
    staying: Sequence[Message],
    facts: Facts,
    gone: _Gone,
) -> tuple[dict[str, Any], ...]:
    """Give the last plan, unless a newer one stays in the conversation."""
    if any(call.name in _PLANS for call in _done(staying)):
        return ()
    made = [call.input for call in _done(leaving) if call.name in _PLANS]
    given = [tuple(made[-1:]) if any(made[-1].values()) else ()] if made else []
    earlier = [*(it.plan for it in before if it.plan), *given]
    plan = facts.plan or (earlier[-1] if earlier else ())
    if len(json.dumps(plan)) <= MAX_PLAN_CHARS:
        return plan
    gone.add("plan", f"{len(plan)} rows")
    return ()


def _decided(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Give what was decided last about each call: a yes that was taken back is none."""
    last: dict[tuple[str, str], Verdict] = {}
    for each in verdicts:
        last.pop((each.tool, each.about), None)
        last[each.tool, each.about] = each
    return list(last.values())


def _each(before: Sequence[Pinned], of: Callable[[Pinned], Iterable[T]]) -> Iterator[T]:
    return (each for pinned in before for each in of(pinned))


def _last(kind: str, every: Sequence[T], most: int, gone: _Gone) -> tuple[T, ...]:
    """Give the newest of each fact once."""
    once = list(dict.fromkeys(reversed(every)))[::-1]
    for each in once[: max(len(once) - most, 0)]:
        gone.add(kind, str(each)[:200])
    return tuple(once[-most:])
