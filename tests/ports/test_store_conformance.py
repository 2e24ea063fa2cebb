from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from a3s_code.persistence.memory import MemorySessionStore
from a3s_code.persistence.sqlite import FileSessionStore
from a3s_code.testing import STORE_CHECKS, StoreCheck, StoreFactory
from ports.broken_stores import BROKEN


def stores_on_disk(directory: Path) -> StoreFactory:
    numbers: Iterator[int] = itertools.count()
    return lambda: FileSessionStore(directory / f"store-{next(numbers)}")


def stores_in_memory(_: Path) -> StoreFactory:
    return MemorySessionStore


@pytest.mark.parametrize("stores", [stores_in_memory, stores_on_disk], ids=["memory", "sqlite"])
@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
async def test_our_stores_keep_the_promises_of_a_store(
    check: StoreCheck, stores: Callable[[Path], StoreFactory], tmp_path: Path
) -> None:
    await check(stores(tmp_path))


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
async def test_every_check_notices_a_store_that_breaks_its_promise(check: StoreCheck) -> None:
    with pytest.raises(AssertionError):
        await check(BROKEN[check])
