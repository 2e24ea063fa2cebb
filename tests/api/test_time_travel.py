"""Going back to a checkpoint: files, conversation, or both; and what was between."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSessionStore, PermissionPolicy, Session
from a3s_code.errors import InvalidValue, LimitReached, SnapshotLost, SnapshotRefused
from a3s_code.kernel.events import SessionId, SnapshotsOff
from a3s_code.kernel.fold import fold
from a3s_code.kernel.records import Event, SessionOpened
from a3s_code.persistence.store_directory import OWN
from a3s_code.persistence.verify import verify
from a3s_code.testing import calls, says
from a3s_code.workspace import snapshots
from a3s_code.workspace.snapshot_take import SnapshotLimits
from api.house import WAIT_S, House, come, listed, meanwhile, run_python
from kernel.bench import files


@pytest.fixture
def store(tmp_path: Path) -> FileSessionStore:
    return FileSessionStore(tmp_path / "sessions")


def begin(house: House, *turns: Any, store: FileSessionStore | None = None) -> Session:
    return house.session(*turns, permissive=True, session_store=store)


def recorded(house: House, store: FileSessionStore, session: Session) -> list[Event]:
    """Close the agent, and give what the store has of a session."""
    session_id = SessionId(session.session_id)
    house.agent.close()
    again = FileSessionStore(store.dir)
    return [record.event for record in asyncio.run(again.load(session_id, None))]


WRITE = (calls("write", file_path="a", content="by the tool"), says("Written."))
COMMAND = (calls("bash", command="echo command > b; rm -f gone"), says("Ran."))


def test_a_checkpoint_stands_before_every_run(house: House, store: FileSessionStore) -> None:
    session = begin(house, *WRITE, *COMMAND, store=store)
    assert session.checkpoints() == []
    session.send("one")
    session.send("two")

    first, second = session.checkpoints()
    runs = session.runs()
    assert [first["run_id"], second["run_id"]] == [run["id"] for run in runs]
    assert [first["label"], second["label"]] == ["one", "two"]
    assert (first["messages"], second["messages"]) == (0, 4)
    assert first["created_at_ms"] <= second["created_at_ms"]


@pytest.mark.parametrize("stored", [True, False])
def test_files_that_tools_changed_go_back(
    stored: bool, house: House, store: FileSessionStore
) -> None:
    house.put("a", "before")
    session = begin(house, *WRITE, store=store if stored else None)
    session.send("one")
    session.write_file("new", "x")
    done = session.rewind(session.checkpoints()[0]["id"])

    assert files(house.root) == {"a": "before"}
    assert (done["written"], done["removed"], done["left"]) == (["a"], ["new"], {})
    assert session.history() == []


def test_files_that_a_command_changed_go_back(house: House, store: FileSessionStore) -> None:
    house.put("gone", "x")
    session = begin(house, *WRITE, *COMMAND, store=store)
    session.send("one")
    session.send("two")
    session.bash("echo later > c")
    first, second = session.checkpoints()

    session.rewind(second["id"])
    assert files(house.root) == {"a": "by the tool", "gone": "x"}
    assert len(session.history()) == 4
    session.rewind(first["run_id"])
    assert files(house.root) == {"gone": "x"}
    assert session.history() == []


def test_a_rewind_can_be_undone(house: House, store: FileSessionStore) -> None:
    session = begin(house, *WRITE, *COMMAND, store=store)
    session.send("one")
    session.send("two")
    before, history = files(house.root), session.history()
    done = session.rewind(session.checkpoints()[0]["id"])
    assert files(house.root) == {}
    again = session.rewind(done["undo"])

    assert files(house.root) == before
    assert session.history() == history
    session.rewind(again["undo"])
    assert files(house.root) == {}
    assert session.history() == []


def test_files_and_conversation_go_back_apart(house: House, store: FileSessionStore) -> None:
    session = begin(house, *WRITE, store=store)
    session.send("one")
    place = session.checkpoints()[0]["id"]

    done = session.rewind(place, files=False)
    assert (done["tree"], done["written"]) == (None, [])
    assert files(house.root) == {"a": "by the tool"}
    assert session.history() == []
    session.rewind(done["undo"], files=False)
    assert len(session.history()) == 4
    session.rewind(place, chat=False)
    assert files(house.root) == {}
    assert len(session.history()) == 4


def test_a_session_goes_on_after_a_rewind(house: House, store: FileSessionStore) -> None:
    session = begin(house, *WRITE, says("Again."), store=store)
    session.send("one")
    session.rewind(session.checkpoints()[0]["id"])
    session.send("two")

    messages = house.bodies[-1]["messages"]
    assert [row["content"] for row in messages if row["role"] == "user"] == ["two"]


def test_a_rewind_is_the_same_after_a_resume(house: House, store: FileSessionStore) -> None:
    session = begin(house, *WRITE, *COMMAND, store=store)
    session.send("one")
    session.send("two")
    house.agent.close()
    again = FileSessionStore(store.dir)
    later = house.employ().resume_session(session.session_id, session_store=again)
    later.rewind(later.checkpoints()[0]["id"])

    assert files(house.root) == {}
    assert later.history() == []


def test_without_a_store_nobody_can_tell_what_a_command_changed(house: House) -> None:
    session = begin(house, *COMMAND)
    session.send("one")
    place = session.checkpoints()[0]["id"]

    with pytest.raises(SnapshotLost, match="a command ran"):
        session.rewind(place)
    assert files(house.root) == {"b": "command\n"}
    assert len(session.history()) == 4
    session.rewind(place, files=False)
    assert session.history() == []


def test_without_snapshots_nothing_is_taken_and_files_of_tools_alone_go_back(
    house: House, store: FileSessionStore
) -> None:
    session = house.session(*WRITE, *COMMAND, permissive=True, session_store=store, snapshots=False)
    session.send("one")
    assert not (Path(store.dir) / "snapshots").exists()
    undo = session.rewind(session.checkpoints()[0]["id"])["undo"]
    assert files(house.root) == {}
    session.rewind(undo)
    session.send("two")
    with pytest.raises(SnapshotLost, match="a command ran"):
        session.rewind(session.runs()[-1]["id"])
    assert files(house.root) == {"a": "by the tool", "b": "command\n"}


def test_a_checkpoint_that_is_not_there_is_refused(house: House, store: FileSessionStore) -> None:
    session = begin(house, *WRITE, store=store)
    session.send("one")

    for name in ("cp-9999", "run-x", ""):
        with pytest.raises(InvalidValue, match="no checkpoint"):
            session.rewind(name)
        with pytest.raises(InvalidValue, match="no checkpoint"):
            session.diff(name)
    assert files(house.root) == {"a": "by the tool"}


def test_what_is_between_two_checkpoints_is_a_diff(house: House, store: FileSessionStore) -> None:
    session = begin(house, *WRITE, *COMMAND, store=store)
    session.send("one")
    session.send("two")
    first, second = (row["id"] for row in session.checkpoints())

    assert "+by the tool" in session.diff(first, second)
    assert "+command" not in session.diff(first, second)
    assert "+command" in session.diff(second)
    assert session.diff(first, first) == ""


def test_the_users_repository_is_untouched(house: House, store: FileSessionStore) -> None:
    house.put(".git/config", "[core]\n")
    house.put(".git/hooks/pre-commit", "#!/bin/sh\ntouch PWNED\n").chmod(0o755)
    before = sorted(path.name for path in house.root.rglob("*") if ".git" in path.parts)
    session = begin(house, *WRITE, *COMMAND, store=store)
    session.send("one")
    session.send("two")
    session.rewind(session.checkpoints()[0]["id"])

    after = sorted(path.name for path in house.root.rglob("*") if ".git" in path.parts)
    assert after == before
    assert not house.has("PWNED")


def test_a_workspace_that_cannot_be_taken_is_said_and_commands_still_run(
    house: House, store: FileSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "SnapshotLimits", lambda: SnapshotLimits(max_files=1))
    for name in "xyz":
        house.put(name)
    session = begin(house, *COMMAND, store=store)
    session.send("one")

    assert house.get("b") == "command\n"
    place = session.checkpoints()[0]["id"]
    with pytest.raises(SnapshotRefused, match="files") as caught:
        session.rewind(place)
    assert caught.value.hint.startswith("have git ignore generated files; or")
    session.rewind(place, files=False)
    assert session.history() == []
    (off,) = [each for each in recorded(house, store, session) if isinstance(each, SnapshotsOff)]
    assert "files" in off.reason


@pytest.mark.parametrize("session_id", ["x" * 300, "会" * 60, "../../outside", "a/b\\c d"])
def test_a_session_may_be_called_anything(
    session_id: str, house: House, store: FileSessionStore
) -> None:
    session = house.session(*COMMAND, permissive=True, session_store=store, session_id=session_id)
    session.send("one")
    session.rewind(session.checkpoints()[0]["id"])
    fork = session.fork(session_id=f"{session_id}2")

    assert files(house.root) == {}
    assert Path(fork.workspace).is_relative_to(store.dir)


def test_snapshots_that_are_off_are_told_in_the_stream_and_tried_again_after_a_resume(
    house: House, store: FileSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as small:
        small.setattr(snapshots, "SnapshotLimits", lambda: SnapshotLimits(max_files=1))
        for name in "xyz":
            house.put(name)
        session = begin(house, *COMMAND, store=store)
        told = [event.event_type for event in session.stream("one")]
        house.agent.close()
    later = house.employ(*COMMAND).resume_session(
        session.session_id, session_store=FileSessionStore(store.dir), permissive=True
    )
    later.send("two")
    house.put("b", "changed")
    later.rewind(later.checkpoints()[1]["id"])

    assert told.count("snapshots_off") == 1
    assert house.get("b") == "command\n"


def test_a_rewind_that_was_killed_can_be_taken_back(house: House, store: FileSessionStore) -> None:
    server = house.serve(*COMMAND)
    program = f"""
        import os, signal
        from a3s_code import Agent, FileSessionStore
        from a3s_code.workspace.snapshot_restore import Restoring
        agent = Agent({server.acl()!r})
        session = agent.session({str(house.root)!r}, session_id="job-1", permissive=True,
                                session_store=FileSessionStore({store.dir!r}))
        session.send("one")
        run = Restoring.run
        async def dies(*args):
            await run(*args)
            os.kill(os.getpid(), signal.SIGKILL)
        Restoring.run = dies
        session.rewind(session.checkpoints()[0]["id"])
        """
    assert run_python(program).returncode == -9
    session = house.employ().resume_session(
        "job-1", session_store=FileSessionStore(store.dir), permissive=True
    )

    assert files(house.root) == {}
    assert [row["tool"] for row in session.in_doubt()] == ["rewind"]
    undo = session.checkpoints()[-1]
    assert (undo["run_id"], undo["messages"]) == (None, 4)
    session.rewind(undo["id"])
    assert files(house.root) == {"b": "command\n"}
    assert len(session.history()) == 4


def test_a_rewind_takes_the_time_that_it_needs_whatever_tools_may_take(
    house: House, store: FileSessionStore
) -> None:
    session = house.session(*WRITE, permissive=True, session_store=store, tool_timeout_ms=1)
    session.send("one")
    house.put("a", "by hand")

    assert session.rewind(session.checkpoints()[0]["id"])["removed"] == ["a"]


def test_something_goes_back(house: House) -> None:
    session = begin(house, says("Hello."))
    session.send("one")

    with pytest.raises(InvalidValue, match="Neither files nor chat"):
        session.rewind(session.checkpoints()[0]["id"], files=False, chat=False)
    assert len(session.checkpoints()) == 1


def test_a_command_at_work_at_a_checkpoint_leaves_its_files_untold(
    house: House, store: FileSessionStore
) -> None:
    session = begin(house, says("One."), says("Two."), store=store)
    session.send("one")
    wait = "touch began; until [ -e go ]; do sleep 0.01; done; echo late > late"
    with meanwhile(lambda: session.bash(wait)) as came:
        come(lambda: house.has("began"))
        session.send("two")
        house.put("go")
    assert came
    first, second = (row["id"] for row in session.checkpoints())

    with pytest.raises(SnapshotLost, match="a command was at work"):
        session.rewind(second)
    session.rewind(first)
    assert not house.has("late")


def test_a_run_whose_conversation_was_rewound_is_not_resumed(house: House) -> None:
    session = house.session(says("One."), default=calls("ls"), permissive=True, max_tool_rounds=1)
    session.send("one")
    with pytest.raises(LimitReached) as caught:
        session.send("two")
    session.rewind(session.checkpoints()[1]["id"])

    with pytest.raises(InvalidValue, match="rewound since"):
        session.resume_run(caught.value.run_id)


@pytest.mark.parametrize("how", ["itself", "by a link", "inside a link"])
def test_a_store_in_the_workspace_is_not_part_of_a_way_back(
    how: str, house: House, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(house.root)
    place = {"itself": house.root, "by a link": tmp_path / "link"}.get(how, tmp_path / "link/kept")
    session = begin(house, *COMMAND, *WRITE, says("Later."), store=FileSessionStore(place))
    session.send("one")
    session.send("two")
    session.rewind(session.checkpoints()[1]["id"])
    session.send("three")
    history = session.history()
    house.agent.close()

    assert {path.name for path in house.root.iterdir()} - {"kept", *OWN} == {"b"}
    assert [fault for report in verify(place) for fault in report.faults] == []
    later = house.employ().resume_session(session.session_id, session_store=FileSessionStore(place))
    assert later.history() == history
    later.rewind(later.checkpoints()[0]["id"])
    assert len(later.checkpoints()) == 5
    house.agent.close()
    assert [fault for report in verify(place) for fault in report.faults] == []


def test_a_command_runs_also_when_its_tree_cannot_be_kept(
    house: House, store: FileSessionStore
) -> None:
    session = begin(house, *COMMAND, *COMMAND, store=store)
    session.send("one")
    (shadow,) = (Path(store.dir) / "snapshots").iterdir()
    shutil.rmtree(shadow / "refs/keep")
    (shadow / "refs/keep").touch()
    house.put("gone", "x")
    session.send("two")

    assert not house.has("gone")
    (off,) = [each for each in recorded(house, store, session) if isinstance(each, SnapshotsOff)]
    assert "cannot be written" in off.reason


def test_a_way_back_outlives_a_cleaning_by_git(house: House, store: FileSessionStore) -> None:
    house.put("gone", "only a tree has this")
    session = begin(house, *COMMAND, *COMMAND, store=store)
    session.send("one")
    session.send("two")
    (shadow,) = (Path(store.dir) / "snapshots").iterdir()
    subprocess.run(("git", f"--git-dir={shadow}", "gc", "-q", "--prune=now"), check=True)

    session.rewind(session.checkpoints()[0]["id"])
    assert files(house.root) == {"gone": "only a tree has this"}


@pytest.mark.parametrize("path", [".git/config", "sub/.git/config", ".GIT/config"])
def test_what_a_tool_wrote_below_a_repository_stays_as_it_is(
    path: str, house: House, store: FileSessionStore
) -> None:
    house.put("a", "before")
    session = begin(house, *WRITE, store=store)
    session.send("one")
    session.write_file(path, "[core]\n")
    done = session.rewind(session.checkpoints()[0]["id"])

    assert done["written"] == ["a"]
    assert done["removed"] == []
    assert house.get("a") == "before"
    assert house.get(path) == "[core]\n"


@pytest.mark.parametrize("asked", ["ls-files", "cat-file"])
def test_git_ends_with_the_process_that_asked_it(
    asked: str, house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    hanging, said = tmp_path / "bin/git", tmp_path / "pid"
    hanging.parent.mkdir()
    hanging.write_text(
        f'#!/bin/sh\ncase " $* " in *" {asked} "*) echo $$ >> {said}; exec sleep 600;; esac\n'
        f'exec {shutil.which("git") or "git"} "$@"\n'
    )
    hanging.chmod(0o755)
    program = f"""
