"""
Which definitions matter: personalised PageRank over who uses what of whom.

A file passes its weight on to the files that define what it uses, more for names that the words
of the user mention, less for names of which there are many. `it.name` is a use of what defines
`name` only where the name is distinctive, or where something else of that file is used as well:
what `it` is, nobody looked up. Half of the weight comes into the graph at the files that were
touched or mentioned. In the end each definition has what passed through its name. The same files
and words give the same order, whatever the order they were read in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from a3s_code.capabilities.code_map.outline import Definition, Outline

DAMPING = 0.85
ROUNDS = 30
SETTLED = 1e-6

MAX_DEFINERS = 12
"""A name that more files define says nothing about any of them."""

_TOUCHED, _MENTIONED, _NAMED = 2.0, 2.0, 1.0
_SAID, _HINTED, _PRIVATE, _SHORT = 10.0, 3.0, 0.1, 3
_DISTINCTIVE_CHARS = 8
_ALONE, _ALONE_WANTED, _OUTER, _FIRST = 0.1, 0.5, 3, 4
"""Of a file's weight, what is shared among its own definitions, whoever uses them."""

_ELSEWHERE = 6.0
"""What every file uses besides, of the language and its libraries."""
_BY_CODE = 0.05
"""Of a use, when code seems to use what a test defines: it is another one of that name."""

