"""What a session has beside its records goes with it, and nothing of another does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from a3s_code.errors import SessionInUse
from a3s_code.kernel.store import session_digest
from a3s_code.kernel.workspace import Command
from a3s_code.persistence.sqlite import FileSessionStore
from a3s_code.workspace.exit_records import ExitRecords
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.snapshots import ShadowGit
from persistence.logs import OTHER, S, keep, record, records


@pytest.fixture
async def store(tmp_path: Path) -> FileSessionStore:
    """Two sessions that worked in the same directory, as the first saw it and as it is now."""
    made = FileSessionStore(tmp_path / "store")
    (tmp_path / "ws").mkdir()
    for session in (S, OTHER):
        await keep(made, records(2), session)
        made.release(session)
        await leave(made.directory, session, tmp_path / "ws")
    return made


async def leave(directory: Path, session: str, workspace: Path) -> None:
    """Leave an exit record and two trees; the first of them both sessions have."""
    name = ExitRecords(directory / "exits", session).name("call-1")
    await LocalProcesses(workspace).run(Command(("true",), exit_record=name))
    shots = ShadowGit(workspace, directory / "snapshots/ws")
    for content in ("both", session_digest(session)):
        (workspace / "f").write_text(content)
        tree = (await shots.tree()).id
        await shots.keep(tree, f"{session_digest(session)}-{tree}")


def exits(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "exits").iterdir())


def holders(directory: Path) -> list[str]:
    refs = (directory / "snapshots/ws/refs/keep").iterdir()
    return sorted(path.name.partition("-")[0] for path in refs)


def git(directory: Path, *arguments: str) -> str:
    command = ("git", f"--git-dir={directory / 'snapshots/ws'}", *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def contents(directory: Path) -> set[str]:
    """Give the contents of files that the shadow holds, as a cleaning by git leaves it."""
    git(directory, "gc", "-q", "--prune=now")
    rows = git(directory, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    blobs = [row.split()[0] for row in rows if row.split()[1] == "blob"]
    return {git(directory, "cat-file", "blob", blob) for blob in blobs}


async def test_a_deleted_session_leaves_nothing_beside_the_records(store: FileSessionStore) -> None:
    mine, others = session_digest(S), session_digest(OTHER)
    assert exits(store.directory) == sorted([mine, others])
    assert holders(store.directory) == sorted([mine, mine, others, others])
    await store.delete(S)

    assert exits(store.directory) == [others]
    assert holders(store.directory) == [others, others]
    assert list(await store.sessions()) == [OTHER]
    await store.close()


async def test_a_cleaning_by_git_keeps_what_sessions_hold_and_drops_the_rest(
    store: FileSessionStore,
) -> None:
    mine, others = session_digest(S), session_digest(OTHER)
    assert contents(store.directory) == {"both", mine, others}
    await store.delete(S)

    assert contents(store.directory) == {"both", others}
    await store.close()


async def test_nothing_goes_of_a_session_that_somebody_works_in(store: FileSessionStore) -> None:
    await store.load(S, "owner")
    store.append(S, record(2), "owner")
    with pytest.raises(SessionInUse):
        await store.delete(S)

    assert session_digest(S) in exits(store.directory)
    assert session_digest(S) in holders(store.directory)
    await store.close()


async def test_what_cannot_be_removed_does_not_keep_the_session(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path / "store")
    await keep(store, records(2), S)
    store.release(S)
    (tmp_path / "store/exits").write_text("no directory")
    await store.delete(S)

    assert list(await store.sessions()) == []
    await store.close()
