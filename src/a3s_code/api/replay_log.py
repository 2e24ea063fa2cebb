"""
The log of a bundle, gone through again: what is not as it was written, or does not follow.

Every record is tied to the one before it, says which one it is, and can be read. No file
changes and no call ends without an intent before it; a file that a tool changes is what the
last tool left, unless something else may have come between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from a3s_code.api.bundle import HASHES, LOG, BundleFile, Manifest, is_sha256, split_lines
from a3s_code.api.run_record import facts, pruned_by
from a3s_code.api.stores import decoded, linked
from a3s_code.errors import BundleError, StoreError
from a3s_code.kernel.file_changes import UNSEEN
from a3s_code.kernel.fold import apply
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.records import (
    EffectInDoubt,
    EffectIntended,
    EffectSettled,
    FileChanging,
    FileLeft,
    Record,
    Rewound,
    RunStarted,
    RunStatusChanged,
    SessionOpened,
    SnapshotTaken,
    emptied,
)
from a3s_code.kernel.state import UNKNOWN_REACH, SessionState, is_within


@dataclass(frozen=True, slots=True)
class Difference:
    """
    The first thing that is not as it has to be.

    Attributes:
        where: A record, a member of the bundle, a part of the manifest or a path.
        sequence: Of the record that it is about; None when it is about none.
    """

    where: str
    what: str
    expected: str
    found: str
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """What tools left in files, by path as SHA-256, when a tree was taken."""

    sequence: int
    files: Mapping[str, str]


@dataclass(slots=True)
class LogReplay:
    """
    Used once. What the attributes hold is whole when `differences` gave none.

    Attributes:
        pruned: Sequences of the records whose bodies are gone.
        left: At each tree, unless a command ran just then.
    """

    manifest: Manifest
    bodies: Sequence[bytes]
    hashes: Sequence[str]
    records: list[Record] = field(default_factory=list[Record])
    state: SessionState = field(default_factory=SessionState)
    pruned: set[int] = field(default_factory=set[int])
    left: list[Left] = field(default_factory=list[Left])

    @classmethod
    def of(cls, file: BundleFile, manifest: Manifest) -> LogReplay:
        """
        Raises:
            BundleError: the members are damaged, or not there.
        """
        hashes = [line.decode("ascii", "replace") for line in split_lines(file.read(HASHES))]
        return cls(manifest, split_lines(file.read(LOG)), hashes)

    def differences(self, head: str | None) -> Iterator[Difference]:
        """
        Give what is wrong, in the order of the log as far as it is about records.

        Raises:
            BundleError: a record is of a type that this version does not know.
        """
        yield from self._chain()
        yield from self._ends(head)
        yield from self._say_themselves()
        yield from Effects(self).differences()
        yield from self._folded()

    # The chain

    def _chain(self) -> Iterator[Difference]:
        before: bytes | None = None
        for sequence, body in enumerate(self.bodies):
            if sequence >= len(self.hashes) or not is_sha256(self.hashes[sequence]):
                found = self.hashes[sequence : sequence + 1]
                yield _of(sequence, f"its line in {HASHES}", "a hash in hex", str(found or "none"))
                return
            stored = self.hashes[sequence]
            if body:
                made = linked(before, body).hex()
                if made != stored:
                    yield _of(sequence, "the hash over it and all before it", stored, made)
                    return
            else:
                self.pruned.add(sequence)
            before = bytes.fromhex(stored)
        if len(self.hashes) > len(self.bodies):
            expected, found = f"{len(self.hashes)} records", f"{len(self.bodies)}"
            yield _of(len(self.bodies), "a record is missing", expected, found)

    def _ends(self, head: str | None) -> Iterator[Difference]:
        last, given = len(self.bodies) - 1, self.manifest.head
        found = f"{last} {self.hashes[-1] if self.hashes else ''}".strip()
        if found != f"{given.sequence} {given.hash}":
            expected = f"{given.sequence} {given.hash}"
            yield _of(max(last, 0), "the last record and its hash", expected, found)
        if head is not None and self.anchor(head) is None:
            found = f"a log that ends with {given.hash}"
            yield Difference(LOG, "the given head is not in the log", head.lower(), found)

    def anchor(self, head: str) -> int | None:
        """Find the record that `head` is the hash of; one without a body proves nothing."""
        places = (n for n, hashed in enumerate(self.hashes) if hashed == head.lower())
        return next((n for n in places if self.bodies[n]), None)

    # Records

    def _say_themselves(self) -> Iterator[Difference]:
        unnamed = set(self.pruned)
        for sequence, body in enumerate(self.bodies):
            record = self._record(sequence, body)
            if record.sequence != sequence:
                yield _of(
                    sequence, "which record it says it is", str(sequence), f"{record.sequence}"
                )
            unnamed.difference_update(pruned_by(record))
            self.records.append(record)
        for sequence in sorted(unnamed)[:1]:
            yield _of(sequence, "nothing says that it was pruned", "a body", "none")
        opened = self.records[0].event if self.records else None
        session = opened.session_id if isinstance(opened, SessionOpened) else "none"
        if session != self.manifest.session:
            yield _of(0, "the session it opens", self.manifest.session, session)

    def _record(self, sequence: int, body: bytes) -> Record:
        if not body:
            return emptied(sequence)
        try:
            return decoded(body)
        except StoreError as error:
            raise BundleError(f"Record {sequence}: {error.message}", hint=error.hint) from error

    # The fold

    def _folded(self) -> Iterator[Difference]:
        state = facts(self.state)
        place = _unlike(self.manifest.state, state)
        if place is not None:
            what, expected, found = place
            yield Difference(f"state.{what}", "what the log gives", expected, found)


def _of(sequence: int, what: str, expected: str, found: str) -> Difference:
    return Difference(f"record {sequence}", what, expected, found, sequence)


def _unlike(expected: JsonObject, found: JsonObject) -> tuple[str, str, str] | None:
    """Find the first field that differs; fields below it as `a.b`."""
    for name in dict.fromkeys([*expected, *found]):
        one, other = expected.get(name), found.get(name)
        if one == other and (name in expected) == (name in found):
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            inner = _unlike(cast("JsonObject", one), cast("JsonObject", other))
            if inner is not None:
                return f"{name}.{inner[0]}", *inner[1:]
        return name, _shown(name, expected), _shown(name, found)
    return None


def _shown(name: str, row: JsonObject) -> str:
    return repr(row[name]) if name in row else "nothing"


class Effects:
    """The calls with effects, and the files as they left them; folds the log on the way."""

    def __init__(self, log: LogReplay) -> None:
        self._log = log
        self._open: dict[str, EffectIntended] = {}
        self._files: dict[str, str] = {}

    def differences(self) -> Iterator[Difference]:
        for record in self._log.records:
            yield from self._look(record)
            apply(self._log.state, record)
        self._log.state.released.clear()

    def _look(self, record: Record) -> Iterator[Difference]:
        match record.event:
            case EffectIntended() as intended:
                yield from self._intend(record, intended)
            case EffectSettled(call_id=id_):
                yield from self._known(record, id_, "it settles a call")
                self._end(id_)
            case EffectInDoubt(call_id=id_):
                yield from self._known(record, id_, "it doubts a call")
                self._files.clear()
            case FileChanging() as change:
                yield from self._known(record, change.call_id, "it changes a file for a call")
                yield from self._change(record, change)
            case FileLeft(call_id=id_, path=path):
                if not self._is_apart(id_):
                    self._files.pop(path, None)
            case SnapshotTaken():
                known = {} if self._is_busy else dict(self._files)
                self._log.left.append(Left(record.sequence, known))
            case RunStarted() | SessionOpened() | Rewound():  # anybody may have been at work
                self._files.clear()
            case RunStatusChanged(status="completed"):
                yield from self._ended(record)
            case _:
                pass

    @property
    def _is_busy(self) -> bool:
        return any(each.effect in UNKNOWN_REACH for each in self._open.values())

    def _is_apart(self, call_id: str) -> bool:
        intended = self._open.get(call_id)
        return intended is not None and bool(intended.apart)

    def _intend(self, record: Record, intended: EffectIntended) -> Iterator[Difference]:
        if intended.call_id in self._open:
            what = f"it intends the call {intended.call_id}"
            yield _of(record.sequence, what, "once", "again, before it ended")
        self._open[intended.call_id] = intended
        if intended.effect in UNKNOWN_REACH:
            self._files.clear()

    def _known(self, record: Record, call_id: str, what: str) -> Iterator[Difference]:
        if call_id not in self._open:
            expected = f"an intent of {call_id} before it that has not ended"
            yield _of(record.sequence, what, expected, "none")

    def _end(self, call_id: str) -> None:
        ended = self._open.pop(call_id, None)
        if ended is not None and ended.effect in UNKNOWN_REACH:
            self._files.clear()

    def _change(self, record: Record, change: FileChanging) -> Iterator[Difference]:
        if change.apart:
            return
        left, before = self._files.get(change.path), change.before.sha256
        if left not in (None, UNSEEN, before) and before != UNSEEN:
            yield _of(record.sequence, f"{change.path} before it", left or "no file", before)
        if not self._is_busy:
            self._files[change.path] = change.after.sha256

    def _ended(self, record: Record) -> Iterator[Difference]:
        beside = self._log.state.running  # children in the background, which outlive their run
        for id_, effect in self._log.state.effects.items():
            if effect.run == record.run and not effect.doubt and not is_within(id_, beside):
                expected = f"an end of the call {id_} of {effect.intended.tool}"
                yield _of(record.sequence, "the run completed", expected, "none")
