"""
Finding the tools that a request is about, among many.

    index = ToolIndex(ToolSearchConfig())
    index.add("mcp__github__create_issue", "Create a GitHub issue", ["github", "issue"])
    index.add("mcp__postgres__query", "Run a SQL query", ["sql", "database"])
    index.search("which issues are open?")

Source:
    A3S Code README of the 0.9 crate, "Tool Search"; the scores and their defaults are ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import NamedTuple

import msgspec

from a3s_code.checks import check_list, check_text
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.patterns import MCP_PREFIX
from a3s_code.harness.tool_words import words

MAX_DESCRIPTION_CHARS = 2_000
FEW = 5
"""A word that no more tools have is as rare as can be."""
MAX_QUERY_WORDS = 200
"""Of the different words of a query, those that are looked up: the first."""


class _Place(NamedTuple):
    """What a word counts where it stands, and the rarity that it has at least there."""

    weight: float
    rarity: float = 0.0


_DESCRIPTION, _VERB, _NAME, _KEYWORD = _Place(0.4), _Place(0.2), _Place(0.9), _Place(0.9)
_SERVER = _Place(0.6, rarity=1.0)

_COMMON = """
    add build change check close connect copy count create delete describe download execute export
    fetch file find import insert item list load lookup merge mcp move new open post print put query
    read remove rename reset resource run save search select send server start stop store sync test
    text update upload value view write
