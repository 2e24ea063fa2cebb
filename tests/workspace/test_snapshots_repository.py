from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from a3s_code.errors import SnapshotRefused
from a3s_code.kernel.snapshots import LeftOut
from a3s_code.workspace import pipe_watch
from a3s_code.workspace.snapshots import ShadowGit

from .snapshot_scene import facts, fill, git, names, snapshotted


def repository(where: Path) -> Path:
    where.mkdir(parents=True, exist_ok=True)
    git(where, "init", "-q", "-b", "main")
    fill(where, {"a.py": "one\n", "sub/b.py": "two\n"})
    git(where, "add", "-A")
    git(where, "commit", "-qm", "first")
    return where


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    return repository(tmp_path / "ws")


@pytest.fixture
def shots(ws: Path, tmp_path: Path) -> ShadowGit:
    return ShadowGit(ws, tmp_path / "shadow")


@pytest.fixture
def pwned(tmp_path: Path) -> Iterator[str]:
    """A program that must never run, as a command line."""
    yield f"touch {tmp_path}/PWNED; cat"
    assert not (tmp_path / "PWNED").exists()


async def back_and_forth(shots: ShadowGit, ws: Path, name: str = "a.py") -> None:
    """Take, change, take, compare, go back; the files are as they were."""
    was = snapshotted(ws)
    taken = await shots.tree()
    (ws / name).write_text("changed\r\n")
    fill(ws, {"new/c.py": "new\r\n"})
    changed = await shots.tree()
    assert await shots.changed(taken.id, changed.id) == tuple(sorted((name, "new/c.py")))
    assert "+changed" in await shots.diff(taken.id, changed.id)
    restored = await shots.restore(taken.id)
    assert (restored.written, restored.removed) == ((name,), ("new/c.py",))
    assert snapshotted(ws) == was


async def test_the_users_repository_is_not_touched(ws: Path, shots: ShadowGit) -> None:
    (ws / "a.py").write_text("staged\n")
    git(ws, "add", "a.py")
    (ws / "a.py").write_text("and changed\n")
    before = facts(ws / ".git")
    times = {path: path.lstat().st_mtime_ns for path in (ws / ".git").rglob("*")}
    await back_and_forth(shots, ws)
    assert facts(ws / ".git") == before
    assert {path: path.lstat().st_mtime_ns for path in (ws / ".git").rglob("*")} == times


@pytest.mark.parametrize(
    "name", [".gitignore", "sub/deep/.gitignore", ".gitattributes", ".git/index", ".git/config"]
)
async def test_a_pipe_that_git_would_read_is_refused_by_name(
    name: str, ws: Path, shots: ShadowGit
) -> None:
    await shots.tree()
    pipe = ws / name
    pipe.parent.mkdir(exist_ok=True)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    (ws / "a.py").write_text("TWO\n")  # as long as it was, so that its content is compared

    async with asyncio.timeout(20):  # git is waited for up to 30 s
        with pytest.raises(SnapshotRefused, match=f"git waits for {name},") as caught:
            await shots.tree()
    assert caught.value.hint == "remove it"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0, "what is asked next would stop"
    pipe.unlink()
    assert await shots.objects.read((await shots.tree()).id, "a.py") == b"TWO\n"


