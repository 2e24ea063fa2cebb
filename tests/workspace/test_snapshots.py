from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from a3s_code.errors import (
    InvalidValue,
    ProgramMissing,
    SnapshotLost,
    SnapshotRefused,
    WorkspaceError,
)
from a3s_code.kernel.snapshots import LeftOut, Snapshots
from a3s_code.workspace.snapshot_take import SnapshotLimits
from a3s_code.workspace.snapshots import ShadowGit

from .snapshot_scene import empty, facts, fill, git, names, snapshotted


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    (tmp_path / "ws").mkdir()
    return tmp_path / "ws"


@pytest.fixture
def shots(ws: Path, tmp_path: Path) -> ShadowGit:
    return ShadowGit(ws, tmp_path / "shadow")


def test_it_is_the_port(shots: ShadowGit) -> None:
    port: Snapshots = shots
    assert port is shots


async def test_going_back_makes_the_files_what_they_were(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"a.py": "one\n", "src/b.py": "two\n", "src/deep/c.py": "three\n"})
    was = facts(ws)
    taken = await shots.tree()
    assert (taken.files, taken.read_bytes, taken.skipped) == (3, 14, ())
    (ws / "a.py").write_text("changed\n")
    (ws / "src/deep/c.py").unlink()
    (ws / "src/deep").rmdir()
    fill(ws, {"new/x/y.txt": "new\n"})
    restored = await shots.restore(taken.id)
    assert restored.written == ("a.py", "src/deep/c.py")
    assert restored.removed == ("new/x/y.txt",)
    assert restored.left == ()
    assert facts(ws) == was
    assert (await shots.tree()).id == taken.id


async def test_a_time_that_is_set_back_hides_no_change(ws: Path, shots: ShadowGit) -> None:
    def touch(path: Path) -> None:
        os.utime(path, ns=(1, 1_000_000_000))

    fill(ws, {"same": "right\n", "other": "1"})
    await shots.tree()
    os.utime(Path(shots.objects.directory) / "index", (1_500_000_000, 1_500_000_000))
    await asyncio.sleep(1.1 - time.time() % 1)  # what follows lies in one second, by all odds
    touch(ws / "same")  # its row is no other one, but git looks at it anew
    fill(ws, {"other": "2"})
    before = await shots.tree()
    fill(ws, {"same": "wrong\n"})
    touch(ws / "same")
    assert (await shots.tree()).id != before.id


async def test_going_back_can_be_undone(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"a": "one", "b": "two"})
    first = await shots.tree()
    fill(ws, {"a": "changed", "c/d": "new"})
    (ws / "b").unlink()
    was = facts(ws)
    restored = await shots.restore(first.id)
    await shots.restore(restored.before)
    assert facts(ws) == was


async def test_an_empty_directory_has_the_empty_tree(ws: Path, shots: ShadowGit) -> None:
    taken = await shots.tree()
    assert taken.id == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert taken.files == 0
    fill(ws, {"a": "1", "d/b": "2"})
    assert await shots.changed(taken.id, (await shots.tree()).id) == ("a", "d/b")
    await shots.restore(taken.id)
    assert names(ws) == []


async def test_the_id_is_what_git_itself_gives(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"a.py": "one\n", "src/b.py": "two\n"})
    (ws / "run.sh").write_text("echo\n")
    (ws / "run.sh").chmod(0o755)
    (ws / "link").symlink_to("a.py")
    taken = await shots.tree()
    git(ws, "init", "-q")
    git(ws, "add", "-A")
    assert git(ws, "write-tree") == taken.id


async def test_what_is_equal_is_not_touched(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"same": "1", "changed": "2", "program": "3"})
    os.utime(ws / "same", ns=(1, 1_000_000_000))
    taken = await shots.tree()
    before = (ws / "same").stat()
    program = (ws / "program").stat().st_ino
    (ws / "changed").write_text("x")
    (ws / "program").chmod(0o755)
    restored = await shots.restore(taken.id)
    after = (ws / "same").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (ws / "program").stat().st_ino == program
    assert stat.S_IMODE((ws / "program").stat().st_mode) == 0o644
    assert restored.written == ("changed", "program")


