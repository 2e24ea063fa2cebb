"""
Complete outputs of tools, kept while the model sees a cut.

An artifact is found by its URI, `a3s://tool-output/<tool>/<sha256 of the content>`, until
newer ones push it out. SPEC 4.3.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import msgspec

HEAD_SHARE = 0.6
"""Of what is shown of a long text; the rest shows its end."""


class ArtifactStoreLimits(msgspec.Struct, frozen=True):
    """
    Attributes:
        max_artifacts: How many are kept.
        max_bytes: Of UTF-8, all together.
    """

    max_artifacts: int = 256
    max_bytes: int = 16 * 1024 * 1024


class Artifact(msgspec.Struct, frozen=True):
    """
    Attributes:
        original_bytes, shown_bytes: Of UTF-8: the whole, and what the model may see of it.
    """

    artifact_id: str
    artifact_uri: str
    tool_name: str
    content: str
    original_bytes: int
    shown_bytes: int


class Artifacts:
    """First in, first out within `limits`; the same content is kept once."""

    def __init__(self, limits: ArtifactStoreLimits) -> None:
        self._limits = limits
        self._kept: dict[str, Artifact] = {}
        self._bytes = 0

    def put(
        self, tool: str, content: str, shown_bytes: int
    ) -> tuple[Artifact | None, tuple[str, ...]]:
        """
        Keep a complete output.

        Returns:
            The artifact, and the URIs that had to go for it. None when it is larger than
            the limits allow: a URI that cannot be resolved is never handed out.
        """
        data = content.encode("utf-8", "surrogatepass")
        if len(data) > self._limits.max_bytes or self._limits.max_artifacts < 1:
            return None, ()
        sha256 = hashlib.sha256(data).hexdigest()
        name = re.sub(r"[^A-Za-z0-9_-]", "_", tool)
        uri = f"a3s://tool-output/{name}/{sha256}"
        known = self._kept.get(uri)
        if known is not None:
            return known, ()
        artifact = Artifact(
            artifact_id=f"tool-output:{name}:{sha256}",
            artifact_uri=uri,
            tool_name=tool,
            content=content,
            original_bytes=len(data),
            shown_bytes=min(shown_bytes, len(data)),
        )
        self._kept[uri] = artifact
        self._bytes += len(data)
        return artifact, self._evict()

    def get(self, uri: str) -> Artifact | None:
        return self._kept.get(uri)

    def _evict(self) -> tuple[str, ...]:
        gone: list[str] = []
        while self._bytes > self._limits.max_bytes or len(self._kept) > self._limits.max_artifacts:
            uri, oldest = next(iter(self._kept.items()))
            del self._kept[uri]
            self._bytes -= oldest.original_bytes
            gone.append(uri)
        return tuple(gone)


def bounded(text: str, limit_bytes: int, notice: Callable[[int], str]) -> str:
    """
    Cut a text to its head and its tail, on line ends where there are any near.

    Args:
        limit_bytes: Of UTF-8, for what is kept; the notice comes on top.
        notice: Given the number of bytes that were cut, says so.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= limit_bytes:
        return text
    head_end = int(limit_bytes * HEAD_SHARE)
    tail_start = len(data) - (limit_bytes - head_end)
    head_end = _line_end_before(data, head_end)
    tail_start = _line_start_after(data, tail_start)
    head = data[:head_end].decode("utf-8", "ignore")
    tail = data[tail_start:].decode("utf-8", "ignore")
    return f"{head.rstrip(chr(10))}\n{notice(tail_start - head_end)}\n{tail}"


def _line_end_before(data: bytes, offset: int) -> int:
    found = data.rfind(b"\n", offset // 2, offset)
    return found + 1 if found >= 0 else offset


def _line_start_after(data: bytes, offset: int) -> int:
    found = data.find(b"\n", offset, offset + (len(data) - offset) // 2)
    return found + 1 if found >= 0 else offset
