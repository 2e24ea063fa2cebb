"""Snapshots leave the event loop to others, however many files there are."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Coroutine
from pathlib import Path
from types import FrameType

import pytest

from a3s_code.kernel.snapshots import FileState
from a3s_code.workspace.snapshots import ShadowGit

from .snapshot_scene import fill

FEW, MANY = 20, 1_020


class LoopWatch:
    """Finds how many calls, of Python and of C, the loop makes before it turns to others."""

    def __init__(self) -> None:
        self._calls = self._most = 0

    def _count(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is asyncio.Handle._run.__code__:
            self._most, self._calls = max(self._most, self._calls), 0
        self._calls += event in {"call", "c_call"}

    async def most(self, work: Coroutine[None, None, object]) -> int:
        self._calls = self._most = 0
        sys.setprofile(self._count)
        try:
            await work
        finally:
            sys.setprofile(None)
        return max(self._most, self._calls)


async def work(ws: Path, shots: ShadowGit, count: int) -> dict[str, int]:
    """Do all that there is to do on a workspace of `count` files; give the longest turns."""
    taken = await shots.tree()
    watch, calls = LoopWatch(), dict[str, int]()
    fill(ws, {f"d/f{n}": f"changed {n}" for n in range(count)} | {"d/new": "", ".gitignore": "x"})
    calls["tree"] = await watch.most(shots.tree())
    changed = await shots.tree()
    calls["changed"] = await watch.most(shots.changed(taken.id, changed.id))
    calls["diff"] = await watch.most(shots.diff(taken.id, changed.id))
    calls["edited"] = await watch.most(shots.edited(taken.id, {"d/f1": FileState(b"x")}))
    calls["export"] = await watch.most(shots.export(taken.id, str(ws.parent / f"out-{count}")))
    calls["restore"] = await watch.most(shots.restore(taken.id))
    await asyncio.to_thread(shutil.rmtree, ws / "d")
    calls["restore all"] = await watch.most(shots.restore(taken.id))
    await shots.restore("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
    return calls


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    (tmp_path / "ws").mkdir()
    return tmp_path / "ws"


async def test_a_turn_of_the_loop_does_not_grow_with_the_files(ws: Path) -> None:
    turns: dict[int, dict[str, int]] = {}
    for count in (FEW, MANY):
        fill(ws, {f"d/f{n}": f"content {n}" for n in range(count)})
        turns[count] = await work(ws, ShadowGit(ws, ws.parent / f"shadow-{count}"), count)

    longer = {name: calls - turns[FEW][name] for name, calls in turns[MANY].items()}
    assert all(calls < (MANY - FEW) / 2 for calls in longer.values()), longer
