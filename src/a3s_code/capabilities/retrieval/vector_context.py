"""
What means the same as the question, found by vectors: in texts of the host, and in files.

Source:
    A3S Code README 0.9, "RAG retrieval"; SPEC 11.2.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from a3s_code.capabilities.retrieval.fitting import ABSTRACT_CHARS, cut, fitting, wants
from a3s_code.capabilities.retrieval.text_files import Reader, is_source
from a3s_code.capabilities.retrieval.vector_index import (
    BATCH_PARTS,
    SHARED,
    Document,
    Found,
    VectorIndex,
    digest_of,
)
from a3s_code.checks import check_positive, check_share, check_text, checked_path
from a3s_code.errors import InvalidType, InvalidValue, UsageError, WorkspaceError
from a3s_code.kernel.context import ContextItem, ContextQuery, Trust
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.retrieval import EmbeddingProvider, Place, VectorStore

MIN_RELEVANCE = 0.3
MAX_RESULTS = 10
"""Source: SPEC 11.2."""
MAX_FILES = 5_000
"""Of a workspace, in the order of their paths."""
MAX_QUESTION_CHARS = 8_000

_SPARE = 3
"""How many times more are looked for than are wanted: some may be stale, or kept back."""
_FILES_AT_ONCE = 32
"""Read before the loop may do something else."""


class VectorContextProvider:
    """
    Gives parts of texts that are near to the question; see `kernel.context.ContextProvider`.

    Texts come from `index`, and files from `root`. These are looked through before each
    question, and only parts that are new to the store are embedded. Where that takes longer than
    a provider may, the run goes on without it, and the next one has less to do;
    `refresh_context()` of the session has no such limit.

    Ignored and binary files are left out, those that are there to hold credentials (`.env`, keys),
    and those that the session's policy does not let the model read unasked. A session sees files of
    its own workspace only. What leaves for the embedding server is redacted as what leaves for a
    model.

    Args:
        embedding, store: May be shared; one model for each store.
        root: The directory of the workspace that is indexed; None for no files.
        name: How events and receipts call it.
        trust: Whose words the texts of `index` are. Files are the workspace's.
        min_relevance: The least cosine that counts, 0 to 1.
        max_results: Most parts for a question.

    Raises:
        InvalidType, InvalidValue: an argument is not accepted; says which.
    """

    def __init__(
        self,
        embedding: EmbeddingProvider,
        store: VectorStore,
        root: str | os.PathLike[str] | None = None,
        *,
        name: str = "vectors",
        trust: Trust = "external",
        min_relevance: float = MIN_RELEVANCE,
        max_results: int = MAX_RESULTS,
    ) -> None:
        if not isinstance(embedding, EmbeddingProvider):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(f"embedding is a {type(embedding).__name__}, which cannot embed.")
        if not isinstance(store, VectorStore):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(f"store is a {type(store).__name__}, which is no VectorStore.")
        check_text("name", name)
        if trust not in get_args(Trust):
            raise InvalidValue(
                f"trust is {trust!r}.", hint=f"use one of {', '.join(get_args(Trust))}"
            )
        check_share("min_relevance", min_relevance)
        check_positive("max_results", max_results)
        self.name = name
        self.root = None if root is None else checked_path("root", root)
        self.texts = VectorIndex(embedding, store)
        self._trust: Trust = trust
        self._least, self._most = min_relevance, max_results

    async def index(self, texts: Mapping[str, str]) -> int:
        """
        Take texts in by their sources, such as `docs://limits`, each in place of what it was.

        Returns:
            How many parts were new, and embedded.

        Raises:
            InvalidType: these are no texts by their sources.
            ModelRefused, ModelUnavailable: some could not be embedded; those before are in.
        """
        if not isinstance(texts, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(
                f"index was given a {type(texts).__name__}.", hint="give {source: text}"
            )
        for source, text in texts.items():
            check_text("a source", source)
            check_text(f"the text of {source}", text)
        documents = [
            Document(SHARED, source, text, self._trust, digest_of(text))
            for source, text in texts.items()
        ]
        return await self.texts.put(documents, _unrecorded)

    def within(self, place: Place) -> PlacedVectors:
        """Give the provider of one session; see `kernel.retrieval.WorkspaceProvider`."""
        return PlacedVectors(self, place)

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        """
        Give the nearest parts of the texts that `index` took in, nearest first.

        Raises:
            UsageError: files are to be found as well, and no session is there that has them.
        """
        if self.root is not None:
            raise UsageError(
                f"The provider {self.name!r} has no workspace.",
                hint="give it to a session as context_provider",
            )
        return await self.found(query, None)

    async def found(self, query: ContextQuery, place: Place | None) -> Sequence[ContextItem]:
        """Give the nearest parts; of files only those that may be read at `place`."""
        question = query.query if place is None else place.redact(query.query)
        question = question.strip()[:MAX_QUESTION_CHARS]
        if not question or not wants(query, "resource"):
            return ()
        most = min(self._most, query.max_results)
        scopes = (SHARED,) if place is None or self.root is None else (place.root, SHARED)
        spent = _unrecorded if place is None else place.spent
        parts = await self.texts.near(question, scopes, most * _SPARE, spent)
        near = [part for part in parts if part.score >= self._least]
        if place is not None:
            near = _readable(near, place)
        return fitting((_item(part, query) for part in near[:most]), query)


@dataclass(frozen=True, slots=True)
class PlacedVectors:
    """A `VectorContextProvider` in the workspace of a session."""

    of: VectorContextProvider
    place: Place

    @property
    def name(self) -> str:
        return self.of.name

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        """
        Bring the index up to date, and give the nearest parts, nearest first.

        A last item without content says how many files were too many, if any.

        Raises:
            PathRefused, OSError: `root` is no directory of the workspace.
            ModelRefused, ModelUnavailable: the embedding server failed.
        """
        _, left = await self._refreshed()
        found = await self.of.found(query, self.place)
        return [*found, _beyond(self.name, left)] if left else found

    async def refresh(self) -> int:
        """
        Take in the files that are new or changed, and give up those that are gone.

        Returns:
            How many parts were new, and embedded.

        Raises:
            As `query`.
        """
        new, _ = await self._refreshed()
        return new

    async def _refreshed(self) -> tuple[int, int]:
        """Give how many parts are new, and how many files were left out as too many."""
        from asyncio import sleep  # sessions are made without an event loop

        if self.of.root is None:
            return 0, 0
        reader, index, scope = Reader(self.place), self.of.texts, self.place.root
        changed: list[Document] = []
        new, present = 0, set[str]()
        paths = await self._paths(self.of.root)
        for number, path in enumerate(paths[:MAX_FILES]):
            if number % _FILES_AT_ONCE == 0:
                await sleep(0)
            file = await reader.read(path)
            if file is None:
                continue
            present.add(path)
            digest = digest_of(file.text)
            if not index.has(scope, path, digest):
                text = self.place.redact(file.text)
                changed.append(Document(scope, path, text, "workspace", digest))
            if len(changed) >= BATCH_PARTS:
                new += await index.put(changed, self.place.spent)
                changed = []
        new += await index.put(changed, self.place.spent)
        await index.keep_only(scope, present | reader.withheld)
        return new, len(paths[MAX_FILES:])

    async def _paths(self, root: str) -> list[str]:
        if self.place.search is None:
            raise WorkspaceError("This workspace cannot be searched.")
        under = self.place.files.resolve(root)
        try:
            found = await self.place.search.glob(under, "**/*")
        finally:
            under.close()
        return [path for path in found if is_source(path)]


def _beyond(name: str, count: int) -> ContextItem:
    why = f"{count} files beyond the first {MAX_FILES} are not looked at"
    return ContextItem(source=name, content="", why=why)


def _unrecorded(_: str, __: Usage) -> None:
    """Nobody keeps a record of what is done outside of a session."""


def _readable(parts: Sequence[Found], place: Place) -> list[Found]:
    """Leave out what the policy keeps back; it is asked anew each time."""
    reader = Reader(place)
    paths = {part.source for part in parts if part.scope != SHARED}
    readable = {path for path in paths if reader.may_show(path)}
    return [part for part in parts if part.scope == SHARED or part.source in readable]


def _item(part: Found, query: ContextQuery) -> ContextItem:
    chunk, is_file = part.chunk, part.scope != SHARED
    source = f"file://{part.source}" if is_file else part.source
    content = cut(chunk.text, ABSTRACT_CHARS) if query.depth == "abstract" else chunk.text
    return ContextItem(
        source=f"{source}#L{chunk.first}-L{chunk.last}",
        content=content,
        trust=part.trust,
        why=f"means about the same as the question: {part.score:.2f}",
        relevance=round(min(max(part.score, 0.0), 1.0), 4),
        freshness=1.0 if is_file else 0.5,
        partial=len(content) < len(chunk.text),
        metadata={"source": part.source, "first": chunk.first, "last": chunk.last},
    )
