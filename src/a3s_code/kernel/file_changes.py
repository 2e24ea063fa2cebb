"""
The files of one call, as its tool has them: no write without a record of it.

Before a file is put there, the log says what it was and what it will be, by digest, and
keeps the content that goes away. That settles after a crash whether the write came about,
and it is what versions of a file and a rewind are made of.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from msgspec.structs import replace

from a3s_code.errors import A3SError, FileConflict, WorkspaceError
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.records import FileChanging, FileImage, FileLeft
from a3s_code.kernel.visible import on_one_line
from a3s_code.kernel.workspace import Entry, Files, Resolved

MAX_KEPT_BYTES = 16 * 1024 * 1024
"""A larger file is told by its digest alone, and cannot be brought back."""
MAX_SEEN_BYTES = 256 * 1024 * 1024
"""Of a larger file not even the digest is taken."""

UNSEEN = "?"
"""Stands for the digest of a file that is too large to look at."""

_ON_THE_LOOP_BYTES = 256 * 1024
"""A digest of this much takes about 150 us; a larger one is made by a thread."""


class RecordedFiles:
    """
    `Files` that records every write of the call `call_id`.

    Beyond what the port says, `write` raises StoreError when the record cannot be made
    durable, and WorkspaceError when the file is not as it was approved; nothing was written
    then.

    Args:
        approved: By path, the digest that a file must have when it is first written.
        apart: The root of `files` where that is not the workspace; see `FileChanging`. What
            goes away there is not kept.
    """

    __slots__ = ("_apart", "_approved", "_call_id", "_files", "_sink", "_tool")

    def __init__(
        self,
        files: Files,
        call_id: str,
        tool: str,
        sink: Sink,
        approved: Mapping[str, str] | None = None,
        apart: str = "",
    ) -> None:
        self._apart = apart
        self._files, self._call_id, self._tool, self._sink = files, call_id, tool, sink
        self._approved = dict(approved or {})

    def resolve(self, path: str) -> Resolved:
        return self._files.resolve(path)

    async def read(self, target: Resolved, *, limit: int | None = None) -> bytes:
        return await self._files.read(target, limit=limit)

    async def list(
        self, target: Resolved, *, among: Callable[[str], bool] | None = None
    ) -> list[Entry]:
        return await self._files.list(target, among=among)

    async def write(self, target: Resolved, data: bytes, *, over: bytes | None = None) -> None:
        before, content = await image_of(self._files, target)
        if self._approved.pop(target.path, before.sha256) != before.sha256:
            raise WorkspaceError(
                f"{on_one_line(target.path)} was changed after this call was approved.",
                hint="make the call again to have it approved as it is now",
            )
        if over is not None and content != over:
            raise conflict(target)
        async with self._recorded(target, before, content, await _image(data)):
            await self._files.write(target, data, over=over)

    async def change(
        self, target: Resolved, data: bytes | None, do: Callable[[], Awaitable[None]]
    ) -> None:
        """
        Record that a file will hold `data`, or go (None), and have `do` see to that.

        Raises:
            FileConflict: as `do`; nothing was changed.
            StoreError: it could not be recorded; `do` was not called.
        """
        before, content = await image_of(self._files, target)
        async with self._recorded(target, before, content, await _image(data)):
            await do()

    @asynccontextmanager
    async def _recorded(
        self, target: Resolved, before: FileImage, content: bytes | None, after: FileImage
    ) -> AsyncGenerator[None]:
        """Announce a change before the block, and take that back when it did not come about."""
        if self._apart:
            before = replace(before, is_kept=False)
        elif content is not None and before.is_kept:
            self._sink.put_blob(before.sha256, content)
        self._sink.emit(
            FileChanging(
                call_id=self._call_id,
                tool=self._tool,
                path=target.path,
                before=before,
                after=after,
                apart=self._apart,
            )
        )
        await self._sink.barrier()
        try:
            yield
        except FileConflict:
            self._sink.emit(FileLeft(call_id=self._call_id, path=target.path))
            raise
        except BaseException:
            await self._tell_failure(target, before)
            raise

    async def _tell_failure(self, target: Resolved, before: FileImage) -> None:
        """Say so when the file is as it was; a write that was cancelled may have come about."""
        try:
            now, _ = await image_of(self._files, target)
        except (A3SError, OSError):
            return
        if now.sha256 == before.sha256:
            self._sink.emit(FileLeft(call_id=self._call_id, path=target.path))


def conflict(target: Resolved) -> FileConflict:
    """Make the error of a file that somebody else changed meanwhile."""
    return FileConflict(
        f"{on_one_line(target.spelled)} was changed by somebody else in the meantime, and was"
        " not written.",
        hint="read it again and make the change once more",
    )


async def image_of(files: Files, target: Resolved) -> tuple[FileImage, bytes | None]:
    """
    Look at a file: what it is, and its content where that was read.

    Raises:
        IsADirectoryError, PathRefused, WorkspaceError: as `Files.read`.
    """
    try:
        content = await files.read(target, limit=MAX_SEEN_BYTES + 1)
    except FileNotFoundError:
        return FileImage(), None
    if len(content) > MAX_SEEN_BYTES:
        return FileImage(UNSEEN, len(content)), None
    image = FileImage(await _digest(content), len(content), len(content) <= MAX_KEPT_BYTES)
    return image, content


async def _image(data: bytes | None) -> FileImage:
    return FileImage() if data is None else FileImage(await _digest(data), len(data))


async def _digest(data: bytes) -> str:
    if len(data) <= _ON_THE_LOOP_BYTES:
        return hashlib.sha256(data).hexdigest()
    return (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()
