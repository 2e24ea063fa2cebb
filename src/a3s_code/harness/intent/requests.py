"""The clauses of a prompt, each as the request that it may be, and which ask for changes."""

from __future__ import annotations

import re
from collections.abc import Iterator

_BOUND = re.compile(r"[.!?;:]+(?=\s|$)|\n|,\s|\s(?:and|but|or|so|then)\s|\s[\u2013\u2014-]+\s")
_LEAD = re.compile(
    r"(?:(?:also|and|finally|first|hello|hey|hi|just|kindly|next|now|ok|okay|please|second|so|then|"
    r"todo|(?:can|could|will|would) (?:we|you)|go ahead and|i(?:'d| would) like (?:you )?to|"
    r"i (?:need|want) (?:you )?to|let(?:'s| me| us)|task|the task is to|"
    r"(?:we|you) (?:have to|must|need to|should)|your task is to|\d+[.)]?|[*+\u2022-]+)[\s:,]+)+"
)
_VERBS = """
adapt add address adjust allow annotate append apply bring build bump cache change clean clear
comment commit complete configure convert copy correct create delete deploy disable document drop
edit enable ensure expose extend extract finish fix format generate handle hook implement improve
inline insert install integrate introduce let link make mark mend merge migrate modify move mute
open optimise optimize patch pin port publish push put refactor register remove rename reorder
repair replace resolve restore revert rewrite run save send set simplify skip sort speed split stop
store support switch teach translate tune turn undo unify update upgrade use wire wrap write
"""


def _forms(verb: str) -> tuple[str, ...]:
    stem = verb.removesuffix("e")
    return verb, f"{verb}ing", f"{stem}ing", f"{verb}{verb[-1]}ing"


_CHANGING = frozenset(form for verb in _VERBS.split() for form in _forms(verb))
_WANTED = re.compile(
    r"(?:i|we)(?:'d like| would like| need| want)\b|make sure\b|do (?:it|so|that|this)\b"
)


def requests(words: str) -> Iterator[str]:
    """Give the clauses of a text in lower case, each without what is only polite before it."""
    for clause in _BOUND.split(words):
        text = clause.strip()
        if text:
            yield _LEAD.sub("", f"{text} ", count=1).strip() if _LEAD.match(f"{text} ") else text


def changes(request: str) -> bool:
    """Say whether a clause asks for something to be changed or made."""
    return request.partition(" ")[0] in _CHANGING or _WANTED.match(request) is not None
