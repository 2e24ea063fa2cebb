"""
Server-sent events: bytes in, events out.

Source:
    WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6, with one leniency: an event that the
    end of the stream cuts off before its blank line is given out by `finish`, since
    servers forget the last blank line. Fields other than `event` and `data` are ignored.
"""

from __future__ import annotations

from typing import TypeAlias

from a3s_code.llm.faults import Fault

ServerEvent: TypeAlias = tuple[bytes, bytes]
"""Name (empty when not given) and data."""

MAX_EVENT_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class SseSplitter:
    """
    Splits one stream. Linear in its length, however it is cut into pieces.

    Args:
        max_event_bytes: Of one event, with its field names.
    """

    __slots__ = ("_after_cr", "_at_start", "_held", "_held_bytes", "_max_event_bytes")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, data: bytes) -> list[ServerEvent]:
        """
        Take the next bytes and give the events that they complete.

        Raises:
            Fault: kind `protocol`; an event is larger than `max_event_bytes`.
        """
        if self._after_cr or b"\r" in data:
            data = self._with_lf(data)
        held = self._held
        if held:
            seam = held[-1][-1:] == b"\n" == data[:1]
            if not seam and b"\n\n" not in data and not self._at_start:
                self._hold(data)
                return []
            held.append(data)
            data = b"".join(held)
        if self._at_start:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._held = [data] if data else []
                return []
            self._at_start = False
            data = data.removeprefix(_BOM)
        blocks = data.split(b"\n\n")
        rest = blocks.pop()
        self._held, self._held_bytes = [], 0
        if rest:
            self._hold(rest)
        return self._events(blocks)

    def finish(self) -> list[ServerEvent]:
        """Give the event that was still open when the stream ended."""
        blocks, self._held = [b"".join(self._held)], []
        return self._events(blocks)

    def _with_lf(self, data: bytes) -> bytes:
        if self._after_cr and data[:1] == b"\n":
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data[-1:] == b"\r"
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, data: bytes) -> None:
        if data:
            self._held.append(data)
            self._held_bytes += len(data)
        if self._held_bytes > self._max_event_bytes:
            raise self._too_large()

    def _too_large(self) -> Fault:
        limit = self._max_event_bytes
        return Fault("protocol", f"one event is larger than {limit:,} bytes", again=False)

    def _events(self, blocks: list[bytes]) -> list[ServerEvent]:
        events: list[ServerEvent] = []
        limit = self._max_event_bytes
        for block in blocks:
            if len(block) > limit:
                raise self._too_large()
            if block[:6] == b"data: " and b"\n" not in block:
                events.append((b"", block[6:]))
                continue
            event = _event(block)
            if event is not None:
                events.append(event)
        return events


def _event(block: bytes) -> ServerEvent | None:
    first, _, rest = block.partition(b"\n")
    if first[:7] == b"event: " and rest[:6] == b"data: " and b"\n" not in rest:
        return first[7:], rest[6:]
    name, data = b"", list[bytes]()
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    joined = b"\n".join(data)
    return (name, joined) if joined else None
