"""Writing a run of a stored session as a bundle; `bundle` says what that is."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from a3s_code.api.bundle import (
    BLOBS,
    FORMAT,
    HASHES,
    LOG,
    MANIFEST,
    TOOLS,
    TREES,
    BundleWriter,
    Head,
    Manifest,
    Trees,
)
from a3s_code.api.option_types import check_foreign
from a3s_code.api.run_files import GetBlob, begin_of
from a3s_code.api.run_record import RunTrees, blobs_of, facts, trees_of
from a3s_code.api.stored_run import StoredRun, find_run
from a3s_code.api.trees import ShadowObjects, trees_beside
from a3s_code.checks import check_text, checked_path
from a3s_code.errors import BundleError, InvalidValue, WorkspaceError
from a3s_code.kernel.store import Store


@dataclass(frozen=True, slots=True)
class Exported:
    """
    What was written.

    Attributes:
        head: Of the log in the bundle; kept elsewhere, it proves later that nothing changed.
        blobs: How many it holds.
        gone: How many records name that the session did not keep.
        trees: The files at the beginning and the end of the run.
        size: Of the file, in bytes.
    """

    session: str
    run: str
    head: Head
    blobs: int
    gone: int
    trees: Trees
    size: int


async def export_run(
    store: Store,
    run: str,
    path: str | os.PathLike[str],
    *,
    session: str | None = None,
    force: bool = False,
) -> Exported:
    """
    Write a run to a file that can be checked without anything else; see `replay`.

    The session is only read, also while somebody is at work in it. The file holds the log of
    the session up to the end of the run: conversation, outputs of tools, contents of files
    and paths, all in plain. No key of a provider is in it, but nothing in files or in the
    conversation is redacted. It is readable by its owner alone.

    Args:
        session: Whose run it is; every session of the store is searched without it.
        force: Write over a file that is there.

    Raises:
        InvalidType: `store` is no store, `run` no text, or `path` no path.
        InvalidValue: the store has no such run, or the file is there.
        SessionNotFound: the store has no such session.
        StoreError: the session is damaged, or cannot be read.
        BundleError: the file cannot be written, or would be too large to be read again.
    """
    check_text("run", run)
    check_foreign("session_store", store)
    target = Path(checked_path("path", path))
    found = await find_run(store, run, session)

    async def blob(sha256: str) -> bytes | None:
        return await store.get_blob(found.session, sha256)

    trees, pack = await _trees(store, found, blob)
    with _new_file(target, force=force) as file:
        with zipfile.ZipFile(file, "w", allowZip64=False) as archive:
            manifest, count = await _write(BundleWriter(archive), found, blob, (trees, pack))
        size = file.tell()
    return Exported(
        found.session, run, manifest.head, count, len(manifest.gone), manifest.trees, size
    )


# The trees


async def _trees(store: Store, found: StoredRun, blob: GetBlob) -> tuple[Trees, bytes]:
    """Give the trees of the run and a pack of them; without those, why."""
    told = trees_of(found.records, found.state, found.span)
    if not told.taken:
        return Trees(why=told.end_why), b""
    workspace = found.state.opened.workspace if found.state.opened else ""
    kept = trees_beside(store, workspace)
    if kept is None:
        return Trees(why="the store keeps no trees of this workspace"), b""
    try:
        return await _packed(kept, told, blob)
    except WorkspaceError as error:
        return Trees(why=f"the trees of the run cannot be read: {error.message}"), b""


async def _packed(kept: ShadowObjects, told: RunTrees, blob: GetBlob) -> tuple[Trees, bytes]:
    """Make the tree of the beginning in a directory of its own; the store's is only read."""
    taken = [tree for _, tree in told.taken]
    pack = await kept.pack(taken)
    with tempfile.TemporaryDirectory(prefix="a3s-code-") as directory:
        own = ShadowObjects(f"{directory}/trees")
        await own.unpack(pack)
        begin, why = await begin_of(own, told, blob)
        pack = await own.pack([*taken, *([begin] if begin else [])])
    missing = [f"{name}: {reason}" for name, reason in (("begin", why), ("end", told.end_why))]
    reasons = [each for each in missing if not each.endswith(": ")]
    return Trees(begin, told.end, "; ".join(reasons)), pack


# Writing


async def _write(
    bundle: BundleWriter, found: StoredRun, blob: GetBlob, files: tuple[Trees, bytes]
) -> tuple[Manifest, int]:
    """Write every member; give the manifest, and how many blobs there are."""
    offered = found.state.offered
    tools = await blob(offered.sha256) if offered is not None else None
    gone: list[str] = []
    names = sorted(blobs_of(found.records) - {offered.sha256 if tools and offered else ""})
    for name in names:
        data = await blob(name)
        if data is None:
            gone.append(name)
        else:
            await asyncio.to_thread(bundle.put, BLOBS + name, data)
    trees, pack = files
    members = {
        HASHES: b"".join(b"%b\n" % hashed.hex().encode() for _, hashed in found.bodies),
        LOG: b"".join(b"%b\n" % body for body, _ in found.bodies),
        **({TOOLS: tools} if tools is not None else {}),
        **({TREES: pack} if pack else {}),
    }
    manifest = await asyncio.to_thread(_manifest, found, members, trees, tuple(gone))
    for name, data in sorted({**members, MANIFEST: manifest.sealed()}.items()):
        await asyncio.to_thread(bundle.put, name, data)
    return manifest, len(names) - len(gone)


def _manifest(
    found: StoredRun, members: dict[str, bytes], trees: Trees, gone: tuple[str, ...]
) -> Manifest:
    from a3s_code import __version__

    opened = found.state.opened
    return Manifest(
        format=FORMAT,
        made_by=__version__,
        session=found.session,
        run=found.run,
        workspace=Path(opened.workspace).name if opened else "",
        head=Head(len(found.bodies) - 1, found.bodies[-1][1].hex()),
        state=facts(found.state),
        trees=trees,
        gone=gone,
        members={name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    )


@contextmanager
def _new_file(path: Path, *, force: bool) -> Generator[BinaryIO]:
    """
    Give a file for its owner alone; it goes again when the block fails.

    Raises:
        InvalidValue: there is one, and it is not to be written over.
        BundleError: the system refuses.
    """
    own = path.with_name(f".{secrets.token_hex(8)}.a3s") if force else path
    try:
        fd = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidValue(
            f"{path} is there already.", hint="name another file, or give force (--force)"
        ) from None
    except OSError as error:
        raise BundleError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
        own.replace(path)
    except OSError as error:
        own.unlink(missing_ok=True)
        raise BundleError(f"{path} cannot be written: {error.strerror}.") from error
    except BaseException:
        own.unlink(missing_ok=True)
        raise
