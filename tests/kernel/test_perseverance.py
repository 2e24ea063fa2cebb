"""Work that goes on however often whoever waits for it is told to stop."""

from __future__ import annotations

import asyncio

import pytest

from a3s_code.kernel.perseverance import to_its_end


async def test_a_caller_that_is_cancelled_again_and_again_ends_after_the_work() -> None:
    may_end, order = asyncio.Event(), list[str]()

    async def work() -> None:
        await may_end.wait()
        order.append("work")

    async def caller() -> None:
        try:
            await to_its_end(asyncio.ensure_future(work()))
        finally:
            order.append("caller")

    task = asyncio.ensure_future(caller())
    await asyncio.sleep(0)
    for _ in range(5):
        task.cancel()
        await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert order == ["work", "caller"]


async def test_a_cancelled_caller_waits_no_longer_than_its_limit() -> None:
    work = asyncio.ensure_future(asyncio.Event().wait())
    task = asyncio.ensure_future(to_its_end(work, 0.01))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not work.done(), "it goes on by itself"
    work.cancel()


async def test_what_the_work_raises_is_raised_unless_its_caller_was_cancelled() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError

    with pytest.raises(ValueError):
        await to_its_end(asyncio.ensure_future(fail()))
    task = asyncio.ensure_future(to_its_end(asyncio.ensure_future(fail())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
