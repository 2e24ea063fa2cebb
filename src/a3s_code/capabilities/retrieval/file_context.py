"""
The files of the workspace as a source of context, found by the words of the question.

Nothing is indexed and nothing is kept: ripgrep counts the words over all files, and the parts of
the best ones are ranked here. A session asks once for each run, so an index does not pay: one of
FTS5 in memory takes 0.6 s and 90 MB for 2,400 files with 33 MB and is stale after the next edit,
where a search takes 0.25 s for common words, and 0.07 s in a tree of 700 files. Nor does FTS5 cut
`parseRule` in two.

Source:
    A3S Code README 0.9, `with_fs_context`; SPEC 11.2.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from a3s_code.capabilities.retrieval.chunks import CHUNK_CHARS, Chunk, chunked
from a3s_code.capabilities.retrieval.fitting import (
    ABSTRACT_CHARS,
    OVERVIEW_CHARS,
    fitting,
    wants,
)
from a3s_code.capabilities.retrieval.ranking import frequencies, in_path, score, weights
from a3s_code.capabilities.retrieval.text_files import Reader, TextFile, is_source
from a3s_code.capabilities.retrieval.words import terms_of
from a3s_code.checks import check_text, checked_path
from a3s_code.errors import UsageError, WorkspaceError
from a3s_code.kernel.context import ContextItem, ContextQuery
from a3s_code.kernel.retrieval import Place
from a3s_code.kernel.workspace import Tally

MAX_FILES = 40
"""Read and cut into parts for one question."""
MAX_TRIED = 400
"""Looked at for them, where most may not be read."""
MAX_TEXT_CHARS = 2 * 1024 * 1024
"""Of all files that are read for one question."""
MAX_PARTS_OF_A_FILE = 3

_SHOWN_WORDS = 6


@dataclass(frozen=True, slots=True)
class FileSystemContextProvider:
    """
    Gives parts of files that share words with the question; see `kernel.context.ContextProvider`.

    Ignored and binary files, those that are there to hold credentials (`.env`, keys), and those
    that the session's policy does not let the model read unasked, are left out. Items are
    `file://PATH#L10-L40`; with the depth `full` they are whole files, `file://PATH`.

    Args:
        root: A directory of the workspace; nothing outside of it is looked at.
        name: How events and receipts call it.

    Raises:
        InvalidType, InvalidValue: `root` is no path.
    """

    root: str | os.PathLike[str] = "."
    name: str = "files"
    _place: Place | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checked_path("root", self.root))
        check_text("name", self.name)

    def within(self, place: Place) -> FileSystemContextProvider:
        """Give the provider of one session; see `kernel.retrieval.WorkspaceProvider`."""
        return replace(self, _place=place)

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        """
        Give the best parts, best first; none when no word of the question is a telling one.

        A last item without content says how many files the policy kept back, if any.

        Raises:
            PathRefused, OSError: `root` is no directory of the workspace.
            WorkspaceError: the workspace cannot be searched.
            UsageError: the provider was not given to a session.
        """
        from asyncio import to_thread  # sessions are made without an event loop

        place, words = self._at(), terms_of(query.query)
        if not words or not wants(query, "resource"):
            return ()
        found = await self._tallied(place, tuple(words))
        tallies = [tally for tally in found if is_source(tally.path)]
        weight = weights(tuple(words), [tally.counts for tally in tallies])
        reader = Reader(place)
        files = await _read(reader, _best(tallies, weight), place.redact)
        items = await to_thread(_items, files, _Question(query, words, weight))
        return [*items, self._withheld(len(reader.withheld))] if reader.withheld else items

    def _withheld(self, count: int) -> ContextItem:
        files = "1 file" if count == 1 else f"{count} files"
        why = f"{files} with such words may not be read unasked"
        return ContextItem(source=self.name, content="", why=why)

    def _at(self) -> Place:
        if self._place is None:
            raise UsageError(
                f"The provider {self.name!r} has no workspace.",
                hint="give it to a session as context_provider",
            )
        return self._place

    async def _tallied(self, place: Place, terms: Sequence[str]) -> Sequence[Tally]:
        if place.search is None:
            raise WorkspaceError("This workspace cannot be searched.")
        under = place.files.resolve(os.fspath(self.root))
        try:
            return await place.search.tally(under, terms)
        finally:
            under.close()


class _Question(msgspec.Struct, frozen=True):
    """A query, its words by their stems, and what each stem weighs."""

    query: ContextQuery
    words: Mapping[str, str]
    weight: Mapping[str, float]


class _Part(msgspec.Struct, frozen=True):
    """A part of a file, how well it fits, and the words of the question that it has."""

    file: TextFile
    chunk: Chunk
    score: float
    words: tuple[str, ...]


def _best(tallies: Iterable[Tally], weight: Mapping[str, float]) -> list[str]:
    """Give paths in the order in which they are worth reading."""

    def worth(tally: Tally) -> float:
        counts = in_path(tally.path, weight) + Counter(tally.counts)
        return sum(weight[term] * math.log1p(count) for term, count in counts.items())

    return [tally.path for tally in sorted(tallies, key=lambda each: (-worth(each), each.path))]


async def _read(
    reader: Reader, paths: Sequence[str], redact: Callable[[str], str]
) -> list[TextFile]:
    """Read files without their secrets: of one that is cut up, no part would look like it."""
    found: list[TextFile] = []
    from asyncio import to_thread  # as above

    left = MAX_TEXT_CHARS
    for path in paths[:MAX_TRIED]:
        file = await reader.read(path)
        if file is not None and len(file.text) <= left:
            left -= len(file.text)
            found.append(msgspec.structs.replace(file, text=await to_thread(redact, file.text)))
        if len(found) >= MAX_FILES:
            break
    return found


def _items(found: Sequence[TextFile], question: _Question) -> list[ContextItem]:
    """Rank the parts of files, for which the files are cut as small as the depth wants items."""
    query = question.query
    size = ABSTRACT_CHARS if query.depth == "abstract" else CHUNK_CHARS
    ranked = sorted(_parts(found, question, size), key=lambda part: -part.score)
    if query.depth == "full":
        best = {part.file.path: part for part in reversed(ranked)}
        whole = sorted(best.values(), key=lambda part: -part.score)
        return fitting(map(_whole_file, whole), query)
    chosen = _spread(ranked, query.max_results)
    if query.depth == "overview":
        chosen = _joined(chosen)
    return fitting(map(_item, chosen), query)


def _parts(found: Sequence[TextFile], question: _Question, size: int) -> list[_Part]:
    weight = question.weight
    cut_up = [(file, chunk) for file in found for chunk in chunked(file.text, size)]
    mean = sum(len(chunk.text) for _, chunk in cut_up) / max(len(cut_up), 1)
    parts: list[_Part] = []
    for file, chunk in cut_up:
        counts = frequencies(chunk.text, weight)
        if counts:
            words = tuple(word for term, word in question.words.items() if term in counts)
            counts += in_path(file.path, weight)
            parts.append(_Part(file, chunk, score(counts, weight, len(chunk.text) / mean), words))
    return parts


def _spread(ranked: Iterable[_Part], count: int) -> list[_Part]:
    """Give the best parts, at most `MAX_PARTS_OF_A_FILE` of each file."""
    of_file: dict[str, int] = {}
    chosen: list[_Part] = []
    for part in ranked:
        taken = of_file.get(part.file.path, 0)
        if taken < MAX_PARTS_OF_A_FILE:
            of_file[part.file.path] = taken + 1
            chosen.append(part)
        if len(chosen) >= count:
            break
    return chosen


def _joined(parts: Sequence[_Part]) -> list[_Part]:
    """Make one part of those that follow each other in a file."""
    joined: list[_Part] = []
    for part in sorted(parts, key=lambda each: (each.file.path, each.chunk.first)):
        before = joined[-1] if joined else None
        if before is not None and before.file is part.file and _touch(before.chunk, part.chunk):
            joined[-1] = _Part(
                part.file,
                Chunk(
                    before.chunk.first,
                    part.chunk.last,
                    f"{before.chunk.text}\n{part.chunk.text}",
                ),
                max(before.score, part.score),
                tuple(dict.fromkeys(before.words + part.words)),
            )
        else:
            joined.append(part)
    return sorted(joined, key=lambda part: -part.score)


def _touch(before: Chunk, after: Chunk) -> bool:
    return before.last + 1 == after.first and len(before.text) + len(after.text) < OVERVIEW_CHARS


def _whole_file(part: _Part) -> ContextItem:
    file = part.file
    return _made(part, f"file://{file.path}", file.text, partial=file.partial)


def _item(part: _Part) -> ContextItem:
    chunk = part.chunk
    source = f"file://{part.file.path}#L{chunk.first}-L{chunk.last}"
    return _made(part, source, chunk.text)


def _made(part: _Part, source: str, content: str, *, partial: bool = False) -> ContextItem:
    return ContextItem(
        source=source,
        content=content,
        trust="workspace",
        why=f"shares words with the question: {', '.join(part.words[:_SHOWN_WORDS])}",
        relevance=round(part.score, 4),
        freshness=1.0,
        partial=partial,
        metadata={"path": part.file.path, "first": part.chunk.first, "last": part.chunk.last},
    )
