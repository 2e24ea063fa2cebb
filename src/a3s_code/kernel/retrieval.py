"""
What finding by meaning needs: who turns texts into vectors, and where vectors are kept.

Both are ports, so that a program can bring its own. What a provider of context may use of the
session that it is asked for is `Place`.

Source:
    A3S Code README 0.9, "Extensibility"; SPEC 11.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec

from a3s_code.kernel.context import ContextProvider
from a3s_code.kernel.messages import JsonObject, Usage
from a3s_code.kernel.workspace import Files, Resolved, Search

Vector: TypeAlias = Sequence[float]
"""
Shape (dimensions,), finite numbers, taken as 32-bit floats: a tuple, a list, an
`array.array("f")` or a numpy array.
"""


@runtime_checkable
class EmbeddingProvider(Protocol):
    """Turns texts into vectors that are near each other where the texts mean the same."""

    @property
    def dimensions(self) -> int:
        """The length of every vector."""
        ...

    @property
    def model(self) -> str:
        """Names the space: vectors of different models are never compared."""
        ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """
        Give one vector for each text, in the order of the texts; nothing for no texts.

        Raises:
            InvalidValue: a text is empty.
            ModelRefused, ModelUnavailable: the server did not answer, or with something else.
        """
        ...


class Embedded(msgspec.Struct, frozen=True):
    """Vectors, one for each text and in their order, and the tokens that they took."""

    vectors: Sequence[Vector]
    usage: Usage


@runtime_checkable
class MeteredEmbedding(EmbeddingProvider, Protocol):
    """An `EmbeddingProvider` that says what a call took, so that a session can record it."""

    async def embed_metered(self, texts: Sequence[str]) -> Embedded:
        """As `embed`, with the tokens."""
        ...


class VectorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a vector store keeps.

    Attributes:
        id: Unique in the store.
        text: What the vector stands for.
        metadata: Plain JSON, found again by `where`.
    """

    id: str
    vector: Vector
    text: str = ""
    metadata: JsonObject = msgspec.field(default_factory=dict[str, Any])


class VectorHit(msgspec.Struct, frozen=True, kw_only=True):
    """
    What was found.

    Attributes:
        score: Cosine of the angle between the two vectors, -1 to 1.
    """

    id: str
    score: float
    text: str = ""
    metadata: JsonObject = msgspec.field(default_factory=dict[str, Any])


@runtime_checkable
class VectorStore(Protocol):
    """
    Vectors of one length, each with a text and metadata; `testing.VECTOR_STORE_CHECKS` are
    what all of them promise.

    `where` picks the entries whose metadata has each of these keys with an equal value.
    """

    async def add(self, entries: Sequence[VectorEntry]) -> None:
        """
        Add entries; one whose id is there already takes its place. All of them, or none.

        Raises:
            InvalidValue: a vector has another length than those before, none at all, or holds
                something that is no finite number.
        """
        ...

    async def search(
        self, vector: Vector, limit: int = 10, *, where: Mapping[str, Any] | None = None
    ) -> Sequence[VectorHit]:
        """
        Give the `limit` nearest entries, nearest first, and equals in the order of adding.

        A vector of zeros is near to nothing: its scores are 0. An empty store gives nothing.

        Raises:
            InvalidValue: as `add`, or `limit` is below 1.
        """
        ...

    async def delete(self, ids: Sequence[str]) -> int:
        """Delete entries, and give how many there were; an unknown id is no error."""
        ...

    async def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Give which of the ids are there, so that no text is embedded twice."""
        ...

    async def count(self, *, where: Mapping[str, Any] | None = None) -> int: ...

    async def clear(self) -> None:
        """Delete all; vectors of another length may come then."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """
    What a provider may use of a session. There is no other way to the workspace.

    Attributes:
        root: The workspace, absolute.
        search: None when the workspace cannot be searched.
        may_read: Whether the session's policy lets the model read a file unasked. What it does
            not let it read is shown to no model, and sent nowhere.
        redact: Takes secrets out of a text that leaves for a server, or that is cut up: of half a
            secret nobody can tell that it is one.
        spent: Records what a request took, with the model that answered it.
    """

    root: str
    files: Files
    search: Search | None
    may_read: Callable[[Resolved], bool]
    redact: Callable[[str], str]
    spent: Callable[[str, Usage], None]


@runtime_checkable
class WorkspaceProvider(Protocol):
    """A provider that needs the workspace of the session; each session asks one of its own."""

    @property
    def name(self) -> str: ...

    def within(self, place: Place) -> ContextProvider:
        """Give the provider that this session asks. Nothing is read yet."""
        ...


@runtime_checkable
class IndexedProvider(Protocol):
    """A provider that keeps an index of the workspace."""

    async def refresh(self) -> int:
        """Bring the index up to date, and give how many parts were new to it."""
        ...
