"""
The sentences in which users say what must, must not or should be.

Found by words, in ten languages, and rather too many than too few: a rule that is lost costs
more than a sentence that is kept. What is no sentence (a table, a line of code) is kept by the
line; of one that is very long, what stands around the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from a3s_code.harness.line_forms import (
    introduces,
    is_code,
    is_fence,
    is_heading,
    is_item,
    is_logged,
    unquoted,
    without_mark,
)
from a3s_code.harness.rule_words import (
    IMPERATIVE,
    LABEL,
    NARRATIVE,
    STATES,
    STRONG,
    VALUE,
    WEAK,
)

MAX_SENTENCE_CHARS = 600
MAX_STATEMENT_CHARS = 160
"""Of a sentence that has no word of a rule, but says what something is."""
AROUND_CHARS = 280
"""Of a longer sentence: what is kept on each side of a word that makes it a rule."""

_ABBREVIATED = re.compile(
    r"(?:(?i:\b(?:e\.g|i\.e|etc|vs|cf|approx|nr|bzw|z\.\s?b|d\.\s?h|u\.\s?a|ca|usw|p\.\s?ex|ej|mr|mrs|"
    r"dr|fig|sec))|\b[A-Z])\.$"
)
_END = re.compile(
    r"(?<![.!?…])[.!?…]+[\"'”’»)\]*_`]*(?=\s+[^a-zà-öø-ÿа-я\s])|[。！？；…]+[”’」』）]*|;(?=\s)"
)
"""Looked for at the first of a row of such signs alone, or the time would grow with its square."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """`weak` ones may go first when there is no room for all."""

    text: str
    weak: bool = False


def constraints_in(text: str) -> Iterator[Constraint]:
    """Find the rules in what a user said, in their order; time is linear in the text."""
    listed = False
    for block in _blocks(text):
        body = block.text
        if block.is_item and listed:
            yield Constraint(_shown(body))
            continue
        found = [each for sentence in sentences(body) for each in _ruled(sentence)]
        yield from found
        if introduces(body):
            listed = bool(found)
        elif not block.is_item:
            listed = False


def sentences(text: str) -> list[str]:
    """Part a paragraph into sentences; one ends where the next does not go on in lower case."""
    parts = (text[first:last].strip() for first, last in spans(text))
    return [part for part in parts if part]


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Say where the sentences of a paragraph are; together they are all of it."""
    start = 0
    for end in _END.finditer(text):
        before = text[max(start, end.end() - 12) : end.end()]
        if end.group()[0] == "." and _ABBREVIATED.search(before):
            continue
        yield start, end.end()
        start = end.end()
    if start < len(text):
        yield start, len(text)


def is_question(sentence: str) -> bool:
    return sentence.rstrip("\"'”’)»*_").endswith(("?", "？", "؟"))


def normalised(text: str) -> str:
    """Give what two sentences have in common that say the same."""
    return " ".join(text.casefold().split()).strip(" .!。！;；-*•\"'`")


def _ruled(sentence: str) -> Iterator[Constraint]:
    strong = list(STRONG.finditer(sentence))
    marks = strong or ([] if is_question(sentence) else _likely(sentence))
    if not marks:
        return
    if len(sentence) <= MAX_SENTENCE_CHARS:
        yield Constraint(sentence, weak=not strong)
        return
    for first, last in _around(marks):
        yield Constraint(sentence[first:last].strip(), weak=not strong)


def _likely(sentence: str) -> list[re.Match[str]]:
    begins = IMPERATIVE.match(sentence) or LABEL.match(sentence)
    if begins is not None:
        return [begins]
    weak = list(WEAK.finditer(sentence))
    if weak or len(sentence) > MAX_STATEMENT_CHARS or NARRATIVE.search(sentence):
        return weak
    states = STATES.search(sentence)
    return [states] if states is not None and VALUE.search(sentence) else []


def _around(marks: Iterable[re.Match[str]]) -> list[tuple[int, int]]:
    """Say which parts of a very long sentence stand around the words that make it a rule."""
    spans: list[tuple[int, int]] = []
    for mark in marks:
        first, last = max(0, mark.start() - AROUND_CHARS), mark.end() + AROUND_CHARS
        if spans and mark.end() <= spans[-1][0] + MAX_SENTENCE_CHARS and first <= spans[-1][1]:
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
    return spans


def _shown(text: str) -> str:
    if len(text) <= 2 * MAX_SENTENCE_CHARS:
        return text
    return f"{text[:MAX_SENTENCE_CHARS]} […] {text[-MAX_SENTENCE_CHARS:]}"


@dataclass(frozen=True, slots=True)
class _Block:
    text: str
    is_item: bool


def _blocks(text: str) -> Iterator[_Block]:
    """Join the lines of each paragraph and of each item of a list; code is taken by the line."""
    lines: list[str] = []
    item = in_code = False
    for line in text.splitlines():
        if is_fence(line):
            yield from _joined(lines, is_item=item)
            lines, item, in_code = [], False, not in_code
            continue
        plain = unquoted(line)
        begins = is_item(plain)
        if in_code or begins or not plain.strip() or is_heading(plain) or is_code(plain):
            yield from _joined(lines, is_item=item)
            lines, item = [], begins
        if (in_code and is_code(plain)) or is_logged(plain):
            continue
        lines.append(without_mark(plain) if begins else plain)
        if introduces(plain):
            yield from _joined(lines, is_item=item)
            lines, item = [], False
    yield from _joined(lines, is_item=item)


def _joined(lines: list[str], *, is_item: bool) -> Iterator[_Block]:
    body = " ".join(line.strip() for line in lines).strip()
    if body:
        yield _Block(body, is_item)