@pytest.mark.parametrize("others", [1, 150])
async def test_a_change_of_the_same_size_and_time_is_seen(
    others: int, ws: Path, shots: ShadowGit
) -> None:
    for text in ("aaa", "bbb", "ccc", "ddd"):
        (ws / "f").write_text(text)
        os.utime(ws / "f", ns=(1, 1_600_000_000_000_000_000))
        for n in range(others):  # a second snapshot of the same file, for the sake of others
            (ws / f"other{n}").write_text(text)
            os.utime(ws / f"other{n}", ns=(1, 1_600_000_000_000_000_000))
            if n % 120 == 0:
                taken = await shots.tree()
                assert await shots.objects.read(taken.id, "f") == text.encode()
        taken = await shots.tree()
        assert await shots.objects.read(taken.id, f"other{others - 1}") == text.encode()


async def test_what_is_never_taken_may_be_a_link(ws: Path, tmp_path: Path) -> None:
    fill(tmp_path, {"big/f": "x"})
    (ws / "store").symlink_to(tmp_path / "big")
    (ws / "moved").mkdir()
    (tmp_path / "outer").symlink_to(ws / "moved")
    fill(ws, {"moved/f": "x", "mine": "x"})
    shots = ShadowGit(ws, tmp_path / "shadow", never=[ws, ws / "store", tmp_path / "outer"])

    taken = await shots.tree()
    assert list(await shots.objects.files(taken.id)) == ["mine"]


async def test_links_are_kept_and_never_followed(
    ws: Path, shots: ShadowGit, tmp_path: Path
) -> None:
    fill(tmp_path, {"out/secret": "secret"})
    fill(ws, {"real/f": "1"})
    (ws / "inside").symlink_to("real")
    (ws / "dangling").symlink_to("nowhere")
    (ws / "outside").symlink_to(tmp_path / "out")
    (ws / "file").symlink_to("../out/secret")
    was = facts(ws)
    taken = await shots.tree()
    assert taken.files == 5
    assert sorted(await shots.objects.files(taken.id)) == [
        *("dangling", "file", "inside", "outside", "real/f"),
    ]
    for name in ("inside", "dangling", "outside", "file"):
        (ws / name).unlink()
        (ws / name).write_text("a file now")
    await shots.restore(taken.id)
    assert facts(ws) == was
    assert facts(tmp_path / "out").keys() == {"secret"}


async def test_a_directory_that_became_a_link_leads_nowhere(
    ws: Path, shots: ShadowGit, tmp_path: Path
) -> None:
    fill(ws, {"d/keep": "inside", "d/e/gone": "inside"})
    fill(tmp_path, {"out/keep": "outside", "out/e/gone": "outside"})
    was, outside = facts(ws), facts(tmp_path / "out")
    taken = await shots.tree()
    (ws / "d").rename(tmp_path / "moved")
    (ws / "d").symlink_to(tmp_path / "out")
    linked = await shots.tree()
    assert list(await shots.objects.files(linked.id)) == ["d"]
    restored = await shots.restore(taken.id)
    assert restored.left == ()
    assert facts(ws) == was
    await shots.restore(linked.id)
    assert facts(tmp_path / "out") == outside


async def test_an_ignored_link_in_the_way_is_not_walked_through(
    ws: Path, shots: ShadowGit, tmp_path: Path
) -> None:
    fill(ws, {"d/f": "inside"})
    (tmp_path / "out").mkdir()
    taken = await shots.tree()
    (ws / "d/f").unlink()
    (ws / "d").rmdir()
    (ws / "d").symlink_to(tmp_path / "out")
    (ws / ".gitignore").write_text("/d\n")
    restored = await shots.restore(taken.id)
    assert [left.path for left in restored.left] == ["d/f"]
    assert names(tmp_path / "out") == []


