"""No write without a record of what the file was and what it was to be."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from a3s_code.errors import StoreError
from a3s_code.kernel import file_changes
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.fold import fold
from a3s_code.kernel.records import EffectIntended, FileChanging, FileImage, FileLeft, Record
from a3s_code.persistence.memory import MemorySessionStore
from kernel.bench import Bench, WatchedStore, call


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_a_write_is_recorded_with_what_was_there_and_what_will_be(tmp_path: Path) -> None:
    bench = Bench(tmp_path, store=MemorySessionStore())
    await bench.execute(call("write", "c1", file_path="dir/a", content="one"))
    await bench.execute(call("edit", "c2", file_path="dir/a", old_string="one", new_string="two"))

    first, second = bench.all(FileChanging)
    one, two = FileImage(sha256(b"one"), 3), FileImage(sha256(b"two"), 3)
    assert (first.call_id, first.tool, first.path) == ("c1", "write", "dir/a")
    assert (first.before, first.after) == (FileImage(), one)
    assert (second.call_id, second.tool) == ("c2", "edit")
    assert (second.before, second.after) == (msgspec.structs.replace(one, is_kept=True), two)
    assert await bench.log.get_blob(sha256(b"one")) == b"one"
    assert [change.what for change in bench.log.state.changes] == [first, second]


class OutOfSpace(WatchedStore):
    """Loses the records from the first change of a file on."""

    def append(self, session: SessionId, record: Record, owner: str = "") -> None:
        self.broken = self.broken or isinstance(record.event, FileChanging)
        super().append(session, record, owner)


async def test_a_write_that_cannot_be_recorded_does_not_happen(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    bench = Bench(tmp_path, store=OutOfSpace())
    with pytest.raises(StoreError):
        await bench.execute(call("write", file_path="a", content="new"))

    assert len(bench.all(FileChanging)) == 1
    assert (tmp_path / "a").read_text() == "old"


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_write_that_fails_is_told_to_have_changed_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with no_file_larger_than(100):
        (result,) = await bench.execute(call("write", file_path="a", content="x" * 200))

    assert result.is_error
    assert [event.path for event in bench.all(FileLeft)] == ["a"]
    assert bench.log.state.changes == []


async def test_a_write_in_a_copy_is_recorded_as_one_there_and_is_no_version(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").write_text("old")
    bench = Bench(tmp_path, store=MemorySessionStore())
    bench.executor.space = replace(bench.executor.space, is_apart=True)
    await bench.execute(call("write", "c1", file_path="a", content="new"))

    (changed,) = bench.all(FileChanging)
    (intended,) = bench.all(EffectIntended)
    assert (changed.apart, intended.apart) == (str(tmp_path), str(tmp_path))
    assert not changed.before.is_kept
    assert await bench.log.get_blob(sha256(b"old")) is None
    assert (bench.log.state.changes, bench.log.state.blobs) == ([], {})


async def test_a_write_in_a_copy_that_fails_leaves_no_file_to_be_settled(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.executor.space = replace(bench.executor.space, is_apart=True)
    with no_file_larger_than(100):
        await bench.execute(call("write", "call-1", file_path="a", content="x" * 200))

    records = bench.log.records
    at = next(record.sequence for record in records if isinstance(record.event, FileLeft))
    assert [each.path for each in fold(records[:at]).effects["call-1"].files] == ["a"]
    assert fold(records[: at + 1]).effects["call-1"].files == []


@pytest.mark.parametrize(("size", "is_kept"), [(8, True), (9, False)])
async def test_a_large_file_is_told_by_its_digest_and_not_kept(
    size: int, is_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_changes, "MAX_KEPT_BYTES", 8)
    content = b"x" * size
    (tmp_path / "a").write_bytes(content)
    bench = Bench(tmp_path, store=MemorySessionStore())
    await bench.execute(call("write", file_path="a", content="new"))

    (event,) = bench.all(FileChanging)
    assert event.before == FileImage(sha256(content), size, is_kept)
    assert (await bench.log.get_blob(sha256(content)) is not None) is is_kept


async def test_of_a_huge_file_not_even_the_digest_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_changes, "MAX_SEEN_BYTES", 8)
    (tmp_path / "a").write_bytes(b"x" * 20)
    bench = Bench(tmp_path)
    await bench.execute(call("write", file_path="a", content="new"))

    (event,) = bench.all(FileChanging)
    assert event.before.sha256 == "?"
    assert (tmp_path / "a").read_text() == "new"
