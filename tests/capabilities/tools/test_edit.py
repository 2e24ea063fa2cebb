from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from a3s_code.capabilities.edits.rewriting import MAX_FILE_BYTES
from a3s_code.capabilities.tools.edit import edit
from a3s_code.errors import PathRefused
from a3s_code.kernel.tool import Effect, Observation
from capabilities.conftest import Workspace, effect, subject


def kind(shown: Observation) -> str:
    assert shown.failed
    assert shown.exit_code == 1
    assert shown.error_kind is not None
    return str(shown.error_kind["type"])


def test_editing_is_a_write_to_the_named_file() -> None:
    args = {"file_path": "a/b.py", "old_string": "x", "new_string": "y"}
    assert effect(edit, **args) is Effect.WRITE
    assert subject(edit, **args) == "a/b.py"
    assert set(edit.schema["required"]) == {"file_path", "old_string", "new_string"}


async def test_the_text_is_replaced_and_both_versions_are_told(workspace: Workspace) -> None:
    place = workspace.put("notes.txt", "one\ntwo\n")
    shown = await workspace.run(edit, file_path="notes.txt", old_string="one", new_string="uno")
    assert place.read_bytes() == b"uno\ntwo\n"
    assert shown.text == "Replaced 1 occurrence in notes.txt."
    assert shown.metadata == {
        "file_path": "notes.txt",
        "before": "one\ntwo\n",
        "after": "uno\ntwo\n",
        "replacements": 1,
        "lines": [1],
    }


async def test_every_occurrence_is_replaced_when_asked_for(workspace: Workspace) -> None:
    place = workspace.put("a", "x x\n")
    refused = await workspace.run(edit, file_path="a", old_string="x", new_string="y")
    assert kind(refused) == "ambiguous"
    assert place.read_bytes() == b"x x\n"
    shown = await workspace.run(
        edit, file_path="a", old_string="x", new_string="y", replace_all=True
    )
    assert place.read_bytes() == b"y y\n"
    assert shown.text == "Replaced 2 occurrences in a."


async def test_line_ends_mode_and_byte_order_mark_stay(workspace: Workspace) -> None:
    place = workspace.put("a.sh", b"\xef\xbb\xbfone\r\ntwo\r\nlast")
    place.chmod(0o755)
    await workspace.run(edit, file_path="a.sh", old_string="one\ntwo", new_string="1\n1.5\n2")
    assert place.read_bytes() == b"\xef\xbb\xbf1\r\n1.5\r\n2\r\nlast"
    assert place.stat().st_mode & 0o777 == 0o755


async def test_blanks_at_line_ends_that_were_ignored_are_told(workspace: Workspace) -> None:
    workspace.put("a", "x  \ny\n")
    shown = await workspace.run(edit, file_path="a", old_string="x\ny", new_string="x\nz")
    assert shown.text == "Replaced 1 occurrence, ignoring blanks at line ends, in a."


async def test_a_file_of_another_encoding_keeps_its_bytes(workspace: Workspace) -> None:
    place = workspace.put("latin", b"caf\xe9\nname = 1\n\xff\xfe\n")
    shown = await workspace.run(edit, file_path="latin", old_string="= 1", new_string="= 2")
    assert place.read_bytes() == b"caf\xe9\nname = 2\n\xff\xfe\n"
    assert shown.metadata is not None
    assert (
        shown.metadata["after"] == "caf\N{REPLACEMENT CHARACTER}\nname = 2\n" + 2 * "\ufffd" + "\n"
    )


async def test_utf8_is_not_mixed_into_a_file_of_another_encoding(workspace: Workspace) -> None:
    place = workspace.put("latin", b"caf\xe9\nname = 1\n")
    shown = await workspace.run(edit, file_path="latin", old_string="= 1", new_string="= 'ü'")
    assert kind(shown) == "unsupported"
    assert place.read_bytes() == b"caf\xe9\nname = 1\n"


@pytest.mark.parametrize("data", [b"a\0b one", "one".encode("utf-16")])
async def test_binary_files_are_refused(workspace: Workspace, data: bytes) -> None:
    place = workspace.put("bin", data)
    shown = await workspace.run(edit, file_path="bin", old_string="one", new_string="two")
    assert kind(shown) == "binary"
    assert place.read_bytes() == data