async def test_a_slow_git_is_waited_for_while_there_is_no_pipe(
    ws: Path, shots: ShadowGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(ws / "some.pipe")
    monkeypatch.setattr(pipe_watch, "PATIENCE_S", 0.0)

    assert (await shots.tree()).files == 2


async def test_a_linked_worktree_is_not_touched_either(ws: Path, tmp_path: Path) -> None:
    git(ws, "worktree", "add", "-q", str(tmp_path / "tree"))
    (ws / ".git/info/exclude").write_text("*.secret\n")
    fill(tmp_path, {"tree/x.secret": "s"})
    before, link = facts(ws), (tmp_path / "tree/.git").read_bytes()
    shots = ShadowGit(tmp_path / "tree", tmp_path / "shadow")
    await back_and_forth(shots, tmp_path / "tree")
    assert facts(ws) == before
    assert (tmp_path / "tree/.git").read_bytes() == link
    assert (await shots.tree()).files == 2


async def test_a_part_of_a_repository_is_taken_by_itself(ws: Path, tmp_path: Path) -> None:
    fill(ws, {".gitignore": "*.log\n/sub/build/\n", "sub/x.log": "l", "sub/build/o": "o"})
    before = facts(ws / ".git")
    shots = ShadowGit(ws / "sub", tmp_path / "shadow")
    await back_and_forth(shots, ws / "sub", "b.py")
    taken = await shots.tree()
    assert list(await shots.objects.files(taken.id)) == ["b.py"]
    assert taken.id == git(ws, "rev-parse", "HEAD:sub")
    assert facts(ws / ".git") == before
    (ws / "sub/b.py").unlink()
    assert (await shots.tree()).id == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


async def test_a_workspace_that_its_repository_ignores_is_taken_by_itself(
    ws: Path, tmp_path: Path
) -> None:
    fill(ws, {".gitignore": "/scratch\n", "scratch/x.py": "1", "scratch/y.log": "2"})
    taken = await ShadowGit(ws / "scratch", tmp_path / "shadow").tree()
    assert taken.files == 2


async def test_a_repository_without_commits_is_fine(tmp_path: Path) -> None:
    ws = tmp_path / "ws"
    ws.mkdir()
    git(ws, "init", "-q")
    fill(ws, {"a.py": "1\n"})
    before = facts(ws / ".git")
    await back_and_forth(ShadowGit(ws, tmp_path / "shadow"), ws)
    assert facts(ws / ".git") == before


@pytest.mark.parametrize("text", ["gitdir: /nowhere\n", "nonsense", ""])
async def test_a_git_file_that_leads_nowhere_is_no_repository(text: str, tmp_path: Path) -> None:
    fill(tmp_path, {"ws/.git": text, "ws/a.py": "1", "ws/.gitignore": "x.log\n", "ws/x.log": ""})
    shots = ShadowGit(tmp_path / "ws", tmp_path / "shadow")
    taken = await shots.tree()
    assert sorted(await shots.objects.files(taken.id)) == [".gitignore", "a.py"]
    await back_and_forth(shots, tmp_path / "ws")
    assert (tmp_path / "ws/.git").read_text() == text


async def test_no_program_of_a_repository_runs_and_no_byte_is_converted(
    ws: Path, shots: ShadowGit, pwned: str
) -> None:
    for name in ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process"):
        git(ws, "config", name, pwned)
    for name, value in {
        "filter.evil.required": "true",
        "core.fsmonitor": pwned,
        "core.autocrlf": "true",
        "core.eol": "crlf",
        "core.pager": pwned,
        "core.editor": pwned,
        "diff.external": pwned,
        "diff.evil.command": pwned,
        "diff.evil.textconv": pwned,
        "core.sshCommand": pwned,
        "core.attributesFile": str(ws / "attributes"),
    }.items():
        git(ws, "config", name, value)
    hooks = ws / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        (hooks / name).write_text(f"#!/bin/sh\n{pwned}\n")
        (hooks / name).chmod(0o755)
    git(ws, "config", "core.hooksPath", str(hooks))
    rule = "* text=auto eol=crlf ident filter=evil diff=evil merge=evil\n"
    fill(ws, {".gitattributes": rule, "attributes": rule, "sub/.gitattributes": rule})
    (ws / "utf16").write_bytes("text\n".encode("utf-16"))
    (ws / "sub/.gitattributes").write_text("utf16 working-tree-encoding=UTF-16\n* filter=lfs\n")
    (ws / "crlf").write_bytes(b"one\r\ntwo\n$Id$ $Id: x $\r\n")
    (ws / ".gitmodules").write_text(f"[submodule]\nupdate = !{pwned}\n")
    before = facts(ws / ".git")
    taken = await shots.tree()
    assert await shots.objects.read(taken.id, "crlf") == b"one\r\ntwo\n$Id$ $Id: x $\r\n"
    await back_and_forth(shots, ws)
    await back_and_forth(shots, ws, "crlf")
    assert facts(ws / ".git") == before


async def test_a_change_of_line_ends_alone_is_a_change(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {".gitattributes": "* text=auto ident\n", "f": "one\ntwo\n"})
    first = await shots.tree()
    (ws / "f").write_bytes(b"one\r\ntwo\r\n")
    second = await shots.tree()
    assert await shots.changed(first.id, second.id) == ("f",)
    await shots.restore(first.id)
    assert (ws / "f").read_bytes() == b"one\ntwo\n"


async def test_the_hosts_own_git_settings_are_not_used(
    ws: Path, shots: ShadowGit, pwned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"home/.config/git/ignore": "*\n", "home/.config/git/attributes": "* text\n"})
    core = f"[core]\nquotePath = false\nautocrlf = true\nfsmonitor = {pwned}\n"
    fill(tmp_path, {"home/.gitconfig": f'{core}[filter "x"]\nclean = {pwned}\n'})
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home/.config"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "elsewhere"))
    await back_and_forth(shots, ws)
    before = await shots.tree()
    fill(ws, {"é": "1"})
    assert r'+++ "b/\303\251"' in await shots.diff(before.id, (await shots.tree()).id)


