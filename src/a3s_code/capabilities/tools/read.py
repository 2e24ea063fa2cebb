"""
The `read` tool.

Source:
    SPEC 5.1: numbers right-aligned to width 6, a tab, the text; at most 2,000 lines of
    2,000 characters. DESIGN 6: `offset` is a 0-based line offset, printed numbers start at 1.
"""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec

from a3s_code.capabilities.edits.rewriting import UTF16_MARKS
from a3s_code.errors import PathRefused, WorkspaceError
from a3s_code.kernel.artifacts import SCHEME
from a3s_code.kernel.messages import IMAGE_TYPES, Attachment, JsonObject
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool
from a3s_code.kernel.workspace import shown_name

MAX_LINES = 2_000
MAX_LINE_CHARS = 2_000
MAX_FILE_BYTES = 64 * 1024 * 1024
"""Of a longer file only this much can be paged through."""
MAX_IMAGE_BYTES = 5 * 1024 * 1024 * 3 // 4
"""5 MiB once encoded as base64, which is the most that providers take for one image."""

_SNIFFED_BYTES = 8 * 1024
_MAX_COMPARED = 64
_UNDECODABLE = "\N{REPLACEMENT CHARACTER}"
_CR = "\r"
_NUL = "\N{SYMBOL FOR NULL}"
_BOM = "\N{BOM}"
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


class ReadArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file_path: Annotated[
        str,
        msgspec.Meta(
            description="File to read, relative to the workspace root or absolute, or the "
            "a3s:// URI of an output that was cut or pruned."
        ),
    ]
    offset: Annotated[int, msgspec.Meta(ge=0, description="Lines to skip first.")] = 0
    limit: Annotated[
        int, msgspec.Meta(ge=1, le=MAX_LINES, description="Lines to show at most.")
    ] = MAX_LINES


