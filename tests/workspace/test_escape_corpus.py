"""
The path escape corpus, played on the ports of the workspace.

What the gate decides (protected paths) and what is no operation of a workspace (move,
delete, git, archives) is not played here; races are in `test_races.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from a3s_code.errors import PathRefused
from a3s_code.kernel.workspace import Command, GrepQuery, Resolved
from a3s_code.workspace.beneath import OpenDirectory
from a3s_code.workspace.local import LocalFiles
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.search import LocalSearch

from .conftest import MARKER

CORPUS = Path(__file__).parents[3] / "shared/corpora/path_escape_cases.jsonl"
READS = {"read", "load_context", "load_skill", "attach_image"}
WRITES = {"write", "edit"}
PLAYED = READS | WRITES | {"list", "grep", "glob", "bash_cwd"}
READ_LIMIT = 1_000_000


def rows() -> list[dict[str, Any]]:
    if not CORPUS.exists():
        return []
    found = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    return [row for row in found if row["op"] in PLAYED and not row["race"] and not _tools(row)]


def _tools(row: dict[str, Any]) -> bool:
    """Tell whether the gate, or what a tool makes of the bytes, decides the row."""
    return row["category"] == "protected" or (row["category"], row["op"]) == ("special", "edit")


def build(base: Path, setup: list[dict[str, Any]]) -> None:
    for step in json.loads(json.dumps(setup).replace("{B}", str(base))):
        (kind, value), *_ = step.items()
        at = base / (value if isinstance(value, str) else value[0])
        if kind == "dir":
            at.mkdir(parents=True, exist_ok=True)
            continue
        if kind in ("symlink", "hardlink"):
            at = base / value[1]
        at.parent.mkdir(parents=True, exist_ok=True)
        _make(base, at, kind, value, step)


def _make(base: Path, at: Path, kind: str, value: Any, step: dict[str, Any]) -> None:
    match kind:
        case "file":
            at.write_bytes((step.get("text") or "").encode("utf-8", "surrogateescape"))
            at.chmod(int(step.get("mode") or "644", 8))
        case "symlink":
            at.symlink_to(value[0])
        case "hardlink":
            os.link(base / value[0], at)
        case "fifo":
            os.mkfifo(at)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                here = Path.cwd()
                os.chdir(at.parent)
                try:
                    listener.bind(at.name)
                finally:
                    os.chdir(here)
        case "sparse":
            at.touch()
            os.truncate(at, value[1])
        case "repeat":
            at.write_text(value[1] * value[2])
        case "bytes":
            at.write_bytes(bytes.fromhex(value[1]))
        case _:
            pytest.skip(f"setup {kind}")


def outside(base: Path) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for path in sorted(p for p in base.rglob("*") if not p.is_relative_to(base / "ws")):
        facts = path.lstat()
        body = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (facts.st_mode, body)
    return found


class Player:
    def __init__(self, ws: Path, open_directory: OpenDirectory) -> None:
        self.files = LocalFiles(ws, open_directory)
        self.processes = LocalProcesses(ws, open_directory=open_directory)
        self.search = LocalSearch(self.files, self.processes)

    async def play(self, op: str, path: str, args: dict[str, Any]) -> bytes:
        """Do it and give all that it showed."""
        if op == "bash_cwd":
            return (await self.processes.run(Command(("ls", "-la"), cwd=path))).output
        location = self.files.resolve(path)
        try:
            return await self._on(location, op, args)
        finally:
            location.close()

    async def _on(self, location: Resolved, op: str, args: dict[str, Any]) -> bytes:
        if op in READS:
            return await self.files.read(location, limit=READ_LIMIT)
        if op in WRITES:
            await self.files.write(location, b"changed\n")
            return b""
        if op == "list":
            return repr(await self.files.list(location)).encode()
        if op == "grep":
            pattern = args.get("pattern", MARKER.decode())
            return (await self.search.grep(location, GrepQuery(pattern))).text.encode()
        return repr(await self.search.glob(location, args.get("pattern", "**/*"))).encode()


@pytest.mark.skipif(not CORPUS.exists(), reason="reads ../shared")
@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['id']}-{row['op']}")
async def test_the_workspace_is_not_left(
    tmp_path: Path, open_directory: OpenDirectory, row: dict[str, Any]
) -> None:
    build(tmp_path, row["setup"])
    before = outside(tmp_path)
    args = {k: str(v).replace("{B}", str(tmp_path)) for k, v in (row["args"] or {}).items()}
    try:
        shown = await Player(tmp_path / "ws", open_directory).play(
            row["op"], row["path"].replace("{B}", str(tmp_path)), args
        )
        outcome = "allow"
    except (FileNotFoundError, NotADirectoryError) as error:
        shown, outcome = str(error).encode(), "not_found"
    except (PathRefused, IsADirectoryError) as error:
        shown, outcome = str(error).encode(), "deny"

    assert outside(tmp_path) == before
    if (row["category"], row["op"]) != ("hardlink", "read"):  # whose bytes are the workspace's own
        assert MARKER not in shown
    if outcome == "allow" and row["expected"] == "deny_or_break":
        assert (tmp_path / "ws" / row["path"]).stat().st_nlink == 1
    else:
        assert outcome in row["acceptable"]
    if outcome == "allow" and row["expected"] == "literal_or_deny":
        assert (tmp_path / "ws" / row["path"]).is_file()
