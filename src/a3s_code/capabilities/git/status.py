"""
What `git status` says, as a value.

Source:
    git-status(1), "Porcelain Format Version 2", with `-z`: records end in NUL, and a
    renamed path is followed by its old one as a record of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from a3s_code.kernel.workspace import shown_name

PORCELAIN = (
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    "--untracked-files=normal",
    "--ignore-submodules=dirty",
)

_FIELDS_BEFORE_PATH = {"1": 8, "2": 9, "u": 10, "?": 1}


class Change(msgspec.Struct, frozen=True):
    """
    A path that differs.

    Attributes:
        code: Two letters as in the short format: index, then work tree; a blank = unchanged.
        old_path: Where a renamed or copied file was.
    """

    code: str
    path: str
    old_path: str = ""

    def __str__(self) -> str:
        old = f"{shown_name(self.old_path)} -> " if self.old_path else ""
        return f"{self.code} {old}{shown_name(self.path)}"


class Status(msgspec.Struct, frozen=True):
    """
    Attributes:
        branch: Empty when the head is detached.
        commit: Full id; empty before the first commit.
        ahead, behind: Commits, against `upstream`.
    """

    branch: str = ""
    commit: str = ""
    upstream: str = ""
    ahead: int = 0
    behind: int = 0
    changes: tuple[Change, ...] = ()


def parse_status(output: str) -> Status:
    """Read the output of `PORCELAIN`. Lines of unknown kinds are left out."""
    heads: dict[str, str] = {}
    changes: list[Change] = []
    records = iter(output.split("\0"))
    for record in records:
        if record.startswith("# branch."):
            key, _, value = record.removeprefix("# branch.").partition(" ")
            heads[key] = value
        elif change := _change(record, records):
            changes.append(change)
    ahead, _, behind = heads.get("ab", "").partition(" ")
    head, commit = heads.get("head", ""), heads.get("oid", "")
    return Status(
        branch="" if head == "(detached)" else head,
        commit="" if commit == "(initial)" else commit,
        upstream=heads.get("upstream", ""),
        ahead=int(ahead or 0),
        behind=-int(behind or 0),
        changes=tuple(changes),
    )


def _change(record: str, rest: Iterator[str]) -> Change | None:
    kind = record[:1]
    count = _FIELDS_BEFORE_PATH.get(kind)
    if count is None:
        return None
    fields = record.split(" ", count)
    if len(fields) <= count:
        return None
    code = "??" if kind == "?" else fields[1].replace(".", " ")
    return Change(code, fields[count], next(rest, "") if kind == "2" else "")


def head_line(status: Status) -> str:
    """Say where the head is, in one line."""
    if status.branch:
        line = f"On branch {status.branch}"
    else:
        line = f"Head detached at {status.commit[:12]}"
    if not status.commit:
        line += ", no commits yet"
    if status.upstream:
        line += f", {status.ahead} ahead and {status.behind} behind {status.upstream}"
    return line
