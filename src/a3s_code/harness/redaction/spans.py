"""Where in a text something is that must not be shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """
    `text[start:end]`, and what it is.

    Attributes:
        is_secret: It opens something. The others tell of a person.
    """

    start: int
    end: int
    label: str
    is_secret: bool = True


def settled(found: Iterable[Span]) -> list[Span]:
    """
    Give spans in order that do not overlap and together cover what is secret.

    Secrets that overlap become one, with the label of the first. What tells of a person
    and overlaps a secret is left out: the rest of it says nothing without the secret part.
    """
    secrets: list[Span] = []
    people: list[Span] = []
    for span in sorted(found):
        kept = secrets if span.is_secret else people
        last = kept[-1] if kept else None
        if last is None or span.start >= last.end:
            kept.append(span)
        elif span.end > last.end:
            kept[-1] = last._replace(end=span.end)
    if not people:
        return secrets
    return sorted([*secrets, *_apart(people, secrets)])


def _apart(people: list[Span], secrets: list[Span]) -> list[Span]:
    apart: list[Span] = []
    at = 0
    for span in people:
        while at < len(secrets) and secrets[at].end <= span.start:
            at += 1
        if at == len(secrets) or secrets[at].start >= span.end:
            apart.append(span)
    return apart
