"""What a life left in its store: is all there that was acknowledged, and is it whole?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import EffectIntended, EffectSettled, Record
from a3s_code.kernel.store import Store
from a3s_code.persistence.verify import verify
from a3s_code.testing.crash_store import (
    Acknowledged,
    Began,
    Deleted,
    HandedBlob,
    HandedRecord,
    Told,
    digest_of,
)


class Left(msgspec.Struct, frozen=True):
    """
    Attributes:
        acknowledged: Records that a barrier had returned for.
        found: Records that are there.
        open_effects: Calls that were intended and not settled, by id.
        intended: Calls that were intended, by id; one that ran twice is there twice.
        faults: What is not as it must be, one sentence each.
    """

    acknowledged: int
    found: int
    open_effects: tuple[str, ...]
    intended: tuple[str, ...]
    faults: tuple[str, ...]


class _Owed:
    """What the store has promised to have, by session."""

    def __init__(self, facts: Iterable[Told]) -> None:
        self.records: dict[str, dict[int, str]] = {}
        self.blobs: dict[str, set[str]] = {}
        self._handed: dict[str, list[HandedRecord | HandedBlob]] = {}
        for fact in facts:
            self._take(fact)

    def _take(self, fact: Told) -> None:
        match fact:
            case Began():
                self._handed.clear()
            case HandedRecord() | HandedBlob():
                self._handed.setdefault(fact.session, []).append(fact)
            case Acknowledged():
                self._owe(self._handed.get(fact.session, [])[: fact.handed])
            case Deleted():
                for owed in (self.records, self.blobs, self._handed):
                    owed.pop(fact.session, None)
            case _:
                pass

    def _owe(self, handed: Sequence[HandedRecord | HandedBlob]) -> None:
        for fact in handed:
            if isinstance(fact, HandedBlob):
                self.blobs.setdefault(fact.session, set()).add(fact.sha256)
            else:
                self.records.setdefault(fact.session, {})[fact.sequence] = fact.digest


async def examine(store: Store, directory: Path, facts: Iterable[Told], session: str) -> Left:
    """
    Compare a store with what it acknowledged.

    Args:
        store: Opened anew; it is only read, and closed in the end.
        directory: Where it is; a `sessions.db` there is verified as well.
        session: The session whose effects are looked at.
    """
    owed = _Owed(facts)
    faults: list[str] = []
    logs: dict[str, Sequence[Record]] = {}
    try:
        for name in {session, *owed.records, *owed.blobs}:
            logs[name] = await _load(store, SessionId(name), faults)
            faults += _missing(logs[name], owed.records.get(name, {}))
            faults += await _missing_blobs(store, name, owed.blobs.get(name, set()))
    finally:
        await store.close()
    faults += _verified(directory / "sessions.db")
    events = [record.event for record in logs[session]]
    settled = {event.call_id for event in events if isinstance(event, EffectSettled)}
    intended = [event.call_id for event in events if isinstance(event, EffectIntended)]
    return Left(
        acknowledged=sum(map(len, owed.records.values())),
        found=sum(map(len, logs.values())),
        open_effects=tuple(call for call in intended if call not in settled),
        intended=tuple(intended),
        faults=tuple(faults),
    )


async def _load(store: Store, session: SessionId, faults: list[str]) -> Sequence[Record]:
    try:
        return await store.load(session, None)
    except SessionNotFound:
        return ()
    except StoreError as error:
        faults.append(f"unreadable: {error}")
    except Exception as error:  # noqa: BLE001 - a store is foreign code
        faults.append(f"unreadable, and untyped: {type(error).__name__}: {error}")
    return ()


def _missing(records: Sequence[Record], owed: dict[int, str]) -> list[str]:
    found = {record.sequence: digest_of(record) for record in records}
    lost = [number for number in owed if number not in found]
    changed = [number for number, digest in owed.items() if found.get(number, digest) != digest]
    faults = [f"record {number} was acknowledged and is lost" for number in lost]
    return faults + [f"record {number} was acknowledged and is another now" for number in changed]


async def _missing_blobs(store: Store, session: str, owed: set[str]) -> list[str]:
    faults: list[str] = []
    for sha256 in sorted(owed):
        try:
            data = await store.get_blob(SessionId(session), sha256)
        except StoreError as error:
            faults.append(f"unreadable: {error}")
        else:
            if data is None:
                faults.append(f"blob {sha256} was acknowledged and is lost")
    return faults


def _verified(file: Path) -> list[str]:
    """Run the standalone verifier, where it knows the format."""
    if not file.exists() or not file.stat().st_size:
        return []
    try:
        reports = verify(file)
    except ValueError:  # made, and still without tables
        return []
    except sqlite3.Error as error:
        return [f"cannot be verified: {error}"]
    return [f"{report.name}: {fault}" for report in reports for fault in report.faults]
