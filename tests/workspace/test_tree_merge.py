"""Three trees as one: no side's work is ever lost, whatever they did."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_code.kernel.snapshots import FileState
from a3s_code.kernel.worktrees import Plan
from a3s_code.workspace.shadow_formats import EMPTY_TREE
from a3s_code.workspace.shadow_objects import ShadowObjects
from a3s_code.workspace.tree_merge import (
    A_LINK,
    CHANGED_HERE,
    MADE_TWICE,
    NO_TEXT,
    REMOVED_HERE,
    SAME_LINES,
    TreeMerge,
)

Files = Mapping[str, "bytes | FileState"]

TEXT = b"one\ntwo\nthree\nfour\nfive\n"


async def tree_of(objects: ShadowObjects, files: Files) -> str:
    await objects.ready()
    await objects.git.run("hash-object", "-t", "tree", "-w", "--stdin")
    states = {
        path: data if isinstance(data, FileState) else FileState(data)
        for path, data in files.items()
    }
    return await objects.edited(EMPTY_TREE, states)


async def merged(place: Path, base: Files, ours: Files, theirs: Files) -> tuple[Plan, Files]:
    """Merge, and give the plan and what `ours` becomes by it."""
    objects = ShadowObjects(place)
    trees = [await tree_of(objects, files) for files in (base, ours, theirs)]
    plan = await TreeMerge(objects).run(*trees)
    now = dict(ours)
    for step in plan.steps:
        if not step.after:
            del now[step.path]
            continue
        mode, _, name = step.after.partition(" ")
        async for found in objects.contents([name]):
            now[step.path] = FileState(found[name], int(mode, 8))
    return plan, now


def text(files: Files, path: str) -> bytes:
    found = files[path]
    return found.data if isinstance(found, FileState) else found


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "reason"),
    [
        ({}, {"a": b"x"}, {"a": b"y"}, MADE_TWICE),
        ({"a": b"x"}, {}, {"a": b"y"}, REMOVED_HERE),
        ({"a": b"x"}, {"a": b"y"}, {}, CHANGED_HERE),
        ({"a": b"x\n"}, {"a": b"y\n"}, {"a": b"z\n"}, SAME_LINES),
        ({"a": b"\0x"}, {"a": b"\0y"}, {"a": b"\0z"}, NO_TEXT),
        ({"a": b"x"}, {"a": b"x"}, {"a": FileState(b"/etc", 0o120000)}, A_LINK),
        ({"a": FileState(b"b", 0o120000)}, {"a": FileState(b"b", 0o120000)}, {}, A_LINK),
    ],
)
async def test_what_cannot_be_merged_is_named_and_left(
    base: Files, ours: Files, theirs: Files, reason: str, tmp_path: Path
) -> None:
    plan, now = await merged(tmp_path / "trees", base, ours, theirs)
    assert [each.reason for each in plan.conflicts] == [reason]
    assert now == ours


async def test_lines_that_do_not_touch_are_merged_and_so_are_modes(tmp_path: Path) -> None:
    ours = {"a": FileState(TEXT.replace(b"one", b"ONE"), 0o100755)}
    theirs = {"a": TEXT.replace(b"five", b"FIVE")}
    plan, now = await merged(tmp_path / "trees", {"a": TEXT}, ours, theirs)
    assert plan.conflicts == ()
    assert now["a"] == FileState(b"ONE\ntwo\nthree\nfour\nFIVE\n", 0o100755)


_NAMES = st.sampled_from(["a", "b", "d/x", "d/y", "d", "A"])
_TREES = st.dictionaries(
    _NAMES, st.sampled_from([b"1\n", b"2\n", b"1\n2\n3\n4\n5\n", b"0\n2\n3\n4\n5\n", b"\0"])
).filter(lambda files: not ("d" in files and any(name.startswith("d/") for name in files)))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(base=_TREES, ours=_TREES, theirs=_TREES)
def test_a_file_becomes_what_one_side_made_of_it_or_is_left(
    base: dict[str, bytes], ours: dict[str, bytes], theirs: dict[str, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        plan, now = asyncio.run(merged(Path(place) / "trees", base, ours, theirs))
    conflicts = {each.path for each in plan.conflicts}
    steps = {step.path for step in plan.steps}
    assert not conflicts & steps
    for path in {*base, *ours, *theirs}:
        mine, then, was = ours.get(path), theirs.get(path), base.get(path)
        if path in conflicts or then in (was, mine):
            assert path not in steps
        elif mine == was:
            assert path in steps
            assert (text(now, path) if path in now else None) == then
        else:  # both changed it, and their lines could be merged
            assert path in steps
            assert text(now, path) not in (mine, then) or mine == then
    for path in {*ours} - {*base}:
        assert path in now, "what is new in the workspace stays"