_TEST = re.compile(r"(?:^|/)(?:tests?|__tests__|testdata)/|(?:^|/)test_|[._]test\.|\.spec\.")
_WORD = re.compile(r"[^\W\d]\w*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Interest(msgspec.Struct, frozen=True):
    """
    What a map is wanted for.

    Attributes:
        words: The words of the user.
        touched: Paths that the session has read or changed.
    """

    words: str = ""
    touched: frozenset[str] = frozenset()


class Ranked(msgspec.Struct, frozen=True):
    path: str
    definition: Definition
    score: float


def ranked(outlines: Mapping[str, Outline], interest: Interest) -> list[Ranked]:
    """Give all definitions, the one that matters most first."""
    graph = _Graph(outlines, _Words(interest.words))
    wanted = _wanted(outlines, interest, graph.words)
    weights = graph.weights(_entry(wanted))
    through = graph.through(weights)
    found: list[Ranked] = []
    for path in graph.paths:
        definitions = outlines[path].definitions
        alone = weights[path] * (_ALONE_WANTED if wanted[path] else _ALONE)
        for one, share in zip(definitions, _shares(definitions, graph.words), strict=True):
            passed = through.get((path, (one.name, one.is_member)), 0.0)
            found.append(Ranked(path, one, passed + alone * share))
    found.sort(key=lambda each: (-each.score, each.path, each.definition.line))
    return found


def _shares(definitions: Sequence[Definition], words: _Words) -> list[float]:
    """
    Say what part each definition has of its file: more of what stands by itself, and less the
    more of it there are before.
    """
    raw = [words.favour(one.name) * (1 if one.depth else _OUTER) for one in definitions]
    most = max(raw, default=1.0) * math.sqrt(len(raw))
    return [one / most / (1 + at / _FIRST) for at, one in enumerate(raw)]


class _Words:
    """What the words of the user have to do with a name."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._names = set(_WORD.findall(text))
        self._small = {name.lower() for name in self._names}
        self._parts = {part for name in self._names for part in parts_of(name)}
        self._known: dict[str, float] = {}

    def favour(self, name: str) -> float:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._favour(name)
        return known

    def _favour(self, name: str) -> float:
        if name in self._names and is_distinctive(name):
            return _SAID
        parts = parts_of(name)
        if parts and all(part in self._parts for part in parts) and len(name) > _SHORT:
            return _HINTED
        return _PRIVATE if name.startswith("_") else 1.0

    def mentions(self, path: str) -> bool:
        """Whether they name a file: by its path, its name, or its name without the ending."""
        name = path.rpartition("/")[2]
        stem = name.partition(".")[0]
        said = stem.lower() in self._small
        return name in self._text or (said and len(stem) > _SHORT)

    def says(self, name: str) -> bool:
        return self.favour(name) == _SAID


def is_distinctive(name: str) -> bool:
    """Say whether a name is more than one plain word of everybody's."""
    return len(name) >= _DISTINCTIVE_CHARS or len(parts_of(name)) > 1


def parts_of(name: str) -> list[str]:
    """Give the words of a name in small letters: `HTTPServer_v2` is http, server, v, 2."""
    return [part.lower() for part in _PART.findall(name)]


def _wanted(outlines: Mapping[str, Outline], interest: Interest, words: _Words) -> dict[str, float]:
    """Say how much each file was touched, mentioned, or has what was mentioned."""
    found: dict[str, float] = {}
    for path in sorted(outlines):
        weight = _TOUCHED if path in interest.touched else 0.0
        weight += _MENTIONED if words.mentions(path) else 0.0
        said = any(words.says(one.name) for one in outlines[path].definitions)
        found[path] = weight + (_NAMED if said else 0.0)
    return found


def _entry(wanted: Mapping[str, float]) -> dict[str, float]:
    """Say where weight comes into the graph; it is 1 together."""
    total = sum(wanted.values())
    each = (0.5 if total else 1.0) / len(wanted)
    return {path: each + (0.5 * one / total if total else 0.0) for path, one in wanted.items()}


_Name: TypeAlias = tuple[str, bool]
"""A name, and whether it is that of a member."""

_Edge: TypeAlias = tuple[str, _Name, float]
"""To which file, through which name, with what weight."""


class _Definers(NamedTuple):
    """Which files define a name, either as a member of something or by itself."""

    paths: Mapping[str, list[str]]
    are_members: bool


class _Graph:
    """
    Attributes:
        paths: Of all files, sorted.
    """

    def __init__(self, outlines: Mapping[str, Outline], words: _Words) -> None:
        self.words = words
        self.paths: Sequence[str] = sorted(outlines)
        free, owned = (_definers(self.paths, outlines, members=each) for each in (False, True))
        self._edges = {
            path: _normal(self._uses(path, outlines[path], free, owned)) for path in self.paths
        }

    def _uses(self, path: str, one: Outline, free: _Definers, owned: _Definers) -> Iterable[_Edge]:
        near: set[str] = set()
        for edge in self._edges_of(path, one.uses, free):
            near.add(edge[0])
            yield edge
        for definer, key, weight in self._edges_of(path, one.members, owned):
            if definer in near or is_distinctive(key[0]):
                yield definer, key, weight / 2
        for definer, key, weight in self._edges_of(path, one.members, free):
            if is_distinctive(key[0]):
                yield definer, key, weight / 2

    def _edges_of(
        self, path: str, counts: Mapping[str, int], definers: _Definers
    ) -> Iterable[_Edge]:
        for name, count in counts.items():
            found = definers.paths.get(name)
            if found is None or len(found) > MAX_DEFINERS:
                continue
            weight = math.sqrt(count) * self.words.favour(name) / len(found)
            for definer in found:
                if definer != path:
                    less = _BY_CODE if is_test(definer) and not is_test(path) else 1.0
                    yield definer, (name, definers.are_members), weight * less

    def weights(self, entry: Mapping[str, float]) -> dict[str, float]:
        """Give the weight of each file when it has settled, or after `ROUNDS`."""
        now = dict(entry)
        for _ in range(ROUNDS):
            new = dict.fromkeys(self.paths, 0.0)
            lost = 0.0
            for path in self.paths:
                passed = 0.0
                for definer, _name, share in self._edges[path]:
                    new[definer] += now[path] * share
                    passed += share
                lost += now[path] * (1 - passed)
            for path in self.paths:
                new[path] = DAMPING * (new[path] + lost * entry[path]) + (1 - DAMPING) * entry[path]
            moved = sum(abs(new[path] - now[path]) for path in self.paths)
            now = new
            if moved < SETTLED:
                break
        return now

    def through(self, weights: Mapping[str, float]) -> dict[tuple[str, _Name], float]:
        """Give what passes through each name of each file."""
        passed: dict[tuple[str, _Name], float] = {}
        for path in self.paths:
            for definer, name, share in self._edges[path]:
                key = (definer, name)
                passed[key] = passed.get(key, 0.0) + weights[path] * share
        return passed


def _definers(paths: Sequence[str], outlines: Mapping[str, Outline], *, members: bool) -> _Definers:
    found: dict[str, list[str]] = {}
    for path in paths:
        names = (one.name for one in outlines[path].definitions if one.is_member is members)
        for name in dict.fromkeys(names):
            found.setdefault(name, []).append(path)
    return _Definers(found, members)


def is_test(path: str) -> bool:
    """Say whether a file tests others: code does not use what such files define."""
    return bool(_TEST.search(path))


def _normal(edges: Iterable[_Edge]) -> list[_Edge]:
    """
    Share out what a file passes on, in an order that does not hang on how it was read.

    It is less than 1: a file with few edges does not pass all that it has through them.
    """
    ordered = sorted(edges)
    total = _ELSEWHERE + sum(weight for _, _, weight in ordered)
    return [(definer, name, weight / total) for definer, name, weight in ordered]
