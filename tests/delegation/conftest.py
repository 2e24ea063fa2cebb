from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    root = tmp_path / "ws"
    root.mkdir()
    made = House(root)
    yield made
    made.close()
