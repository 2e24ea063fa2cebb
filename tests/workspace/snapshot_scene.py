"""What the tests of snapshots share."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from pathlib import Path

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(where: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git as the user does."""
    environment = {**os.environ, **IDENTITY}
    done = subprocess.run(
        ("git", *arguments),
        cwd=where,
        env=environment,
        input=stdin,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode(errors="replace").strip()


def fill(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def facts(root: Path) -> dict[str, tuple[int, str]]:
    """Give mode and content of everything below `root`, by raw path; directories too."""
    found: dict[str, tuple[int, str]] = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = Path(directory) / name
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                content = str(path.readlink())
            elif stat.S_ISREG(mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                content = ""
            found[os.path.relpath(path, root)] = (mode, content)
    return found


def snapshotted(root: Path) -> dict[str, tuple[bool, str]]:
    """Give what a snapshot is about: links and whether files are programs, no directories."""
    return {
        path: (bool(mode & stat.S_IXUSR), content)
        for path, (mode, content) in facts(root).items()
        if not stat.S_ISDIR(mode) and ".git" not in Path(path).parts
    }


def empty(directory: Path) -> None:
    """Remove the files in `directory`, and not those further below."""
    for path in directory.iterdir():
        path.unlink()


def names(directory: Path, pattern: str = "*") -> list[str]:
    return sorted(path.name for path in directory.glob(pattern))
