"""A run as one file: what is in it, and that a good one replays clean."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    Agent,
    FileSessionStore,
    LimitReached,
    MemorySessionStore,
    Session,
    SessionRetentionLimits,
)
from a3s_code.api import bundle as limits
from a3s_code.api.bundle import LOG, TOOLS, TREES
from a3s_code.api.export import export_run
from a3s_code.errors import (
    BundleError,
    InvalidValue,
    ModelError,
    SessionNotFound,
    StoreError,
    WorkspaceError,
)
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import FileChanging
from a3s_code.testing import calls, says
from api.bundles import Bundle, export
from api.house import House
from api.test_interrupted import KILLING, Job
from kernel.bench import files

WRITE = (calls("write", file_path="a", content="by the tool"), says("Written."))
EDIT = (calls("edit", file_path="a", old_string="by", new_string="BY"), says("Edited."))
COMMAND = (calls("bash", command="echo command > b; rm -f gone"), says("Ran."))


@pytest.fixture
def store(tmp_path: Path) -> FileSessionStore:
    return FileSessionStore(tmp_path / "sessions")


def begin(house: House, store: FileSessionStore, *turns: Any, **options: Any) -> Session:
    return house.session(*turns, permissive=True, session_store=store, **options)


def test_a_bundle_replays_clean_without_store_and_workspace(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    house.put("gone", "x")
    turns = (WRITE[0], COMMAND[0], EDIT[0], says("Done."))
    session = begin(house, store, *turns)
    session.send("go")
    before = files(house.root)
    exported, bundle = export(store, session, tmp_path / "x.a3s")
    house.agent.close()
    shutil.rmtree(store.dir)
    shutil.rmtree(house.root)
    done = bundle.replay(extract=tmp_path / "end")

    assert done.difference is None
    assert (done.status, done.head) == ("completed", exported.head)
    assert done.changed == ("a", "b", "gone")
    assert files(tmp_path / "end") == before == {"a": "BY the tool", "b": "command\n"}
    assert stat.S_IMODE(bundle.path.stat().st_mode) == 0o600
    assert {row["name"] for row in json.loads(bundle.members[TOOLS])} > {"bash", "write"}


@pytest.mark.parametrize("turns", [WRITE, COMMAND, (says("Only words."),)], ids=["w", "c", "t"])
def test_runs_of_every_kind_replay_clean(
    turns: tuple[Any, ...], house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, *WRITE, *COMMAND, *turns, says("Later."))
    for prompt in ("one", "two", "three", "four"):
        session.send(prompt)
    for run in range(4):
        exported, bundle = export(store, session, tmp_path / f"{run}.a3s", run=run)
        done = bundle.replay()
        assert done.difference is None
        assert done.records == exported.head.sequence + 1
        assert ('"prompt":"three"' in bundle.members[LOG].decode()) == (run >= 2)


def test_a_run_without_effects_says_that_it_changed_no_file(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, says("Hello."))
    session.send("hi")
    exported, bundle = export(store, session, tmp_path / "x.a3s")

    assert exported.trees.why == "the run changed no file"
    assert TREES not in bundle.members
    with pytest.raises(InvalidValue, match="changed no file"):
        bundle.replay(extract=tmp_path / "end")


def test_the_same_run_gives_the_same_bytes(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, *WRITE)
    session.send("go")
    _, one = export(store, session, tmp_path / "one.a3s")
    _, two = export(store, session, tmp_path / "two.a3s")

    assert one.path.read_bytes() == two.path.read_bytes()


def test_an_export_changes_nothing_and_the_session_goes_on(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, *WRITE, says("On."))
    session.send("go")
    head = session.log_head()
    export(store, session, tmp_path / "x.a3s")

    assert session.log_head() == head
    assert session.send("and?").text == "On."


def test_what_somebody_kept_of_the_head_proves_the_log(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, *WRITE, says("On."))
    session.send("go")
    kept = session.log_head()
    session.send("on")
    exported, bundle = export(store, session, tmp_path / "x.a3s")

    assert kept is not None
    assert bundle.replay(head=exported.head.hash).anchored == exported.head.sequence + 1
    assert bundle.replay(head=kept["hash"].upper()).anchored == kept["sequence"] + 1
    assert "head" in bundle.difference(head="0" * 64).what


def test_a_run_that_failed_replays_clean(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, WRITE[0], COMMAND[0], max_tool_rounds=1)
    with pytest.raises(LimitReached):
        session.send("go")
    done = export(store, session, tmp_path / "x.a3s")[1].replay(extract=tmp_path / "end")

    assert (done.status, done.difference) == ("failed", None)
    assert files(tmp_path / "end") == {"a": "by the tool"}


def test_a_run_that_was_killed_is_exported_with_its_effect_in_doubt(
    house: House, tmp_path: Path
) -> None:
    job = Job(house, tmp_path)
    job.die(WRITE[0], calls("bash", command=KILLING), before="nothing")
    store = FileSessionStore(job.directory)
    rows = [row for row in _runs(store) if row]
    _, dead = export(store, rows[0], tmp_path / "dead.a3s")
    session = job.resume(says("I see."))
    session.resume_run(rows[0])
    assert session.resolve_in_doubt(session.in_doubt()[0]["call_id"], took_effect=True)
    _, told = export(store, session, tmp_path / "told.a3s", run=0)
    _, on = export(store, session, tmp_path / "on.a3s", run=1)

    first = dead.replay()
    assert (first.status, first.difference, len(first.in_doubt)) == ("executing", None, 1)
    assert first.trees.begin != ""
    assert "last effect" in first.trees.why
    assert (told.replay().status, told.replay().in_doubt) == ("failed", first.in_doubt)
    assert on.replay().difference is None
    assert told.replay().records < on.replay().records


@pytest.mark.parametrize("before", ["EffectSettled", "FileChanging"])
def test_a_run_that_was_killed_in_a_write_replays_clean(
    before: str, house: House, tmp_path: Path
) -> None:
    job = Job(house, tmp_path)
    job.die(WRITE[0], before=before)
    session = job.resume(calls("write", file_path="a", content="again"), says("I see."))
    session.resume_run(session.runs()[0]["id"])
    for run in (0, 1):
        _, bundle = export(FileSessionStore(job.directory), session, tmp_path / f"{run}.a3s", run)
        assert bundle.replay().difference is None


def _runs(store: FileSessionStore) -> list[str]:
    async def runs() -> list[str]:
        names = await store.sessions()
        found = [each.run for name in names for each in await store.load(name, None)]
        return list(dict.fromkeys(found))

    return asyncio.run(runs())


def test_a_session_with_pruned_records_replays_clean(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    limits = SessionRetentionLimits(max_events_per_run=2, max_trace_events=1)
    session = begin(house, store, *WRITE, *EDIT, says("Later."), retention_limits=limits)
    for prompt in ("one", "two", "three"):
        session.send(prompt)
    for run in range(3):
        done = export(store, session, tmp_path / f"{run}.a3s", run)[1].replay()
        assert done.difference is None
        assert done.pruned > 0


def test_a_fork_replays_clean_and_names_where_it_comes_from(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, *WRITE, *EDIT)
    session.send("one")
    fork = session.fork()
    fork.send("two")
    _, bundle = export(store, fork, tmp_path / "x.a3s")

    assert bundle.replay().difference is None
    assert bundle.manifest["state"]["parent"]["session_id"] == session.session_id


def test_a_run_after_a_rewind_replays_clean(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, *WRITE, *COMMAND, *WRITE)
    session.send("one")
    session.send("two")
    session.rewind(session.checkpoints()[0]["id"])
    session.send("three")
    for run in range(3):
        done = export(store, session, tmp_path / f"{run}.a3s", run)[1].replay()
        assert done.difference is None


def test_what_a_command_or_the_user_changed_between_is_no_difference(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, WRITE[0], calls("bash", command="echo by > a"), *EDIT, *EDIT)
    session.send("one")
    house.put("a", "by hand")
    session.send("two")
    for run in (0, 1):
        assert export(store, session, tmp_path / f"{run}.a3s", run)[1].replay().difference is None


def test_a_run_begins_with_the_files_that_the_one_before_ended_with(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    house.put("z", "old")
    edit = calls("edit", file_path="z", old_string="new", new_string="NEW")
    session = begin(house, store, *WRITE, EDIT[0], calls("bash", command="echo new > z"), edit)
    session.send("one")
    with pytest.raises(ModelError):
        session.send("two")
    one, two = (export(store, session, tmp_path / f"{n}.a3s", n)[1] for n in (0, 1))

    assert two.manifest["trees"]["begin"] == one.manifest["trees"]["end"]
    assert two.replay().changed == ("a", "z")


def test_a_beginning_that_is_not_kept_any_more_is_said(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    house.put("a", "before")
    session = begin(house, store, *WRITE)
    session.send("go")
    session_id = SessionId(session.session_id)
    house.agent.close()

    async def forget() -> None:
        again = FileSessionStore(store.dir)
        (change,) = [
            each.event
            for each in await again.load(session_id, "me")
            if isinstance(each.event, FileChanging)
        ]
        again.drop_blob(session_id, change.before.sha256, "me")
        await again.barrier(session_id, "me")
        await again.close()

    asyncio.run(forget())
    exported, bundle = export(store, _only_run(store), tmp_path / "x.a3s")
    done = bundle.replay(extract=tmp_path / "end")

    assert exported.gone == done.gone == 1
    assert "what a was is not kept" in done.trees.why
    assert done.difference is None
    assert files(tmp_path / "end") == {"a": "by the tool"}


def _only_run(store: FileSessionStore) -> str:
    """Give the only run of a store."""
    (run,) = [run for run in _runs(store) if run]
    return run


def test_a_store_whose_trees_are_gone_exports_the_rest(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, *WRITE)
    session.send("go")
    shutil.rmtree(Path(store.dir) / "snapshots")
    done = export(store, session, tmp_path / "x.a3s")[1].replay()

    assert (done.difference, done.trees.why) == (
        None,
        "the store keeps no trees of this workspace",
    )


def test_a_damaged_session_is_not_exported(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, *WRITE)
    session.send("go")
    run, session_id = session.runs()[0]["id"], session.session_id
    house.agent.close()
    with closing(sqlite3.connect(Path(store.dir) / "sessions.db")) as db, db:
        db.execute("UPDATE records SET body = CAST(body || ' ' AS BLOB) WHERE sequence = 2")

    with pytest.raises(StoreError, match="Record 2"):
        export(store, run, tmp_path / "x.a3s", session_id=session_id)
    with pytest.raises(InvalidValue, match="because damaged"):
        export(store, run, tmp_path / "x.a3s")
    assert not (tmp_path / "x.a3s").exists()


def test_an_export_that_fails_leaves_no_file(
    house: House, store: FileSessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begin(house, store, *WRITE)
    session.send("go")
    (tmp_path / "taken").mkdir()
    before = sorted(tmp_path.iterdir())

    with pytest.raises(BundleError, match="cannot be written"):
        export(store, session, tmp_path / "taken", force=True)
    monkeypatch.setattr(limits, "MAX_TOTAL_BYTES", 10)
    with pytest.raises(BundleError, match="too large"):
        export(store, session, tmp_path / "x.a3s")
    assert sorted(tmp_path.iterdir()) == before


def test_files_with_odd_names_and_ignored_ones_replay_clean(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    names = ["a b/c\td", "-n", "ü\n", "'\"$", "emoji \U0001f600", "log/ignored"]
    house.put(".gitignore", "log/\n")
    house.put("log/ignored", "before")
    turns = [calls("write", file_path=name, content=name) for name in names]
    session = begin(house, store, *turns, says("Done."))
    session.send("go")
    done = export(store, session, tmp_path / "x.a3s")[1].replay(extract=tmp_path / "end")

    assert done.difference is None
    assert len(done.changed) == len(names) - 1
    assert files(tmp_path / "end") == {".gitignore": "log/\n", **{name: name for name in names[:5]}}


def test_no_key_is_in_it(
    house: House, store: FileSessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_API_KEY", "sk-of-the-environment")
    acl = re.sub(r'(api_?[kK]ey\s*=\s*)"[^"]*"', r'\1"sk-of-the-file"', house.serve(*WRITE).acl())
    with Agent(acl) as agent:
        session = agent.session(house.root, permissive=True, session_store=store)
        session.send("go")
        _, bundle = export(store, session, tmp_path / "x.a3s")
    sent = json.dumps([dict(request.headers) for request in house.server.requests])
    assert "sk-of-the-file" in sent

    for data in [bundle.path.read_bytes(), *bundle.members.values()]:
        assert b"sk-of-the" not in data


def test_a_store_in_memory_exports_what_it_has(house: House, tmp_path: Path) -> None:
    store = MemorySessionStore()
    session = house.session(*WRITE, permissive=True, session_store=store)
    session.send("go")
    path = tmp_path / "x.a3s"
    exported = asyncio.run(export_run(store, session.runs()[0]["id"], path))

    assert exported.trees.why == "no files were taken"
    assert Bundle(path).replay().difference is None


def test_what_is_wrong_with_an_export_is_said(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, *WRITE)
    session.send("go")
    path = tmp_path / "x.a3s"
    path.write_text("mine")

    with pytest.raises(InvalidValue, match="there already"):
        export(store, session, path)
    assert path.read_text() == "mine"
    with pytest.raises(InvalidValue, match="no run"):
        export(store, "run-x", tmp_path / "y.a3s")
    with pytest.raises(SessionNotFound):
        export(store, "run-x", tmp_path / "y.a3s", session_id="nobody")
    with pytest.raises(BundleError, match="cannot be written"):
        export(store, session, tmp_path / "no" / "y.a3s")
    export(store, session, path, force=True)
    assert Bundle(path).replay().difference is None
    assert sorted(each.name for each in tmp_path.glob("*.a3s")) == ["x.a3s"]


def test_files_go_into_an_empty_directory_only(
    house: House, store: FileSessionStore, tmp_path: Path
) -> None:
    session = begin(house, store, *WRITE)
    session.send("go")
    _, bundle = export(store, session, tmp_path / "x.a3s")

    with pytest.raises(WorkspaceError, match="empty"):
        bundle.replay(extract=house.root)
