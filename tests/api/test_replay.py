"""A bundle that is not as it was written: what is wrong with it is found, and named."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import struct
import zipfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSessionStore
from a3s_code.api import bundle as limits
from a3s_code.api.bundle import BLOBS, HASHES, LOG, MANIFEST, TOOLS, TREES
from a3s_code.errors import A3SError, BundleError
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing import calls, says
from a3s_code.workspace.shadow_objects import ShadowObjects
from api.bundles import Bundle, Members, export
from api.house import House

FLIPS = int(os.environ.get("A3S_FLIPS", "400"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that wrote, ran a command, and edited; nobody changes this file."""
    place = tmp_path_factory.mktemp("original")
    (place / "work").mkdir()
    with ExitStack() as stack:
        house = House(place / "work")
        stack.callback(house.close)
        house.put("a", "old")
        store = FileSessionStore(place / "sessions")
        turns = (
            calls("write", file_path="a", content="one two"),
            calls("edit", file_path="a", old_string="one", new_string="ONE"),
            calls("bash", command="echo command > b"),
            calls("write", file_path="c", content="see"),
            calls("edit", file_path="c", old_string="see", new_string="SEE"),
            says("Done."),
        )
        session = house.session(*turns, permissive=True, session_store=store)
        session.send("go")
        _, bundle = export(store, session, place / "x.a3s")
        house.agent.close()
    assert bundle.replay().difference is None
    return bundle.path


@pytest.fixture
def good(original: Path, tmp_path: Path) -> Bundle:
    copy = tmp_path / "x.a3s"
    copy.write_bytes(original.read_bytes())
    return Bundle(copy)


def place_of(bundle: Bundle, kind: str, number: int = 0) -> int:
    """Find the sequence of a record by the type of its event."""
    found = [n for n, row in enumerate(bundle.rows) if row["event"]["type"] == kind]
    return found[number]


def edited(name: str, change: Callable[[bytes], bytes]) -> Callable[[Members], None]:
    return lambda members: members.update({name: change(members[name])})


# The log


def test_a_record_that_was_changed_is_named(good: Bundle) -> None:
    place = place_of(good, "history_appended")
    changed = good.with_members(
        edited(LOG, lambda log: log.replace(b'"text":"go"', b'"text":"no"'))
    )
    found = changed.difference()

    assert (found.sequence, found.where) == (place, f"record {place}")
    assert found.expected == good.members[HASHES].decode().split()[place] != found.found


@pytest.mark.parametrize("kind", ["removed", "moved", "added"])
def test_a_record_that_was_removed_moved_or_added_is_named(kind: str, good: Bundle) -> None:
    def change(log: bytes) -> bytes:
        lines = log.splitlines(keepends=True)
        if kind == "moved":
            lines[4], lines[5] = lines[5], lines[4]
        elif kind == "removed":
            del lines[4]
        else:
            lines.insert(4, lines[4])
        return b"".join(lines)

    assert good.with_members(edited(LOG, change)).difference().sequence == (
        5 if kind == "added" else 4
    )


def test_records_that_were_cut_off_are_missed(good: Bundle) -> None:
    def cut(members: Members) -> None:
        for name in (LOG, HASHES):
            members[name] = b"".join(members[name].splitlines(keepends=True)[:-1])

    last = len(good.rows) - 1
    assert good.with_members(
        edited(LOG, lambda log: log[: log.rindex(b"\n", 0, -1) + 1])
    ).difference()
    found = good.with_members(cut).difference()
    assert (found.sequence, found.what) == (last - 1, "the last record and its hash")


def test_a_forged_log_is_found_by_a_head_that_was_kept(good: Bundle) -> None:
    head = good.manifest["head"]["hash"]
    forged = good.with_rows(lambda rows: rows[1].update(timestamp_ms=1))

    assert forged.replay().difference is None
    assert forged.difference(head=head).expected == head


def test_a_hash_that_stands_at_an_empty_record_proves_nothing(good: Bundle) -> None:
    """Nobody can tell what had that hash, so it could be put into any log."""
    kept = good.manifest["head"]["hash"]
    hole, later = place_of(good, "trace_recorded"), place_of(good, "trace_recorded", -1)

    def name(rows: list[JsonObject]) -> None:
        rows[later]["event"] = {"type": "records_pruned", "count": 1, "ranges": [[hole, hole]]}

    forged = good.with_rows(name, {hole: kept})
    assert forged.replay().pruned == 1
    assert "head" in forged.difference(head=kept).what


