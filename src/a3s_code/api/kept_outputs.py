"""The complete outputs of earlier calls, for the calls of the same session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from a3s_code.kernel.artifacts import Artifact


class Keeping(Protocol):
    """A session that is awake."""

    async def artifact(self, uri: str) -> Artifact | None: ...


def kept_outputs(session: Keeping) -> Callable[[str], Awaitable[str | None]]:
    """
    Give what finds an output of this session by its URI; None for one of anybody else, for one
    that is no URI of its, and after the limits evicted it.
    """

    async def find(uri: str) -> str | None:
        artifact = await session.artifact(uri)
        return artifact.content if artifact is not None else None

    return find
