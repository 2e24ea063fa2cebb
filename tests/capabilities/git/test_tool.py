from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.git.status import Change, parse_status
from a3s_code.capabilities.git.tool import GIT_TOOLS, git, git_worktree
from a3s_code.kernel.tool import Effect, Observation
from capabilities.conftest import Workspace, effect, subject


def run_git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return done.stdout


@dataclass
class Repository(Workspace):
    """A workspace whose root is a git repository with one commit of `a.txt`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.org")
        self.put("a.txt", "one\n")
        self.commit("Start")

    def git(self, *arguments: str) -> str:
        return run_git(self.root, *arguments)

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    async def ask(self, command: str, **args: object) -> Observation:
        return await self.run(git, command=command, **args)

    async def do(self, command: str, **args: object) -> Observation:
        shown = await self.ask(command, **args)
        assert not shown.failed, shown.text
        return shown


@pytest.fixture
def repository(workspace: Workspace) -> Repository:
    return Repository(workspace.root)


def facts(shown: Observation) -> dict[str, object]:
    assert shown.metadata is not None
    return shown.metadata


# Status


async def test_a_clean_repository_names_its_branch(repository: Repository) -> None:
    shown = await repository.do("status")
    assert shown.text == "On branch main\nNothing changed, work tree clean."
    assert facts(shown) == {
        "branch": "main",
        "commit": repository.git("rev-parse", "HEAD").strip(),
        "upstream": "",
        "ahead": 0,
        "behind": 0,
        "dirty_count": 0,
        "is_dirty": False,
        "is_worktree": False,
    }


async def test_every_kind_of_change_is_listed(repository: Repository) -> None:
    for name in ("moved", "gone", "both"):
        repository.put(name, f"the text of {name}\n" * 5)
    repository.commit("More")
    repository.git("mv", "moved", "where it is")
    (repository.root / "gone").unlink()
    repository.put("both", "staged\n")
    repository.git("add", "both")
    repository.put("both", "and changed again\n")
    repository.put("new\nname")
    shown = await repository.do("status")
    assert set(shown.text.splitlines()[1:]) == {
        "R  moved -> where it is",
        " D gone",
        "MM both",
        "?? new\\nname",
    }
    assert (facts(shown)["dirty_count"], facts(shown)["is_dirty"]) == (4, True)


async def test_a_conflict_is_listed(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "side")
    repository.put("a.txt", "side\n")
    repository.commit("Side")
    repository.git("checkout", "-q", "main")
    repository.put("a.txt", "main\n")
    repository.commit("Main")
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("merge", "side")
    assert "UU a.txt" in (await repository.do("status")).text


async def test_a_detached_head_and_an_upstream_are_told(
    repository: Repository, tmp_path: Path
) -> None:
    run_git(tmp_path, "clone", "-q", str(repository.root), "clone")
    clone = Workspace(tmp_path / "clone")
    (clone.root / "a.txt").write_text("mine\n")
    run_git(clone.root, "commit", "-q", "-a", "-m", "Mine")
    shown = await clone.run(git, command="status")
    assert shown.text.splitlines()[0] == "On branch main, 1 ahead and 0 behind origin/main"
    run_git(clone.root, "checkout", "-q", "--detach")
    shown = await clone.run(git, command="status")
    assert shown.text.startswith("Head detached at ")
    assert facts(shown)["branch"] == ""


async def test_a_repository_without_commits_can_be_asked(workspace: Workspace) -> None:
    run_git(workspace.root, "init", "-q", "-b", "main")
    workspace.put("a.txt", "one\n")
    status = await workspace.run(git, command="status")
    assert status.text == "On branch main, no commits yet\n?? a.txt"
    assert (await workspace.run(git, command="log")).text == "No commits."
    assert "No branches" in (await workspace.run(git, command="branch")).text
    run_git(workspace.root, "add", "a.txt")
    assert "+one" in (await workspace.run(git, command="diff")).text


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
async def test_no_repository_is_a_failure_that_says_so(workspace: Workspace) -> None:
    for tool in GIT_TOOLS:
        shown = await workspace.run(tool, command="status")
        assert shown.failed
        assert shown.exit_code != 0
        assert "no git repository" in shown.text


async def test_a_repository_above_the_workspace_is_not_reached(repository: Repository) -> None:
    (repository.root / "below").mkdir()
    shown = await Workspace(repository.root / "below").run(git, command="log")
    assert shown.failed
    assert "no git repository" in shown.text


async def test_without_git_the_failure_says_to_install_it(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository.root))
    shown = await repository.ask("status")
    assert shown.failed
    assert "Install it" in shown.text
    assert shown.error_kind == {"type": "unsupported"}


# Log and diff


async def test_the_log_has_the_newest_first_and_no_more_than_asked(repository: Repository) -> None:
    for number in range(3):
        repository.put("b.txt", str(number))
        repository.commit(f"Change {number}")
    shown = await repository.do("log", max_count=2)
    commits = facts(shown)["commits"]
    assert [commit["subject"] for commit in commits] == ["Change 2", "Change 1"]
    assert "(HEAD -> main): Change 2" in shown.text.splitlines()[0]
    assert commits[0]["author"] == "Ada"
    only_a = await repository.do("log", path="a.txt")
    assert [commit["subject"] for commit in facts(only_a)["commits"]] == ["Start"]
    older = await repository.do("log", ref="HEAD~2")
    assert facts(older)["commits"][0]["subject"] == "Change 0"


async def test_a_diff_shows_staged_and_unstaged_lines(repository: Repository) -> None:
    repository.put("b.txt", "staged\n")
    repository.git("add", "b.txt")
    repository.put("a.txt", "CHANGED\n")
    shown = await repository.do("diff")
    assert "-one\n+CHANGED\n" in shown.text
    assert "+staged\n" in shown.text
    only_a = (await repository.do("diff", path="./a.txt")).text
    assert "CHANGED" in only_a
    assert "staged" not in only_a


async def test_a_diff_against_a_revision_or_between_two(repository: Repository) -> None:
    repository.put("a.txt", "two\n")
    repository.commit("Two")
    assert "No differences" in (await repository.do("diff")).text
    assert "+two" in (await repository.do("diff", target="HEAD~1")).text
    assert "+two" in (await repository.do("diff", target="HEAD~1..HEAD")).text


async def test_what_git_refuses_is_told_with_its_words(repository: Repository) -> None:
    shown = await repository.ask("diff", target="nonsense")
    assert shown.failed
    assert "nonsense" in shown.text
    assert shown.exit_code == 128


# Branches and stashes


async def test_a_branch_is_made_entered_listed_and_removed(repository: Repository) -> None:
    await repository.do("branch", name="fx")
    await repository.do("checkout", ref="fx")
    assert facts(await repository.do("status"))["branch"] == "fx"
    listed = await repository.do("branch")
    assert facts(listed) == {"branches": ["fx", "main"], "current": "fx"}
    assert listed.text.splitlines()[0].startswith("* fx ")
    await repository.do("checkout", ref="main")
    await repository.do("branch", subcommand="remove", name="fx")
    assert facts(await repository.do("branch"))["branches"] == ["main"]


async def test_a_checkout_keeps_changes_unless_forced(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "fx")
    repository.put("a.txt", "fx\n")
    repository.commit("Fx")
    repository.put("a.txt", "precious\n")
    assert (await repository.ask("checkout", ref="main")).failed
    assert (repository.root / "a.txt").read_text() == "precious\n"
    await repository.do("checkout", ref="main", force=True)
    assert (repository.root / "a.txt").read_text() == "one\n"


async def test_a_file_is_not_taken_for_a_branch(repository: Repository) -> None:
    repository.put("a.txt", "precious\n")
    assert (await repository.ask("checkout", ref="a.txt", force=True)).failed
    assert (repository.root / "a.txt").read_text() == "precious\n"


async def test_a_stash_with_a_message_really_stashes(repository: Repository) -> None:
    repository.put("a.txt", "CHANGED\n")
    repository.put("new.txt")
    shown = await repository.do("stash", message="-wip", include_untracked=True)
    assert facts(shown)["stashed"] is True
    assert (repository.root / "a.txt").read_text() == "one\n"
    assert not (repository.root / "new.txt").exists()
    assert facts(await repository.do("stash"))["stashes"] == ["stash@{0}: On main: -wip"]
    await repository.do("stash", subcommand="pop")
    assert (repository.root / "a.txt").read_text() == "CHANGED\n"
    assert (await repository.do("stash")).text == "No stashes."


async def test_a_stash_is_chosen_by_its_number(repository: Repository) -> None:
    for text in ("first\n", "second\n"):
        repository.put("a.txt", text)
        await repository.do("stash", subcommand="push")
    await repository.do("stash", subcommand="drop", target="stash@{0}")
    await repository.do("stash", subcommand="apply", target="0")
    assert (repository.root / "a.txt").read_text() == "first\n"
    assert (await repository.ask("stash", subcommand="pop", target="HEAD")).failed


async def test_nothing_to_stash_is_told(repository: Repository) -> None:
    shown = await repository.do("stash", message="nothing")
    assert facts(shown)["stashed"] is False
    assert "No local changes" in shown.text


async def test_remotes_are_listed_without_their_credentials(repository: Repository) -> None:
    repository.git("remote", "add", "origin", "https://ada:hunter2@example.org/x.git")
    shown = await repository.do("remote")
    assert "https://example.org/x.git" in shown.text
    assert "hunter2" not in shown.text + str(shown.metadata)
    assert (await repository.ask("remote", remote_name="upstream")).failed


# Worktrees


@pytest.mark.parametrize("tool", GIT_TOOLS, ids=lambda tool: tool.name)
async def test_a_worktree_is_made_seen_and_removed(repository: Repository, tool: object) -> None:
    def arguments(action: str, **args: object) -> dict[str, object]:
        if tool is git_worktree:
            return {"command": action, **args}
        name = {"name": args.pop("branch")} if "branch" in args else {}
        return {"command": "worktree", "subcommand": action, **name, **args}

    made = await repository.run(tool, **arguments("create", branch="feature/x"))
    assert not made.failed, made.text
    assert facts(made) == {"path": ".worktrees/feature-x", "branch": "feature/x"}
    place = repository.root / ".worktrees/feature-x"
    assert (place / "a.txt").read_text() == "one\n"
    listed = await repository.run(tool, **arguments("list"))
    assert [each["branch"] for each in facts(listed)["worktrees"]] == ["main", "feature/x"]
    assert str(repository.root) in listed.text
    (place / "a.txt").write_text("changed\n")
    refused = await repository.run(tool, **arguments("remove", branch="feature/x"))
    assert refused.failed
    removed = await repository.run(tool, **arguments("remove", branch="feature/x", force=True))
    assert not removed.failed, removed.text
    assert not place.exists()


async def test_a_worktree_of_a_branch_that_exists_and_its_own_status(
    repository: Repository,
) -> None:
    repository.git("branch", "fx")
    made = await repository.run(
        git_worktree, command="create", branch="fx", path="side/fx", new_branch=False
    )
    assert not made.failed, made.text
    (repository.root / "side/fx/b.txt").touch()
    inside = await repository.run(git_worktree, command="status", path="side/fx")
    assert inside.text == "On branch fx\n?? b.txt"
    assert facts(inside)["is_worktree"] is True
    own = await Workspace(repository.root / "side/fx").run(git, command="status")
    assert facts(own)["is_worktree"] is True
    await repository.run(git_worktree, command="remove", path="side/fx", force=True)
    assert facts(await repository.run(git_worktree, command="status"))["branch"] == "main"


@pytest.mark.parametrize("path", ["../outside", "/tmp/outside", "lnk/x"])
async def test_a_worktree_outside_the_workspace_is_refused(
    repository: Repository, tmp_path: Path, path: str
) -> None:
    (repository.root / "lnk").symlink_to(tmp_path)
    for command in ("create", "remove"):
        shown = await repository.run(git_worktree, command=command, branch="w", path=path)
        assert shown.failed
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "outside").exists()


# What must not happen


@pytest.mark.parametrize("value", ["--upload-pack=x", "-f", "--output=made", "a\nb", "a\0b"])
@pytest.mark.parametrize(
    ("command", "field", "rest"),
    [
        ("log", "ref", {}),
        ("log", "path", {}),
        ("diff", "target", {}),
        ("checkout", "ref", {}),
        ("branch", "name", {}),
        ("branch", "base", {"name": "b"}),
        ("stash", "target", {"subcommand": "pop"}),
        ("worktree", "path", {"subcommand": "create"}),
        ("worktree", "base", {"subcommand": "create", "name": "b"}),
    ],
)
async def test_no_argument_is_taken_for_an_option(
    repository: Repository, command: str, field: str, rest: dict[str, str], value: str
) -> None:
    shown = await repository.ask(command, **{field: value}, **rest)
    assert shown.failed
    assert shown.error_kind == {"type": "invalid_argument"}
    assert sorted(path.name for path in repository.root.iterdir()) == [".git", "a.txt"]


async def test_a_path_is_no_pattern(repository: Repository) -> None:
    repository.put("a.txt", "CHANGED\n")
    assert "No differences" in (await repository.do("diff", path="*.txt")).text


async def every_command(repository: Repository) -> list[Observation]:
    """Use every command, with something changed for each of them to work on."""
    seen: list[Observation] = []
    repository.put("a.txt", "changed\n")
    seen += [await repository.ask(name) for name in ("status", "diff", "log", "branch", "remote")]
    seen.append(await repository.ask("stash", message="wip", include_untracked=True))
    seen.append(await repository.ask("branch", name="fx"))
    seen.append(await repository.ask("checkout", ref="fx"))
    seen.append(await repository.ask("stash", subcommand="apply"))
    seen.append(await repository.ask("checkout", ref="main", force=True))
    seen.append(await repository.ask("worktree", subcommand="create", name="w"))
    seen.append(await repository.ask("worktree"))
    worktree = Workspace(repository.root / ".worktrees/w")
    worktree.put("a.txt", "changed\n")
    seen.append(await worktree.run(git, command="status"))
    seen.append(await worktree.run(git, command="diff"))
    seen.append(await repository.ask("worktree", subcommand="remove", name="w", force=True))
    return seen


HOSTILE_SETTINGS = {
    "core.fsmonitor": "PWN",
    "core.pager": "PWN",
    "core.editor": "PWN",
    "core.sshCommand": "PWN",
    "diff.external": "PWN",
    "diff.evil.command": "PWN",
    "diff.evil.textconv": "PWN",
    "filter.evil.clean": "PWN",
    "filter.evil.smudge": "PWN",
    "filter.evil.required": "true",
    "filter.with.dots.process": "PWN",
    "merge.evil.driver": "PWN",
    "hook.evil.command": "PWN",
    "hook.evil.event": "post-checkout",
    "gpg.program": "PWN",
    "log.showSignature": "true",
    "alias.status": "!PWN",
    "pager.status": "PWN",
    "gc.auto": "1",
    "gc.recentObjectsHook": "PWN",
}


class Hostile:
    """Makes a repository carry programs, and tells whether one of them ran."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.proof = repository.root.parent / "PWNED"
        self.program = repository.root.parent / "pwn"
        self.program.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.proof}\ncat\n')
        self.program.chmod(0o755)

    def arm(self, file: str | None = None) -> None:
        """Write the settings into `file`, or the repository's own configuration."""
        where = ("--file", file) if file else ("--local",)
        for name, value in HOSTILE_SETTINGS.items():
            run_git(
                self.repository.root,
                "config",
                *where,
                name,
                value.replace("PWN", str(self.program)),
            )
        for attribute in ("filter", "diff", "merge"):
            with (self.repository.root / ".git/info/attributes").open("a") as attributes:
                attributes.write(f"*.txt {attribute}=evil\n")
        hooks = self.repository.root / ".git/hooks"
        for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"):
            (hooks / hook).unlink(missing_ok=True)
            (hooks / hook).symlink_to(self.program)

    def ran(self) -> str:
        return self.proof.read_text() if self.proof.exists() else ""


