"""
Complete outputs of tools, kept while the model sees a cut.

An artifact is found by its URI, `a3s://tool-output/<tool>/<sha256 of the content>`, until
newer ones push it out. SPEC 4.3.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from a3s_code.errors import InvalidType, InvalidValue

HEAD_SHARE = 0.6
"""Of what is shown of a long text; the rest shows its end."""

_CONTINUATION = range(0x80, 0xC0)
"""Bytes of UTF-8 that do not begin a character."""


@dataclass(frozen=True, slots=True, init=False)
class ArtifactStoreLimits:
    """
    What a session keeps of complete outputs; the oldest go first.

    Args:
        max_artifacts: How many; 256 when None. With 0 nothing is kept.
        max_bytes: Of UTF-8, all together; 16 MiB when None.

    Raises:
        InvalidType: a limit is no whole number.
        InvalidValue: a limit is negative.

    Source:
        Python SDK 3.1, "Sessions"; the defaults: SPEC 4.3.
    """

    max_artifacts: int
    max_bytes: int

    def __init__(self, max_artifacts: int | None = None, max_bytes: int | None = None) -> None:
        keep = object.__setattr__
        keep(self, "max_artifacts", _limit("max_artifacts", max_artifacts, 256))
        keep(self, "max_bytes", _limit("max_bytes", max_bytes, 16 * 1024 * 1024))


def _limit(name: str, given: int | None, default: int) -> int:
    if given is None:
        return default
    if type(given) is not int:
        raise InvalidType(f"{name} is {given!r}.", hint="give a whole number, or None")
    if given < 0:
        raise InvalidValue(f"{name} is {given}.", hint="give 0 or more, or None for the default")
    return given


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
    """
    First in, first out within `limits`; the same content of a tool is kept once.

    A URI is handed out only for what is kept at that moment.
    """

    __slots__ = ("_bytes", "_kept", "_limits")

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
            The artifact, and the URIs that had to go for it, oldest first. None when it is
            larger than the limits allow; nothing goes for it then.
        """
        data = content.encode("utf-8", "surrogatepass")
        if len(data) > self._limits.max_bytes or self._limits.max_artifacts == 0:
            return None, ()
        sha256 = hashlib.sha256(data).hexdigest()
        uri = f"a3s://tool-output/{_sanitised(tool)}/{sha256}"
        known = self._kept.get(uri)
        if known is not None:
            return known, ()
        artifact = Artifact(
            artifact_id=f"tool-output:{tool}:{sha256}",
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
            uri = next(iter(self._kept))
            self._bytes -= self._kept.pop(uri).original_bytes
            gone.append(uri)
        return tuple(gone)


def _sanitised(tool: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", tool)


def bounded(text: str, limit_bytes: int, notice: Callable[[int], str]) -> str:
    """
    Cut a text to its head and its tail, on line ends where there are any near.

    What is shown is an exact beginning and an exact end of `text`, and no character is
    parted. Time is linear in the size of `text`.

    Args:
        limit_bytes: Of UTF-8, 0 or more, for what is kept; the notice comes on top.
        notice: Given the number of bytes that were cut, says so on a line of its own.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= limit_bytes:
        return text
    head_end = int(limit_bytes * HEAD_SHARE)
    tail_start = len(data) - (limit_bytes - head_end)
    head_end, tail_start = _line_end_before(data, head_end), _line_start_after(data, tail_start)
    head = data[:head_end].decode("utf-8", "surrogatepass")
    tail = data[tail_start:].decode("utf-8", "surrogatepass")
    gap = "" if not head or head.endswith("\n") else "\n"
    return f"{head}{gap}{notice(tail_start - head_end)}\n{tail}"


def _line_end_before(data: bytes, offset: int) -> int:
    """Look for a line's end in the last half of the head; else part no character."""
    found = data.rfind(b"\n", offset // 2, offset)
    if found >= 0:
        return found + 1
    while offset > 0 and _parts_a_character(data, offset):
        offset -= 1
    return offset


def _line_start_after(data: bytes, offset: int) -> int:
    """Look for a line's start in the first half of the tail; else part no character."""
    found = data.find(b"\n", offset, offset + (len(data) - offset) // 2)
    if found >= 0:
        return found + 1
    while offset < len(data) and _parts_a_character(data, offset):
        offset += 1
    return offset


def _parts_a_character(data: bytes, offset: int) -> bool:
    return data[offset] in _CONTINUATION
