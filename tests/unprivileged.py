"""What root may not do, for tests that run as root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def as_somebody_without_privileges(directory: Path) -> Iterator[None]:
    """Root may write everywhere, so it steps down for a while."""
    if os.geteuid() != 0:
        yield
        return
    for parent in (directory, *list(directory.parents)[:-1]):
        parent.chmod(parent.stat().st_mode | 0o005)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
