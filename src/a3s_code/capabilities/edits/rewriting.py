"""
Changing one text file: read it once, change its text, write it once.

Files are handled as text without loss: UTF-8 where it is, and every other byte as a lone
surrogate (`surrogateescape`), so bytes that a change does not touch come back as they were.
A byte order mark, mixed line ends and a missing final newline are part of the text.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from a3s_code.capabilities.edits.refusal import Refusal
from a3s_code.errors import FileConflict
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Observation, ToolContext, failure

MAX_FILE_BYTES = 16 * 1024 * 1024
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_THREAD_ABOVE_BYTES = 256 * 1024


class Changed(msgspec.Struct, frozen=True):
    """
    The new text of a file.

    Attributes:
        text: All of it.
        inserted: The parts of it that were not there before.
        summary, note: What the model reads, before and after the name of the file.
        facts: More metadata; plain JSON.
    """

    text: str
    inserted: str
    summary: str
    facts: JsonObject
    note: str = ""


Change: TypeAlias = Callable[[str], Changed | Refusal]


async def rewrite(file_path: str, change: Change, context: ToolContext) -> Observation:
    """
    Apply `change` to the text of the resolved file, and write the file if it succeeds.

    Args:
        file_path: The name as the caller wrote it, for messages.
        change: Pure. Runs in a thread when the file is large, and cancelling then leaves
            the file as it is.

    Returns:
        Metadata of a success are `file_path`, `before` and `after` (the whole texts,
        undecodable bytes as U+FFFD) and the facts of the change. In every failure the file
        was not written.
    """
    data = await _load(file_path, context)
    if isinstance(data, Observation):
        return data
    outcome = await _run(change, data)
    if isinstance(outcome, Refusal):
        return failure(f"{file_path}: {outcome.text}", outcome.kind)
    after = outcome.text.encode("utf-8", "surrogateescape")
    if refusal := _unfit(data, after, outcome):
        return failure(f"{file_path}: {refusal.text}", refusal.kind)
    try:
        await context.files.write(context.resolved, after, over=data)
    except FileConflict as error:
        return failure(str(error), "version_conflict")
    metadata: JsonObject = {
        "file_path": file_path,
        "before": data.decode(errors="replace"),
        "after": after.decode(errors="replace"),
        **outcome.facts,
    }
    return Observation(f"{outcome.summary} in {file_path}.{outcome.note}", metadata=metadata)


async def _load(file_path: str, context: ToolContext) -> bytes | Observation:
    try:
        data = await context.files.read(context.resolved, limit=MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        hint = "Check the path with glob or ls, or create the file with write."
        return failure(f"{file_path} does not exist. {hint}", "not_found")
    except IsADirectoryError:
        return failure(f"{file_path} is a directory; name a file in it.", "invalid_argument")
    if len(data) > MAX_FILE_BYTES:
        return failure(
            f"{file_path} is larger than {MAX_FILE_BYTES // 2**20} MiB, the most that this"
            " tool changes. Use bash with a stream editor such as sed.",
            "too_large",
            max_bytes=MAX_FILE_BYTES,
        )
    if b"\0" in data:
        what = "UTF-16 text" if data.startswith(UTF16_MARKS) else "a binary file"
        return failure(
            f"{file_path} is {what} (it holds NUL bytes) and was not changed."
            " Convert it or use a program made for its format.",
            "binary",
        )
    return data


async def _run(change: Change, data: bytes) -> Changed | Refusal:
    text = data.decode("utf-8", "surrogateescape")
    if len(data) > _THREAD_ABOVE_BYTES:
        return await asyncio.to_thread(change, text)
    return change(text)


def unencodable(name: str, text: str) -> Refusal | None:
    """Refuse an argument that no file of text could hold; `name` is the argument's."""
    if "\0" in text:
        return Refusal("binary", f"{name} holds a NUL character; text files have none.")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        broken = f"U+{ord(text[error.start]):04X}"
        return Refusal(
            "invalid_argument",
            f"{name} holds the lone surrogate {broken} at character {error.start}, which has"
            " no encoding; send the whole character.",
        )
    return None


def _unfit(before: bytes, after: bytes, outcome: Changed) -> Refusal | None:
    if after == before:
        return Refusal("unchanged", "the change would leave every byte as it is; nothing to do.")
    if _holds_characters(outcome.inserted) and not _is_utf8(before):
        return Refusal(
            "unsupported",
            "the file is not UTF-8, and its encoding is unknown, so only ASCII text can be"
            " put into it. Keep the replacement ASCII, or convert the file first.",
        )
    return None


def _holds_characters(text: str) -> bool:
    """Say that there is a character beyond ASCII which is not an escaped byte."""
    return not text.isascii() and any(
        character > "\x7f" and not "\udc80" <= character <= "\udcff" for character in text
    )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
