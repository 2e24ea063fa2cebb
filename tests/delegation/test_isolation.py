"""Children that work in a copy of the workspace, and the merge of what they did."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    AsyncAgent,
    AsyncSession,
    PermissionPolicy,
    SandboxPolicy,
    Session,
    SessionOptions,
)
from a3s_code.api.event import AgentEvent
from a3s_code.delegation.household import ChildHousehold
from a3s_code.errors import LimitReached, RunCancelled
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.ports import Action, Allow, Ask, Deny
from a3s_code.kernel.records import FileChanging, WorktreeEnded, WorktreeMade
from a3s_code.kernel.worktrees import Left
from a3s_code.testing import Rule, Turn, When, calls, on, says
from a3s_code.workspace.worktrees import LocalWorktrees
from api.house import House
from delegation.errands import errand
from delegation.test_child_runs import ALL, ON, begun, ended, recorded, sent
from needed import needs_bwrap

PLAIN = "a\nb\nc\nd\ne\nf\ng\nh\n"


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a temporary directory of this test alone, so that it can say what is left in it."""
    place = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def copies(temporary: Path) -> list[str]:
    return [path.name for path in temporary.iterdir() if "worktree" in path.name]


def git(house: House, *arguments: str) -> str:
    own = ("-c", "user.name=u", "-c", "user.email=u@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *own, *arguments], cwd=house.root, capture_output=True, text=True, check=True
    )
    return done.stdout


def repository(house: House) -> None:
    git(house, "init", "-q")
    git(house, "add", "-A")
    git(house, "commit", "-q", "-m", "first")


def apart(*turns: Turn, **arguments: Any) -> tuple[Turn, ...]:
    """Have the parent start a child in a worktree, which plays `turns`, and then say END."""
    return (calls("errand", isolation="worktree", **arguments), *turns, says("END"))


def data_of(event: AgentEvent) -> JsonObject:
    return json.loads(event.data or "{}")


def merge_in(events: list[AgentEvent]) -> JsonObject:
    return data_of(ended(events, "errand"))["metadata"]["merge"]


def merge_of(session: Session) -> JsonObject:
    return merge_in(sent(session))


def reasons(merge: JsonObject) -> dict[str, str]:
    return {each["path"]: each["reason"] for each in merge["conflicts"]}


# Where it works


def test_a_child_sees_the_files_as_they_are_and_its_changes_come_back(
    house: House, temporary: Path
) -> None:
    house.put("a.txt", "committed")
    repository(house)
    house.put("a.txt", "not committed")
    house.put("new.txt", "untracked")
    session = begun(
        house,
        *apart(
            calls("bash", command="cat a.txt new.txt; pwd"),
            calls("write", file_path="made/b.txt", content="made"),
            says("done"),
        ),
    )
    events = sent(session)
    output = next(e for e in events if e.event_type == "tool_end" and e.tool_name == "bash")
    assert "not committed" in str(output.tool_output)
    assert "untracked" in str(output.tool_output)
    assert str(house.root) not in str(output.tool_output)
    merge = merge_in(events)
    assert merge["status"] == "merged"
    assert merge["files"] == ["made/b.txt"]
    assert house.get("made/b.txt") == "made"
    assert copies(temporary) == []
    assert git(house, "worktree", "list").count("\n") == 1


def test_nothing_of_a_child_is_in_the_workspace_before_it_ends(house: House) -> None:
    house.put("a.txt", "old")
    seen: list[str] = []

    class Person:
        async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
            seen.append(house.get("a.txt"))
            return Allow("yes")

    session = begun(
        house,
        *apart(
            calls("write", file_path="a.txt", content="new"),
            calls("bash", command="cat a.txt"),
            says("done"),
        ),
        permission_policy=PermissionPolicy(default_decision="allow", ask=["bash(cat*)"]),
        confirmation_policy=ON,
        confirmation_manager=Person(),
    )
    assert merge_of(session)["status"] == "merged"
    assert seen == ["old"]
    assert house.get("a.txt") == "new"


