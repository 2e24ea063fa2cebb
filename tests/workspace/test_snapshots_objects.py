from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from a3s_code.errors import InvalidValue, SnapshotLost, WorkspaceError
from a3s_code.kernel.snapshots import FileState
from a3s_code.workspace import shadow_objects
from a3s_code.workspace.shadow_formats import EMPTY_TREE, State
from a3s_code.workspace.shadow_objects import ShadowObjects
from a3s_code.workspace.snapshot_files import blob_id
from a3s_code.workspace.snapshots import ShadowGit

from .snapshot_scene import facts, fill, git


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    fill(tmp_path / "ws", {"a.py": "one\n", "src/b.py": "two\nthree\n", "src/c/d": "four"})
    (tmp_path / "ws/run").write_text("#!/bin/sh\n")
    (tmp_path / "ws/run").chmod(0o755)
    (tmp_path / "ws/link").symlink_to("src/c")
    return tmp_path / "ws"


@pytest.fixture
def shots(ws: Path, tmp_path: Path) -> ShadowGit:
    return ShadowGit(ws, tmp_path / "shadow")


async def test_a_diff_is_one_of_git(ws: Path, shots: ShadowGit) -> None:
    before = await shots.tree()
    (ws / "src/b.py").write_text("two\n3\n")
    (ws / "a.py").unlink()
    (ws / "bin").write_bytes(b"\0\1\2" * 100)
    (ws / "run").chmod(0o644)
    after = await shots.tree()
    text = await shots.diff(before.id, after.id)
    assert "--- a/src/b.py\n+++ b/src/b.py\n@@ -1,2 +1,2 @@\n two\n-three\n+3\n" in text
    assert "deleted file mode 100644" in text
    assert "Binary files /dev/null and b/bin differ" in text
    assert "old mode 100755\nnew mode 100644\n" in text
    assert await shots.changed(before.id, after.id) == ("a.py", "bin", "run", "src/b.py")
    assert await shots.diff(after.id, after.id) == ""
    assert await shots.changed(after.id, after.id) == ()


async def test_a_diff_can_be_applied(ws: Path, shots: ShadowGit, tmp_path: Path) -> None:
    before = await shots.tree()
    await shots.export(before.id, str(tmp_path / "copy"))
    fill(ws, {"a.py": "1\n", "neu é/x y": "new\n"})
    (ws / "src/c/d").unlink()
    text = await shots.diff(before.id, (await shots.tree()).id)
    git(tmp_path / "copy", "apply", stdin=text.encode())
    assert facts(tmp_path / "copy") == {
        path: fact for path, fact in facts(ws).items() if path != "src/c"
    }


async def test_a_tree_is_edited_without_a_workspace(ws: Path, shots: ShadowGit) -> None:
    base = (await shots.tree()).id
    edited = await shots.edited(
        base,
        {
            "a.py": None,
            "not there": None,
            "src/c": FileState(b"a file now"),
            "new/tool": FileState(b"#!/bin/sh\n", 0o100755),
            "new/link": FileState(b"tool", 0o120000),
            "odd\n\udcff": FileState(b"odd"),
        },
    )
    fill(ws, {"new/tool": "#!/bin/sh\n"})
    for path in ("a.py", "src/c/d"):
        (ws / path).unlink()
    (ws / "src/c").rmdir()
    (ws / "src/c").write_text("a file now")
    (ws / "new/tool").chmod(0o755)
    (ws / "new/link").symlink_to("tool")
    (ws / "odd\n\udcff").write_text("odd")
    assert edited == (await shots.tree()).id
    assert await shots.edited(base, {}) == base
    assert await shots.edited(base, dict.fromkeys(await shots.objects.files(base))) == EMPTY_TREE


@pytest.mark.parametrize(
    "path", ["../x", "a/../x", "/x", "", "a//b", ".git/config", "s/.GIT", "a\0"]
)
async def test_an_edit_stays_below_the_root(path: str, shots: ShadowGit) -> None:
    with pytest.raises(InvalidValue, match="cannot be part of a snapshot"):
        await shots.edited(EMPTY_TREE, {path: FileState(b"")})


async def test_an_edit_has_a_mode_of_git(shots: ShadowGit) -> None:
    with pytest.raises(InvalidValue, match="160000"):
        await shots.edited(EMPTY_TREE, {"a": FileState(b"", 0o160000)})


