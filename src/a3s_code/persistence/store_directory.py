"""
What the directory of a store holds, by name.

    sessions.db           every session; sqlite_tables.py has the format. SQLite keeps three
                          files of the same name beside it while it is open
    sessions.lock         who is at work; writer_locks.py
    exits/<session>/      exit statuses of its commands; workspace/exit_records.py
    snapshots/<digest>/   trees of the workspace whose path has this digest, as git keeps them;
                          workspace/shadow_program.py
      refs/keep/<session>-<tree>    a tree that the session can go back to
    forks/<id>/           workspaces of forks for which none was named

<session> is `session_digest` of its id.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from a3s_code.kernel.store import session_digest

DATABASE, LOCKS = "sessions.db", "sessions.lock"
EXITS, SNAPSHOTS, FORKS = "exits", "snapshots", "forks"

OWN = (
    *(f"{DATABASE}{end}" for end in ("", "-wal", "-shm", "-journal")),
    *(LOCKS, EXITS, SNAPSHOTS, FORKS),
)
"""All of it: never taken into a snapshot, also when the workspace is the directory itself."""


def forget_session(directory: Path, session: str) -> None:
    """
    Remove what a session has beside its records: its exit statuses, and its hold on trees.

    What cannot be removed stays, and harms nobody. Refs are single files: the shadow
    directories are set up so that git does not pack them.
    """
    digest = session_digest(session)
    shutil.rmtree(directory / EXITS / digest, ignore_errors=True)
    for ref in (directory / SNAPSHOTS).glob(f"*/refs/keep/{digest}-*"):
        with suppress(OSError):
            ref.unlink()