async def test_a_nul_is_never_written(workspace: Workspace) -> None:
    place = workspace.put("a", "one")
    shown = await workspace.run(edit, file_path="a", old_string="one", new_string="o\0e")
    assert kind(shown) == "binary"
    assert place.read_bytes() == b"one"


async def test_a_lone_surrogate_is_refused_by_name(workspace: Workspace) -> None:
    workspace.put("a", "one")
    shown = await workspace.run(edit, file_path="a", old_string="one", new_string="x\ud800")
    assert kind(shown) == "invalid_argument"
    assert "new_string" in shown.text
    assert "U+D800 at character 1" in shown.text


async def test_a_missing_file_is_told_with_what_to_do(workspace: Workspace) -> None:
    shown = await workspace.run(edit, file_path="no.txt", old_string="a", new_string="b")
    assert kind(shown) == "not_found"
    assert "write" in shown.text
    assert not (workspace.root / "no.txt").exists()


async def test_a_directory_is_refused(workspace: Workspace) -> None:
    (workspace.root / "d").mkdir()
    shown = await workspace.run(edit, file_path="d", old_string="a", new_string="b")
    assert kind(shown) == "invalid_argument"


async def test_a_pipe_is_refused_at_once(workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "pipe")
    with pytest.raises(PathRefused):
        await workspace.run(edit, file_path="pipe", old_string="a", new_string="b")


async def test_a_file_that_is_too_large_is_refused_with_what_to_do(workspace: Workspace) -> None:
    place = workspace.put("big")
    os.truncate(place, MAX_FILE_BYTES + 1)
    shown = await workspace.run(edit, file_path="big", old_string="a", new_string="b")
    assert kind(shown) == "too_large"
    assert "bash" in shown.text


async def test_a_large_file_is_edited(workspace: Workspace) -> None:
    place = workspace.put("big", b"line\r\n" * 500_000 + b"end")
    await workspace.run(edit, file_path="big", old_string="line\nend", new_string="line\nEND")
    assert place.read_bytes() == b"line\r\n" * 500_000 + b"END"


async def test_a_change_that_changes_nothing_is_told_and_not_written(workspace: Workspace) -> None:
    place = workspace.put("a", "x\ny\n")
    written = place.stat()
    shown = await workspace.run(edit, file_path="a", old_string="x\r\ny", new_string="x\ny")
    assert kind(shown) == "unchanged"
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "x", "invalid_argument"),
        ("same", "same", "invalid_argument"),
        ("nowhere", "x", "context_mismatch"),
        ("    two", "x", "context_mismatch"),
        ("e", "E", "ambiguous"),
    ],
)
async def test_a_refused_edit_leaves_the_file_alone(
    workspace: Workspace, old: str, new: str, expected: str
) -> None:
    place = workspace.put("a", "one\n\ttwo\nthree\n")
    written = place.stat()
    shown = await workspace.run(edit, file_path="a", old_string=old, new_string=new)
    assert kind(shown) == expected
    assert shown.text.startswith("a: ")
    assert place.read_bytes() == b"one\n\ttwo\nthree\n"
    assert place.stat().st_mtime_ns == written.st_mtime_ns
    assert [entry.name for entry in workspace.root.iterdir()] == ["a"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    before=st.binary(max_size=20),
    old=st.binary(min_size=1, max_size=6),
    after=st.binary(max_size=20),
)
async def test_bytes_outside_the_replaced_text_stay(
    workspace: Workspace, before: bytes, old: bytes, after: bytes
) -> None:
    data = before + old + after
    text = old.decode("utf-8", "surrogateescape")
    assume(b"\0" not in data and data.count(old) == 1)
    assume(not (before.endswith(b"\r") and old.startswith(b"\n")))
    assume(data.decode("utf-8", "surrogateescape").count(text) == 1)
    place = workspace.put("a", data)
    shown = await workspace.run(edit, file_path="a", old_string=text, new_string="<new>")
    if shown.failed:
        assert place.read_bytes() == data
    else:
        assert place.read_bytes() == before + b"<new>" + after
