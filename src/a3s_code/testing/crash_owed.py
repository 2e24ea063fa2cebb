"""What a store has promised to have, as the tally of its processes tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from a3s_code.kernel.records import Dropped, Record
from a3s_code.testing.crash_store import (
    Acknowledged,
    Began,
    Deleted,
    HandedBlob,
    HandedRecord,
    LetGo,
    Pruned,
    Told,
    digest_of,
)


class Owed:
    """
    Attributes:
        records: By session and sequence, the digests of what was acknowledged.
        blobs: By session, the digests of those that nobody has let go of.
    """

    def __init__(self, facts: Iterable[Told]) -> None:
        self.records: dict[str, dict[int, str]] = {}
        self.blobs: dict[str, set[str]] = {}
        self._pruned: dict[str, set[int]] = {}
        self._handed: dict[str, list[HandedRecord | HandedBlob | LetGo]] = {}
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
            case LetGo():
                self._let_go(fact)
            case Pruned():
                gone = self._pruned.setdefault(fact.session, set())
                for first, last in fact.ranges:
                    gone.update(range(first, last + 1))
            case Deleted():
                for owed in (self.records, self.blobs, self._pruned, self._handed):
                    owed.pop(fact.session, None)
            case _:
                pass

    def _owe(self, handed: Sequence[HandedRecord | HandedBlob | LetGo]) -> None:
        for fact in handed:
            match fact:
                case HandedBlob():
                    self.blobs.setdefault(fact.session, set()).add(fact.sha256)
                case HandedRecord():
                    self.records.setdefault(fact.session, {})[fact.sequence] = fact.digest
                case LetGo():
                    pass

    def _let_go(self, fact: LetGo) -> None:
        """Forget a blob, also where it was handed over before and not acknowledged yet."""
        self.blobs.get(fact.session, set()).discard(fact.sha256)
        handed = self._handed.get(fact.session, [])
        same = HandedBlob(fact.session, fact.sha256)
        handed[:] = [fact if each == same else each for each in handed]

    def faults_of(self, session: str, records: Sequence[Record]) -> list[str]:
        """Say what of `session` is lost, or is something else; a pruned record is neither."""
        found = {record.sequence: record for record in records}
        owed, gone = self.records.get(session, {}), self._pruned.get(session, set())
        faults = [
            f"record {number} was acknowledged and is lost"
            for number in owed
            if number not in found
        ]
        empty = {number for number in found if isinstance(found[number].event, Dropped)}
        faults += [f"record {number} is empty and was not pruned" for number in empty - gone]
        return faults + [
            f"record {number} was acknowledged and is another now"
            for number in sorted((owed.keys() & found.keys()) - empty)
            if digest_of(found[number]) != owed[number]
        ]
