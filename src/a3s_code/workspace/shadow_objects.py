"""
The trees in a shadow directory, without any workspace.

A directory that nobody has used yet and the pack of a bundle make one, too:

    trees = ShadowObjects(directory)
    await trees.unpack(pack)
    await trees.read(tree, "src/a.py")

What comes out of a pack was made by anybody: a name that could lead out of a directory, or
into a `.git`, is refused wherever a tree is read.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from a3s_code.errors import InvalidValue, SnapshotLost, WorkspaceError
from a3s_code.kernel.snapshots import Difference, FileState
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.location import readable, shown
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.shadow_formats import (
    EMPTY_TREE,
    PUT,
    Change,
    State,
    check_id,
    named,
    pack_of,
    parse_changes,
    row,
)
from a3s_code.workspace.shadow_program import ShadowProgram, explained, prepare
from a3s_code.workspace.snapshot_files import FILE, MODES, blob_id, check_path

MAX_DIFF_BYTES = 64 * 1024 * 1024
MAX_PACK_BYTES = 4 * 1024 * 1024 * 1024
BATCH_BYTES = 64 * 1024 * 1024
"""Content that is in memory at a time."""

FEW = 100
"""Objects that are no pack of their own."""


_NO_REF = re.compile(r"[^A-Za-z0-9_-]")
_MAX_NAME_CHARS = 200


class ShadowObjects:
    """
    Trees in a directory of their own, which is made when it is first needed, for us alone.

    Args:
        directory: Outside of every workspace, or it is open to whoever works there.
        guard: Kills git when this process dies.
    """

    def __init__(self, directory: str | os.PathLike[str], *, guard: Guard | None = None) -> None:
        self.directory = os.path.abspath(directory)  # noqa: PTH100 - links stay as spelled
        self.git = ShadowProgram(LocalProcesses(self.directory, guard=guard), self.directory)
        self._is_ready = False

    async def ready(self) -> ShadowProgram:
        """Make the directory unless it is there."""
        if not self._is_ready:
            await asyncio.to_thread(prepare, self.directory)
            self._is_ready = True
        return self.git

    async def edited(self, tree: str, files: Mapping[str, FileState | None]) -> str:
        """See `Snapshots.edited`."""
        base, git = check_id(tree), await self.ready()
        for path, state in files.items():
            check_path(path)
            if state is not None and state.mode not in {None, *MODES}:
                raise InvalidValue(f"{shown(path)} has the mode {state.mode:o}.")
        put = {path: state for path, state in files.items() if state is not None}
        await self.store({blob_id(state.data): state.data for state in put.values()})
        rows = [row(path, None) for path in files if path not in put]
        index = Path(self.private_index())
        try:
            own = replace(git, index=str(index))
            await own.run("read-tree", base)
            modes = await _modes(own) if any(each.mode is None for each in put.values()) else {}
            for path, each in put.items():
                mode = each.mode or modes.get(path, FILE)
                rows.append(row(path, State(mode, blob_id(each.data))))
            await own.run("update-index", *PUT, stdin=b"".join(rows))
            return await write_tree(own)
        finally:
            await asyncio.to_thread(index.unlink, missing_ok=True)

    def private_index(self) -> str:
        """Name an index file for one operation alone; none is there yet."""
        return f"{self.directory}/index-{secrets.token_hex(8)}"

    async def diff(self, before: str, after: str) -> str:
        """See `Snapshots.diff`. Bytes that are no UTF-8 are U+FFFD."""
        options = ("-r", "-p", "--no-renames", "--no-ext-diff", "--no-textconv", "--full-index")
        text = await (await self.ready()).run(
            *("diff-tree", *options, check_id(before), check_id(after)),
            max_output_bytes=MAX_DIFF_BYTES,
        )
        return await asyncio.to_thread(text.decode, errors="replace")

    async def changed(self, before: str, after: str) -> tuple[str, ...]:
        """See `Snapshots.changed`."""
        changes = await self.changes(before, after)
        return await asyncio.to_thread(lambda: tuple(readable(each.path) for each in changes))

    async def differences(self, before: str, after: str) -> tuple[Difference, ...]:
        """See `Snapshots.differences`."""
        changes = await self.changes(before, after)

        def told() -> tuple[Difference, ...]:
            return tuple(
                Difference(readable(it.path), named(it.before), named(it.after)) for it in changes
            )

        return await asyncio.to_thread(told)

    async def paths(self, tree: str) -> frozenset[str]:
        """See `Snapshots.paths`."""
        options = ("-r", "-z", "--name-only", "--full-tree")
        out = await (await self.ready()).run("ls-tree", *options, check_id(tree))
        return await asyncio.to_thread(
            lambda: frozenset(os.fsdecode(word) for word in out.split(b"\0")[:-1])
        )

    async def with_paths(self, tree: str, other: str, paths: Collection[str]) -> str:
        """See `Snapshots.with_paths`."""
        wanted = [it for it in await self.changes(tree, other) if readable(it.path) in paths]
        rows = [row(it.path, it.after) for it in wanted]
        return await self._with_rows(tree, rows) if rows else check_id(tree)

    async def _with_rows(self, tree: str, rows: Sequence[bytes]) -> str:
        index = Path(self.private_index())
        try:
            own = replace(await self.ready(), index=str(index))
            await own.run("read-tree", tree)
            await own.run("update-index", *PUT, stdin=b"".join(rows))
            return await write_tree(own)
        finally:
            await asyncio.to_thread(index.unlink, missing_ok=True)

    async def changes(self, before: str, after: str) -> list[Change]:
        """
        Give what differs, in the order of git.

        Raises:
            SnapshotLost: a tree holds names or modes that no snapshot has.
        """
        options = ("-r", "-z", "--raw", "--no-renames", "--no-abbrev")
        out = await (await self.ready()).run(
            "diff-tree", *options, check_id(before), check_id(after)
        )
        return await asyncio.to_thread(parse_changes, out)

    async def files(self, tree: str) -> dict[str, State]:
        """Give the whole of a tree by path."""
        found = await self.changes(EMPTY_TREE, tree) if tree != EMPTY_TREE else []
        return {change.path: change.after for change in found if change.after}

    async def read(self, tree: str, path: str) -> bytes:
        """
        Read one file of a tree.

        Raises:
            FileNotFoundError: the tree has none of this path.
        """
        state = (await self.files(tree)).get(path)
        if state is None:
            raise FileNotFoundError(shown(path))
        async for found in self.contents([state.id]):
            return found[state.id]
        raise AssertionError  # an id that is asked for is given, or it raises

    async def sizes(self, ids: Iterable[str]) -> dict[str, int]:
        """
        Give the bytes of blobs by id.

        Raises:
            SnapshotLost: one of them is not there.
        """
        names = list(dict.fromkeys(ids))
        if not names:
            return {}
        asked = "\n".join([*names, ""]).encode()
        git = await self.ready()
        out = await git.run("cat-file", "--batch-check", stdin=asked)
        return await asyncio.to_thread(_sizes, names, out)

    async def contents(self, ids: Iterable[str]) -> AsyncIterator[dict[str, bytes]]:
        """Give what blobs hold, by id, in groups of about `BATCH_BYTES`."""
        for group in await asyncio.to_thread(_groups, await self.sizes(ids)):
            yield await self._group(group)

    async def _group(self, names: list[str]) -> dict[str, bytes]:
        out = await self.git.run(
            "cat-file",
            "--batch",
            stdin="\n".join([*names, ""]).encode(),
            max_output_bytes=MAX_PACK_BYTES,
        )
        return await asyncio.to_thread(_contents, names, out)

    async def store(self, blobs: Mapping[str, bytes]) -> None:
        """
        Keep contents, by their ids; a few as single objects, more as a pack.

        Others may store the same at the same time.
        """
        if not blobs:
            return
        pack = await asyncio.to_thread(pack_of, blobs)
        into = ("unpack-objects", "-q") if len(blobs) <= FEW else ("index-pack", "--stdin")
        await (await self.ready()).run(*into, stdin=pack)

    async def pack(self, trees: Sequence[str]) -> bytes:
        """See `Snapshots.pack`. The same trees give the same names, in whatever order."""
        asked = "".join(f"{check_id(tree)}\n" for tree in dict.fromkeys(trees))
        options = ("--stdout", "--revs", "--threads=1", "--delta-base-offset", "-q")
        return await (await self.ready()).run(
            "pack-objects", *options, stdin=asked.encode(), max_output_bytes=MAX_PACK_BYTES
        )

    async def unpack(self, pack: bytes) -> None:
        """
        Add what `pack` holds. What a tree in it lacks is said when that is read.

        Raises:
            SnapshotLost: it is damaged.
        """
        try:
            await (await self.ready()).run("index-pack", "--stdin", stdin=pack)
        except WorkspaceError as error:
            raise SnapshotLost(f"The pack cannot be used: {error.message}") from error

    async def keep(self, tree: str, name: str) -> None:
        """See `Snapshots.keep`. It is the ref `refs/keep/<name>`, odd characters as `%XX`."""
        git = await self.ready()
        await git.run("cat-file", "-e", f"{check_id(tree)}^{{tree}}", good=(0,))
        await asyncio.to_thread(_put, self._ref(name), f"{tree}\n".encode())

    async def drop(self, name: str) -> None:
        """See `Snapshots.drop`."""
        await self.ready()
        await asyncio.to_thread(_remove, self._ref(name))

    def skipped(self, tree: str) -> set[str]:
        """
        Give the paths, as the system has them, that `note_skipped` was told for `tree`.

        Raises:
            WorkspaceError: they cannot be read.
        """
        with explained("read"):
            try:
                data = (Path(self.directory) / "skipped" / check_id(tree)).read_bytes()
            except FileNotFoundError:
                return set()
        return set(os.fsdecode(data).split("\0"))

    def note_skipped(self, tree: str, paths: Iterable[str]) -> None:
        """
        Remember that files at `paths` were there, or may have been, when `tree` was taken.

        Going back to `tree` then does not take their absence from it for a removal.

        Raises:
            WorkspaceError: the system refuses.
        """
        known = self.skipped(tree)
        if not known.issuperset(paths):
            path = Path(self.directory) / "skipped" / tree
            _put(path, os.fsencode("\0".join(sorted(known.union(paths)))))

    def _ref(self, name: str) -> Path:
        quoted = _NO_REF.sub(lambda found: "".join(f"%{b:02X}" for b in found[0].encode()), name)
        if not 0 < len(quoted) <= _MAX_NAME_CHARS:
            raise InvalidValue(f"{shown(name)!r} cannot name a snapshot.", hint="shorten it")
        return Path(self.directory) / "refs/keep" / quoted


async def _modes(git: ShadowProgram) -> dict[str, int]:
    """Give the mode of every path in an index."""
    out = await git.run("ls-files", "-z", "--stage")

    def read() -> dict[str, int]:
        parts = (line.partition(b"\t") for line in out.split(b"\0")[:-1])
        return {os.fsdecode(path): int(facts.split(b" ")[0], 8) for facts, _, path in parts}

    return await asyncio.to_thread(read)


async def write_tree(git: ShadowProgram, prefix: str = "") -> str:
    """Make the index a tree, or what is below `prefix` in it, and give its id."""
    below = (f"--prefix={prefix}",) if prefix else ()
    return (await git.run("write-tree", *below)).decode().strip()


def _groups(sizes: Mapping[str, int]) -> list[list[str]]:
    """Part blobs into groups of about `BATCH_BYTES`."""
    groups: list[list[str]] = []
    room = -1
    for name, size in sizes.items():
        if size > room:
            groups.append([])
            room = BATCH_BYTES
        groups[-1].append(name)
        room -= size
    return groups


def _sizes(names: Sequence[str], out: bytes) -> dict[str, int]:
    """Read `git cat-file --batch-check`."""
    lines = out.decode().splitlines()
    return {name: _size(line) for name, line in zip(names, lines, strict=True)}


def _contents(names: Sequence[str], out: bytes) -> dict[str, bytes]:
    """Read `git cat-file --batch`."""
    found: dict[str, bytes] = {}
    at = 0
    for name in names:
        end = out.index(b"\n", at)
        size = _size(out[at:end].decode())
        found[name] = out[end + 1 : end + 1 + size]
        at = end + size + 2
    return found


def _size(line: str) -> int:
    _, kind, *rest = line.split(" ")
    if kind != "blob":
        raise SnapshotLost(f"The snapshot is not there as a whole: {line}.")
    return int(rest[0])


def _put(path: Path, data: bytes) -> None:
    """Put a file there at once; who reads it meanwhile gets the old one or the new one."""
    own = path.with_name(f".{secrets.token_hex(8)}")
    with explained("written"):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            own.write_bytes(data)
            own.chmod(0o600)
            own.replace(path)
        except BaseException:  # whatever stopped it, what was begun goes
            with suppress(OSError):
                own.unlink()
            raise


def _remove(path: Path) -> None:
    with explained("written"):
        path.unlink(missing_ok=True)
