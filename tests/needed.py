"""Programs that a test needs, by whether they work here and not by whether they are there."""

from __future__ import annotations

import functools
import shutil
import subprocess

import pytest

_NAMESPACES = ("--unshare-user", "--unshare-net", "--unshare-pid", "--disable-userns")
_VIEW = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")


@functools.cache
def has_bwrap() -> bool:
    """Say whether bubblewrap can make namespaces here; asked of itself, not of our own code."""
    try:
        ended = subprocess.run(
            [shutil.which("bwrap") or "bwrap", *_NAMESPACES, *_VIEW, "true"],
            capture_output=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


needs_bwrap = pytest.mark.skipif(not has_bwrap(), reason="needs bwrap")