@pytest.mark.parametrize(
    "name",
    [
        b"new\nline",
        b"quo\"te's",
        b"-leading",
        b"\xff\xfe latin",
        b"trailing ",
        b" lead",
        "é".encode(),
        "e\u0301".encode(),
        b"tab\there",
        b"back\\slash",
        b":colon",
        b"!bang",
        b"#hash",
        b"*star?",
        b"[set]",
        b"git~1",
        b"CON",
        b"a" * 255,
        b"dir \n/x\xff/y",
    ],
)
async def test_odd_names_come_back(name: bytes, ws: Path, shots: ShadowGit) -> None:
    path = os.fsdecode(name)
    fill(ws, {path: "odd"})
    was = facts(ws)
    taken = await shots.tree()
    assert (taken.files, taken.skipped) == (1, ())
    fill(ws, {path: "changed"})
    assert len(await shots.changed(taken.id, (await shots.tree()).id)) == 1
    (ws / path).unlink()
    await shots.restore(taken.id)
    assert facts(ws) == was


async def test_names_that_differ_in_form_or_case_stay_apart(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"é": "composed", "e\u0301": "decomposed", "Readme": "1", "README": "2"})
    was = facts(ws)
    taken = await shots.tree()
    empty(ws)
    await shots.restore(taken.id)
    assert facts(ws) == was


async def test_files_and_directories_change_places(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"a": "file", "b/x/y": "below", "b/z": "below"})
    was = facts(ws)
    taken = await shots.tree()
    (ws / "a").unlink()
    for path in ("b/x/y", "b/z"):
        (ws / path).unlink()
    (ws / "b/x").rmdir()
    (ws / "b").rmdir()
    fill(ws, {"a/one/two": "below", "b": "file"})
    turned = facts(ws)
    restored = await shots.restore(taken.id)
    assert facts(ws) == was
    await shots.restore(restored.before)
    assert facts(ws) == turned


async def test_programs_empty_files_and_hard_links_come_back(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"run": "#!/bin/sh\n", "empty": "", "one": "same"})
    (ws / "run").chmod(0o755)
    (ws / "two").hardlink_to(ws / "one")
    was = facts(ws)
    taken = await shots.tree()
    (ws / "run").chmod(0o600)
    (ws / "empty").write_text("x")
    (ws / "two").write_text("both change")
    await shots.restore(taken.id)
    assert snapshotted(ws) == {
        path: (bool(mode & 0o100), content) for path, (mode, content) in was.items()
    }
    assert stat.S_IMODE((ws / "run").stat().st_mode) == 0o700  # for those who may read it


async def test_permissions_other_than_being_a_program_stay(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"private": "1"})
    taken = await shots.tree()
    (ws / "private").write_text("2")
    (ws / "private").chmod(0o600)
    await shots.restore(taken.id)
    assert (ws / "private").read_text() == "1"
    assert stat.S_IMODE((ws / "private").stat().st_mode) == 0o600


async def test_sockets_and_pipes_are_let_be(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"a": "1"})
    os.mkfifo(ws / "pipe")
    taken = await shots.tree()
    assert taken.files == 1
    (ws / "a").unlink()
    os.mkfifo(ws / "a")
    restored = await shots.restore(taken.id)
    assert restored.left == (LeftOut("a", "it is neither a file nor a link"),)
    assert stat.S_ISFIFO((ws / "a").stat().st_mode)
    assert stat.S_ISFIFO((ws / "pipe").stat().st_mode)


