"""A workspace with something outside of it that must never be seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from a3s_code.workspace.beneath import OpenDirectory, openat2, step_by_step
from a3s_code.workspace.local import LocalFiles

MARKER = b"OUTSIDE-SECRET"


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Return when `condition` holds: of something outside that nobody could tell us about."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - other processes set no `Event`
            await asyncio.sleep(0.005)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@dataclass(frozen=True)
class Place:
    """`ws` is the workspace, `out` lies beside it and holds `MARKER`."""

    ws: Path
    out: Path
    files: LocalFiles


@pytest.fixture(params=[openat2, step_by_step], ids=["openat2", "step_by_step"])
def open_directory(request: pytest.FixtureRequest) -> OpenDirectory:
    """Both ways of opening directories keep the same promises."""
    way: OpenDirectory = request.param
    return way


@pytest.fixture
def place(open_path: Path, open_directory: OpenDirectory) -> Iterator[Place]:
    ws, out = open_path / "ws", open_path / "out"
    (ws / "src").mkdir(parents=True)
    (ws / "src/a.py").write_bytes(b"print('inside')\n")
    (ws / "README.md").write_bytes(b"inside\n")
    out.mkdir()
    (out / "secret.txt").write_bytes(MARKER + b"\n")
    yield Place(ws, out, LocalFiles(ws, open_directory))
    assert (out / "secret.txt").read_bytes() == MARKER + b"\n"
    assert [path.name for path in out.iterdir()] == ["secret.txt"]
