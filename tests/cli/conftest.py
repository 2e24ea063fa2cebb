from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.terminal import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    root, home = tmp_path / "work", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    made = Desk(root, home)
    yield made
    made.close()
