"""
Check a session store: is every record what was written, and is none missing?

This file needs Python 3.9 or later and nothing else, so it can be copied and run anywhere:

    python verify.py PATH [--session ID] [--head HASH]

PATH is the directory of a store, or its `sessions.db`. The store is only read. Each record
is stored with hash = sha256(hash of the record before + its bytes), 32 zero bytes before
the first. Exit status: 0 all is well, 1 something is not, 2 PATH could not be read.

What the chain shows: a record that was changed, taken out, put in or moved, unless all
hashes after it were made anew as well. What it cannot show: records cut off at the end, or
a log written anew as a whole, by somebody who may write to the store. Against that, keep
the head hash somewhere else and give it as --head. Nor does it show that a record told the
truth when it was written, or that the clock was right.

A record that was pruned, as the session's limits said, has an empty body and keeps its hash;
a later record names it. The chain still shows that there was one, but no longer what it said,
and of neighbours that were pruned only the last is linked. No head holds at such a record.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote

GENESIS = bytes(32)
FORMAT = 1

_BLOBS = "SELECT sha256, size, ifnull(CAST(data AS BLOB), x'') FROM blobs NOT INDEXED"


@dataclass
class Report:
    """One session, all blobs, or the file; `faults` is empty when all is well."""

    name: str
    count: str = ""
    head: str = ""
    faults: list[str] = field(default_factory=list[str])


def verify(path: Path, session: str | None = None, head: str | None = None) -> list[Report]:
    """
    Check all sessions, or one, with all blobs and the file itself.

    Args:
        head: A hash, in hex, that the log of the session must contain.

    Raises:
        OSError, sqlite3.Error: the store cannot be read.
        ValueError: it is none, of another format, or has no such session.
    """
    file = path / "sessions.db" if path.is_dir() else path
    if not file.exists():
        raise ValueError(f"there is no {file}; give the directory of a FileSessionStore")
    with closing(sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True)) as db:
        db.text_factory = partial(str, encoding="utf-8", errors="replace")
        db.execute("BEGIN")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != FORMAT:
            raise ValueError(f"{file} has format {version}; this verifier knows {FORMAT}")
        reports = _check_logs(db, session, head)
        if session is not None and not reports:
            raise ValueError(f"{file} has no session {session!r}")
        if head is not None and len(reports) != 1:
            raise ValueError("say with --session whose head it is")
        return [*reports, _check_blobs(db), _check_file(db)]


def _check_logs(db: sqlite3.Connection, session: str | None, anchor: str | None) -> list[Report]:
    # Without the indexes, which may be damaged as well, and in one pass over the table.
    found = db.execute(
        "SELECT number, id, ifnull(CAST(next AS INTEGER), 0), head FROM sessions NOT INDEXED"
    )
    sessions = {number: _Log(name, length, last) for number, name, length, last in found}
    rows = db.execute(
        "SELECT session, ifnull(CAST(sequence AS INTEGER), -1), ifnull(CAST(body AS BLOB), x''),"
        " ifnull(CAST(hash AS BLOB), x'') FROM records NOT INDEXED ORDER BY 1, 2"
    )
    for number, sequence, body, stored in rows:
        log = sessions.setdefault(number, _Log(f"number {number}", -1, b""))
        if session in (None, log.name):
            log.check(sequence, body, stored, anchor)
    logs = (log for log in sessions.values() if session in (None, log.name))
    reports = [log.report(anchor) for log in logs if log.length or log.next]
    return sorted(reports, key=lambda report: str(report.name))


class _Log:
    """One log, checked record by record."""

    def __init__(self, name: str, length: int, last: bytes) -> None:
        self.name, self.length, self.last = name, length, last
        self.next, self.count, self.pruned, self.head = 0, 0, 0, GENESIS
        self.anchored, self.unnamed = False, set[int]()
        self.faults: list[str] = []

    def check(self, sequence: int, body: bytes, stored: bytes, anchor: str | None) -> None:
        self.faults += _gap(self.next, sequence)
        if not body:
            self.pruned += 1
            self.unnamed.add(sequence)
        elif hashlib.sha256(self.head + body).digest() == stored:
            self.anchored |= (anchor or "").lower() == stored.hex()
        else:
            after = "the one before it" if sequence == self.next else "what is missing before it"
            self.faults.append(f"record {sequence} was changed, or does not follow {after}")
        if body:
            self.faults += self._read(sequence, body)
        self.head, self.next, self.count = stored, sequence + 1, self.count + 1

    def _read(self, sequence: int, body: bytes) -> list[str]:
        """A record says itself which one it is; the first one also of which session."""
        try:
            record = json.loads(body)
            said, event = record.get("sequence", 0), record["event"]
            of = event.get("session_id", self.name)
            for first, last in event.get("ranges", ()) if event["type"] == "records_pruned" else ():
                self.unnamed.difference_update(range(max(first, 0), min(last + 1, sequence)))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return [f"record {sequence} is no record"]
        if sequence == 0 and of != self.name:
            return [f"record 0 says that it is of session {of!r}"]
        return [] if said == sequence else [f"record {sequence} says that it is record {said}"]

    def report(self, anchor: str | None) -> Report:
        faults = [*self.faults, *(f"record {n} is empty, not pruned" for n in sorted(self.unnamed))]
        faults += _gap(self.next, self.length)
        if self.length < 0:
            faults.append("the session of these records is missing")
        elif self.next > self.length:
            faults.append(f"there are more records than the {self.length} that were written")
        elif self.next == self.length and self.head != self.last:
            faults.append(f"record {self.length - 1} is not the one that was written last")
        if anchor is not None and not self.anchored:
            gone = "cut off, pruned" if self.pruned else "cut off"
            faults.append(f"the given head is not in this log: it was {gone} or written anew")
        count = f"{self.count} records" + (f", {self.pruned} pruned" if self.pruned else "")
        return Report(self.name, count, self.head.hex(), faults)


def _gap(expected: int, found: int) -> list[str]:
    if found == expected + 1:
        return [f"record {expected} is missing"]
    return [f"records {expected} to {found - 1} are missing"] if found > expected else []


def _check_blobs(db: sqlite3.Connection) -> Report:
    report, count = Report("(blobs)"), 0
    for digest, size, data in db.execute(_BLOBS):
        count += 1
        if hashlib.sha256(data).hexdigest() != digest or len(data) != size:
            report.faults.append(f"blob {digest} was changed")
    lost = "SELECT DISTINCT sha256 FROM blob_owners WHERE sha256 NOT IN (SELECT sha256 FROM blobs)"
    report.faults += [f"blob {row[0]} is missing" for row in db.execute(lost)]
    report.count = f"{count} blobs"
    return report


def _check_file(db: sqlite3.Connection) -> Report:
    found = [row[0] for row in db.execute("PRAGMA integrity_check(10)")]
    return Report("(file)", faults=[] if found == ["ok"] else found)


def main(arguments: list[str] | None = None, prog: str = "verify.py") -> int:
    """Run as a program; see the head of this file."""
    parser = argparse.ArgumentParser(
        prog=prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path, metavar="PATH")
    parser.add_argument("--session", metavar="ID", help="check this one only")
    parser.add_argument("--head", metavar="HASH", help="a hash that its log must contain")
    given = parser.parse_args(arguments)
    try:
        reports = verify(given.path, given.session, given.head)
    except (OSError, ValueError, sqlite3.OperationalError) as error:
        print(f"cannot be verified: {error}", file=sys.stderr)
        return 2
    except sqlite3.DatabaseError as error:
        reports = [Report("(file)", faults=[str(error)])]
    for report in reports:
        head = f"  head {report.head}" if report.head else ""
        print(f"{'BAD' if report.faults else 'ok '}  {report.name!a}  {report.count}{head}")
        for fault in report.faults:
            print(f"     {fault}")
    return 1 if any(report.faults for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
