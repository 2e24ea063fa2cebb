from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from a3s_code import FileMemoryStore, InMemoryStore
from a3s_code.testing import MEMORY_CHECKS, MemoryCheck, MemoryFactory
from ports.broken_memories import BROKEN


def on_disk(directory: Path) -> MemoryFactory:
    numbers = itertools.count()
    return lambda: FileMemoryStore(directory / f"memory-{next(numbers)}", "normal")


def in_process(_: Path) -> MemoryFactory:
    return InMemoryStore


@pytest.mark.parametrize("stores", [in_process, on_disk], ids=["process", "sqlite"])
@pytest.mark.parametrize("check", MEMORY_CHECKS, ids=lambda check: check.__name__)
async def test_our_stores_keep_the_promises_of_a_memory_store(
    check: MemoryCheck, stores: Callable[[Path], MemoryFactory], tmp_path: Path
) -> None:
    await check(stores(tmp_path))


@pytest.mark.parametrize("check", MEMORY_CHECKS, ids=lambda check: check.__name__)
async def test_every_check_notices_a_store_that_breaks_its_promise(check: MemoryCheck) -> None:
    with pytest.raises(AssertionError):
        await check(BROKEN[check])