async def test_a_tree_is_exported_whole(ws: Path, shots: ShadowGit, tmp_path: Path) -> None:
    tree = (await shots.tree()).id
    await shots.export(tree, str(tmp_path / "made/copy"))
    assert facts(tmp_path / "made/copy") == facts(ws)
    (tmp_path / "empty").mkdir()
    await shots.export(EMPTY_TREE, str(tmp_path / "empty"))
    with pytest.raises(WorkspaceError, match="not empty"):
        await shots.export(tree, str(tmp_path / "made"))
    with pytest.raises(WorkspaceError, match="cannot be used"):
        await shots.export(tree, str(ws / "a.py"))


async def test_content_is_read_in_groups(
    ws: Path, shots: ShadowGit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_objects, "BATCH_BYTES", 1_000)
    for n in range(30):
        (ws / f"f{n}").write_bytes(os.urandom(n * 50) + b"\n")
    (ws / "same").write_bytes((ws / "f29").read_bytes())
    tree = (await shots.tree()).id
    await shots.export(tree, str(tmp_path / "copy"))
    assert facts(tmp_path / "copy") == facts(ws)


async def test_a_pack_carries_trees_to_where_there_is_no_workspace(
    ws: Path, shots: ShadowGit, tmp_path: Path
) -> None:
    one = (await shots.tree()).id
    fill(ws, {"src/c/d": "changed"})
    two = (await shots.tree()).id
    pack = await shots.pack([one, two, one])
    assert hashlib.sha1(pack[:-20]).digest() == pack[-20:]
    there = ShadowObjects(tmp_path / "there/fresh")
    await there.unpack(pack)
    assert await there.read(one, "src/c/d") == b"four"
    assert await there.read(two, "src/c/d") == b"changed"
    with pytest.raises(FileNotFoundError):
        await there.read(two, "src/c")
    assert await there.changed(one, two) == ("src/c/d",)
    assert "+changed" in await there.diff(one, two)
    assert (await there.files(one))["run"].mode == 0o100755
    git(tmp_path, f"--git-dir={there.directory}", "fsck", "--strict")


async def test_a_pack_may_hold_what_git_would_not_fetch(
    shots: ShadowGit, tmp_path: Path, ws: Path
) -> None:
    fill(ws, {"git~1": "1", ".gitmodules": '[submodule "x"]\npath = x\nupdate = !touch PWNED\n'})
    tree = (await shots.tree()).id
    there = ShadowObjects(tmp_path / "fresh")
    await there.unpack(await shots.pack([tree]))
    assert await there.read(tree, "git~1") == b"1"


async def test_a_pack_that_lacks_something_is_said(
    shots: ShadowGit, tmp_path: Path, ws: Path
) -> None:
    tree = (await shots.tree()).id
    shadow = Path(shots.objects.directory)
    thin = await asyncio.to_thread(
        subprocess.run,
        ("git", "pack-objects", "--stdout", "-q"),
        cwd=shadow,
        input=f"{tree}\n".encode(),
        capture_output=True,
        check=True,
    )
    there = ShadowObjects(tmp_path / "fresh")
    await there.unpack(thin.stdout)
    for work in (there.files(tree), there.read(tree, "a.py"), there.keep("1" * 40, "x")):
        with pytest.raises(SnapshotLost):
            await work


