"""
Which skills fit the words of a query.

A word counts most in the name, then in the tags, the description and the text (SPEC 10). A word
that one name has outweighs any number of places where a text has it.

Source:
    SPEC 10; the weights are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from a3s_code.capabilities.skills.skill import Skill
from a3s_code.capabilities.skills.words import asked, distinct

NAME, TAGS, DESCRIPTION, BODY = 27, 9, 3, 1
MAX_QUERY_CHARS = 2_000
MAX_QUERY_WORDS = 32
MAX_BODY_CHARS = 4_000
"""What is indexed of a text; what it is about stands at its beginning."""


class SkillIndex:
    """The words of skills, and in which of them they are. Immutable."""

    __slots__ = ("_places", "_skills")

    def __init__(self, skills: Iterable[Skill]) -> None:
        self._skills: Sequence[Skill] = sorted(skills, key=lambda skill: skill.name)
        self._places: dict[str, dict[int, int]] = {}
        for number, skill in enumerate(self._skills):
            for text, weight in _fields(skill):
                for word in distinct(text):
                    found = self._places.setdefault(word, {})
                    found[number] = found.get(number, 0) + weight

    def ranked(self, query: str) -> list[Skill]:
        """Give the skills that have any word of `query`, the best first, then by their names."""
        scores: dict[int, int] = {}
        for word in asked(query[:MAX_QUERY_CHARS], MAX_QUERY_WORDS):
            for number, weight in self._places.get(word, {}).items():
                scores[number] = scores.get(number, 0) + weight
        return [self._skills[number] for number in sorted(scores, key=lambda n: (-scores[n], n))]


def _fields(skill: Skill) -> Iterable[tuple[str, int]]:
    yield skill.name, NAME
    yield " ".join(skill.tags), TAGS
    yield skill.description, DESCRIPTION
    yield skill.body[:MAX_BODY_CHARS], BODY
