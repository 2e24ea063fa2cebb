"""
Texts in a vector store, cut into parts.

The id of a part is a digest of all that its vector depends on, so a part is embedded once,
whoever asks and however often, and a text that changed costs its changed parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from a3s_code.capabilities.retrieval.chunks import Chunk, chunked
from a3s_code.errors import InvalidValue
from a3s_code.kernel.context import Trust
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.retrieval import (
    EmbeddingProvider,
    MeteredEmbedding,
    Vector,
    VectorEntry,
    VectorHit,
    VectorStore,
)

Spent = Callable[[str, Usage], None]

SHARED = ""
"""The scope of texts that the host gave; that of files is their workspace."""

BATCH_PARTS = 64
"""That are embedded and kept at a time."""


class Document(msgspec.Struct, frozen=True):
    """
    A text to be found by its parts.

    Attributes:
        source: Where it comes from: a path of the workspace, or the name that the host gave.
        digest: Of the text as it was read, which `text` need not be.
    """

    scope: str
    source: str
    text: str
    trust: Trust
    digest: str


class Found(msgspec.Struct, frozen=True):
    """A part that is near to a question; `score` is a cosine."""

    scope: str
    source: str
    chunk: Chunk
    trust: Trust
    score: float


class _Kept(msgspec.Struct, frozen=True):
    digest: str
    parts: dict[str, Chunk]


class VectorIndex:
    """May be shared by sessions; what two of them do at once is done twice, and no harm."""

    def __init__(self, embedding: EmbeddingProvider, store: VectorStore) -> None:
        self._embedding, self._store = embedding, store
        self._kept: dict[tuple[str, str], _Kept] = {}

    def has(self, scope: str, source: str, digest: str) -> bool:
        """Say whether a text is in, as it is now."""
        kept = self._kept.get((scope, source))
        return kept is not None and kept.digest == digest

    async def put(self, documents: Sequence[Document], spent: Spent) -> int:
        """
        Take texts in, each in place of what there was of its source.

        Parts are embedded together, whatever text they are of, and kept as soon as they are: what
        is cut short was not in vain.

        Returns:
            How many parts were new, and embedded.

        Raises:
            InvalidValue: the vectors do not fit the store, or are not as many as the texts.
            ModelRefused, ModelUnavailable: as the embedding raises.
        """
        parts = [
            {self._id(document, chunk): chunk for chunk in chunked(document.text)}
            for document in documents
        ]
        entries = {
            each: (document, chunk)
            for document, own in zip(documents, parts, strict=True)
            for each, chunk in own.items()
        }
        known = await self._store.known(list(entries))
        new = [each for each in entries if each not in known]
        for at in range(0, len(new), BATCH_PARTS):
            batch = {each: entries[each] for each in new[at : at + BATCH_PARTS]}
            await self._embed(batch, spent)
        for document, own in zip(documents, parts, strict=True):
            await self._replace(document, own)
        return len(new)

    async def _embed(self, batch: Mapping[str, tuple[Document, Chunk]], spent: Spent) -> None:
        vectors = await self._vectors([chunk.text for _, chunk in batch.values()], spent)
        await self._store.add(
            [
                self._entry(each, chunk, document, vector)
                for (each, (document, chunk)), vector in zip(batch.items(), vectors, strict=True)
            ]
        )

    async def _replace(self, document: Document, parts: dict[str, Chunk]) -> None:
        key = (document.scope, document.source)
        before = self._kept.get(key)
        if before is not None:
            await self._store.delete([each for each in before.parts if each not in parts])
        self._kept[key] = _Kept(document.digest, parts)

    async def keep_only(self, scope: str, sources: Collection[str]) -> None:
        """Give up the texts of a scope that are none of these."""
        gone = [key for key in self._kept if key[0] == scope and key[1] not in sources]
        for key in gone:
            await self._store.delete(list(self._kept.pop(key).parts))

    async def near(
        self, question: str, scopes: Sequence[str], limit: int, spent: Spent
    ) -> list[Found]:
        """Give the nearest parts that are still parts of their texts, nearest first."""
        if not await self._store.count():
            return []
        (vector,) = await self._vectors([question], spent)
        found: list[Found] = []
        for scope in scopes:
            hits = await self._store.search(vector, limit, where=self._where(scope))
            found += [part for hit in hits if (part := self._found(scope, hit)) is not None]
        return sorted(found, key=lambda part: -part.score)

    def _where(self, scope: str) -> Mapping[str, str]:
        return {"scope": scope, "model": self._embedding.model}

    def _found(self, scope: str, hit: VectorHit) -> Found | None:
        """Take a hit, unless it is a part of what its text was once."""
        source = str(hit.metadata.get("source", ""))
        trust: Trust = "workspace" if scope else hit.metadata.get("trust", "external")
        kept = self._kept.get((scope, source))
        if kept is not None:
            chunk = kept.parts.get(hit.id)
            return Found(scope, source, chunk, trust, hit.score) if chunk is not None else None
        if scope != SHARED:
            return None  # a file that is gone, or that nobody has looked at since
        first, last = (int(hit.metadata.get(name, 1)) for name in ("first", "last"))
        return Found(scope, source, Chunk(first, last, hit.text), trust, hit.score)

    async def _vectors(self, texts: Sequence[str], spent: Spent) -> Sequence[Vector]:
        embedding = self._embedding
        if isinstance(embedding, MeteredEmbedding):
            embedded = await embedding.embed_metered(texts)
            spent(embedding.model, embedded.usage.plausible)
            vectors = embedded.vectors
        else:
            vectors = await embedding.embed(texts)
        if len(vectors) != len(texts):
            raise InvalidValue(
                f"{embedding.model} gave {len(vectors)} vectors for {len(texts)} texts."
            )
        return vectors

    def _id(self, document: Document, chunk: Chunk) -> str:
        space = (self._embedding.model, str(self._embedding.dimensions))
        return digest_of(*space, document.scope, document.source, document.trust, chunk.text)

    def _entry(self, part: str, chunk: Chunk, document: Document, vector: Vector) -> VectorEntry:
        where = {"source": document.source, "first": chunk.first, "last": chunk.last}
        facts = {**self._where(document.scope), **where, "trust": document.trust}
        return VectorEntry(id=part, vector=vector, text=chunk.text, metadata=facts)


def digest_of(*texts: str) -> str:
    """Give a digest of texts, each for itself, as 32 hexadecimal digits."""
    hashed = hashlib.blake2b(digest_size=16)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        hashed.update(len(data).to_bytes(8, "big") + data)
    return hashed.hexdigest()