@pytest.mark.parametrize("damage", ["cut", "turned", "empty", "text"])
async def test_a_damaged_pack_is_said(damage: str, shots: ShadowGit, tmp_path: Path) -> None:
    pack = await shots.pack([(await shots.tree()).id])
    damaged = {
        "cut": pack[:-30],
        "turned": pack[:40] + bytes([pack[40] ^ 1]) + pack[41:],
        "empty": b"",
        "text": b"no pack\n",
    }[damage]
    with pytest.raises(SnapshotLost, match="pack cannot be used"):
        await ShadowObjects(tmp_path / "fresh").unpack(damaged)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("100644", "..\0"),
        ("100644", ".git\0"),
        ("100644", ".GIT\0"),
        ("100644", "a/../../b\0"),
        ("160000", "module\0"),
    ],
)
async def test_a_tree_that_leads_out_is_refused(
    mode: str, name: str, ws: Path, shots: ShadowGit, tmp_path: Path
) -> None:
    await shots.tree()
    shadow = shots.objects.directory
    blob = git(ws, f"--git-dir={shadow}", "hash-object", "-w", "a.py")
    raw = f"{mode} {name}".encode() + bytes.fromhex(blob)
    tree = git(
        ws,
        f"--git-dir={shadow}",
        *("hash-object", "-t", "tree", "-w", "--literally", "--stdin"),
        stdin=raw,
    )
    was = facts(tmp_path / "ws")
    with pytest.raises(SnapshotLost, match="not made by a snapshot"):
        await shots.restore(tree)
    with pytest.raises(SnapshotLost, match="not made by a snapshot"):
        await shots.export(tree, str(tmp_path / "copy"))
    assert facts(tmp_path / "ws") == was
    assert not (tmp_path / "copy").exists()


async def test_names_of_kept_trees_may_be_anything(shots: ShadowGit) -> None:
    tree = (await shots.tree()).id
    names = ["plain", "../../config", "a/b", ".lock", "x.lock", "é @{1}", "-d", "HEAD"]
    for name in names:
        await shots.keep(tree, name)
        await shots.keep(tree, name)
    refs = git(Path(shots.objects.directory), "for-each-ref").splitlines()
    assert len(refs) == len(names)
    for name in names:
        await shots.drop(name)
        await shots.drop(name)
    assert git(Path(shots.objects.directory), "for-each-ref") == ""
    for name in ("", "x" * 300):
        with pytest.raises(InvalidValue):
            await shots.keep(tree, name)


async def test_what_could_not_be_taken_is_known_of_edited_trees_too(
    ws: Path, shots: ShadowGit
) -> None:
    fill(ws, {"large": "x" * (10 * 1024 * 1024 + 1)})
    tree = (await shots.tree()).id
    edited = await shots.edited(tree, {"a.py": FileState(b"edited")})
    (ws / "large").write_text("small")
    restored = await shots.restore(edited)
    assert [left.path for left in restored.left] == ["large"]
    assert (ws / "a.py").read_text() == "edited"


async def test_files_are_told_with_mode_and_id(ws: Path, shots: ShadowGit) -> None:
    files = await shots.objects.files((await shots.tree()).id)
    assert files["a.py"] == State(0o100644, git(ws, "hash-object", "a.py"))
    assert files["link"].mode == 0o120000


async def test_an_edited_file_keeps_the_mode_that_the_tree_has_for_it(
    ws: Path, shots: ShadowGit
) -> None:
    base = (await shots.tree()).id
    edited = await shots.edited(base, {"run": FileState(b"new"), "born": FileState(b"new")})
    (ws / "run").write_text("new")
    (ws / "born").write_text("new")

    assert edited == (await shots.tree()).id


async def test_what_differs_is_named_with_what_is_there(ws: Path, shots: ShadowGit) -> None:
    before = (await shots.tree()).id
    fill(ws, {"a.py": "ONE\n", "c": "three\n"})
    (ws / "src/b.py").unlink()
    after = (await shots.tree()).id
    old = {"a.py": blob_id(b"one\n"), "src/b.py": blob_id(b"two\nthree\n")}
    new = {"a.py": blob_id(b"ONE\n"), "c": blob_id(b"three\n")}
    found = {it.path: (it.before, it.after) for it in await shots.differences(before, after)}
    assert found == {
        "a.py": (f"100644 {old['a.py']}", f"100644 {new['a.py']}"),
        "src/b.py": (f"100644 {old['src/b.py']}", ""),
        "c": ("", f"100644 {new['c']}"),
    }
    assert await shots.differences(after, after) == ()


async def test_a_tree_takes_single_paths_from_another(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {"tests/gone": "old"})
    before = (await shots.tree()).id
    fill(ws, {"src/a": "new", "tests/new": "new"})
    (ws / "tests/gone").unlink()
    after = (await shots.tree()).id
    mixed = await shots.with_paths(before, after, {"tests/new", "tests/gone", "nowhere"})
    assert await shots.changed(before, mixed) == ("tests/gone", "tests/new")
    assert await shots.changed(mixed, after) == ("src/a",)
    assert await shots.with_paths(before, after, ()) == before
