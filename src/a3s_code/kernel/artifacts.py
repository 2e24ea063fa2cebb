"""
Complete outputs of tools, kept while the model sees a cut.

An artifact is found by its URI, `a3s://tool-output/<tool>/<sha256 of the content>`, until
newer ones push it out. SPEC 4.3.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.records import ArtifactStored

SCHEME = "a3s://"
"""What begins like this is the URI of something that is kept, and no path."""

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

    What is kept is what the log says, also of the time before a resume; the contents are
    blobs beside it. A URI is handed out only for what is kept at that moment.
    """

    __slots__ = ("_limits",)

    def __init__(self, limits: ArtifactStoreLimits) -> None:
        self._limits = limits

    def put(
        self, tool: str, content: str, shown_bytes: int, kept: Mapping[str, ArtifactStored]
    ) -> tuple[Artifact | None, tuple[str, ...]]:
        """
        Keep a complete output.

        Args:
            kept: What the log says is kept, by URI, oldest first.

        Returns:
            The artifact, and the URIs that have to go, oldest first. None when it is larger
            than the limits allow; then only that goes which is beyond the limits without it.
        """
        data = content.encode("utf-8", "surrogatepass")
        if len(data) > self._limits.max_bytes or self._limits.max_artifacts == 0:
            return None, _oldest(kept.values(), self._limits.max_artifacts, self._limits.max_bytes)
        sha256 = hashlib.sha256(data).hexdigest()
        uri = f"{SCHEME}tool-output/{_sanitised(tool)}/{sha256}"
        others = [stored for stored in kept.values() if stored.uri != uri]
        gone = _oldest(others, self._limits.max_artifacts - 1, self._limits.max_bytes - len(data))
        artifact = Artifact(
            artifact_id=f"tool-output:{tool}:{sha256}",
            artifact_uri=uri,
            tool_name=tool,
            content=content,
            original_bytes=len(data),
            shown_bytes=min(shown_bytes, len(data)),
        )
        return artifact, gone


def _oldest(kept: Iterable[ArtifactStored], most: int, max_bytes: int) -> tuple[str, ...]:
    """Name the oldest that have to go for the others to be within `most` and `max_bytes`."""
    left = list(kept)
    size = sum(stored.original_bytes for stored in left)
    gone: list[str] = []
    for oldest in left:
        if len(left) - len(gone) <= most and size <= max_bytes:
            break
        gone.append(oldest.uri)
        size -= oldest.original_bytes
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