def test_a_record_says_which_one_it_is(good: Bundle) -> None:
    found = good.with_rows(lambda rows: rows[3].update(sequence=4)).difference()
    assert (found.sequence, found.expected, found.found) == (3, "3", "4")


def test_a_call_that_is_intended_twice_is_named(good: Bundle) -> None:
    first, second = place_of(good, "effect_intended"), place_of(good, "file_changing")

    def again(rows: list[JsonObject]) -> None:
        rows[second]["event"] = rows[first]["event"]

    assert good.with_rows(again).difference().sequence == second


def test_a_record_that_is_empty_has_to_be_named_as_pruned(good: Bundle) -> None:
    def empty(members: Members) -> None:
        lines = members[LOG].split(b"\n")
        lines[place_of(good, "trace_recorded")] = b""
        members[LOG] = b"\n".join(lines)

    assert "pruned" in good.with_members(empty).difference().what


# What follows from the log, in logs whose chain was made anew


def test_an_effect_without_an_intent_is_named(good: Bundle) -> None:
    place = place_of(good, "effect_intended")

    def rename(rows: list[JsonObject]) -> None:
        rows[place]["event"]["call_id"] = "another"

    found = good.with_rows(rename).difference()
    assert found.sequence == place_of(good, "file_changing")
    assert "intent" in found.expected


def test_an_effect_without_an_end_is_named_in_a_run_that_completed(good: Bundle) -> None:
    place = place_of(good, "effect_settled", -1)
    call = good.rows[place]["event"]["call_id"]

    def rename(rows: list[JsonObject]) -> None:
        rows[place]["event"] = {"type": "trace_recorded", **TRACE}

    found = good.with_rows(rename).difference()
    assert found.sequence == place_of(good, "run_status_changed")
    assert call in found.expected


TRACE = {
    "kind": "tool",
    "name": "x",
    "success": True,
    "exit_code": 0,
    "duration_ms": 1,
    "output_bytes": 1,
}


def test_a_file_that_is_not_what_the_last_tool_left_is_named(good: Bundle) -> None:
    place = place_of(good, "file_changing", 1)

    def change(rows: list[JsonObject]) -> None:
        rows[place]["event"]["before"]["sha256"] = "1" * 64

    found = good.with_rows(change).difference()
    assert (found.sequence, found.found) == (place, "1" * 64)
    assert found.what == "a before it"


@pytest.mark.parametrize("number", [1, -1])
def test_a_tree_that_does_not_hold_what_tools_left_is_named(number: int, good: Bundle) -> None:
    place = place_of(good, "file_changing", number)
    path = good.rows[place]["event"]["path"]

    def change(rows: list[JsonObject]) -> None:
        rows[place]["event"]["after"]["sha256"] = "1" * 64

    found = good.with_rows(change).difference()
    assert (found.where, found.expected) == (path, "1" * 64)
    assert found.sequence == place_of(good, "snapshot_taken", 0 if number == 1 else -1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("model", "x/y"), ("messages", 99), ("conversation", "0"), ("settings", {}), ("runs", {})],
)
def test_a_state_that_does_not_follow_is_named(field: str, value: object, good: Bundle) -> None:
    changed = good.with_manifest(state={**good.manifest["state"], field: value})
    assert changed.difference().where.startswith(f"state.{field}")


# The manifest


def test_a_manifest_that_was_edited_is_refused(good: Bundle) -> None:
    for name, value in good.manifest.items():
        manifest = {**good.manifest, name: f"{value}x" if isinstance(value, str) else None}
        data = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
        with pytest.raises(BundleError, match=MANIFEST):
            good.with_members(edited(MANIFEST, lambda _, data=data: data), seal=False).replay()