async def test_a_large_file_is_named_and_let_be(ws: Path, tmp_path: Path) -> None:
    shots = ShadowGit(ws, tmp_path / "shadow", limits=SnapshotLimits(max_file_bytes=100))
    fill(ws, {"fits": "x" * 100, "large": "x" * 101})
    taken = await shots.tree()
    large = LeftOut("large", "it is larger than 100 bytes")
    assert (taken.files, taken.skipped) == (1, (large,))
    assert (await shots.tree()).skipped == (large,)
    (ws / "large").write_text("small now, and not what it was")
    (ws / "fits").write_text("x" * 200)
    restored = await shots.restore(taken.id)
    assert {left.path for left in restored.left} == {"large", "fits"}
    assert (ws / "large").read_text() == "small now, and not what it was"
    assert (ws / "fits").read_text() == "x" * 200  # no snapshot holds it, so it could not be undone


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (SnapshotLimits(max_files=4), "more than 4 files"),
        (SnapshotLimits(max_bytes=9), "more than 9 bytes"),
        (SnapshotLimits(timeout_s=0.0), "more than 0 s"),
    ],
)
async def test_past_a_limit_it_is_refused(
    limits: SnapshotLimits, said: str, ws: Path, tmp_path: Path
) -> None:
    fill(ws, {f"f{n}": "xx" for n in range(5)})
    with pytest.raises(SnapshotRefused, match=said) as raised:
        await ShadowGit(ws, tmp_path / "shadow", limits=limits).tree()
    assert raised.value.code == "workspace.snapshot_refused"
    assert raised.value.hint
    assert (await ShadowGit(ws, tmp_path / "shadow").tree()).files == 5


async def test_a_snapshot_that_fails_does_not_look_like_a_cancellation(
    ws: Path, tmp_path: Path
) -> None:
    shots = ShadowGit(ws, tmp_path / "shadow")
    await shots.tree()
    (tmp_path / "shadow/config").write_text("[broken")
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(WorkspaceError, match="bad config"):
        await shots.tree()

    assert task.cancelling() == 0


async def test_a_missing_git_is_said(
    ws: Path, shots: ShadowGit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(ws, {"a": "1"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissing, match="git"):
        await shots.tree()


async def test_a_tree_that_is_not_there_is_said(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"a": "1"})
    with pytest.raises(SnapshotLost):
        await shots.restore("12" * 20)
    with pytest.raises(SnapshotLost):
        await shots.keep("12" * 20, "name")
    for text in ("--output=x", "HEAD", "", "a" * 39):
        with pytest.raises(InvalidValue):
            await shots.restore(text)
    assert (ws / "a").read_text() == "1"


async def test_a_tree_that_lost_a_file_changes_nothing(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"a": "1", "b": "2"})
    taken = await shots.tree()
    (ws / "b").unlink()
    fill(ws, {"a": "3", "new": "4"})
    name = git(ws, "hash-object", "--stdin", stdin=b"2")
    (Path(shots.objects.directory) / "objects" / name[:2] / name[2:]).unlink()
    was = facts(ws)
    with pytest.raises(SnapshotLost):
        await shots.restore(taken.id)
    assert facts(ws) == was


async def test_a_shadow_that_lost_its_objects_heals_at_the_next_snapshot(
    ws: Path, shots: ShadowGit
) -> None:
    fill(ws, {"a": "1", "b": "2"})
    taken = await shots.tree()
    shutil.rmtree(Path(shots.objects.directory) / "objects")
    (Path(shots.objects.directory) / "objects").mkdir()
    (ws / "a").write_text("3")
    again = await shots.tree()
    with pytest.raises(SnapshotLost):
        await shots.restore(taken.id)
    (ws / "b").unlink()
    await shots.restore(again.id)
    assert (ws / "b").read_text() == "2"


