"""
What git sees in the place of its `info/exclude`, so that it takes no stand-in for a new file.

A stand-in of a file is a device inside the view, and `git add -A` fails at one. So git is shown
the file as it is, with the names of the stand-ins behind it; read-only, as it is a copy.

Source: gitignore(5), `$GIT_DIR/info/exclude`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from a3s_code.workspace.sandbox.protection import Protected

MAX_BYTES = 1024 * 1024
"""Of such a file; a larger one stays as it is."""

_EXCLUDE = "/.git/info/exclude"


def repositories(roots: Iterable[str]) -> list[str]:
    """Give the path of the file of each directory that is a repository and has one."""
    paths = (f"{root}{_EXCLUDE}" for root in roots)
    return [path for path in paths if os.path.exists(path) and _content(path) is not None]  # noqa: PTH110


def excludes(path: str, protected: Protected) -> bytes:
    """Give what is to be seen in the place of the file at `path`, one of `repositories`."""
    names = _stand_ins(protected, path.removesuffix(_EXCLUDE))
    lines = "".join(f"\n/{name}" for name in names)
    return (_content(path) or b"") + lines.encode() + b"\n" * bool(names)


def _stand_ins(protected: Protected, root: str) -> list[str]:
    within = [path for path in protected.absent_files if path.startswith(f"{root}/")]
    return [name for path in within if "/" not in (name := path.removeprefix(f"{root}/"))]


def _content(path: str) -> bytes | None:
    """Read it; None where there is none, or where a link could lead to something else."""
    if os.path.realpath(path) != path:
        return None
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        content = file.read(MAX_BYTES + 1)
    return content if len(content) <= MAX_BYTES else None
