"""Time that a test moves on by hand."""

from __future__ import annotations

import asyncio


class SteppedClock:
    """Nothing on it ends by itself; `advance` wakes who has slept long enough."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now_ms(self) -> int:
        return 1_000 + round(self.now_s * 1000)

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.now_s + seconds, woken))
        await woken.wait()

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
        for until, woken in self._sleepers:
            if until <= self.now_s:
                woken.set()