from a3s_code import Agent, FileSessionStore
store = FileSessionStore({store.dir!r})
agent = Agent({house.serve(*COMMAND).acl()!r})
agent.session({str(house.root)!r}, permissive=True, session_store=store).send("go")
"""
    environment = {**os.environ, "PATH": f"{hanging.parent}:{os.environ['PATH']}"}
    running = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        pids = come(lambda: listed(said.read_text()) if said.exists() else None)
    finally:
        running.kill()
        running.wait(WAIT_S)
    try:
        come(lambda: not any(map(is_running, pids)))
    finally:
        for pid in filter(is_running, pids):
            os.kill(int(pid), signal.SIGKILL)


def is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_trees_of_a_session_without_a_store_go_with_the_agent(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    session = begin(house, *WRITE)
    session.send("one")
    session.rewind(session.checkpoints()[0]["id"])
    (scratch,) = (tmp_path / "tmp").iterdir()
    assert scratch.stat().st_mode & 0o077 == 0
    house.agent.close()

    assert list((tmp_path / "tmp").iterdir()) == []


# Forks


def test_a_fork_has_the_conversation_and_a_copy_of_the_files(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, *WRITE, says("Two."), says("Forked."), store=store)
    session.send("one")
    fork = session.fork(workspace=tmp_path / "copy")
    fork.write_file("a", "in the fork")
    session.send("two")
    fork.send("three")

    assert fork.session_id != session.session_id
    assert fork.workspace == str(tmp_path / "copy")
    assert house.get("a") == "by the tool"
    assert (tmp_path / "copy/a").read_text() == "in the fork"
    asked = [row["content"] for row in house.bodies[-1]["messages"] if row["role"] == "user"]
    assert asked == ["one", "three"]
    assert len(session.history()) == 6


def test_a_fork_from_a_checkpoint_is_as_it_was_there(house: House, store: FileSessionStore) -> None:
    session = begin(house, *WRITE, *COMMAND, store=store)
    session.send("one")
    session.send("two")
    fork = session.fork(at=session.checkpoints()[1]["id"])

    assert files(Path(fork.workspace)) == {"a": "by the tool"}
    assert Path(fork.workspace).is_relative_to(store.dir)
    assert len(fork.history()) == 4
    assert files(house.root) == {"a": "by the tool", "b": "command\n"}


def test_a_fork_outlives_its_process_and_names_where_it_comes_from(
    house: House, store: FileSessionStore
) -> None:
    session = begin(house, *WRITE, says("Forked."), store=store)
    session.send("one")
    session_id = session.session_id
    fork = session.fork(session_id="fork-1")
    fork.send("two")
    opened = recorded(house, store, fork)[0]
    later = house.employ().resume_session("fork-1", session_store=FileSessionStore(store.dir))

    assert len(later.history()) == 6
    assert isinstance(opened, SessionOpened)
    assert opened.parent is not None
    assert opened.parent.session_id == session_id
    assert opened.parent.at == opened.parent.sequence
    assert len(opened.parent.sha256) == 64


def test_a_fork_of_a_session_that_goes_on_has_the_policy_that_was_recorded(
    house: House, store: FileSessionStore
) -> None:
    strict = PermissionPolicy(deny=["write(*)"], default_decision="allow")
    first = house.session(says("One."), session_store=store, permission_policy=strict)
    first.send("one")
    session_id = first.session_id
    house.agent.close()
    later = house.employ(*WRITE).session(
        house.root, session_id=session_id, session_store=FileSessionStore(store.dir)
    )
    fork = later.fork()
    fork.send("two")

    assert not (Path(fork.workspace) / "a").exists()
    assert "denied" in house.bodies[-1]["messages"][-1]["content"].lower()


def test_a_fork_has_the_complete_outputs_that_its_conversation_names(
    house: House, store: FileSessionStore
) -> None:
    session = begin(house, calls("bash", command="seq 1 50000"), says("Many."), store=store)
    session.send("one")
    (uri,) = session.trace_events()[0]["artifact_uris"]
    fork = session.fork()
    session.close()
    found = fork.get_artifact(uri)

    assert found is not None
    assert found["content"].split()[-1] == "50000"


def test_a_fork_of_an_id_that_is_taken_is_refused_and_leaves_nothing(
    house: House, store: FileSessionStore
) -> None:
    session = begin(house, *WRITE, store=store)
    session.send("one")
    other = session.fork(session_id="other")
    with pytest.raises(InvalidValue, match="in the store already"):
        session.fork(session_id="other")
    other.close()
    with pytest.raises(InvalidValue, match="in the store already"):
        session.fork(session_id="other")

    assert len(list((Path(store.dir) / "forks").iterdir())) == 1


def test_a_fork_that_is_given_is_kept_with_its_conversation(
    house: House, store: FileSessionStore
) -> None:
    """Nothing of it is written later: its first record has it all."""
    session = begin(house, *WRITE, store=store)
    session.send("one")
    fork = session.fork()
    again = FileSessionStore(store.dir)
    stored = asyncio.run(again.load(SessionId(fork.session_id), None))

    assert fold(stored[:1]).conversation.messages == fold(stored).conversation.messages
    assert len(fork.history()) == len(fold(stored[:1]).conversation) == 4


def test_a_fork_that_goes_on_with_other_options_keeps_what_was_said_since(
    house: House, store: FileSessionStore
) -> None:
    session = begin(house, *WRITE, says("Two."), store=store)
    session.send("one")
    fork = session.fork(session_id="fork-1")
    fork.send("two")
    house.agent.close()
    again = FileSessionStore(store.dir)
    later = house.employ().resume_session("fork-1", session_store=again, temperature=0.5)

    assert len(later.history()) == 6


def test_a_fork_needs_a_place_and_an_empty_one(house: House, tmp_path: Path) -> None:
    session = begin(house, *WRITE)
    session.send("one")

    with pytest.raises(InvalidValue, match="needs a directory"):
        session.fork()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with pytest.raises(RuntimeError, match="empty"):
        session.fork(workspace=tmp_path / "full")
    assert files(tmp_path / "full") == {"x": ""}