async def test_the_shadow_is_for_its_owner_alone(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {f"f{n}": str(n) for n in range(200)})
    taken = await shots.tree()
    (ws / "f1").write_text("changed")
    await shots.tree()
    await shots.keep(taken.id, "kept")
    shadow = Path(shots.objects.directory)
    found = {mode for path, (mode, _) in facts(shadow.parent).items() if path[:6] == "shadow"}
    modes = {stat.S_IMODE(mode) for mode in found if not stat.S_ISDIR(mode)}
    assert {stat.S_IMODE(mode) for mode in found if stat.S_ISDIR(mode)} == {0o700}
    assert modes <= {0o600, 0o400}
    assert names(shadow, "index-*") == []


async def test_the_shadow_and_the_store_are_not_taken(ws: Path) -> None:
    shots = ShadowGit(ws, ws / ".a3s/shadow", never=[ws / "store", ws / "no such"])
    fill(ws, {"a": "1", "store/log.db": "secret", ".gitignore": "!*\n"})
    taken = await shots.tree()
    assert sorted(await shots.objects.files(taken.id)) == [".gitignore", "a"]
    foreign = await shots.edited(taken.id, {"store/log.db": None, "a": None})
    await shots.restore(foreign)
    assert (ws / "store/log.db").read_text() == "secret"
    assert (await shots.tree()).files == 1


@pytest.mark.parametrize("broken", ["refs/keep", "skipped", "index"])
async def test_a_shadow_that_cannot_be_used_is_a_typed_error(
    broken: str, ws: Path, shots: ShadowGit
) -> None:
    fill(ws, {"a": "1"})
    (ws / "big").write_bytes(b"x" * (SnapshotLimits().max_file_bytes + 1))
    await shots.keep((await shots.tree()).id, "first")
    place = Path(shots.objects.directory) / broken
    if place.is_dir():
        shutil.rmtree(place)
        place.write_text("a file")
    else:
        place.unlink()
        place.mkdir()
    fill(ws, {"b": "2"})

    with pytest.raises(WorkspaceError, match="directory of the snapshots") as caught:
        await shots.keep((await shots.tree()).id, "second")
    assert caught.value.hint
    assert names(place.parent, ".*") == []


async def test_a_shadow_that_is_no_place_to_write_is_a_typed_error(ws: Path) -> None:
    shots = ShadowGit(ws, "/dev/full/shadow")

    with pytest.raises(WorkspaceError, match="directory of the snapshots"):
        await shots.tree()


def as_somebody_else(script: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Run a script to which `place` belongs, and which may not do everything."""
    (place / "own").mkdir()
    if os.geteuid() == 0:
        subprocess.run(("chown", "-R", "65534:65534", place), check=True)
    environment = {**os.environ, "HOME": str(place), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = (sys.executable, "-c", script)
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_files_that_cannot_be_read_or_written_are_named(open_path: Path) -> None:
    ws = open_path / "ws"
    ws.mkdir()
    fill(ws, {"open": "1", "closed": "2", "locked/in": "3"})
    script = f"""
import asyncio, concurrent.futures.thread, os, sys
from pathlib import Path
from a3s_code.workspace.snapshots import ShadowGit
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
async def main():
    ws = Path({str(ws)!r})
    shots = ShadowGit(ws, {str(open_path / "own/shadow")!r})
    whole = await shots.tree()
    (ws / "closed").chmod(0)
    taken = await shots.tree()
    print(taken.files, [(s.path, s.reason) for s in taken.skipped])
    (ws / "closed").chmod(0o644)
    back = await shots.restore(taken.id)
    print(back.removed, [l.path for l in back.left])
    (ws / "locked/in").write_text("x"); (ws / "open").write_text("y")
    (ws / "locked").chmod(0o555)
    back = await shots.restore(whole.id)
    print(back.written, [(l.path, l.reason) for l in back.left])
asyncio.run(main())
"""
    done = as_somebody_else(script, open_path)
    assert done.stdout.splitlines() == [
        "2 [('closed', 'it cannot be read: Permission denied')]",
        "() ['closed']",
        "('open',) [('locked/in', 'it cannot be written: Permission denied')]",
    ], done.stderr
