"""
What a child says of its work, read from the sections at the end of its answer.

    Findings:
    - the token is never refreshed
    **Risks**: none
    ## Confidence
    high

A heading may be of Markdown, bold, an item of a list, or a word with a colon. Any text can be
read; what has no such sections claims nothing but its first paragraph. All of it is what the child
says, and none of it is what the harness has seen.

Source:
    A3S Code README 3.x, "Delegated child runs should return".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

Confidence: TypeAlias = Literal["high", "medium", "low", ""]

MAX_READ_CHARS = 64 * 1024
"""Of an answer; its end, where the sections stand."""
MAX_ITEMS = 20
"""Of one section."""
MAX_ITEM_CHARS = 500
MAX_SUMMARY_CHARS = 800
HIGH, LOW = 0.75, 0.4
"""A number from here on is high confidence, and one below that is low."""

_SECTIONS = {
    **dict.fromkeys(("summary", "tl;dr"), "summary"),
    **dict.fromkeys(("findings", "finding", "key findings"), "findings"),
    **dict.fromkeys(("risks", "risk", "residual risks", "open risks", "remaining risks"), "risks"),
    **dict.fromkeys(("confidence", "confidence level"), "confidence"),
}
_MAX_HEADING_CHARS = 40
_MARKDOWN = re.compile(r"#{1,6}[ \t]+(.*)")
_BULLET = re.compile(r"(?:[-*+•]|\d{1,3}[.)])[ \t]+")
_EMPHASIS = "*_` \t"
_NOTHING = frozenset({"none", "no", "n/a", "na", "nothing", "none found", "none known", "-", "—"})
_WORDS = re.compile(r"very high|very low|high|medium|moderate|low", re.IGNORECASE)
_LEVELS: dict[str, Confidence] = {
    "high": "high",
    "medium": "medium",
    "moderate": "medium",
    "low": "low",
}
_NUMBER = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)[ \t]{0,3}(%|/[ \t]{0,3}10{1,2}\b)?")


class Claims(msgspec.Struct, frozen=True):
    """
    Attributes:
        summary: Its section, else the first paragraph of the answer.
        confidence: Empty where it says none, or nothing that can be read as one.
    """

    summary: str = ""
    findings: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    confidence: Confidence = ""


def claims_of(answer: str) -> Claims:
    """Read an answer; of a section that stands there twice, the last one counts."""
    sections = dict(_sections(answer[-MAX_READ_CHARS:]))
    summary = " ".join(_items(sections.get("summary", [])))
    return Claims(
        summary=_cut(summary or _first_paragraph(answer[:MAX_READ_CHARS]), MAX_SUMMARY_CHARS),
        findings=_listed(sections.get("findings", [])),
        risks=_listed(sections.get("risks", [])),
        confidence=_confidence(" ".join(sections.get("confidence", []))),
    )


# Sections


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Give each section that is known, with its lines; any other heading ends one."""
    lines: list[str] | None = None
    for line in text.splitlines():
        heading = _heading(line)
        if heading is None:
            if lines is not None:
                lines.append(line)
            continue
        name, rest = heading
        if name:
            lines = [rest] if rest else []
            yield name, lines
        else:
            lines = None


def _heading(line: str) -> tuple[str, str] | None:
    """
    Take a line as a heading: the section it begins, and what else it says.

    Returns:
        None for a line that is no heading, an empty name for one of another section.
    """
    text = line.strip()
    markdown = _MARKDOWN.match(text)
    bare = markdown[1] if markdown else _BULLET.sub("", text, count=1)
    head, colon, _ = bare[: _MAX_HEADING_CHARS + 8].partition(":")
    is_bold = bare.startswith(("**", "__")) and bare.endswith(("**", "__"))
    name = _SECTIONS.get(_BULLET.sub("", head.strip(_EMPHASIS)).strip(_EMPHASIS).casefold())
    if name is None:
        is_other = markdown is not None or (is_bold and len(bare) <= _MAX_HEADING_CHARS)
        return ("", "") if is_other else None
    if colon:
        return name, bare[len(head) + 1 :].strip(_EMPHASIS)
    return (name, "") if markdown or is_bold else None


def _items(lines: list[str]) -> list[str]:
    """Give the items of a list, or the paragraphs of a text; lines that go on are joined."""
    items: list[list[str]] = []
    is_open = False
    for line in lines:
        text = line.strip()
        bullet = _BULLET.match(text)
        if not text:
            is_open = False
        elif bullet or not is_open:
            items.append([text[bullet.end() :] if bullet else text])
            is_open = True
        else:
            items[-1].append(text)
        if len(items) > MAX_ITEMS:
            break
    return [" ".join(parts) for parts in items[:MAX_ITEMS]]


def _listed(lines: list[str]) -> tuple[str, ...]:
    said = (item for item in _items(lines) if item.strip(" .*_").casefold() not in _NOTHING)
    return tuple(_cut(item, MAX_ITEM_CHARS) for item in said)


# Words


def _first_paragraph(answer: str) -> str:
    for paragraph in re.split(r"\n[ \t]*\n", answer):
        lines = (line.strip() for line in paragraph.splitlines())
        text = " ".join(line for line in lines if line and not line.startswith("#"))
        if text:
            return text
    return ""


def _confidence(said: str) -> Confidence:
    said = said[:MAX_ITEM_CHARS]
    word = _WORDS.search(said)
    if word is not None:
        return _LEVELS[word[0].casefold().removeprefix("very ")]
    number = _NUMBER.search(said)
    return _level(number) if number is not None else ""


def _level(number: re.Match[str]) -> Confidence:
    """Read `0.9`, `90%`, `9/10` and `90/100`; any other number says nothing."""
    unit = (number[2] or "").replace(" ", "").replace("\t", "")
    share = float(number[1]) / {"": 1, "%": 100, "/10": 10, "/100": 100}[unit]
    if share > 1:
        return ""
    return "high" if share >= HIGH else "low" if share < LOW else "medium"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