async def test_what_is_ignored_is_not_taken_and_let_be(ws: Path, shots: ShadowGit) -> None:
    ignored = {
        "x.log": "1",
        "sub/y.log": "2",
        "sub/local": "3",
        "mine": "4",
        "node_modules/p/i.js": "5",
    }
    fill(ws, {".gitignore": "*.log\nnode_modules/\n", "sub/.gitignore": "local\n!z.log\n"})
    (ws / ".git/info/exclude").write_text("mine\n")
    fill(ws, {**ignored, "sub/z.log": "taken"})
    taken = await shots.tree()
    assert set(await shots.objects.files(taken.id)) == {
        *(".gitignore", "a.py", "sub/.gitignore", "sub/b.py", "sub/z.log"),
    }
    for name in ignored:
        (ws / name).write_text("written by a program")
    fill(ws, {"sub/new.py": "1"})
    await shots.restore(taken.id)
    assert all((ws / name).read_text() == "written by a program" for name in ignored)
    assert not (ws / "sub/new.py").exists()


async def test_what_the_user_tracks_is_taken_though_it_is_ignored(
    ws: Path, shots: ShadowGit
) -> None:
    fill(ws, {".gitignore": "dist/\n", "dist/kept.js": "1", "dist/other.js": "2"})
    git(ws, "add", "-f", "dist/kept.js")
    taken = await shots.tree()
    assert "dist/kept.js" in await shots.objects.files(taken.id)
    assert "dist/other.js" not in await shots.objects.files(taken.id)
    (ws / "dist/kept.js").write_text("changed")
    assert (await shots.restore(taken.id)).written == ("dist/kept.js",)
    assert (ws / "dist/kept.js").read_text() == "1"
    git(ws, "rm", "-q", "--cached", "dist/kept.js")
    assert "dist/kept.js" not in await shots.objects.files((await shots.tree()).id)


async def test_the_id_depends_on_what_is_there_and_not_on_what_was_taken_before(
    ws: Path, shots: ShadowGit, tmp_path: Path
) -> None:
    fill(ws, {"x.log": "1", "sub/y.log": "2"})
    await shots.tree()
    fill(ws, {".gitignore": "*.log\n"})
    fresh = ShadowGit(ws, tmp_path / "another")
    assert (await shots.tree()).id == (await fresh.tree()).id


async def test_a_file_that_is_ignored_by_now_is_put_back_and_can_be_had_again(
    ws: Path, shots: ShadowGit
) -> None:
    taken = await shots.tree()
    fill(ws, {".gitignore": "sub/\n", "sub/b.py": "hidden from snapshots", "sub/c.py": "more"})
    restored = await shots.restore(taken.id)
    assert (ws / "sub/b.py").read_text() == "two\n"
    assert (ws / "sub/c.py").read_text() == "more"  # ignored, and in no snapshot
    assert not (ws / ".gitignore").exists()
    before = await shots.objects.read(restored.before, "sub/b.py")
    assert before == b"hidden from snapshots"


async def test_a_file_that_was_ignored_is_not_removed(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {".gitignore": ".env\n:top\n", ".env": "KEY=1", ":top": "2", "sub/.env": "KEY=2"})
    taken = await shots.tree()
    (ws / ".gitignore").write_text("\n")
    fill(ws, {"junk": "1", ":junk": "1"})
    restored = await shots.restore(taken.id)
    assert restored.left == tuple(
        LeftOut(path, "it was ignored then") for path in (".env", ":top", "sub/.env")
    )
    assert restored.removed == (":junk", "junk")
    assert (ws / ".env").read_text() == "KEY=1"


