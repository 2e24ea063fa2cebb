"""
What no confined program reads, whatever the policy: keys, passwords, and what is of others.

A process that keeps root's number can read what belongs to root, so for that form whatever
ordinary users cannot read in the system's directories is hidden too, by looking.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_OF_USER = [
    ".ssh",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/op",
    ".config/sops",
    ".docker",
    ".gnupg",
    ".kube",
    ".local/share/keyrings",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".config/git/credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".terraform.d",
    ".vault-token",
    ".password-store",
    ".pgpass",
    ".my.cnf",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".psql_history",
]
_OF_SYSTEM = [
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
    "/etc/krb5.keytab",
    "/etc/security/opasswd",
    "/var/lib/sss",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/run/secrets",
    "/run/secrets",
    "/boot",
    "/lost+found",
]

_SEARCHED = ("/", "/etc", "/var", "/var/lib", "/var/log", "/var/backups", "/opt", "/srv", "/home")
_EMPTY_INSIDE = frozenset({"/proc", "/sys", "/dev", "/run", "/tmp"})  # noqa: S108
_OTHERS_READ, _OTHERS_ENTER = stat.S_IROTH, stat.S_IXOTH


def hidden(home: str, more: Iterable[str] = (), *, as_root: bool = False) -> tuple[str, ...]:
    """
    Give what exists of it, as real paths; nothing is below another one of them.

    Args:
        home: Of the user whose keys are hidden.
        more: Paths of the policy.
        as_root: Programs keep root's number, so what is closed to others has to be hidden.
    """
    wanted = [*_OF_SYSTEM, *(str(Path(home, name)) for name in _OF_USER), *more]
    if as_root:
        wanted += _closed(os.path.realpath(home))
    found = {os.path.realpath(path) for path in wanted if _holds_something(path)}
    return tuple(path for path in sorted(found) if not _is_below(path, found))


def _holds_something(path: str) -> bool:
    """Say whether there is anything to hide: a directory counts, since it may be filled later."""
    try:
        found = Path(path).stat()
    except OSError:
        return False
    return not stat.S_ISREG(found.st_mode) or found.st_size > 0


def _is_below(path: str, others: set[str]) -> bool:
    return any(str(parent) in others for parent in Path(path).parents)


def _closed(home: str) -> Iterator[str]:
    """Give what is closed to others in the directories that are searched, but not `home`."""
    for directory in _SEARCHED:
        with suppress(OSError), os.scandir(directory) as entries:
            for entry in entries:
                if entry.path in _EMPTY_INSIDE or home.startswith(f"{entry.path}/"):
                    continue
                if entry.path != home and _is_closed(entry):
                    yield entry.path


def _is_closed(entry: os.DirEntry[str]) -> bool:
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except OSError:
        return False
    if stat.S_ISDIR(mode):
        return not mode & _OTHERS_ENTER or not mode & _OTHERS_READ
    return stat.S_ISREG(mode) and not mode & _OTHERS_READ