"""
_VERBS = frozenset(_COMMON.split())
"""Words that name what most tools do; they tell little of which one is meant."""


class ToolSearchConfig(msgspec.Struct, frozen=True):
    """
    How much a search gives.

    Attributes:
        max_tools: At most so many tools for one request.
        min_score: Tools below are left out; 0 to 1.
        always_include: Names of tools that are found whatever is asked, besides the built-in
            ones, which no index leaves out.
    """

    max_tools: int = 20
    min_score: float = 0.3
    always_include: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        most: object = self.max_tools
        least: object = self.min_score
        if type(most) is not int or most < 1:
            hint = "give a whole number of at least 1"
            raise InvalidValue(f"max_tools is {most!r}.", hint=hint)
        if type(least) not in (int, float) or not 0 <= self.min_score <= 1:
            raise InvalidValue(f"min_score is {least!r}.", hint="give a number from 0 to 1")
        check_list("always_include", self.always_include)


class ToolMatch(msgspec.Struct, frozen=True):
    """
    A tool that was found.

    Attributes:
        score: 0 to 1; 1 = surely meant.
        because: The words of the query that it was found by.
    """

    name: str
    score: float
    because: tuple[str, ...] = ()


class ToolIndex:
    """
    Tools by the words of their names, keywords and descriptions.

    What a word counts is where it stands (a name or keyword 0.9, a server 0.6, a description
    0.4, a verb that many tools share 0.2) times how rare it is among the tools; a server's name
    counts however many tools it has. Several words add up as independent evidence does:
    `1 - (1 - a)(1 - b)`. Tools of one score come in the order in which they were added.

    May be changed while sessions use it, from any thread.

    Raises:
        InvalidType: the configuration is none.
    """

    __slots__ = ("_lock", "_order", "_postings", "_terms", "_turn", "config")

    def __init__(self, config: ToolSearchConfig | None = None) -> None:
        if config is not None and not isinstance(config, ToolSearchConfig):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(
                f"config of a ToolIndex is a {type(config).__name__}, not ToolSearchConfig."
            )
        self.config = config if config is not None else ToolSearchConfig()
        self._terms: dict[str, dict[str, _Place]] = {}
        self._postings: dict[str, dict[str, _Place]] = {}
        self._order: dict[str, int] = {}
        self._turn = 0
        self._lock = Lock()

    def add(self, name: str, description: str = "", keywords: Iterable[str] = ()) -> None:
        """
        Make a tool findable; one of the same name is replaced, at its place.

        Raises:
            InvalidType: something of it is no text, or `keywords` is a single one.
        """
        check_text("name", name)
        check_text("description", description)
        check_list("keywords", keywords)
        given = list(keywords)
        for keyword in given:
            check_text("a keyword", keyword)
        terms = _weighed(name, description, given)
        with self._lock:
            self._forget(name)
            self._terms[name] = terms
            if name not in self._order:
                self._order[name] = self._turn
                self._turn += 1
            for term, place in terms.items():
                self._postings.setdefault(term, {})[name] = place

    def remove(self, name: str) -> bool:
        """Take a tool out; False when there is none of this name."""
        with self._lock:
            was_there = self._forget(name)
            self._order.pop(name, None)
        return was_there

    def search(self, query: str, limit: int | None = None) -> list[ToolMatch]:
        """
        Give the tools that a query is about, the best first.

        Args:
            limit: At most so many, and never more than `max_tools`; those that are always
                included come first and count.

        Raises:
            InvalidType: the query is no text.
        """
        check_text("query", query)
        most = self.config.max_tools if limit is None else min(limit, self.config.max_tools)
        asked = list(dict.fromkeys(words(query)))[:MAX_QUERY_WORDS]
        with self._lock:
            fixed = [name for name in self.config.always_include if name in self._terms]
            doubts, because = self._doubts(asked)
            least = self.config.min_score
            found = sorted(
                (-(1 - doubt), self._order[name], name)
                for name, doubt in doubts.items()
                if 1 - doubt >= least and name not in fixed
            )
        always = [ToolMatch(name, 1.0) for name in fixed]
        ranked = [ToolMatch(name, -score, tuple(because[name])) for score, _, name in found]
        return [*always, *ranked][: max(most, 0)]

    def __contains__(self, name: object) -> bool:
        return name in self._terms

    def __iter__(self) -> Iterator[str]:
        """Give the names of its tools, oldest first."""
        return iter(tuple(sorted(self._order, key=self._order.__getitem__)))

    def __len__(self) -> int:
        return len(self._terms)

    def _doubts(self, asked: Sequence[str]) -> tuple[dict[str, float], dict[str, list[str]]]:
        """Give, by tool, how likely it is that it was not meant, and the words that tell."""
        doubts: dict[str, float] = {}
        because: dict[str, list[str]] = {}
        scale = math.log1p(len(self._terms) / FEW)
        for word in asked:
            holders = self._postings.get(word)
            if not holders:
                continue
            rarity = min(math.log1p(len(self._terms) / len(holders)) / scale, 1.0)
            for name, place in holders.items():
                counts = place.weight * max(rarity, place.rarity)
                doubts[name] = doubts.get(name, 1.0) * (1 - counts)
                because.setdefault(name, []).append(word)
        return doubts, because

    def _forget(self, name: str) -> bool:
        terms = self._terms.pop(name, None)
        for term in terms or ():
            holders = self._postings[term]
            del holders[name]
            if not holders:
                del self._postings[term]
        return terms is not None


def server_of(name: str) -> str:
    """Give the server of an MCP tool, `mcp__SERVER__TOOL`; empty for any other tool."""
    if not name.lower().startswith(MCP_PREFIX):
        return ""
    return name[len(MCP_PREFIX) :].partition("__")[0]


def _weighed(name: str, description: str, keywords: Sequence[str]) -> dict[str, _Place]:
    """Give what each word of a tool counts: that of the place where it counts most."""
    server = server_of(name)
    own = name[len(MCP_PREFIX) + len(server) :] if server else name
    terms = dict.fromkeys(words(description[:MAX_DESCRIPTION_CHARS]), _DESCRIPTION)
    terms.update({word: _VERB if word in _VERBS else _NAME for word in words(own)})
    terms.update({word: _SERVER for word in words(server) if word not in _VERBS})
    terms.update({word: _KEYWORD for keyword in keywords for word in words(keyword)})
    return terms
