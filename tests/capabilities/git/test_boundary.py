"""The git tool shows nothing of a repository that lies outside the workspace."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest

from a3s_code.capabilities.git.tool import git, git_worktree
from capabilities.conftest import Workspace

SECRET = "the text of a secret"


def run_git(root: Path, *arguments: str) -> str:
    chosen = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(
        ["git", *chosen, "-c", "protocol.file.allow=always", *arguments],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return done.stdout.strip()


def make_repository(root: Path, text: str) -> Path:
    root.mkdir()
    run_git(root, "init", "-q", "-b", "main")
    (root / "a.txt").write_text(f"{text}\n")
    run_git(root, "add", "-A")
    run_git(root, "commit", "-q", "-m", text)
    return root


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "outside", SECRET)


@pytest.fixture
def inside(workspace: Workspace) -> Path:
    return make_repository(workspace.root / "repo", "ordinary")


async def assert_refused(root: Path, target: str = "") -> None:
    for args in ({"command": "log", "ref": target}, {"command": "diff", "target": target}):
        shown = await Workspace(root).run(git, **args)
        assert shown.failed
        assert shown.error_kind == {"type": "path_refused"}
        assert "outside the workspace" in shown.text
        assert SECRET not in shown.text
    assert (await Workspace(root).run(git_worktree, command="list")).failed


async def test_a_git_file_that_names_a_repository_outside_is_refused(
    workspace: Workspace, outside: Path
) -> None:
    for link in (f"{outside}/.git", "../outside/.git", f"{outside}/.git/worktrees/x"):
        workspace.put(".git", f"gitdir: {link}\n")
        await assert_refused(workspace.root)


async def test_a_link_to_a_repository_outside_is_refused(
    workspace: Workspace, outside: Path
) -> None:
    (workspace.root / ".git").symlink_to(outside / ".git")
    await assert_refused(workspace.root)


@pytest.mark.parametrize("part", ["objects", "refs", "HEAD", "config", "objects/pack"])
async def test_a_part_that_is_a_link_leading_outside_is_refused(
    inside: Path, outside: Path, part: str
) -> None:
    own = inside / ".git" / part
    if own.is_dir():
        shutil.rmtree(own)
    else:
        own.unlink()
    own.symlink_to(outside / ".git" / part)
    await assert_refused(inside)


async def test_a_directory_of_objects_that_is_a_link_leading_outside_is_refused(
    inside: Path, outside: Path
) -> None:
    commit = run_git(outside, "rev-parse", "HEAD")
    own = inside / ".git/objects" / commit[:2]
    shutil.rmtree(own, ignore_errors=True)
    own.symlink_to(outside / ".git/objects" / commit[:2])
    await assert_refused(inside, commit)


async def test_a_common_directory_outside_is_refused(inside: Path, outside: Path) -> None:
    (inside / ".git/commondir").write_text("../../../outside/.git\n")
    await assert_refused(inside)


async def test_an_object_store_outside_is_not_borrowed_from(inside: Path, outside: Path) -> None:
    alternates = inside / ".git/objects/info/alternates"
    commit = run_git(outside, "rev-parse", "HEAD")
    store = f"{outside}/.git/objects"
    for text in (f"{store}\n", "../../../../outside/.git/objects\n", f'# x\n\n"{store}"\n'):
        alternates.write_text(text)
        await assert_refused(inside, commit)
    alternates.write_text("#" * (1024 * 1024) + f"\n{store}\n")
    await assert_refused(inside, commit)


async def test_nor_over_a_store_of_the_workspace(
    workspace: Workspace, inside: Path, outside: Path
) -> None:
    step = workspace.root / "step"
    (step / "info").mkdir(parents=True)
    (step / "info/alternates").write_text(f"{outside}/.git/objects\n")
    (inside / ".git/objects/info/alternates").write_text(f"{step}\n")
    shown = await workspace.run(git_worktree, command="status", path="repo")
    assert shown.error_kind == {"type": "path_refused"}


async def test_an_object_store_of_the_workspace_is_borrowed_from(
    workspace: Workspace, inside: Path
) -> None:
    run_git(workspace.root, "clone", "-q", "--shared", "repo", "clone")
    shown = await workspace.run(git_worktree, command="status", path="clone")
    assert not shown.failed, shown.text


async def test_an_object_store_is_not_borrowed_from_by_the_environment(
    inside: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", f"{outside}/.git/objects")
    monkeypatch.setenv("GIT_DIR", f"{outside}/.git")
    commit = run_git(outside, "--git-dir=.git", "rev-parse", "HEAD")
    shown = await Workspace(inside).run(git, command="log", ref=commit)
    assert shown.failed
    assert SECRET not in shown.text


async def test_a_worktree_whose_repository_is_in_the_workspace_goes_on_working(
    workspace: Workspace, inside: Path
) -> None:
    run_git(inside, "worktree", "add", "-q", "../side", "-b", "side")
    shown = await workspace.run(git_worktree, command="status", path="side")
    assert shown.text.startswith("On branch side")
    assert shown.metadata is not None
    assert shown.metadata["is_worktree"] is True


async def test_a_worktree_works_when_its_repository_outside_names_it(
    tmp_path: Path, outside: Path
) -> None:
    run_git(outside, "worktree", "add", "-q", str(tmp_path / "side"), "-b", "side")
    shown = await Workspace(tmp_path / "side").run(git, command="status")
    assert shown.text.startswith("On branch side")
    assert not (await Workspace(tmp_path / "side").run(git, command="log")).failed


async def test_a_worktree_that_is_not_named_by_its_repository_is_refused(
    tmp_path: Path, outside: Path, workspace: Workspace
) -> None:
    run_git(outside, "worktree", "add", "-q", str(tmp_path / "side"), "-b", "side")
    stolen = (tmp_path / "side/.git").read_text()
    workspace.put(".git", stolen)
    await assert_refused(workspace.root)
    (tmp_path / "side/.git").write_text(f"gitdir: {outside}/.git\n")
    await assert_refused(tmp_path / "side")


# Submodules


@pytest.fixture
def armed(tmp_path: Path, workspace: Workspace, outside: Path) -> Workspace:
    """A repository whose submodule moved on, and carries programs in its configuration."""
    root = make_repository(workspace.root / "repo", "ordinary")
    run_git(root, "submodule", "--quiet", "add", str(outside), "sm")
    run_git(root, "commit", "-q", "-m", "Add it")
    (root / "sm/a.txt").write_text("moved on\n")
    run_git(root / "sm", "commit", "-q", "-a", "-m", "Move on")
    (root / "sm/a.txt").write_text("changed\n")
    program = tmp_path / "pwn"
    program.write_text(f"#!/bin/sh\necho pwn >> {tmp_path}/PWNED\n")
    program.chmod(0o755)
    for name in ("diff.external", "core.fsmonitor", "core.pager", "filter.x.clean"):
        run_git(root / "sm", "config", name, str(program))
    (root / ".git/modules/sm/info/attributes").write_text("* filter=x\n")
    for name, value in {
        "diff.submodule": "diff",
        "status.submoduleSummary": "true",
        "submodule.recurse": "true",
        "submodule.sm.ignore": "none",
        "diff.ignoreSubmodules": "none",
    }.items():
        run_git(root, "config", name, value)
    return Workspace(root)


async def test_no_command_obeys_the_configuration_of_a_submodule(
    armed: Workspace, tmp_path: Path
) -> None:
    calls: tuple[dict[str, object], ...] = (
        {"command": "status"},
        {"command": "diff"},
        {"command": "diff", "target": "HEAD~1"},
        {"command": "diff", "path": "sm"},
        {"command": "log"},
        {"command": "log", "path": "sm"},
        {"command": "branch", "name": "fx"},
        {"command": "stash", "message": "wip", "include_untracked": True},
        {"command": "stash", "subcommand": "pop"},
        {"command": "checkout", "ref": "fx"},
        {"command": "checkout", "ref": "main", "force": True},
        {"command": "worktree", "subcommand": "create", "name": "w"},
        {"command": "worktree", "subcommand": "remove", "name": "w"},
    )
    for args in calls:
        await armed.run(git, **args)
        assert not (tmp_path / "PWNED").exists(), args
    with contextlib.suppress(subprocess.CalledProcessError):
        run_git(armed.root, "diff")
    assert (tmp_path / "PWNED").exists()


async def test_a_submodule_that_moved_on_is_shown_by_its_commits(armed: Workspace) -> None:
    assert " M sm" in (await armed.run(git, command="status")).text
    shown = (await armed.run(git, command="diff")).text
    assert "+Subproject commit " in shown
    assert "moved on" not in shown