@tool(ReadArgs, effect=Effect.READ, path="file_path", reads_kept=True)
async def read(args: ReadArgs, context: ToolContext) -> Observation:
    """
    Read a text file or look at an image (png, jpg, gif, webp). Lines come with their
    numbers, counted from 1, which are no part of the file. To go on, pass a later offset.
    """
    if args.file_path.startswith(SCHEME):
        return await _kept(args, context)
    try:
        data = await context.files.read(context.resolved, limit=MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return await _missing(args.file_path, context)
    except IsADirectoryError:
        return failure(f"{args.file_path} is a directory; use ls.", "invalid_argument")
    if image := _image(args.file_path, data):
        return image
    if not data:
        return Observation(f"{args.file_path} is empty.", metadata=_facts(args, 0, 0))
    return _page(args, data)


async def _kept(args: ReadArgs, context: ToolContext) -> Observation:
    """Show an output of the session as it was kept: redacted, and complete."""
    text = await context.kept_output(args.file_path) if context.kept_output is not None else None
    if text is None:
        said = f"Nothing is kept as {args.file_path}. Make the call again whose output it was."
        return failure(said, "not_found", path=args.file_path)
    return _page(args, text.replace("\0", _NUL).encode("utf-8", "surrogatepass"))


def _page(args: ReadArgs, data: bytes) -> Observation:
    """Show the lines that were asked for, decoding no others."""
    start, skipped = skip_lines(data, 0, args.offset)
    if start == len(data):
        text = f"{args.file_path} has {skipped} lines; offset={args.offset} is past its end."
        return failure(text, "invalid_argument", total_lines=skipped)
    end, shown = skip_lines(data, start, args.limit)
    page = data[start:end]
    if b"\0" in data[:_SNIFFED_BYTES] or b"\0" in page:
        return _binary(args.file_path, data)
    rest = _count_lines(data, end)
    notices: list[str] = []
    if rest:
        notices.append(f"[{rest} more lines. Continue with offset={args.offset + shown}.]")
    if len(data) > MAX_FILE_BYTES:
        notices.append(f"[Only the first {MAX_FILE_BYTES} bytes can be read; use grep or bash.]")
    try:
        text = page.decode()
    except UnicodeDecodeError:
        text = page.decode(errors="replace")
        notices.append(f"[Not UTF-8: bytes that do not decode are shown as {_UNDECODABLE}.]")
    if start == 0:
        text = text.removeprefix(_BOM)
    lines = _numbered(text.removesuffix("\n"), args.offset + 1)
    metadata = _facts(args, shown, args.offset + shown + rest)
    return Observation("\n".join([*lines, *notices]), metadata=metadata)


def _numbered(text: str, first: int) -> list[str]:
    return [
        f"{number:>6}\t{line.removesuffix(_CR) if len(line) <= MAX_LINE_CHARS else _cut(line)}"
        for number, line in enumerate(text.split("\n"), first)
    ]


def _cut(line: str) -> str:
    return f"{line[:MAX_LINE_CHARS]}[{len(line) - MAX_LINE_CHARS} more characters]"


def skip_lines(
    data: bytes, start: int, count: int, block_bytes: int = 64 * 1024
) -> tuple[int, int]:
    """
    Find where `count` lines from `start` on have ended.

    Args:
        block_bytes: Line ends are counted by blocks of this size, and looked for one by
            one in the last of them only.

    Returns:
        That position, and how many lines there were: fewer when the data ends first. A
        last line that lacks its line end counts.
    """
    at, passed = start, 0
    while passed < count and at < len(data):
        block_end = min(at + block_bytes, len(data))
        ends = data.count(b"\n", at, block_end)
        if passed + ends < count:
            at, passed = block_end, passed + ends
            continue
        for _ in range(count - passed):
            at = data.index(b"\n", at) + 1
        return at, count
    return at, passed + (start < at and not data.endswith(b"\n"))


def _count_lines(data: bytes, start: int) -> int:
    return data.count(b"\n", start) + (start < len(data) and not data.endswith(b"\n"))


def _facts(args: ReadArgs, shown: int, total: int) -> JsonObject:
    return {
        "file_path": args.file_path,
        "start_line": args.offset + 1,
        "lines": shown,
        "total_lines": total,
    }


def _binary(file_path: str, data: bytes) -> Observation:
    utf16 = data.startswith(UTF16_MARKS)
    advice = "convert it with iconv -f UTF-16 -t UTF-8" if utf16 else "look at it with bash"
    text = f"{file_path} is not text: it is binary, {len(data)} bytes; {advice}."
    return failure(text, "unsupported", bytes=len(data))


def _image(file_path: str, data: bytes) -> Observation | None:
    """Hand over an image, if name and first bytes both say that it is one."""
    suffix = posixpath.splitext(file_path)[1].lower()
    media_type = _media_type(data) if suffix in IMAGE_TYPES else None
    if media_type is None:
        return None
    if len(data) > MAX_IMAGE_BYTES:
        text = (
            f"{file_path} has {len(data)} bytes; images of at most {MAX_IMAGE_BYTES} can be seen."
        )
        return failure(f"{text} Make it smaller with bash first.", "unsupported", bytes=len(data))
    return Observation(
        f"{file_path}: image, {media_type}, {len(data)} bytes.",
        metadata={"file_path": file_path, "media_type": media_type, "bytes": len(data)},
        images=(Attachment(data, media_type),),
    )


def _media_type(data: bytes) -> str | None:
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


async def _missing(file_path: str, context: ToolContext) -> Observation:
    near = await _near_names(context)
    advice = f" Near it: {', '.join(near)}." if near else " Find it with glob or ls."
    return failure(f"{file_path} does not exist.{advice}", "not_found", path=file_path)


async def _near_names(context: ToolContext) -> list[str]:
    """Give paths in the same directory whose names are alike, the best first."""
    directory, name = posixpath.split(context.resolved.path)
    try:
        parent = context.files.resolve(directory or ".")
    except PathRefused:
        return []
    name = name.lower()
    try:
        entries = await context.files.list(parent, among=_alike(name))
    except (OSError, WorkspaceError):
        return []
    finally:
        parent.close()
    names = _comparable(name, [entry.name for entry in entries])
    alike = difflib.get_close_matches(name, names)
    return [shown_name(posixpath.join(directory, names[key])) for key in alike]


def _alike(name: str) -> Callable[[str], bool]:
    """
    Give what tells the names that are worth a comparison, which takes long.

    One mistake leaves one half of a name as it is; with more of them the first letter may be right.
    """
    first, tail = name[:1], name[_half(name) :]

    def is_alike(other: str) -> bool:
        low = other.lower()
        return low.startswith(first) or low.endswith(tail)

    return is_alike


def _half(name: str) -> int:
    return len(posixpath.splitext(name)[0]) // 2


def _comparable(name: str, others: Iterable[str]) -> dict[str, str]:
    """Give of names that are alike those that are compared: a bounded number, in lower case."""
    half = _half(name)
    head, tail = name[:half] or name, name[half:]
    alike: list[tuple[bool, int, str, str]] = []
    for other in others:
        low = other.lower()
        is_half = low.startswith(head) or low.endswith(tail)
        alike.append((not is_half, abs(len(low) - len(name)), low, other))
    return {low: other for *_, low, other in sorted(alike)[:_MAX_COMPARED]}
