"""
One file of instructions, read so that nothing it can be does harm: at most so many bytes, as
text, beneath the root. What it is instead of text, it says.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable

import msgspec

from a3s_code.errors import A3SError, PathRefused
from a3s_code.kernel.workspace import Files, Resolved

Denied = Callable[[Resolved], str]
"""Says why what was opened may not be shown; empty when it may."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Document(msgspec.Struct, frozen=True):
    """
    Attributes:
        path: The real path below the root.
        partial: `text` is only its beginning.
        size: Bytes that were read for it.
    """

    path: str
    text: str
    partial: bool = False
    size: int = 0


class Unusable(msgspec.Struct, frozen=True):
    """Something of this name is there, and no text can be had of it; `why` ends a sentence."""

    why: str


async def read_document(
    files: Files, path: str, limit: int, denied: Denied | None = None
) -> Document | Unusable | None:
    """
    Read a file of instructions; None when there is none.

    Args:
        limit: Bytes that are read at most.
        denied: What else may forbid it; it is asked about what was opened, links and all.
    """
    try:
        target = files.resolve(path)
    except A3SError as error:
        return _unreachable(files, path, error)
    try:
        data = await files.read(target, limit=limit + 1)
        why = denied(target) if denied is not None else ""  # of what is there
        return Unusable(why) if why else _decoded(target.path, data, limit)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        return Unusable("it is a directory")
    except (OSError, A3SError) as error:
        return Unusable(_said(error))
    finally:
        target.close()


def _unreachable(files: Files, path: str, error: A3SError) -> Unusable | None:
    """What stands below a file is not there; what leads outside is, and is not read."""
    holder = path.rpartition("/")[0] or "."
    below_a_file = (
        isinstance(error, PathRefused)
        and _resolves(files, holder)
        and not _resolves(files, f"{holder}/-/..")
    )
    return None if below_a_file else Unusable(_said(error))


def _resolves(files: Files, path: str) -> bool:
    try:
        files.resolve(path).close()
    except A3SError:
        return False
    return True


def _said(error: OSError | A3SError) -> str:
    text = error.message if isinstance(error, A3SError) else error.strerror
    return (text or type(error).__name__).rstrip(".")


def _decoded(path: str, data: bytes, limit: int) -> Document | Unusable:
    partial, kept = len(data) > limit, data[:limit]
    coding = "utf-16" if kept.startswith(_UTF16) else "utf-8"
    if coding == "utf-8" and b"\0" in kept:
        return Unusable("it is no text: it has NUL bytes")
    decode = codecs.getincrementaldecoder(coding)("replace").decode
    text = decode(kept, final=not partial).removeprefix("\ufeff")
    return Document(path, text.strip(), partial, len(kept))
