from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command_line import CommandLine


@pytest.fixture
def command_line(tmp_path: Path) -> Iterator[CommandLine]:
    root, home = tmp_path / "work", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    made = CommandLine(root, home)
    yield made
    made.close()
