"""An archive becomes the files of a system in its own directory, and nothing outside of it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from a3s_code.errors import InvalidValue
from a3s_code.workspace.rootfs import Rootfs, UnpackLimits, check_archive, unpack

SHELL = ("bin/sh", {"data": b"#!shell", "mode": 0o6755})


def archive(path: Path, *members: tuple[str, dict[str, Any]]) -> str:
    with tarfile.open(path, "w:gz") as file:
        for name, has in members:
            member = tarfile.TarInfo(name)
            member.type = has.get("type", tarfile.REGTYPE)
            member.linkname = has.get("to", "")
            member.mode = has.get("mode", 0o644)
            data = has.get("data", b"")
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return str(path)


def test_an_archive_is_unpacked_with_its_links_and_without_rights_of_owners(tmp_path: Path) -> None:
    links = (
        ("usr", {"type": tarfile.DIRTYPE, "mode": 0o500}),
        ("usr/bin/python3", {"data": b"py", "mode": 0o755}),
        ("./link", {"type": tarfile.SYMTYPE, "to": "/etc/passwd"}),
        ("hard", {"type": tarfile.LNKTYPE, "to": "bin/sh"}),
        ("dev/null", {"type": tarfile.CHRTYPE}),
    )
    into = tmp_path / "into"
    into.mkdir()
    found = unpack(archive(tmp_path / "a.tar.gz", SHELL, *links), str(into))
    assert found == Rootfs(str(into), "/bin/sh", "/usr/bin/python3")
    assert (into / "bin/sh").stat().st_mode & 0o7777 == 0o755
    assert (into / "usr").stat().st_mode & 0o777 == 0o700
    assert str((into / "link").readlink()) == "/etc/passwd"
    assert (into / "hard").samefile(into / "bin/sh")
    assert not (into / "dev/null").exists()


@pytest.mark.parametrize(
    "members",
    [
        [("../out", {"data": b"x"})],
        [("a/../../out", {"data": b"x"})],
        [("l", {"type": tarfile.SYMTYPE, "to": "/OUT"}), ("l/out", {"data": b"x"})],
        [("l", {"type": tarfile.SYMTYPE, "to": ".."}), ("l/out", {"data": b"x"})],
        [("h", {"type": tarfile.LNKTYPE, "to": "../kept"})],
        [
            ("l", {"type": tarfile.SYMTYPE, "to": ".."}),
            ("h", {"type": tarfile.LNKTYPE, "to": "l/kept"}),
        ],
        [("f", {"data": b"x"}), ("f/out", {"data": b"x"})],
    ],
)
def test_no_member_leads_out(tmp_path: Path, members: list[tuple[str, dict[str, Any]]]) -> None:
    into, out = tmp_path / "into", tmp_path / "OUT"
    into.mkdir()
    out.mkdir()
    (tmp_path / "kept").write_bytes(b"kept")
    named = [(n, {**h, "to": h.get("to", "").replace("/OUT", str(out))}) for n, h in members]
    with pytest.raises(InvalidValue):
        unpack(archive(tmp_path / "a.tar.gz", *named, SHELL), str(into))
    assert list(out.iterdir()) == []
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "kept").stat().st_nlink == 1


def test_a_file_over_a_link_replaces_the_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    into, kept = tmp_path / "into", tmp_path / "kept"
    into.mkdir()
    kept.write_bytes(b"kept")
    link = ("f", {"type": tarfile.SYMTYPE, "to": str(kept)})
    unpack(archive(tmp_path / "a.tar.gz", link, ("f", {"data": b"new"}), SHELL), str(into))
    assert kept.read_bytes() == b"kept"
    assert (into / "f").read_bytes() == b"new"


def test_a_bomb_is_stopped_before_it_is_written(tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    bomb = archive(tmp_path / "a.tar.gz", ("big", {"data": b"\0" * 5000}), SHELL)
    with pytest.raises(InvalidValue, match="larger"):
        unpack(bomb, str(into), UnpackLimits(total_bytes=4000))
    with pytest.raises(InvalidValue, match="larger"):
        unpack(bomb, str(into), UnpackLimits(members=1))


def test_what_is_no_system_is_refused_with_what_to_give_instead(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="no directory"):
        Rootfs.at(str(tmp_path / "absent"))
    with pytest.raises(InvalidValue, match="no shell"):
        Rootfs.at(str(tmp_path))
    (tmp_path / "text").write_text("x")
    with pytest.raises(InvalidValue, match="tar archive"):
        check_archive(str(tmp_path / "text"))
    layers = archive(tmp_path / "saved.tar", ("manifest.json", {"data": b"[]"}))
    (tmp_path / "into").mkdir()
    with pytest.raises(InvalidValue, match="docker export"):
        unpack(layers, str(tmp_path / "into"))