async def test_repositories_inside_are_taken_flat_and_keep_their_own_git(
    ws: Path, shots: ShadowGit, tmp_path: Path
) -> None:
    library = repository(tmp_path / "library")
    git(ws, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "module")
    inner = repository(ws / "nested")
    deep = repository(inner / "deep")
    empty = ws / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    fill(ws, {"nested/.gitignore": "*.log\n", "nested/x.log": "1", "nested/untracked": "2"})
    gits = {path: facts(path) for path in (ws / ".git", inner / ".git", deep / ".git")}
    link = (ws / "module/.git").read_bytes()
    was = snapshotted(ws)
    taken = await shots.tree()
    names = set(await shots.objects.files(taken.id))
    assert {"module/sub/b.py", "nested/a.py", "nested/deep/a.py", "nested/untracked"} <= names
    assert not [name for name in names if ".git" in name.split("/") or name.endswith(".log")]
    assert not [name for name in names if "placeholder" in name]
    fill(ws, {"module/a.py": "x", "nested/deep/a.py": "x", "nested/deep/new": "x"})
    (ws / "nested/sub/b.py").unlink()
    await shots.restore(taken.id)
    assert snapshotted(ws) == was
    assert {path: facts(path) for path in gits} == gits
    assert (ws / "module/.git").read_bytes() == link
    assert (await shots.tree()).id == taken.id


async def test_kept_trees_outlive_what_the_user_and_git_clean_up(
    ws: Path, shots: ShadowGit
) -> None:
    fill(ws, {"work.py": "not committed for long\n"})
    git(ws, "add", "-A")
    git(ws, "commit", "-qm", "second")
    was = snapshotted(ws)
    taken = await shots.tree()
    await shots.keep(taken.id, "session/1: the first")
    git(ws, "reset", "-q", "--hard", "HEAD~1")
    git(ws, "reflog", "expire", "--expire=now", "--all")
    git(ws, "gc", "-q", "--prune=now")
    other = await shots.tree()
    (ws / "a.py").write_text("so that the index holds none of it")
    await shots.tree()
    shadow = Path(shots.objects.directory)
    git(shadow, f"--git-dir={shadow}", "gc", "-q", "--prune=now")
    await shots.restore(taken.id)
    assert snapshotted(ws) == was
    await shots.drop("session/1: the first")
    (ws / "work.py").unlink()
    await shots.tree()
    git(shadow, f"--git-dir={shadow}", "gc", "-q", "--prune=now")
    names = git(shadow, f"--git-dir={shadow}", "cat-file", "--batch-all-objects", "--batch-check")
    assert taken.id not in names
    assert other.id != taken.id


async def test_names_that_git_refuses_are_said(ws: Path, shots: ShadowGit) -> None:
    fill(ws, {".GIT/config": "x", "sub/.Git": "y"})
    (ws / "sub/.gitmodules").symlink_to("b.py")
    taken = await shots.tree()
    assert taken.files == 2
    assert [skipped.path for skipped in taken.skipped] == [
        *(".GIT/config", "sub/.Git", "sub/.gitmodules"),
    ]
    fill(ws, {".GIT/config": "changed"})
    await shots.restore(taken.id)
    assert (ws / ".GIT/config").read_text() == "changed"


async def test_a_file_that_changed_after_it_was_looked_at_is_let_be(
    ws: Path, shots: ShadowGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = await shots.tree()
    (ws / "a.py").write_text("changed\n")
    (ws / "b.py").write_text("new\n")
    looked = shots.objects.changes

    async def looked_and_then_changed(before: str, after: str) -> object:
        found = await looked(before, after)
        (ws / "a.py").write_text("by the user, right now\n")
        (ws / "b.py").write_text("by the user, right now\n")
        return found

    monkeypatch.setattr(shots.objects, "changes", looked_and_then_changed)
    restored = await shots.restore(taken.id)
    assert {left.path for left in restored.left} == {"a.py", "b.py"}
    assert {(ws / name).read_text() for name in ("a.py", "b.py")} == {"by the user, right now\n"}
    assert names(ws) == [".git", "a.py", "b.py", "sub"]
