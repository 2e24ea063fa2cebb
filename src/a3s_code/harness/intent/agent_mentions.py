"""
Which agents a prompt names as those that are to do something, and which it does not want.

A name alone says little: `explore`, `plan` and `review` are words of every day. It counts as
`@name`, or where somebody is told to use, ask or start the agent of that name, at the beginning of
a clause. What is quoted, code and paths are not read (`own_words`).

Source:
    SPEC 8, "Auto-delegation scoring". The Chinese expressions are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from a3s_code.harness.intent.requests import requests

_THE = r"(?:(?:the|a|an|our|your|my)\s+)?(?:built-?in\s+)?"
_AGENT = r"\s+(?:(?:child|worker)\s+)?(?:sub-?\s?)?agents?\b(?!['\u2019])"
_ENDS = (
    r"(?=\s*$|\s*[.,;:!?)\u3002\uff0c]|\s+(?:about|after|again|and|as well|before|first|for|here|"
    r"how|if|now|on(?!\s+(?:each|every))|please|so|that|then|to|too|what|when|where|whether|which|"
    r"who|why|with)\b)"
)
_TELL = (
    r"(?:use|using|let|have|get|run|start|spawn|launch|call|invoke|try|ask|tell|engage|involve|"
    r"consult|dispatch|make use of)"
)
_HAND = r"(?:delegate|hand|give|send|assign|leave|pass)\s+(?:\S+\s+){0,6}?(?:over\s+)?to"
_MEANS = r"(?:using|via|with the help of)"
_TELLING = re.compile(
    r"(?!(?:the|an?|there|it|this|that|why|when|where|what|how|is|are|was|does|did|our|my|we|i)\b)"
)
_CHINESE_POLITE = (
    r"(?:请你?|帮我|麻烦你?|先|然后|再|接着|"
    r"最后|可以|能否|现在|并|\s)*"
)
_CHINESE_TELL = (
    r"(?:使用|用|调用|让|叫|启动|运行|"
    r"(?:把.{0,40}?)?(?:委派|委托|交)给)"
)
_CHINESE_AGENT = (
    r"\s*(?:子?代理|智能体|(?:sub-?)?agents?|去|来|"
    r"(?=$))"
)
_CLAUSE = re.compile(r"[\u3002\uff0c\uff1b\uff01\uff1f\u3001;,.!?\n]")
_NOT = (
    r"(?:\b(?:do not|don['\u2019]t|dont|never|without|avoid|no|not|nor|instead of|rather than|"
    r"except|must not|mustn['\u2019]t|should not|shouldn['\u2019]t|need not|needn['\u2019]t)\b|"
    r"不要|别|不用|禁止|无需|不必|不需要)"
)
_SCOPE = r"(?:(?![.!?;:,\n\u3002\uff0c\uff1b]|\s(?:and|but|then|so)\s).){0,60}?"
_ALONE = re.compile(
    rf"{_NOT}{_SCOPE}(?:\b(?:any|other|more|an?)\s+(?:sub-?|child\s+)?agents?\b|\bsub-?agents\b|"
    rf"\bagents\b|\bdelegat(?:e|es|ing|ion)\b|子?代理(?!服)|智能体|"
    rf"委派|委托)|\b(?:do|answer) (?:it|this|that|everything) (?:all )?yourself\b|"
    rf"你?自己(?:做|完成|回答)"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """An agent that is to do something, and the words that say so."""

    agent: str
    term: str


def wants_nobody(words: str) -> bool:
    """Say whether a text in lower case wants its work done without agents."""
    return _ALONE.search(words) is not None


def is_unwanted(words: str, names: Sequence[str]) -> bool:
    """
    Say whether a text in lower case does not want an agent: it, or what its name says, is not
    to be done.

    Args:
        names: Of the agent.
    """
    name = _name(names)
    return (
        re.search(
            rf"{_NOT}{_SCOPE}(?:@{name}|{name}{_AGENT}|agent-{name}|{name}{_CHINESE_AGENT})"
            rf"|(?:do not|don['\u2019]t|never|no need to)\s+(?:\w+\s+)?{name}"
            rf"|(?:不要|别|不用|无需|不必)\s*(?:使?用)?\s*{name}",
            words,
        )
        is not None
    )


def mentions(words: str, agents: Iterable[Sequence[str]]) -> Iterator[Mention]:
    """
    Give the agents that a text in lower case wants to do something, each once.

    Args:
        agents: The names of each, its own first.
    """
    clauses = [each for line in words.splitlines() for each in requests(line)]
    for names in agents:
        found = _term(words, clauses, names)
        if found:
            yield Mention(names[0], found)


def _term(words: str, clauses: Sequence[str], names: Sequence[str]) -> str:
    name = _name(names)
    at = re.search(rf"(?<![\w.@/:+-])@{name}(?![/@]|[.:]\w)", words)
    if at is not None:
        return at[0]
    own = _name(names[:1])
    target = rf"(?:{_THE}{name}{_AGENT}|{_THE}agent-{name})"
    told = re.compile(
        rf"(?:{_TELL}|{_HAND})\s+{target}{_ENDS}|(?:get|have|let)\s+{target}(?=\s|$)|ask\s+{own}{_ENDS}|delegate\s+(?:\S+\s+){{0,6}}?"
        rf"to\s+{_THE}{own}{_ENDS}"
    )
    used = re.compile(rf".*?\b(?P<used>{_MEANS}\s+{target}){_ENDS}")
    chinese = re.compile(rf"{_CHINESE_POLITE}{_CHINESE_TELL}\s*@?{name}{_CHINESE_AGENT}")
    for clause in clauses:
        found = told.match(clause)
        if found is not None:
            return found[0].strip()
        if _TELLING.match(clause) and (by := used.match(clause)) is not None:
            return by["used"].strip()
    parts = (chinese.match(clause.strip()) for clause in _CLAUSE.split(words))
    term = next((found[0].strip() for found in parts if found is not None), "")
    return term or _in_a_row(clauses, own, name)


def _in_a_row(clauses: Sequence[str], own: str, name: str) -> str:
    """Find `use the A and B agents`, whose clauses name one agent each."""
    first = re.compile(rf"{_TELL}\s+{_THE}(?P<name>[\w-]+)$")
    last = re.compile(rf"{_THE}(?P<name>[\w-]+){_AGENT}{_ENDS}")
    for at, clause in enumerate(clauses[:-1]):
        began, ended = first.match(clause), last.match(clauses[at + 1])
        if began is None or ended is None:
            continue
        for each in (began, ended):
            if re.fullmatch(rf"(?:{own}|{name})", each["name"]):
                return f"{clause} and {ended[0].strip()}"
    return ""


def _name(names: Sequence[str]) -> str:
    """Give a pattern of names in lower case; their joints may be blanks as well."""
    each = (r"[\s_-]".join(map(re.escape, re.split(r"[\s_-]+", one.lower()))) for one in names)
    return rf"(?<![a-z0-9_])(?:{'|'.join(each)})(?![a-z0-9_-])"