@pytest.fixture
def hostile(repository: Repository) -> Hostile:
    repository.put("b.txt", "b\n")
    repository.commit("More")
    return Hostile(repository)


async def test_the_hostile_repository_of_these_tests_would_run_programs(hostile: Hostile) -> None:
    hostile.arm()
    hostile.repository.put("a.txt", "changed\n")
    hostile.repository.git("status")
    assert "pwn" in hostile.ran()


async def test_no_program_that_a_repository_carries_is_run(hostile: Hostile) -> None:
    hostile.arm()
    seen = await every_command(hostile.repository)
    assert [shown.text for shown in seen if shown.failed] == []
    assert hostile.ran() == ""


async def test_nor_one_that_it_includes_from_elsewhere(hostile: Hostile) -> None:
    hostile.arm(str(hostile.repository.root.parent / "elsewhere"))
    hostile.repository.git("config", "include.path", "../../elsewhere")
    seen = await every_command(hostile.repository)
    assert [shown.text for shown in seen if shown.failed] == []
    assert hostile.ran() == ""


async def test_nor_one_in_the_configuration_of_a_worktree(hostile: Hostile) -> None:
    hostile.arm(str(hostile.repository.root / ".git/config.worktree"))
    hostile.repository.git("config", "extensions.worktreeConfig", "true")
    seen = await every_command(hostile.repository)
    assert [shown.text for shown in seen if shown.failed] == []
    assert hostile.ran() == ""


