"""
Damage to every byte of a store: it opens with what was written, or says what is wrong.

Read is what `FileSessionStore.load` reads, in this process and on the file alone. A cut or a
flipped bit in the WAL is for SQLite the end of what was committed, so there a log may be
shorter than it was; that the end is missing shows only against a head that is kept elsewhere.

With A3S_CRASH=all every byte of a log of 200 events. Otherwise, of 20 events: of the database
every byte that is not in the middle of zeros, and every 32nd to cut at; every 32nd of the WAL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.records import Record
from a3s_code.persistence.sqlite import FileSessionStore
from a3s_code.persistence.sqlite_file import read
from a3s_code.persistence.sqlite_reads import read_log
from crash.sizes import ALL, EVENTS, STRIDE
from persistence.logs import S, records

MEMORY = Path("/dev/shm")
COMMIT = 10
"""Records in each commit that the WAL holds."""


@pytest.fixture
def place() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
        yield Path(directory)


@pytest.fixture
async def database(tmp_path: Path) -> bytes:
    """The file of a closed store, with no WAL beside it."""
    store = FileSessionStore(tmp_path)
    for entry in records(EVENTS):
        store.append(S, entry)
    await store.close()
    return (tmp_path / "sessions.db").read_bytes()


@pytest.fixture
async def running(tmp_path: Path) -> tuple[bytes, bytes]:
    """The database and the WAL of a store that is open, as a kill leaves them."""
    store = FileSessionStore(tmp_path)
    log = records(EVENTS)
    for start in range(0, EVENTS, COMMIT):
        for entry in log[start : start + COMMIT]:
            store.append(S, entry)
        await store.barrier(S)
    files = [(tmp_path / name).read_bytes() for name in ("sessions.db", "sessions.db-wal")]
    await store.close()
    return files[0], files[1]


class Openings:
    """Opens damaged copies in `place`, and counts what came of it."""

    def __init__(self, place: Path) -> None:
        self._file = place / "sessions.db"
        self.lengths: list[int] = []
        self.outcomes: Counter[str] = Counter()
        self.messages: set[str] = set()

    def open(self, database: bytes, wal: bytes | None = None) -> None:
        for name in ("sessions.db-wal", "sessions.db-shm"):
            self._file.with_name(name).unlink(missing_ok=True)
        self._file.write_bytes(database)
        if wal is not None:
            self._file.with_name("sessions.db-wal").write_bytes(wal)
        try:
            found = read(self._file, lambda connection: read_log(connection, S)) or ()
        except SessionNotFound:
            self._note(())
        except StoreError as error:
            self.outcomes["refused"] += 1
            self.messages.add(str(error))
        else:
            self._note(found)

    def _note(self, found: Sequence[Record]) -> None:
        assert list(found) == records(len(found)), "it opened with something else"
        self.lengths.append(len(found))
        whole = {0: "absent", EVENTS: "whole"}
        self.outcomes[whole.get(len(found), "a prefix")] += 1

    def tell(self) -> None:
        """Shown with `-s`, and when a test fails."""
        print(  # noqa: T201
            f"{self.outcomes.total()} openings: {dict(self.outcomes)}"
        )


def flipped(data: bytes, places: Iterable[int]) -> Iterator[bytes]:
    """Give a copy for each place, with one bit of its byte flipped."""
    for at in places:
        copy = bytearray(data)
        copy[at] ^= 1 << (at // STRIDE + at) % 8
        yield bytes(copy)


def in_use(data: bytes) -> Iterator[int]:
    """Give every place, or those with something other than zeros within 8 bytes."""
    return (at for at in range(len(data)) if ALL or any(data[max(0, at - 8) : at + 8]))


def test_a_database_cut_at_any_byte_is_refused(place: Path, database: bytes) -> None:
    opening = Openings(place)
    for length in [*range(32), *range(32, len(database), STRIDE), len(database)]:
        opening.open(database[:length])
    opening.tell()

    assert set(opening.outcomes) == {"absent", "refused", "whole"}
    assert opening.outcomes["absent"] == 2, "for SQLite a file of one byte is empty as well"
    assert all("sessions.db" in said or S in said for said in opening.messages)


def test_a_bit_flipped_in_any_byte_of_a_database_is_refused_or_changes_nothing(
    place: Path, database: bytes
) -> None:
    opening = Openings(place)
    for damaged in flipped(database, in_use(database)):
        opening.open(damaged)
    opening.tell()

    assert set(opening.outcomes) == {"refused", "whole"}
    assert opening.outcomes["refused"] > EVENTS * 100, "the bytes of records are looked at"


def test_a_wal_cut_at_any_byte_opens_with_the_commits_before_it(
    place: Path, running: tuple[bytes, bytes]
) -> None:
    opening, (database, wal) = Openings(place), running
    for length in [*range(0, len(wal), STRIDE), len(wal)]:
        opening.open(database, wal[:length])
    opening.tell()

    assert "refused" not in opening.outcomes
    assert opening.lengths == sorted(opening.lengths)
    assert (opening.lengths[0], opening.lengths[-1]) == (0, EVENTS)
    assert len(set(opening.lengths)) > EVENTS // COMMIT, "each commit is there, or is not"


def test_a_bit_flipped_in_any_byte_of_a_wal_leaves_whole_commits(
    place: Path, running: tuple[bytes, bytes]
) -> None:
    opening, (database, wal) = Openings(place), running
    for damaged in flipped(wal, range(0, len(wal), STRIDE)):
        opening.open(database, damaged)
    opening.tell()

    assert "refused" not in opening.outcomes
    assert len(set(opening.lengths)) > EVENTS // COMMIT - 1, "each commit is there, or is not"
