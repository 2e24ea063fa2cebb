"""What takes too long is stopped, and said so; a timeout of something inside is its own."""

from __future__ import annotations

import asyncio

import pytest

from a3s_code.errors import LimitReached
from a3s_code.harness.time_limit import within_limit


async def _late() -> None:
    raise TimeoutError("a socket")


async def _forever(stopped: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        stopped.append("stopped")


async def test_what_takes_longer_is_stopped_and_named() -> None:
    stopped: list[str] = []
    with pytest.raises(LimitReached, match=r"helper took longer .* \(1 ms\)") as failed:
        await within_limit(1, "helper", _forever(stopped))

    assert stopped == ["stopped"]
    assert isinstance(failed.value.__cause__, TimeoutError)


@pytest.mark.parametrize("limit_ms", [None, 60_000])
async def test_a_timeout_inside_is_no_limit_of_the_run(limit_ms: int | None) -> None:
    with pytest.raises(TimeoutError, match="a socket"):
        await within_limit(limit_ms, "helper", _late())


async def test_what_is_done_in_time_is_given() -> None:
    async def answer() -> int:
        return 7

    assert await within_limit(60_000, "helper", answer()) == 7