async def test_nor_one_behind_a_decoy_of_the_configuration(hostile: Hostile) -> None:
    repository = hostile.repository
    common = repository.root.parent / "common"
    run_git(repository.root, "clone", "-q", "--bare", ".", str(common))
    hostile.arm(str(common / "config"))
    (common / "info").mkdir(exist_ok=True)
    (common / "info/attributes").write_text("*.txt filter=evil\n")
    (repository.root / ".git/commondir").write_text("../../common\n")
    repository.put("a.txt", "changed\n")
    await repository.ask("status")
    await repository.ask("diff")
    await repository.ask("checkout", ref="main", force=True)
    assert hostile.ran() == ""


async def test_a_missing_object_is_not_fetched_by_a_program(hostile: Hostile) -> None:
    repository = hostile.repository
    hostile.program.write_text(f"#!/bin/sh\necho pwn >> {hostile.proof}\n")
    blob = repository.git("rev-parse", "HEAD:a.txt").strip()
    repository.git("config", "remote.origin.url", f"ext::{hostile.program}")
    repository.git("config", "protocol.ext.allow", "always")
    repository.git("config", "remote.origin.promisor", "true")
    repository.git("config", "extensions.partialClone", "origin")
    repository.git("config", "core.repositoryFormatVersion", "1")
    (repository.root / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
    repository.put("a.txt", "changed\n")
    assert (await repository.ask("diff")).failed
    assert hostile.ran() == ""
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("diff")
    assert "pwn" in hostile.ran()


async def test_a_signed_commit_starts_no_program_that_checks_it(hostile: Hostile) -> None:
    repository = hostile.repository
    header, _, message = repository.git("cat-file", "commit", "HEAD").partition("\n\n")
    begin, end = "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"
    signed = f"{header}\ngpgsig {begin}\n \n aaaa\n {end}\n\n{message}"
    repository.put("signed", signed)
    made = repository.git("hash-object", "-t", "commit", "-w", "signed").strip()
    repository.git("config", "gpg.program", str(hostile.program))
    repository.git("config", "log.showSignature", "true")
    shown = await repository.do("log", ref=made)
    assert facts(shown)["commits"][0]["hash"] == made
    assert hostile.ran() == ""
    repository.git("log", made)
    assert "pwn" in hostile.ran()


async def test_a_filter_that_cannot_be_put_out_of_force_stops_the_command(
    hostile: Hostile,
) -> None:
    hostile.repository.git("config", "filter.a=b.clean", str(hostile.program))
    shown = await hostile.repository.ask("status")
    assert shown.failed
    assert "a=b" in shown.text


async def test_a_merge_driver_of_the_repository_is_replaced_by_the_built_in_merge(
    hostile: Hostile,
) -> None:
    repository = hostile.repository
    repository.put("a.txt", "".join(f"{number}\n" for number in range(20)))
    repository.commit("Many lines")
    hostile.arm()
    repository.git("config", "--unset-all", "filter.evil.required")
    text = (repository.root / "a.txt").read_text()
    repository.put("a.txt", text.replace("0\n", "stashed\n", 1))
    await repository.do("stash", message="first line")
    repository.put("a.txt", text.replace("19\n", "committed\n"))
    repository.git("-c", "core.hooksPath=/dev/null", "-c", "filter.evil.clean=", "add", "a.txt")
    hostile.proof.unlink(missing_ok=True)
    await repository.do("stash", message="last line")
    await repository.do("stash", subcommand="pop", target="1")
    assert (repository.root / "a.txt").read_text().startswith("stashed\n1\n")
    assert hostile.ran() == ""


async def test_a_configured_work_tree_does_not_move_writes_out(
    repository: Repository, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "a.txt").write_text("mine\n")
    repository.git("config", "core.worktree", str(victim))
    await repository.do("checkout", ref="main", force=True)
    assert (victim / "a.txt").read_text() == "mine\n"
    assert (await repository.do("status")).text.splitlines()[0] == "On branch main"


async def test_asking_leaves_the_repository_as_it_was(repository: Repository) -> None:
    repository.put("a.txt", "one\n")
    index = (repository.root / ".git/index").read_bytes()
    for command in ("status", "diff", "log", "branch", "stash", "remote", "worktree"):
        await repository.do(command)
    assert (repository.root / ".git/index").read_bytes() == index


# What is told about the calls


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"command": "status"}, Effect.READ),
        ({"command": "diff"}, Effect.READ),
        ({"command": "log"}, Effect.READ),
        ({"command": "remote"}, Effect.READ),
        ({"command": "branch"}, Effect.READ),
        ({"command": "stash"}, Effect.READ),
        ({"command": "worktree", "subcommand": "list"}, Effect.READ),
        ({"command": "branch", "name": "b"}, Effect.EXECUTE),
        ({"command": "branch", "subcommand": "remove", "name": "b"}, Effect.EXECUTE),
        ({"command": "checkout", "subcommand": "list", "ref": "b"}, Effect.EXECUTE),
        ({"command": "stash", "message": "m"}, Effect.EXECUTE),
        ({"command": "stash", "include_untracked": True}, Effect.EXECUTE),
        ({"command": "stash", "subcommand": "pop"}, Effect.EXECUTE),
        ({"command": "worktree", "subcommand": "create"}, Effect.EXECUTE),
    ],
)
def test_only_questions_count_as_reading(args: dict[str, object], expected: Effect) -> None:
    assert effect(git, **args) is expected


