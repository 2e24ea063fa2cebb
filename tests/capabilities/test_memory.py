from __future__ import annotations

from pathlib import Path

import pytest

from a3s_code.capabilities.memory import FileMemoryStore
from a3s_code.errors import InvalidValue


def test_a_memory_store_holds_its_directory() -> None:
    assert str(FileMemoryStore("./memory").dir) == "./memory"
    assert FileMemoryStore(Path("m")).dir == Path("m")


def test_a_memory_store_without_a_directory_is_refused() -> None:
    with pytest.raises(InvalidValue):
        FileMemoryStore("")
