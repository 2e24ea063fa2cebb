"""Whatever is done to a workspace, going back gives what was there."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.workspace.snapshots import ShadowGit

from .snapshot_scene import snapshotted

NAMES = st.sampled_from(["a", "b", "c", "é", " x", "-n", "\udcff"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["file", "program", "link", "directory", "remove"]),
        PATHS,
        st.sampled_from(["", "one\n", "two\r\n", "a", "../b", "/nowhere", "\0"]),
    ),
    max_size=12,
)


def make(root: Path, steps: list[tuple[str, str, str]]) -> None:
    for kind, name, text in steps:
        path = root / name
        for above in reversed(path.relative_to(root).parents):
            _clear(root / above, unless_directory=True)
            (root / above).mkdir(exist_ok=True)
        if kind == "directory":
            _clear(path, unless_directory=True)
            path.mkdir(exist_ok=True)
            continue
        _clear(path)
        if kind == "link":
            path.symlink_to(text.replace("\0", "x") or "x")
        elif kind != "remove":
            path.write_bytes(os.fsencode(text))
            path.chmod(0o755 if kind == "program" else 0o644)


def _clear(path: Path, *, unless_directory: bool = False) -> None:
    if path.is_dir() and not path.is_symlink():
        if not unless_directory:
            shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@settings(max_examples=30, deadline=None)
@given(first=STEPS, then=STEPS)
def test_going_back_gives_what_was_there(
    first: list[tuple[str, str, str]], then: list[tuple[str, str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_go_back(Path(place), first, then))


async def _go_back(
    place: Path, first: list[tuple[str, str, str]], then: list[tuple[str, str, str]]
) -> None:
    ws = place / "ws"
    ws.mkdir()
    shots = ShadowGit(ws, place / "shadow")
    make(ws, first)
    was = snapshotted(ws)
    taken = await shots.tree()
    make(ws, then)
    changed = snapshotted(ws)
    restored = await shots.restore(taken.id)
    assert restored.left == ()
    assert snapshotted(ws) == was
    assert (await shots.tree()).id == taken.id
    assert bool(await shots.diff(taken.id, restored.before)) == (changed != was)
    assert (await shots.restore(restored.before)).left == ()
    assert snapshotted(ws) == changed
