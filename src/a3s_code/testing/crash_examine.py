"""What a life left in its store: is all there that was acknowledged, and is it whole?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.fold import fold
from a3s_code.kernel.records import EffectIntended, EffectSettled, HistoryAppended, Record
from a3s_code.kernel.state import OpenEffect, SessionState
from a3s_code.kernel.store import Store
from a3s_code.persistence.verify import verify
from a3s_code.testing.crash_owed import Owed
from a3s_code.testing.crash_store import Told


class FilePlan(msgspec.Struct, frozen=True):
    """A file that a call was about to change; digests as in `FileImage`."""

    path: str
    before: str
    after: str


class OpenCall(msgspec.Struct, frozen=True):
    """
    A call that was intended and not settled.

    Attributes:
        said: Its arguments as JSON, where the conversation holds them.
        files: The last change that it announced of each file; empty for a call that writes
            none. `is_write` says that it does nothing else.
    """

    call_id: str
    said: str
    is_write: bool
    files: tuple[FilePlan, ...]


class Settled(msgspec.Struct, frozen=True):
    """As `EffectSettled` says it."""

    outcome: str
    evidence: str


class Left(msgspec.Struct, frozen=True):
    """
    Attributes:
        acknowledged: Records that a barrier had returned for.
        found: Records that are there.
        open_calls: Of the session that is looked at.
        settled: Its effects that were settled, by call id.
        intended: Calls that were intended, by id; one that ran twice is there twice.
        faults: What is not as it must be, one sentence each.
    """

    acknowledged: int
    found: int
    open_calls: tuple[OpenCall, ...]
    settled: dict[str, Settled]
    intended: tuple[str, ...]
    faults: tuple[str, ...]


async def examine(store: Store, directory: Path, facts: Iterable[Told], session: str) -> Left:
    """
    Compare a store with what it acknowledged.

    Args:
        store: Opened anew; it is only read, and closed in the end.
        directory: Where it is; a `sessions.db` there is verified as well.
        session: The session whose effects are looked at.
    """
    owed = Owed(facts)
    faults: list[str] = []
    logs: dict[str, Sequence[Record]] = {}
    states: dict[str, SessionState] = {}
    try:
        for name in {session, *owed.records, *owed.blobs}:
            records = logs[name] = await _load(store, SessionId(name), faults)
            states[name] = fold(records)
            faults += owed.faults_of(name, records)
            needed = owed.blobs.get(name, set()) | states[name].blobs.keys()
            faults += await _missing_blobs(store, name, needed)
    finally:
        await store.close()
    faults += _verified(directory / "sessions.db")
    events = [record.event for record in logs[session]]
    said = _arguments(logs[session])
    return Left(
        acknowledged=sum(map(len, owed.records.values())),
        found=sum(map(len, logs.values())),
        open_calls=tuple(_open(effect, said) for effect in states[session].effects.values()),
        settled={
            event.call_id: Settled(event.outcome, event.evidence)
            for event in events
            if isinstance(event, EffectSettled)
        },
        intended=tuple(event.call_id for event in events if isinstance(event, EffectIntended)),
        faults=tuple(faults),
    )


def _arguments(records: Sequence[Record]) -> dict[str, str]:
    """Give the arguments of the model's calls, by call id."""
    return {
        call.id: msgspec.json.encode(call.input).decode()
        for record in records
        if isinstance(record.event, HistoryAppended)
        for call in record.event.message.calls
    }


def _open(effect: OpenEffect, said: dict[str, str]) -> OpenCall:
    call_id = effect.intended.call_id
    last = {file.path: file for file in effect.files}
    files = (FilePlan(path, file.before.sha256, file.after.sha256) for path, file in last.items())
    is_write = effect.intended.effect == "write"
    return OpenCall(call_id, said.get(call_id, ""), is_write, tuple(files))


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


async def _missing_blobs(store: Store, session: str, owed: set[str]) -> list[str]:
    faults: list[str] = []
    for sha256 in sorted(owed):
        try:
            data = await store.get_blob(SessionId(session), sha256)
        except StoreError as error:
            faults.append(f"unreadable: {error}")
        else:
            if data is None:
                faults.append(f"blob {sha256} of {session} is needed and lost")
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
