"""Copies of a workspace: what is in them, and that nothing of one is left in the next."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from pathlib import Path

import pytest

from a3s_code.errors import FileConflict, SnapshotRefused, WorkspaceError
from a3s_code.kernel.records import WorktreeMade
from a3s_code.kernel.worktrees import Step, Worktrees
from a3s_code.workspace import worktrees as worktrees_module
from a3s_code.workspace.snapshot_take import SnapshotLimits
from a3s_code.workspace.snapshots import ShadowGit
from a3s_code.workspace.spares import MAX_SPARES, Spares
from a3s_code.workspace.worktrees import LocalWorktrees

from .snapshot_scene import git


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


class Scene:
    def __init__(self, place: Path) -> None:
        self.root = place / "ws"
        self.root.mkdir()
        self.shots = ShadowGit(self.root, place / "shadow")
        self.spares = Spares()
        self.worktrees = self.made_with(SnapshotLimits())

    def made_with(self, limits: SnapshotLimits) -> LocalWorktrees:
        return LocalWorktrees(str(self.root), self.shots.objects, limits=limits, spares=self.spares)

    async def copy(self, child: str = "child") -> tuple[WorktreeMade, Path]:
        made = await self.worktrees.name(child, (await self.shots.tree()).id)
        await self.worktrees.make(made)
        return made, Path(made.directory)


@pytest.fixture
def scene(tmp_path: Path, temporary: Path) -> Scene:
    return Scene(tmp_path)


def there(place: Path) -> list[Path]:
    return [*place.iterdir()]


def held(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): os.fsencode(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in root.rglob("*")
        if (path.is_file() or path.is_symlink()) and ".git" not in path.parts
    }


def test_it_is_the_port(scene: Scene) -> None:
    port: Worktrees = scene.worktrees
    assert port.root == str(scene.root)


async def test_a_copy_shares_no_file_with_the_workspace(scene: Scene, temporary: Path) -> None:
    (scene.root / "a.txt").write_text("one")
    (scene.root / "run.sh").write_text("#!/bin/sh\n")
    (scene.root / "run.sh").chmod(0o755)
    (scene.root / "link").symlink_to("a.txt")
    made, copy = await scene.copy()
    assert held(copy) == held(scene.root)
    assert os.access(copy / "run.sh", os.X_OK)
    assert (copy / "a.txt").stat().st_ino != (scene.root / "a.txt").stat().st_ino
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o711
    (copy / "a.txt").write_text("two")
    assert (scene.root / "a.txt").read_text() == "one"
    await scene.worktrees.remove(made)
    assert there(temporary) == []


async def test_a_change_right_after_the_making_is_seen_also_with_its_time_set_back(
    scene: Scene,
) -> None:
    (scene.root / "a.txt").write_text("one")
    made, copy = await scene.copy()
    times = (copy / "a.txt").stat()
    (copy / "a.txt").write_text("two")
    os.utime(copy / "a.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    left = await scene.worktrees.take(made)
    assert left.tree != made.base
    assert await scene.shots.objects.read(left.tree, "a.txt") == b"two"
    await scene.worktrees.remove(made)


async def test_nothing_of_a_copy_is_left_in_the_one_that_uses_its_directory_again(
    scene: Scene, temporary: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(worktrees_module, "MIN_FILES", 1)
    for name in ("a.txt", "b.txt", "deep/c.txt", "gone.txt", "same.txt"):
        (scene.root / name).parent.mkdir(exist_ok=True)
        (scene.root / name).write_text("one")
    (scene.root / ".gitignore").write_text("*.log\n")
    git(scene.root, "init", "-q")
    made, copy = await scene.copy()
    (copy / "a.txt").write_text("two")
    (copy / "b.txt").chmod(0o600)
    (copy / "secret.log").write_text("secret")
    (copy / "new/dir").mkdir(parents=True)
    (copy / "new/pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(copy / "new/pipe")
    (copy / "deep/c.txt").unlink()
    (copy / "deep/c.txt").symlink_to("/etc/passwd")
    (copy / "deep").chmod(0o700)
    (tmp_path / "name").hardlink_to(copy / "same.txt")
    (copy / ".git").mkdir(exist_ok=True)
    await scene.worktrees.take(made)
    await scene.worktrees.remove(made)
    (outer,) = there(temporary)
    assert "filling/secret.log" not in held(outer)

    (scene.root / "gone.txt").unlink()
    (scene.root / "b2.txt").write_text("new")
    again, copy = await scene.copy("other")
    assert copy.parent == outer
    assert copy != Path(made.directory)
    assert held(copy) == held(scene.root)
    assert [path.name for path in there(copy) if path.is_dir()] == ["deep"]
    assert stat.S_IMODE((copy / "b.txt").stat().st_mode) == stat.S_IMODE(
        (scene.root / "b.txt").stat().st_mode
    )
    assert (copy / "same.txt").stat().st_nlink == 1
    left = await scene.worktrees.take(again)
    assert left.tree == again.base
    await scene.worktrees.remove(again)
    scene.spares.close()
    assert there(temporary) == []


async def test_no_more_directories_are_kept_than_a_few(
    scene: Scene, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worktrees_module, "MIN_FILES", 1)
    (scene.root / "a.txt").write_text("one")
    made = [(await scene.copy(str(number)))[0] for number in range(MAX_SPARES + 2)]
    for each in made:
        await scene.worktrees.remove(each)
    assert len(there(temporary)) == MAX_SPARES
    scene.spares.close()


@pytest.mark.parametrize(
    "limits", [SnapshotLimits(max_files=1), SnapshotLimits(max_bytes=5)], ids=["files", "bytes"]
)
async def test_past_a_limit_there_is_no_copy(
    limits: SnapshotLimits, scene: Scene, temporary: Path
) -> None:
    (scene.root / "a.txt").write_text("one")
    (scene.root / "b.txt").write_text("one")
    base = (await scene.shots.tree()).id
    with pytest.raises(SnapshotRefused, match="more than"):
        await scene.made_with(limits).name("child", base)
    assert there(temporary) == []


async def test_no_copy_is_made_inside_the_workspace(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scene.root / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scene.root / "tmp"))
    with pytest.raises(WorkspaceError, match="lies in the workspace"):
        await scene.worktrees.name("child", (await scene.shots.tree()).id)


async def test_nothing_that_a_repository_names_is_run(scene: Scene, tmp_path: Path) -> None:
    (scene.root / "a.txt").write_text("one")
    (scene.root / ".gitattributes").write_text("* filter=bad\n")
    git(scene.root, "init", "-q")
    git(scene.root, "add", "-A")
    git(scene.root, "commit", "-q", "-m", "first")
    ran = tmp_path / "ran"
    hook = scene.root / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    (scene.root / ".git/hooks/reference-transaction").write_bytes(hook.read_bytes())
    (scene.root / ".git/hooks/reference-transaction").chmod(0o755)
    for name in ("core.fsmonitor", "filter.bad.smudge", "filter.bad.clean"):
        git(scene.root, "config", name, f"touch {ran}")
    made, copy = await scene.copy()
    (copy / "a.txt").write_text("two")
    await scene.worktrees.take(made)
    await scene.worktrees.remove(made)
    assert not ran.exists()


async def test_a_file_is_put_only_over_what_it_was_merged_with(scene: Scene) -> None:
    (scene.root / "a.txt").write_text("one")
    tree = (await scene.shots.tree()).id
    state = (await scene.shots.objects.files(tree))["a.txt"]
    step = Step("a.txt", f"{state.mode:o} {state.id}", f"{state.mode:o} {'0' * 40}")
    (scene.root / "a.txt").write_text("changed since")
    with pytest.raises(FileConflict):
        await scene.worktrees.put(step, b"two")
    with pytest.raises(FileConflict):
        await scene.worktrees.put(Step("a.txt", step.before), None)
    assert (scene.root / "a.txt").read_text() == "changed since"


async def test_of_a_copy_that_was_made_only_in_part_nothing_is_said_to_be_removed(
    scene: Scene, temporary: Path
) -> None:
    (scene.root / "a.txt").write_text("one")
    made, copy = await scene.copy()
    copy.rename(copy.with_name("filling"))
    copy.mkdir()
    assert (await scene.worktrees.take(made)).tree == made.base
    await scene.worktrees.remove(made)
    assert there(temporary) == []


async def test_where_git_cannot_link_a_copy_it_is_a_plain_one_and_says_why(scene: Scene) -> None:
    (scene.root / "a.txt").write_text("one")
    git(scene.root, "init", "-q")
    git(scene.root, "add", "-A")
    git(scene.root, "commit", "-q", "-m", "first")
    (scene.root / ".git/worktrees").write_text("no directory")
    made = await scene.worktrees.name("child", (await scene.shots.tree()).id)
    why = await scene.worktrees.make(made)
    assert "could not be linked" in why
    assert held(Path(made.directory)) == held(scene.root)
    await scene.worktrees.remove(made)


async def test_a_copy_that_is_no_spare_after_all_is_removed(
    scene: Scene, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worktrees_module, "MIN_FILES", 1)
    (scene.root / "a.txt").write_text("A")
    copies = [(await scene.copy(str(number)))[0] for number in range(MAX_SPARES + 2)]

    await asyncio.gather(*map(scene.worktrees.remove, copies))

    assert len(there(temporary)) == MAX_SPARES
    scene.spares.close()
    assert there(temporary) == []


async def test_nothing_is_kept_for_an_owner_that_has_closed(
    scene: Scene, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worktrees_module, "MIN_FILES", 1)
    (scene.root / "a.txt").write_text("A")
    made, _ = await scene.copy()
    scene.spares.close()

    await scene.worktrees.remove(made)

    assert there(temporary) == []