def test_permission_rules_match_the_arguments_that_were_given() -> None:
    assert subject(git, command="checkout", ref="main") == '{"command":"checkout","ref":"main"}'


@pytest.mark.parametrize("tool", GIT_TOOLS, ids=lambda tool: tool.name)
def test_an_unknown_command_or_argument_is_refused(tool: object) -> None:
    for wrong in ({"command": "push"}, {"command": "status", "colour": True}, {}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, tool.args)


# The parser


PATHS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=12)
CODES = st.sampled_from(["M.", ".M", "MM", "A.", "D.", ".D", "T."])


@st.composite
def records(draw: st.DrawFn) -> tuple[str, Change]:
    path, code = draw(PATHS), draw(CODES)
    shown = code.replace(".", " ")
    match draw(st.sampled_from("12u?")):
        case "1":
            record = f"1 {code} N... 100644 100644 100644 {'a' * 40} {'b' * 40} {path}\0"
            return record, Change(shown, path)
        case "2":
            old = draw(PATHS)
            head = f"2 R. N... 100644 100644 100644 {'a' * 40} {'b' * 40} R97"
            return f"{head} {path}\0{old}\0", Change("R ", path, old)
        case "u":
            ids = " ".join(["a" * 40] * 3)
            return f"u UU N... 100644 100644 100644 100644 {ids} {path}\0", Change("UU", path)
        case _:
            return f"? {path}\0", Change("??", path)


@given(st.lists(records(), max_size=6), st.integers(0, 99), st.integers(0, 99))
def test_whatever_paths_are_called_they_are_read_back(
    entries: list[tuple[str, Change]], ahead: int, behind: int
) -> None:
    head = f"# branch.oid {'c' * 40}\0# branch.head main\0# branch.ab +{ahead} -{behind}\0"
    found = parse_status(head + "".join(record for record, _ in entries))
    assert list(found.changes) == [change for _, change in entries]
    assert (found.branch, found.ahead, found.behind) == ("main", ahead, behind)


@given(st.text())
def test_no_output_breaks_the_parser(output: str) -> None:
    for change in parse_status(output.replace("# branch.ab", "# branch.xx")).changes:
        str(change).encode(errors="surrogatepass")
