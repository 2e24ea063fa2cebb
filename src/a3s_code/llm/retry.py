"""When to try again: exponential pauses with jitter, and what `Retry-After` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

RETRY_AFTER_CAP_S = 60.0
_LONGEST_RETRY_AFTER_S = 365 * 86_400.0
_DECIMAL = re.compile(r"\d+(\.\d+)?", re.ASCII)


class Backoff(msgspec.Struct, frozen=True):
    """
    Pauses between attempts.

    Attributes:
        max_retries: Attempts after the first; 0 turns repetition off.
        base_s, cap_s: The first pause, doubled each time, and the longest.
        spread: A pause is stretched or shrunk by up to this part of it.

    Source:
        3 retries, 1 s, 30 s, 25 %: A3S Code docs, "Limits", HTTP RetryConfig (SPEC 2.5).
    """

    max_retries: int = 3
    base_s: float = 1.0
    cap_s: float = 30.0
    spread: float = 0.25

    def pause_s(self, failures: int, random: Callable[[], float]) -> float:
        """
        Give the pause after so many failed attempts (from 1).

        Args:
            random: Gives numbers in [0, 1).
        """
        whole = min(self.base_s * 2.0 ** (failures - 1), self.cap_s)
        return whole * (1.0 + self.spread * (2.0 * random() - 1.0))


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """
    Read how many seconds the server wants us to wait; None when it does not say.

    `retry-after-ms` comes first, then `retry-after` in seconds or as an HTTP date. A date
    counts from the server's own `Date`. Without one it counts from our clock `now_s`
    (Unix seconds), which may be wrong, so it is then clamped to `RETRY_AFTER_CAP_S`.
    Anything else is no statement.
    """
    in_ms = _decimal(headers.get("retry-after-ms", ""))
    if in_ms is not None:
        return min(in_ms / 1000.0, _LONGEST_RETRY_AFTER_S)
    said = headers.get("retry-after", "").strip()
    in_s = _decimal(said)
    if in_s is not None:
        return min(in_s, _LONGEST_RETRY_AFTER_S)
    until = _date(said)
    if until is None:
        return None
    server_now = _date(headers.get("date", ""))
    if server_now is None:
        return min(max(until - now_s, 0.0), RETRY_AFTER_CAP_S)
    return min(max(until - server_now, 0.0), _LONGEST_RETRY_AFTER_S)


def _decimal(text: str) -> float | None:
    return float(text) if _DECIMAL.fullmatch(text.strip()) else None


def _date(text: str) -> float | None:
    from email.utils import parsedate_to_datetime  # 3 ms, needed by few answers

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
