"""No tool writes a protected place unasked: as it is spelled, and as it is on the disk."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from a3s_code import PermissionPolicy
from a3s_code.testing import Turn, calls, says
from api.house import House

POLICIES = [
    None,
    PermissionPolicy(default_decision="allow"),
    PermissionPolicy(["write", "edit", "patch", "git", "git_worktree", "bash"]),
    PermissionPolicy(["write(**)", "edit(**)", "patch(**)", "git(*)", "git_worktree(*)"]),
]


def run_git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    allowed = ("-c", "protocol.file.allow=always")
    subprocess.run(["git", *identity, *allowed, *arguments], cwd=root, check=True, timeout=60)


def content(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def refused(house: House, turn: Turn, policy: PermissionPolicy | None) -> None:
    """Have the model make a call: it is denied, since nobody can be asked, and nothing changes."""
    before = content(house.root)
    session = house.session(turn, says("done"), permission_policy=policy)
    events = list(session.stream("go"))
    house.agent.close()

    kinds = [event.event_type for event in events]
    assert "permission_denied" in kinds or any(event.exit_code for event in events)
    assert content(house.root) == before


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "path", [".envrc", ".agent/hooks/x.sh", ".GIT/hooks/pre-commit", "hooks/pre-push", "new/HEAD"]
)
def test_what_is_not_there_yet_is_protected(
    path: str, policy: PermissionPolicy | None, house: House
) -> None:
    refused(house, calls("write", file_path=path, content="x"), policy)


@pytest.fixture
def repositories(house: House) -> House:
    """
    A workspace with repositories of every layout.

    `side/.git` is a file that names `elsewhere`; `nested` lies in another one and has a
    submodule; `bare` has no work tree and no name that tells.
    """
    root = house.root
    (root / "origin").mkdir()
    run_git(root / "origin", "init", "-q", "-b", "main")
    house.put("origin/a.txt", "a\n")
    run_git(root / "origin", "add", "-A")
    run_git(root / "origin", "commit", "-q", "-m", "one")
    run_git(root, "init", "-q", "--bare", "bare")
    run_git(root, "init", "-q", "--separate-git-dir", "elsewhere", "side")
    run_git(root, "clone", "-q", "origin", "origin/nested")
    run_git(root / "origin/nested", "submodule", "--quiet", "add", f"{root}/origin", "sub")
    house.put("bare/hooks/made-up", "x\n")
    house.put("elsewhere/config.worktree", "x\n")
    house.put("ordinary/config", "x\n")
    return house


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "path",
    [
        "bare/config",
        "bare/hooks/made-up",
        "bare/info/attributes",
        "elsewhere/config",
        "elsewhere/config.worktree",
        "side/.git",
        "origin/.git/config",
        "origin/nested/.git/config",
        "origin/nested/sub/.git",
        "origin/nested/.git/modules/sub/config",
        "link/config",
    ],
)
def test_the_files_of_any_repository_are_protected(
    path: str, policy: PermissionPolicy | None, repositories: House
) -> None:
    (repositories.root / "link").symlink_to("bare")
    turn = calls("write", file_path=path, content="x")
    turn += calls("edit", file_path=path, old_string="x", new_string="y")
    turn += calls("patch", file_path=path, diff="@@ -1 +1 @@\n-x\n+y")
    refused(repositories, turn, policy)


def test_what_only_looks_like_one_is_not(repositories: House) -> None:
    turn = calls("write", file_path="ordinary/config", content="y\n")
    repositories.session(turn, says("done")).send("go")
    assert repositories.get("ordinary/config") == "y\n"


@pytest.mark.parametrize("policy", POLICIES[1:])
@pytest.mark.parametrize("path", [".vscode", "sub/.claude/x", ".git/hooks"])
def test_no_worktree_is_made_in_a_protected_place(
    path: str, policy: PermissionPolicy, house: House
) -> None:
    run_git(house.root, "init", "-q", "-b", "main")
    run_git(house.root, "commit", "-q", "--allow-empty", "-m", "one")
    turn = calls("git", command="worktree", subcommand="create", path=path, name="w")
    refused(house, turn + calls("git_worktree", command="create", path=path, branch="w"), policy)


@pytest.mark.parametrize("policy", POLICIES[1:3])
@pytest.mark.parametrize(
    "command",
    [
        "echo x > .envrc",
        "cd .agent 2>/dev/null; mkdir -p .agent/hooks",
        "printf x | tee hooks/pre-commit",
        "dd if=a of=.mcp.json",
        "cp a -t.vscode",
    ],
)
def test_no_command_is_seen_to_write_one(
    command: str, policy: PermissionPolicy, house: House
) -> None:
    house.put("a", "x")
    refused(house, calls("bash", command=command), policy)
