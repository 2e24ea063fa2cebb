"""
Workspaces in which nothing would be held: what may be written there runs outside later.

Who may write the whole system, or all that a user starts with, needs no way out of a sandbox.
"""

from __future__ import annotations

import os

_SYSTEM = (
    *(
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib32",
        "/lib64",
        "/opt",
        "/proc",
        "/run",
    ),
    *("/sbin", "/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/libexec", "/usr/local", "/usr/sbin"),
    *("/usr/share", "/var", "/var/lib", "/var/spool"),
)
_OF_KERNEL = ("/proc", "/sys")


def of_system(root: str) -> str:
    """Say why a workspace, a real path, is too much of the system; empty when it is not."""
    reals = {os.path.realpath(path) for path in _SYSTEM}
    is_above = any(_is_below(path, root) for path in reals)
    if root == "/" or root in reals or is_above:
        return f"the workspace is {root}, and whoever writes there writes the system."
    if any(_is_below(root, path) for path in _OF_KERNEL):
        return f"the workspace {root} is no directory of files."
    return ""


def of_user(root: str, home: str) -> str:
    """Say why a workspace is too much of a user; empty when it is not."""
    home = os.path.realpath(home)
    if root == home or _is_below(home, root):
        return f"the workspace {root} holds the home directory, from which programs are started."
    return ""


def own_places(root: str, write: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """Give which places of the harness lie in what may be written."""
    return tuple(
        path
        for path in map(os.path.realpath, own)
        if any(path == each or _is_below(path, each) for each in (root, *write))
    )


def between(path: str, roots: tuple[str, ...]) -> tuple[str, ...]:
    """Give the directories above `path` and below a root: renamed, they would take it along."""
    found: list[str] = []
    above = os.path.dirname(path)  # noqa: PTH120
    while any(_is_below(above, root) for root in roots):
        found.append(above)
        above = os.path.dirname(above)  # noqa: PTH120
    return tuple(reversed(found))


def _is_below(path: str, root: str) -> bool:
    return path.startswith(root.rstrip("/") + "/") and path != root