@pytest.mark.parametrize(
    "change",
    [
        {"session": "other"},
        {"run": "run-other"},
        {"head": {"sequence": 1, "hash": "0" * 64}},
        {"gone": ["0" * 64]},
        {"trees": {"begin": "", "end": "", "why": ""}},
        {"members": {}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_manifest_that_was_written_anew_is_found_out(
    change: dict[str, Any], good: Bundle
) -> None:
    assert good.with_manifest(**change).replay().difference is not None


def test_a_later_format_is_said(good: Bundle) -> None:
    with pytest.raises(BundleError, match="has format 2"):
        good.with_manifest(format=2).replay()


# Blobs, tools, trees


def test_a_blob_that_was_changed_removed_or_added_is_named(good: Bundle) -> None:
    name = next(name for name in good.members if name.startswith(BLOBS))
    other = BLOBS + hashlib.sha256(b"other").hexdigest()

    assert good.with_members(edited(name, lambda data: data + b"x")).difference().where == name
    assert good.with_members(lambda members: members.pop(name)).difference().where == name
    added = good.with_members(lambda members: members.update({other: b"other"}))
    assert added.difference().where == other


def test_tools_that_were_changed_are_named(good: Bundle) -> None:
    assert good.with_members(edited(TOOLS, lambda _: b"[]")).difference().where == TOOLS
    assert good.with_members(edited(TOOLS, lambda _: b"[]"), seal=False).difference().where == TOOLS


@pytest.mark.parametrize("end", ["begin", "end"])
def test_another_tree_in_the_manifest_is_named(end: str, good: Bundle) -> None:
    trees = good.manifest["trees"]
    swapped = {**trees, end: trees["end" if end == "begin" else "begin"]}
    found = good.with_manifest(trees=swapped).difference()

    assert "tree at the" in found.what
    assert found.expected == trees[end]


def test_other_trees_in_the_pack_are_named(good: Bundle, tmp_path: Path) -> None:
    async def pack() -> bytes:
        trees = ShadowObjects(tmp_path / "own")
        await trees.unpack(good.members[TREES])
        return await trees.pack([good.manifest["trees"]["begin"]])

    other = asyncio.run(pack())
    for data in (other, good.members[TREES][:-30], b""):
        changed = good.with_members(edited(TREES, lambda _, data=data: data))
        assert changed.difference().where == TREES
    gone = good.with_members(lambda members: members.pop(TREES))
    assert gone.difference().where == TREES
    members = {name: good.manifest["members"][name] for name in (LOG, HASHES, TOOLS)}
    assert "without a pack" in gone.with_manifest(members=members).difference().expected


def test_a_pack_that_no_tree_of_the_run_is_in_is_named(
    good: Bundle, house: House, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    session = house.session(says("Hello."), session_store=store)
    session.send("hi")
    _, other = export(store, session, tmp_path / "other.a3s")
    pack = good.members[TREES]
    added = other.with_members(lambda members: members.update({TREES: pack}))
    members = {**other.manifest["members"], TREES: hashlib.sha256(pack).hexdigest()}

    assert added.difference().where == TREES
    assert added.with_manifest(members=members).difference().where == TREES


def test_a_tree_that_is_none_is_named(good: Bundle) -> None:
    place = place_of(good, "snapshot_taken", -1)
    for name in ("--all", "../x", "", "0" * 40):

        def change(rows: list[JsonObject], name: str = name) -> None:
            rows[place]["event"]["tree"] = name

        forged = good.with_rows(change)
        forged = forged.with_manifest(trees={**forged.manifest["trees"], "end": name, "why": "x"})
        assert forged.replay().difference is not None


# What is no bundle


@pytest.mark.parametrize("data", [b"", b"PK", b"x" * 1000, b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_zip_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.a3s"
    path.write_bytes(data)
    with pytest.raises(BundleError):
        Bundle(path).replay()


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BundleError, match="cannot be read"):
            Bundle(path).replay()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "blobs/../x", "blobs/" + "A" * 64, "x", "a\\b"])
def test_a_name_that_no_bundle_has_is_refused(name: str, good: Bundle) -> None:
    with pytest.raises(BundleError, match="no part of one"):
        good.with_members(lambda members: members.update({name: b""})).replay()


def test_a_member_twice_is_refused(good: Bundle) -> None:
    with (
        zipfile.ZipFile(good.path, "a") as file,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        file.writestr(LOG, good.members[LOG])
    with pytest.raises(BundleError, match="no part of one"):
        good.replay()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_packing_is_refused(method: int, good: Bundle) -> None:
    members = good.members
    with zipfile.ZipFile(good.path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    with pytest.raises(BundleError, match="another way"):
        good.replay()


def test_a_bomb_is_refused_before_it_is_unpacked(
    good: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = {BLOBS + f"{n:064x}": b"\0" * 100_000 for n in range(20)}
    big = good.with_members(lambda members: members.update(bomb))
    monkeypatch.setattr(limits, "MAX_TOTAL_BYTES", 1_000_000)
    with pytest.raises(BundleError, match="too large"):
        big.replay()
    monkeypatch.setattr(limits, "MAX_BLOB_BYTES", 50_000)
    with pytest.raises(BundleError, match="would be 100,000 bytes"):
        big.replay()


def test_a_member_that_is_larger_than_it_says_is_refused(good: Bundle) -> None:
    data = bytearray(good.path.read_bytes())
    with zipfile.ZipFile(good.path) as file:
        size = file.getinfo(LOG).file_size
    for at in _places(bytes(data), struct.pack("<L", size)):
        data[at : at + 4] = struct.pack("<L", 10)
    good.path.write_bytes(data)
    with pytest.raises(BundleError):
        good.replay()


def _places(data: bytes, word: bytes) -> list[int]:
    return [at for at in range(len(data)) if data.startswith(word, at)]


def test_a_directory_with_too_many_members_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.a3s"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(limits.MAX_MEMBERS + 1):
            file.writestr(f"blobs/{number:064x}", b"")
    with pytest.raises(BundleError, match="too large"):
        Bundle(path).replay()


def test_what_is_odd_in_json_is_refused(good: Bundle) -> None:
    for data in (b"", b"[]", b"{}", b"[" * 100_000, b'{"format":1}', b"\xff", b'{"format":true}'):
        with pytest.raises(BundleError):
            good.with_members(edited(MANIFEST, lambda _, data=data: data), seal=False).replay()
    for name in (LOG, HASHES):
        for data in (b"", b"\n", b"x\n" * 50, b"\xff\n" * 50, b"no end"):
            with suppress(BundleError):
                assert good.with_members(edited(name, lambda _, data=data: data)).difference()


def test_a_record_of_a_later_version_cannot_be_read(good: Bundle) -> None:
    later = good.with_rows(lambda rows: rows[3].update(event={"type": "of_the_future"}))
    with pytest.raises(BundleError, match="unknown to this version"):
        later.replay()


ODD: tuple[Any, ...] = (None, -1, 2**70, 1e400, "", "\ud800", [], {}, [[0, 10**18]], "run-1", True)


def test_a_log_with_any_values_gives_a_difference_or_a_typed_error(good: Bundle) -> None:
    chance = random.Random(os.environ.get("A3S_SEED", "values"))

    def spoil(rows: list[JsonObject]) -> None:
        for _ in range(chance.choice((1, 2))):
            row: Any = chance.choice(rows)
            while True:
                keys = list(row) if isinstance(row, dict) else range(len(row))
                key = chance.choice(keys)
                if not isinstance(row[key], dict | list) or not row[key] or chance.random() < 0.1:
                    break
                row = row[key]
            row[key] = chance.choice(ODD)

    for _ in range(FLIPS // 4):
        with suppress(A3SError):
            good.with_rows(spoil).replay()


def test_a_log_that_says_that_all_the_world_was_pruned_takes_no_time(good: Bundle) -> None:
    place = place_of(good, "trace_recorded")
    event = {"type": "records_pruned", "count": 1, "ranges": [[-(10**18), 10**18]] * 9}
    good.with_rows(lambda rows: rows[place].update(event=event)).replay()


def test_no_flipped_byte_passes_for_a_good_bundle(good: Bundle) -> None:
    """Bytes between the members may change, and then the members are what they were."""
    data, members = good.path.read_bytes(), good.members
    chance = random.Random(os.environ.get("A3S_SEED", "bundle"))
    changed = Bundle(good.path.with_name("flipped.a3s"))
    for _ in range(FLIPS):
        flipped = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 5))):
            flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        changed.path.write_bytes(flipped)
        try:
            is_good = changed.replay().difference is None
        except A3SError:
            continue
        assert not is_good or changed.members == members


def test_no_flipped_byte_of_a_member_passes_for_a_good_bundle(good: Bundle) -> None:
    members = good.members
    chance = random.Random(os.environ.get("A3S_SEED", "members"))
    for name in (*(LOG, HASHES, MANIFEST, TOOLS, TREES), next(iter(members))):
        for seal in (True, False):
            for _ in range(FLIPS // 40):
                data = bytearray(members[name])
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                changed = good.put_together({**members, name: bytes(data)})
                if seal and name != MANIFEST:
                    changed = changed.with_members(lambda _: None)
                try:
                    assert changed.replay().difference is not None
                except A3SError:
                    continue