def test_git_works_in_a_copy_and_a_commit_of_the_child_moves_no_branch_of_the_user(
    house: House,
) -> None:
    house.put("a.txt", "one")
    house.put("staged.txt", "x")
    repository(house)
    house.put("staged.txt", "staged")
    git(house, "add", "staged.txt")
    before = git(house, "rev-parse", "HEAD")
    commit = "git -c user.name=c -c user.email=c@example.org commit -qam child"
    session = begun(
        house,
        *apart(
            calls("bash", command="git status --short --branch"),
            calls("write", file_path="a.txt", content="two"),
            calls("bash", command=f"git diff --stat && {commit} && git log --oneline"),
            calls("git", command="status"),
            says("done"),
        ),
    )
    events = sent(session)
    first, second = [
        str(e.tool_output) for e in events if e.event_type == "tool_end" and e.tool_name == "bash"
    ]
    assert "M  staged.txt" in first
    assert "a.txt" not in first
    assert "a.txt | 2 +-" in second
    assert "child" in second
    own = next(e for e in events if e.event_type == "tool_end" and e.tool_name == "git")
    assert own.exit_code == 0
    assert house.get("a.txt") == "two"
    assert git(house, "rev-parse", "HEAD") == before
    assert git(house, "status", "--short").splitlines() == [" M a.txt", "M  staged.txt"]
    assert git(house, "branch", "--list", "-a").count("\n") == 1


def test_without_a_repository_a_child_works_in_a_plain_copy_and_that_is_said(
    house: House, temporary: Path
) -> None:
    house.put("a.txt", "one")
    session = begun(house, *apart(calls("write", file_path="a.txt", content="two"), says("done")))
    merge = merge_of(session)
    assert merge["status"] == "merged"
    assert "not the top of a git repository" in merge["without_git"]
    assert house.get("a.txt") == "two"
    assert copies(temporary) == []


def test_ignored_files_are_neither_copied_nor_merged(house: House) -> None:
    house.put(".gitignore", "out/\n")
    house.put("out/old.bin", "here")
    repository(house)
    session = begun(
        house,
        *apart(
            calls("bash", command="ls out; mkdir -p out; echo theirs > out/old.bin"),
            says("done"),
        ),
    )
    assert merge_of(session)["status"] == "nothing"
    assert house.get("out/old.bin") == "here"


# Rights


def test_a_path_of_the_parents_workspace_leads_out_of_the_copy(house: House) -> None:
    house.put("a.txt", "one")
    place = str(house.root / "a.txt")
    session = begun(house, *apart(calls("write", file_path=place, content="two"), says("done")))
    events = sent(session)
    assert ended(events, "write").exit_code != 0
    assert house.get("a.txt") == "one"


def test_rules_hold_in_a_copy_as_in_the_workspace_also_those_with_absolute_paths(
    house: House,
) -> None:
    house.put("x/secret.txt", "one")
    house.put("y/secret.txt", "one")
    deny = ["write(x/**)", f"write({house.root}/y/secret.txt)"]
    session = begun(
        house,
        *apart(
            calls("write", file_path="x/secret.txt", content="two"),
            calls("write", file_path="y/secret.txt", content="two"),
            calls("bash", command="echo two > x/secret.txt"),
            says("done"),
        ),
        permission_policy=PermissionPolicy(default_decision="allow", deny=deny),
    )
    events = sent(session)
    denied = [e for e in events if e.event_type == "permission_denied"]
    assert len(denied) == 3
    assert house.get("x/secret.txt") == house.get("y/secret.txt") == "one"


def test_what_a_rule_denies_to_write_is_not_merged_however_the_child_made_it(
    house: House,
) -> None:
    house.put("kept.txt", "one")
    house.put("run.sh", "printf two > kept.txt; printf two > free.txt")
    session = begun(
        house,
        *apart(calls("bash", command="sh run.sh"), says("done")),
        permission_policy=PermissionPolicy(default_decision="allow", deny=["write(kept.txt)"]),
    )
    merge = merge_of(session)
    assert merge["status"] == "conflicts"
    assert merge["files"] == ["free.txt"]
    assert "denied" in reasons(merge)["kept.txt"]
    assert house.get("kept.txt") == "one"
    assert house.get("free.txt") == "two"


