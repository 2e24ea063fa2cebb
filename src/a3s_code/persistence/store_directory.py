"""
What the directory of a store holds, by name.

    sessions.db           every session; sqlite_tables.py has the format. SQLite keeps three
                          files of the same name beside it while it is open
    sessions.lock         who is at work; writer_locks.py
    exits/                exit statuses of commands; workspace/exit_records.py
    snapshots/<digest>/   trees of the workspace whose real path has this digest, as git keeps
                          them; workspace/shadow_program.py
    forks/<session>/      workspaces of forks for which none was named
"""

from __future__ import annotations

DATABASE, LOCKS = "sessions.db", "sessions.lock"
EXITS, SNAPSHOTS, FORKS = "exits", "snapshots", "forks"

OWN = (
    *(f"{DATABASE}{end}" for end in ("", "-wal", "-shm", "-journal")),
    *(LOCKS, EXITS, SNAPSHOTS, FORKS),
)
"""All of it: never taken into a snapshot, also when the workspace is the directory itself."""
