"""Checking a bundle with nothing else at hand; `bundle` says what that is."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from a3s_code.api.bundle import (
    BLOBS,
    MANIFEST,
    TOOLS,
    TREES,
    BundleFile,
    Head,
    Manifest,
    Trees,
    opened,
    read_manifest,
)
from a3s_code.api.replay_log import Difference, LogReplay
from a3s_code.api.run_files import begin_of, first_unlike
from a3s_code.api.run_record import RunTrees, blobs_of, span_of, trees_of
from a3s_code.api.trees import ShadowObjects, write_tree
from a3s_code.checks import checked_path
from a3s_code.errors import A3SError, BundleError, InvalidValue, SnapshotLost
from a3s_code.kernel.events import RunId

MAX_TREE_BYTES = 4 << 30
"""Of all files of the tree that is written out."""


@dataclass(frozen=True, slots=True)
class Replay:
    """
    What going through a bundle gave.

    Attributes:
        status: How the run ended; `executing` when its process did not live to say it.
        records: How many the log has.
        pruned: How many of them have no body any more. What stands before the last of them
            is not tied to the head.
        head: Of the log; to be compared with one that was kept elsewhere.
        anchored: How many records a head that was given proves; None without one.
        blobs, gone: How many are there, and how many the session did not keep.
        trees: The files at the beginning and the end of the run.
        changed: Paths that differ between the two.
        in_doubt: Calls with effects of which nobody can tell the end, by id.
        difference: The first thing that is wrong; None when all is well.
    """

    session: str
    run: str
    status: str
    records: int
    pruned: int
    head: Head
    anchored: int | None
    blobs: int
    gone: int
    trees: Trees
    changed: tuple[str, ...]
    in_doubt: tuple[str, ...]
    difference: Difference | None


async def replay(
    path: str | os.PathLike[str],
    *,
    head: str | None = None,
    extract: str | os.PathLike[str] | None = None,
) -> Replay:
    """
    Check a bundle: the log is what was written, the state and the files follow from it.

    It needs neither the store nor the workspace, the network or a model; for the files it
    needs git. Nothing of the bundle is run.

    Args:
        head: A hash, in hex, that the log must contain: the proof that it was not written
            anew as a whole. `Exported.head` is one, and `session.log_head()` after the run.
        extract: A new or empty directory for the files as they were at the end; written
            only when all is well.

    Raises:
        BundleError: it is no bundle, is damaged, or of a later version.
        InvalidType: `path` is none.
        InvalidValue: `extract` is asked for, and the bundle cannot tell the files.
        WorkspaceError: git is missing, or the directory cannot be written.
    """
    with opened(Path(checked_path("path", path))) as file:
        manifest = await asyncio.to_thread(_manifest, file)
        log = await asyncio.to_thread(LogReplay.of, file, manifest)
        found = await asyncio.to_thread(_first, file, log, head)
        changed: tuple[str, ...] = ()
        if found is None:
            with tempfile.TemporaryDirectory(prefix="a3s-code-") as directory:
                files = _Files(file, log, ShadowObjects(f"{directory}/trees"))
                found = await files.first()
                if found is None:
                    changed = await files.changed()
                    await files.extract(extract)
        return _report(file, log, head, changed, found)


def _manifest(file: BundleFile) -> Manifest:
    return read_manifest(file.read(MANIFEST))


def _first(file: BundleFile, log: LogReplay, head: str | None) -> Difference | None:
    try:
        return next(_differences(file, log, head), None)
    except A3SError:
        raise
    except Exception as error:  # border: the values in the records are anybody's
        raise BundleError(
            f"The log cannot be gone through: {type(error).__name__}: {error}."
        ) from error


def _differences(file: BundleFile, log: LogReplay, head: str | None) -> Iterator[Difference]:
    yield from log.differences(head)
    if span_of(log.records, log.manifest.run) is None:
        yield Difference(MANIFEST, "the run it is about", log.manifest.run, "no run of the log")
    yield from _members(file, log.manifest)
    yield from _tools(log)
    yield from _blobs(file, log)


def _members(file: BundleFile, manifest: Manifest) -> Iterator[Difference]:
    named = {*manifest.members, MANIFEST}
    there = {name for name in file.names if not name.startswith(BLOBS)}
    for name in sorted(named ^ there):
        expected, found = ("a member", "none") if name in named else ("no such member", "one")
        yield Difference(name, "what the manifest names", expected, found)
    for name, digest in manifest.members.items():
        found = file.digest(name)
        if found != digest:
            yield Difference(name, "its SHA-256", digest, found)


def _tools(log: LogReplay) -> Iterator[Difference]:
    offered, found = log.state.offered, log.manifest.members.get(TOOLS)
    expected = offered.sha256 if offered else None
    if found is not None and found != expected:
        yield Difference(TOOLS, "what the log says of it", expected or "nothing", found)


def _blobs(file: BundleFile, log: LogReplay) -> Iterator[Difference]:
    manifest = log.manifest
    named = blobs_of(log.records)
    for sha256 in sorted(file.blobs):
        found = file.digest(BLOBS + sha256)
        if found != sha256:
            yield Difference(BLOBS + sha256, "its SHA-256", sha256, found)
        if sha256 not in named or sha256 in manifest.gone:
            yield Difference(BLOBS + sha256, "who needs it", "a record", "none")
    missing = named - file.blobs - {*manifest.gone, manifest.members.get(TOOLS)}
    for sha256 in sorted(missing):
        yield Difference(BLOBS + sha256, "what a record names", "a blob", "none")
    for sha256 in sorted(set(manifest.gone) - named):
        yield Difference(MANIFEST, f"{sha256} is gone", "a record that names it", "none")


def _report(
    file: BundleFile,
    log: LogReplay,
    head: str | None,
    changed: tuple[str, ...],
    difference: Difference | None,
) -> Replay:
    manifest, state = log.manifest, log.state
    run = state.runs.get(RunId(manifest.run))
    place = log.anchor(head) if head is not None else None
    return Replay(
        session=manifest.session,
        run=manifest.run,
        status=run.status if run else "forgotten",
        records=len(log.bodies),
        pruned=len(log.pruned),
        head=manifest.head,
        anchored=None if place is None else place + 1,
        blobs=len(file.blobs),
        gone=len(manifest.gone),
        trees=manifest.trees,
        changed=changed,
        in_doubt=tuple(state.effects),
        difference=difference,
    )


class _Files:
    """The trees of a bundle, in a directory of their own."""

    def __init__(self, file: BundleFile, log: LogReplay, trees: ShadowObjects) -> None:
        self._file, self._log, self._trees = file, log, trees

    async def first(self) -> Difference | None:
        """
        Find what is wrong with the trees.

        Raises:
            WorkspaceError: git is missing, or would not do it.
        """
        try:
            return await anext(self._differences(), None)
        except (SnapshotLost, InvalidValue) as error:  # or what it names is no tree
            return Difference(TREES, "a tree of the run", "all of it", error.message)

    async def _differences(self) -> AsyncIterator[Difference]:
        log, given = self._log, self._log.manifest.trees
        span = span_of(log.records, log.manifest.run)
        assert span is not None  # `_differences` above has looked
        told = trees_of(log.records, log.state, span)
        if TREES not in self._file.names:
            if given.begin or given.end or not given.why:
                yield Difference(
                    MANIFEST, "the trees of the run", "none without a pack", f"{given}"
                )
            return
        if not told.taken:
            yield Difference(TREES, "the trees of the run", told.end_why, "a pack")
            return
        if given.end != told.end:
            expected = told.end or told.end_why
            yield Difference(MANIFEST, "the tree at the end", expected, given.end or "none")
        await self._trees.unpack(await asyncio.to_thread(self._file.read, TREES))
        async for each in self._against(told):
            yield each

    async def _against(self, told: RunTrees) -> AsyncIterator[Difference]:
        """Compare each tree with what the log says that tools left in their files."""
        left = {each.sequence: each.files for each in self._log.left}
        for sequence, tree in told.taken:
            unlike = await first_unlike(self._trees, tree, left[sequence])
            if unlike is not None:
                path, found = unlike
                what = f"the tree {tree} it names"
                yield Difference(path, what, left[sequence][path], found, sequence)
        begin, why = await begin_of(self._trees, told, self._blob)
        given = self._log.manifest.trees.begin
        if given != begin:
            yield Difference(MANIFEST, "the tree at the beginning", begin or why, given or "none")

    async def _blob(self, sha256: str) -> bytes | None:
        if sha256 not in self._file.blobs:
            return None
        return await asyncio.to_thread(self._file.read, BLOBS + sha256)

    async def changed(self) -> tuple[str, ...]:
        given = self._log.manifest.trees
        return await self._trees.changed(given.begin, given.end) if not given.why else ()

    async def extract(self, directory: str | os.PathLike[str] | None) -> None:
        """
        Write the files of the end into a new or empty directory; nothing for None.

        Raises:
            InvalidValue: the bundle cannot tell them.
            BundleError: there is too much of it.
            WorkspaceError: the directory is not empty, or cannot be written.
        """
        if directory is None:
            return
        given = self._log.manifest.trees
        if not given.end:
            raise InvalidValue(f"The bundle does not hold the files at the end: {given.why}.")
        files = await self._trees.files(given.end)
        sizes = await self._trees.sizes(state.id for state in files.values())
        if sum(sizes[state.id] for state in files.values()) > MAX_TREE_BYTES:
            raise BundleError(f"The files would take more than {MAX_TREE_BYTES:,} bytes.")
        await write_tree(self._trees, given.end, os.fspath(directory))