def test_an_approver_is_asked_about_each_file_that_is_merged(house: House) -> None:
    asked: list[JsonObject] = []

    class Person:
        async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
            asked.append(action.call.input)
            is_fine = action.call.input["file_path"] != "b.txt"
            return Allow("yes") if is_fine else Deny("no")

    house.put("run.sh", "echo one > a.txt; echo two > b.txt; printf '\\377' > c.bin")
    session = begun(
        house,
        *apart(calls("bash", command="sh run.sh"), says("done")),
        permission_policy=PermissionPolicy(
            default_decision="allow", allow=["bash(*)"], ask=["write(*.txt)", "write(*.bin)"]
        ),
        confirmation_policy=ON,
        confirmation_manager=Person(),
    )
    merge = merge_of(session)
    merged = [each for each in asked if each.get("merges")]
    assert {each["file_path"]: each.get("content") for each in merged} == {
        "a.txt": "one\n",
        "b.txt": "two\n",
        "c.bin": None,
    }
    assert merge["files"] == ["a.txt", "c.bin"], merge
    assert not house.has("b.txt")


def test_a_copy_that_cannot_be_had_is_a_refusal_and_never_the_workspace(
    house: House, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from a3s_code.workspace import worktrees

    small = worktrees.SnapshotLimits(max_files=1)
    monkeypatch.setattr(worktrees, "SnapshotLimits", lambda: small)
    house.put("a.txt", "one")
    house.put("b.txt", "one")
    session = begun(
        house,
        calls("errand", isolation="worktree"),
        says("END"),
    )
    end = ended(sent(session), "errand")
    assert end.error_kind == "child.not_isolated"
    assert "more than 1 files" in str(end.tool_output)
    assert len(house.bodies) == 2
    assert copies(temporary) == []


# Merging


def meanwhile_changed(house: House, change: Any, *turns: Turn) -> JsonObject:
    """Have the workspace change while a child works in its copy, and give the merge."""
    house.put("go.txt", "")

    class Person:
        async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
            change()
            return Allow("yes")

    session = begun(
        house,
        *apart(*turns, calls("bash", command="cat go.txt"), says("done")),
        permission_policy=PermissionPolicy(default_decision="allow", ask=["bash(cat go.txt)"]),
        confirmation_policy=ON,
        confirmation_manager=Person(),
    )
    return merge_of(session)


def test_changes_of_different_lines_are_merged_and_of_the_same_lines_are_a_conflict(
    house: House,
) -> None:
    house.put("far.txt", PLAIN)
    house.put("near.txt", PLAIN)

    def change() -> None:
        house.put("far.txt", PLAIN.replace("a\n", "OURS\n"))
        house.put("near.txt", PLAIN.replace("a\n", "OURS\n"))

    merge = meanwhile_changed(
        house,
        change,
        calls("write", file_path="far.txt", content=PLAIN.replace("h\n", "THEIRS\n")),
        calls("write", file_path="near.txt", content=PLAIN.replace("a\n", "THEIRS\n")),
    )
    assert merge["status"] == "conflicts"
    assert merge["files"] == ["far.txt"]
    assert house.get("far.txt") == PLAIN.replace("a\n", "OURS\n").replace("h\n", "THEIRS\n")
    assert house.get("near.txt") == PLAIN.replace("a\n", "OURS\n")
    assert reasons(merge) == {"near.txt": "both sides changed the same lines"}
    shown = subprocess.run(merge["see"].split(), capture_output=True, text=True, check=True)
    assert "+THEIRS" in shown.stdout


def test_every_kind_of_conflict_leaves_the_file_as_the_user_has_it(house: House) -> None:
    for name in ("gone-here", "gone-there", "binary", "same", "ours-only"):
        house.put(name, f"{name}\n")

    def change() -> None:
        (house.root / "gone-here").unlink()
        house.put("gone-there", "changed here")
        house.put("twice", "ours")
        (house.root / "binary").write_bytes(b"\0ours")
        house.put("same", "both")
        house.put("ours-only", "ours")
        house.put("dir", "a file here")
        house.put("file/inner", "a directory here")
        house.put("README.txt", "ours")

    commands = (
        "echo x > gone-here; rm gone-there; echo theirs > twice; printf '\\0theirs' > binary",
        "printf both > same; mkdir dir; echo x > dir/x; echo x > file; echo x > ReadMe.txt",
        "ln -s same link",
    )
    merge = meanwhile_changed(house, change, *(calls("bash", command=each) for each in commands))
    found = reasons(merge)
    assert set(found) == {
        *("gone-here", "gone-there", "twice", "binary", "dir/x", "file", "ReadMe.txt", "link"),
    }
    assert merge["files"] == []
    assert not house.has("gone-here")
    assert house.get("gone-there") == "changed here"
    assert house.get("twice") == "ours"
    assert (house.root / "binary").read_bytes() == b"\0ours"
    assert house.get("same") == "both"
    assert house.get("ours-only") == "ours"
    assert not house.has("link")


def test_removals_binary_files_programs_and_renames_are_merged(house: House) -> None:
    house.put("gone/deep/a.txt", "x")
    house.put("old.txt", "moved")
    house.put("tool.sh", "#!/bin/sh\n")
    house.put("swap", "a file")
    repository(house)
    session = begun(
        house,
        *apart(
            calls(
                "bash",
                command="rm -r gone; mv old.txt new.txt; chmod +x tool.sh; "
                "printf '\\377\\0' > raw.bin; rm swap; mkdir swap; echo in > swap/in",
            ),
            says("done"),
        ),
    )
    merge = merge_of(session)
    assert merge["status"] == "merged", merge
    assert not house.has("gone")
    assert not house.has("old.txt")
    assert house.get("new.txt") == "moved"
    assert os.access(house.root / "tool.sh", os.X_OK)
    assert (house.root / "raw.bin").read_bytes() == b"\xff\0"
    assert house.get("swap/in") == "in\n"


def test_a_file_that_the_child_comes_to_ignore_is_not_taken_for_a_removal(house: House) -> None:
    house.put("notes.txt", "mine")
    session = begun(
        house,
        *apart(calls("write", file_path=".gitignore", content="notes.txt\n"), says("done")),
    )
    assert merge_of(session)["files"] == [".gitignore"]
    assert house.get("notes.txt") == "mine"


def test_an_ignored_file_of_the_workspace_is_never_overwritten(house: House) -> None:
    house.put("mine.log", "mine")
    house.put(".gitignore", "*.log\n")
    session = begun(
        house,
        *apart(calls("bash", command="rm .gitignore; echo theirs > mine.log"), says("done")),
    )
    merge = merge_of(session)
    assert "mine.log" in reasons(merge)
    assert house.get("mine.log") == "mine"


# Its end


def test_of_a_child_that_failed_nothing_is_merged_and_its_files_are_kept(
    house: House, temporary: Path
) -> None:
    house.put("a.txt", "one")
    session = begun(
        house,
        calls("errand", isolation="worktree", max_steps=1),
        calls("write", file_path="a.txt", content="two"),
        calls("write", file_path="b.txt", content="two"),
        says("END"),
    )
    end = ended(sent(session), "errand")
    assert house.get("a.txt") == "one"
    (done,) = recorded(session, WorktreeEnded)
    assert done.status == "kept"
    shown = json.loads(end.error_kind_json or "")["merge"]["see"]
    assert "+two" in subprocess.check_output(shown.split(), text=True)
    assert copies(temporary) == []


def test_a_run_that_is_cut_off_leaves_no_copy(house: House, temporary: Path) -> None:
    house.put("a.txt", "one")
    session = begun(
        house,
        *apart(
            calls("write", file_path="a.txt", content="two"),
            calls("bash", command="sleep 30"),
            says("done"),
        ),
        max_execution_time_ms=2000,
    )
    with pytest.raises(LimitReached):
        session.send("PARENT")
    assert copies(temporary) == []
    assert house.get("a.txt") == "one"
    (done,) = recorded(session, WorktreeEnded)
    assert done.status == "kept"


@pytest.mark.parametrize("times", [1, 3])
async def test_a_run_that_is_cut_off_while_its_copy_is_taken_leaves_no_copy(
    house: House, temporary: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    taking, may_go = asyncio.Event(), asyncio.Event()
    take = LocalWorktrees.take

    async def slow(self: LocalWorktrees, worktree: WorktreeMade) -> Left:
        taking.set()
        await may_go.wait()
        return await take(self, worktree)

    monkeypatch.setattr(LocalWorktrees, "take", slow)
    house.put("a.txt", "one")
    repository(house)
    server = house.serve(
        *apart(calls("write", file_path="a.txt", content="two"), says("done")),
    )
    async with AsyncAgent(server.acl()) as agent:
        session = agent.session(house.root, SessionOptions(permission_policy=ALL, tools=[errand]))
        run = asyncio.ensure_future(session.send("PARENT"))
        await taking.wait()
        cancels = [asyncio.ensure_future(session.cancel()) for _ in range(times)]
        await asyncio.sleep(0.01)
        may_go.set()
        await asyncio.gather(*cancels)
        with pytest.raises(RunCancelled):
            await run
        assert copies(temporary) == []
        assert git(house, "worktree", "list").count("\n") == 1
        assert house.get("a.txt") == "one"
        log = session._log()
        assert log is not None
        done = [each.event for each in log.records if isinstance(each.event, WorktreeEnded)]
        assert [each.status for each in done] == ["kept"]


# The record


def test_no_change_in_a_copy_counts_as_one_of_the_workspace(house: House) -> None:
    house.put("a.txt", "one")
    session = begun(
        house,
        *apart(
            calls("write", file_path="a.txt", content="two"),
            calls("write", file_path="a.txt", content="three"),
            says("done"),
        ),
    )
    sent(session)
    changes: list[FileChanging] = recorded(session, FileChanging)
    (made,) = recorded(session, WorktreeMade)
    assert [change.apart for change in changes] == [made.directory, made.directory, ""]
    log = session._inner._log()
    assert log is not None
    assert [change.what.path for change in log.state.changes] == ["a.txt"]
    assert log.state.worktrees == {}


def test_a_rewind_takes_a_merge_back(house: House) -> None:
    house.put("a.txt", "one")
    house.put("gone.txt", "still here")
    session = begun(
        house,
        *apart(
            calls("write", file_path="a.txt", content="two"),
            calls("bash", command="rm gone.txt; echo x > tool.sh; chmod +x tool.sh"),
            says("done"),
        ),
    )
    sent(session)
    assert house.get("a.txt") == "two"
    assert not house.has("gone.txt")
    session.rewind(session.checkpoints()[0]["id"])
    assert house.get("a.txt") == "one"
    assert house.get("gone.txt") == "still here"
    assert not house.has("tool.sh")


# Several, and inside each other


def playing(*children: tuple[str, Turn]) -> tuple[Rule, ...]:
    """Have the child of each prompt wait for the others, make its turn, and be done."""
    return tuple(
        rule
        for prompt, turn in children
        for rule in (
            on(When(first_user=prompt, tool_results=0), calls("meet")),
            on(When(first_user=prompt, tool_results=1), turn),
            on(When(first_user=prompt, tool_results=2), says("done")),
        )
    )


async def at_once(session: AsyncSession, *prompts: str) -> list[JsonObject]:
    async def one(prompt: str) -> JsonObject:
        args = {"isolation": "worktree", "prompt": prompt}
        return (await session.tool("errand", args)).metadata["merge"]  # type: ignore[index]

    return [*await asyncio.gather(*map(one, prompts))]


async def test_children_at_the_same_time_are_merged_in_turn_and_lose_nothing(
    tmp_path: Path, temporary: Path
) -> None:
    house = House(tmp_path)
    house.put("a.txt", PLAIN)
    house.put("b.txt", PLAIN)
    edits = {
        "FIRST": calls("write", file_path="a.txt", content=PLAIN.replace("a\n", "FIRST\n")),
        "SECOND": calls("write", file_path="a.txt", content=PLAIN.replace("h\n", "SECOND\n")),
        "THIRD": calls("write", file_path="b.txt", content=PLAIN.replace("d\n", "THIRD\n")),
        "FOURTH": calls("write", file_path="b.txt", content=PLAIN.replace("d\n", "FOURTH\n")),
    }
    server = house.serve(rules=playing(*edits.items()))
    here = asyncio.Barrier(len(edits))

    async def meet() -> str:
        """Wait until all are here."""
        async with asyncio.timeout(20):
            await here.wait()
        return "met"

    async with AsyncAgent(server.acl("openai")) as agent:
        session = agent.session(
            tmp_path, SessionOptions(), permission_policy=ALL, tools=[errand, meet]
        )
        merges = await at_once(session, *edits)
    house.close()
    assert [merge["status"] for merge in merges[:2]] == ["merged", "merged"]
    assert house.get("a.txt") == PLAIN.replace("a\n", "FIRST\n").replace("h\n", "SECOND\n")
    assert sorted(merge["status"] for merge in merges[2:]) == ["conflicts", "merged"]
    won = "THIRD" if merges[2]["status"] == "merged" else "FOURTH"
    assert house.get("b.txt") == PLAIN.replace("d\n", f"{won}\n")
    assert copies(temporary) == []


@pytest.mark.parametrize("inner", ["shared", "worktree"])
def test_a_child_of_a_child_works_in_the_copy_of_that(
    inner: str, house: House, temporary: Path
) -> None:
    house.put("a.txt", "one")
    repository(house)
    session = begun(
        house,
        calls("errand", isolation="worktree", may_delegate=True, allow=["*", "errand(*)"]),
        calls("write", file_path="a.txt", content="outer"),
        calls("errand", isolation=inner),
        calls("bash", command="cat a.txt; echo; pwd"),
        calls("write", file_path="b.txt", content="inner"),
        says("inner done"),
        calls("bash", command="cat b.txt; echo; pwd"),
        says("outer done"),
        says("END"),
    )
    session.tool("ls", {})
    executor = session._inner._engine.executor  # type: ignore[union-attr]
    executor.children = ChildHousehold(executor.children.home, max_depth=2)  # type: ignore[union-attr]
    events = sent(session)
    places = [
        str(each.tool_output).split()[-1]
        for each in events
        if each.event_type == "tool_end" and each.tool_name == "bash"
    ]
    assert (places[0] == places[1]) == (inner == "shared"), places
    assert str(house.root) not in places
    assert (house.get("a.txt"), house.get("b.txt")) == ("outer", "inner")
    changes: list[FileChanging] = recorded(session, FileChanging)
    assert [each.path for each in changes if not each.apart] == ["a.txt", "b.txt"]
    assert copies(temporary) == []
    assert git(house, "worktree", "list").count("\n") == 1


# Held


@needs_bwrap
def test_programs_of_a_child_are_held_in_its_copy_as_in_the_workspace(house: House) -> None:
    house.put("a.txt", "one")
    repository(house)
    session = begun(
        house,
        *apart(
            calls("bash", command=f"echo out > {house.root}/out.txt; echo in > in.txt"),
            says("done"),
        ),
        sandbox=SandboxPolicy(level="bwrap"),
    )
    events = sent(session)
    assert merge_in(events)["files"] == ["in.txt"]
    assert not house.has("out.txt")


def test_a_protected_place_is_merged_only_with_an_answer(house: House) -> None:
    house.put("run.sh", "mkdir -p .vscode; echo '{}' > .vscode/settings.json")
    session = begun(house, *apart(calls("bash", command="sh run.sh"), says("done")))
    merge = merge_of(session)
    assert list(reasons(merge)) == [".vscode/settings.json"]
    assert not house.has(".vscode/settings.json")


def test_a_hook_that_blocks_writes_blocks_the_merge_of_what_it_sees(house: House) -> None:
    house.put("run.sh", "echo SECRET > a.txt; echo fine > b.txt")
    session = begun(house, *apart(calls("bash", command="sh run.sh"), says("done")))

    def look(event: JsonObject) -> JsonObject | None:
        args = event["payload"]["args"]
        return {"action": "block", "reason": "no"} if "SECRET" in str(args) else None

    session.register_hook("no-secrets", "pre_tool_use", {"tool": "write"}, handler=look)
    merge = merge_of(session)
    assert merge["files"] == ["b.txt"]
    assert "no" in reasons(merge)["a.txt"]
    assert not house.has("a.txt")
