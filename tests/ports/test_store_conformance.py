from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from a3s_code.persistence.memory import MemorySessionStore
from a3s_code.persistence.sqlite import FileSessionStore
from a3s_code.testing.store_conformance import (
    CHECKS,
    Check,
    Factory,
    a_barrier_with_nothing_to_wait_for_returns,
)


def stores_on_disk(directory: Path) -> Factory:
    numbers: Iterator[int] = itertools.count()
    return lambda: FileSessionStore(directory / f"store-{next(numbers)}")


def stores_in_memory(_: Path) -> Factory:
    return MemorySessionStore


@pytest.mark.parametrize("stores", [stores_in_memory, stores_on_disk], ids=["memory", "sqlite"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_our_stores_keep_the_promises_of_a_store(
    check: Check, stores: Callable[[Path], Factory], tmp_path: Path
) -> None:
    await check(stores(tmp_path))


@pytest.mark.parametrize(
    "check",
    [check for check in CHECKS if check is not a_barrier_with_nothing_to_wait_for_returns],
    ids=lambda check: check.__name__,
)
async def test_every_check_of_content_notices_a_store_that_forgets(check: Check) -> None:
    with pytest.raises((AssertionError, TypeError)):
        await check(Forgetful)


class Forgetful:
    """Accepts everything, and gives back what nobody stored."""

    def append(self, session: object, record: object) -> None: ...

    async def barrier(self, session: object) -> None: ...

    async def load(self, session: object) -> list[object]:
        return [session]

    async def sessions(self) -> list[object]:
        return ["somebody"]

    async def delete(self, session: object) -> None: ...

    def put_blob(self, session: object, sha256: str, data: bytes) -> None: ...

    async def get_blob(self, session: object, sha256: str) -> bytes | None:
        return b"something else"

    async def close(self) -> None: ...
