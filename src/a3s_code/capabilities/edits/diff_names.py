"""File names in the headers of a diff: read for a check, never followed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from a3s_code.capabilities.edits.refusal import Refusal

NO_FILE = "/dev/null"

_STAMP = re.compile(
    r"(?:\t.*|\s+\d{4}-\d\d-\d\d\b.*|\s+\((?:revision|working copy)\b.*)$", re.DOTALL
)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_SIMPLE = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def header_name(line: str) -> str:
    """Give the name in a `---` or `+++` line, without its time and git's quotes."""
    name = _STAMP.sub("", line[4:]).strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        raw = name[1:-1].encode("utf-8", "surrogateescape")
        return _ESCAPE.sub(_unescaped, raw).decode("utf-8", "surrogateescape")
    return name


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if len(code) == 3:  # noqa: PLR2004 - the digits of an octal escape
        return bytes([int(code, 8) & 0xFF])
    return _SIMPLE.get(code, code)


def without_side(name: str) -> str:
    """Drop the `a/` or `b/` that git puts before a name."""
    return name[2:] if name[:2] in ("a/", "b/") else name


def misdirected(names: Sequence[str], targets: Sequence[str]) -> Refusal | None:
    """
    Refuse headers that are about another file than the one that is patched.

    A name agrees with a target if the parts of one are the last parts of the other, as
    `src/f.py` and `/root/src/f.py`. One agreeing name is enough (`f.py.orig`, `f.py`), and
    names that are no paths (`original`, `modified`) say nothing.

    Args:
        targets: The file to be patched, as written and as resolved.
    """
    paths = [name for name in names if "/" in name or "." in name]
    if any(_leads_out(name) for name in paths) or (
        paths and not any(_agree(name, target) for name in paths for target in targets)
    ):
        return Refusal(
            "path_refused",
            f"the diff's header names {paths[0]!r}, which is another file. Headers never choose"
            " the file: pass its path as file_path, and leave the header out.",
        )
    return None


def _leads_out(name: str) -> bool:
    name = without_side(name)
    return name.startswith("~") or ".." in name.split("/")


def _agree(name: str, target: str) -> bool:
    return any(_is_tail(spelled, target) for spelled in (name, without_side(name)))


def _is_tail(one: str, other: str) -> bool:
    ones, others = (
        [part for part in path.split("/") if part not in ("", ".")] for path in (one, other)
    )
    shared = min(len(ones), len(others))
    return shared > 0 and ones[-shared:] == others[-shared:]
