"""Stop asking a provider that is down, and notice when it is back."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from a3s_code.errors import ModelError, ModelUnavailable
from a3s_code.kernel.clock import Clock


class Breaker:
    """
    Counts calls in a row that failed with `ModelUnavailable`, each with all its attempts.

    Closed at first. After `threshold` such calls it is open for `open_s` seconds: calls
    fail at once, without a request. Then it is half-open: one call at a time goes through
    as a probe. An answer, also a refusal, closes it; another failure opens it again. A call
    that was cancelled says nothing.

    Args:
        threshold: 0 = never opens.
        open_s: Seconds.
    """

    __slots__ = ("_clock", "_failures", "_open_s", "_opened_at", "_probing", "_threshold")

    def __init__(self, clock: Clock, *, threshold: int = 3, open_s: float = 30.0) -> None:
        self._clock, self._threshold, self._open_s = clock, threshold, open_s
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @contextmanager
    def guard(self, ref: str) -> Generator[None, None, None]:
        """
        Run one call.

        Raises:
            ModelUnavailable: kind `breaker_open`, before anything was sent.
        """
        probe = self._admit(ref)
        try:
            yield
        except ModelUnavailable:
            self._failed()
            raise
        except ModelError:
            self._answered()
            raise
        else:
            self._answered()
        finally:
            if probe:
                self._probing = False

    def _admit(self, ref: str) -> bool:
        if self._opened_at is None:
            return False
        left_s = self._opened_at + self._open_s - self._clock.monotonic()
        if left_s > 0 or self._probing:
            raise ModelUnavailable(
                f"{ref}: not asked, since the last {self._failures} calls in a row failed.",
                kind="breaker_open",
                attempts=0,
                retry_after_s=max(left_s, 0.0),
                hint=f"try again in {left_s:.0f} s" if left_s > 0 else "wait for the probe",
            )
        self._probing = True
        return True

    def _failed(self) -> None:
        self._failures += 1
        if self._threshold and self._failures >= self._threshold:
            self._opened_at = self._clock.monotonic()

    def _answered(self) -> None:
        self._failures, self._opened_at = 0, None
