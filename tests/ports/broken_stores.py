"""
For every check of the conformance suite, a store that breaks just that promise.

Each is the store in memory, which keeps them all, but for one change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId, ToolEnd
from a3s_code.kernel.records import Record
from a3s_code.persistence.memory import MemorySessionStore
from a3s_code.testing import StoreCheck, StoreFactory
from a3s_code.testing import store_conformance as suite

S = SessionId


class Backwards(MemorySessionStore):
    async def load(self, session: S) -> Sequence[Record]:
        return (await super().load(session))[::-1]


class CutsLongTexts(MemorySessionStore):
    def append(self, session: S, record: Record) -> None:
        event = record.event
        if isinstance(event, ToolEnd):
            event = msgspec.structs.replace(event, output=event.output[:65_536])
        super().append(session, msgspec.structs.replace(record, event=event))


class ShowsOnlyWhatIsDurable(MemorySessionStore):
    def __init__(self) -> None:
        super().__init__()
        self.durable: dict[S, int] = {}

    async def barrier(self, session: S) -> None:
        await super().barrier(session)
        self.durable[session] = len(await super().load(session))

    async def load(self, session: S) -> Sequence[Record]:
        return (await super().load(session))[: self.durable.get(session, 0)]


class GivesOutItsOwnList(MemorySessionStore):
    def __init__(self) -> None:
        super().__init__()
        self.lists: dict[S, list[Record]] = {}

    def append(self, session: S, record: Record) -> None:
        super().append(session, record)
        self.lists.setdefault(session, []).append(record)

    async def load(self, session: S) -> Sequence[Record]:
        await super().load(session)
        return self.lists[session]


class EndsWithALoad(MemorySessionStore):
    def __init__(self) -> None:
        super().__init__()
        self.loaded: dict[S, Sequence[Record]] = {}

    async def load(self, session: S) -> Sequence[Record]:
        return self.loaded.setdefault(session, await super().load(session))


class KnowsOnlySessionsThatWrote(MemorySessionStore):
    async def barrier(self, session: S) -> None:
        if session not in await self.sessions():
            raise StoreError("Nothing to wait for.")
        await super().barrier(session)


class NamesSessionsAfterFiles(MemorySessionStore):
    async def sessions(self) -> Sequence[S]:
        return [S(session.rpartition("/")[2]) for session in await super().sessions()]


class LosesWhatComesDuringABarrier(MemorySessionStore):
    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[S, Record]] = []

    def append(self, session: S, record: Record) -> None:
        self.waiting.append((session, record))

    async def barrier(self, session: S) -> None:
        batch = list(self.waiting)
        await asyncio.sleep(0)
        self.waiting.clear()
        for of, record in batch:
            super().append(of, record)

    async def load(self, session: S) -> Sequence[Record]:
        try:
            return await super().load(session)
        except SessionNotFound:
            return ()


class FindsEverySession(MemorySessionStore):
    async def load(self, session: S) -> Sequence[Record]:
        return await super().load(session) if session in await self.sessions() else ()


class DeletesNothing(MemorySessionStore):
    async def delete(self, session: S) -> None:
        await super().barrier(session)


class LetsTheLastWriterWin(MemorySessionStore):
    async def barrier(self, session: S) -> None:
        if session in await self.sessions():
            await super().load(session)
        await super().barrier(session)


class ForgetsWhoIsAtWork(MemorySessionStore):
    def append(self, session: S, record: Record, owner: str = "") -> None:
        super().append(session, record, owner)
        super().release(session, owner)


class TakesRecordsOfAnybody(MemorySessionStore):
    def append(self, session: S, record: Record, owner: str = "") -> None:
        if self._logs and session in self._logs:
            self._owners[session] = owner
        super().append(session, record, owner)


class DeletesAtAnyTime(MemorySessionStore):
    async def delete(self, session: S) -> None:
        self._at_work.clear()
        await super().delete(session)


class DropsBlobsOfAll(MemorySessionStore):
    def drop_blob(self, session: S, sha256: str, owner: str = "") -> None:
        for blobs in self._blobs.values():
            blobs.pop(sha256, None)


class DropsBlobsForAnybody(MemorySessionStore):
    def drop_blob(self, session: S, sha256: str, owner: str = "") -> None:
        self._blobs.get(session, {}).pop(sha256, None)


class AnchorsTheLengthAlone(MemorySessionStore):
    async def head(self, session: S) -> tuple[int, str]:
        log = await self.load(session, None)
        return len(log), sha256(str(len(log)).encode()).hexdigest()


class PrunesOneTooMany(MemorySessionStore):
    def prune(self, session: S, ranges: Sequence[tuple[int, int]], owner: str = "") -> None:
        super().prune(session, [(first, last + 1) for first, last in ranges], owner)


class AnchorsWhatIsLeft(MemorySessionStore):
    async def head(self, session: S) -> tuple[int, str]:
        self._heads.clear()
        return await super().head(session)


class PrunesForAnybody(MemorySessionStore):
    def prune(self, session: S, ranges: Sequence[tuple[int, int]], owner: str = "") -> None:
        self._owners[session] = owner
        super().prune(session, ranges, owner)


class IsSafeSomehow(MemorySessionStore):
    durability = "very"


class LiesWhereTheProcessIs(MemorySessionStore):
    directory = Path("sessions")  # type: ignore[assignment]


class SharesBlobs(MemorySessionStore):
    def put_blob(self, session: S, sha256: str, data: bytes) -> None:
        super().put_blob(S("everybody"), sha256, data)

    async def get_blob(self, session: S, sha256: str) -> bytes | None:
        return await super().get_blob(S("everybody"), sha256)


class DeletesBlobsOfOthers(MemorySessionStore):
    async def delete(self, session: S) -> None:
        await super().delete(session)
        self._blobs.clear()


class TakesAnyDigest(MemorySessionStore):
    def put_blob(self, session: S, sha256: str, data: bytes) -> None:
        self._blobs.setdefault(session, {})[sha256] = data


class ListsOwnersOfBlobs(MemorySessionStore):
    async def sessions(self) -> Sequence[S]:
        return sorted({*await super().sessions(), *self._blobs})


class NeverCloses(MemorySessionStore):
    async def close(self) -> None:
        return


BROKEN: Mapping[StoreCheck, StoreFactory] = {
    suite.a_log_is_loaded_as_it_was_appended: Backwards,
    suite.every_kind_of_value_comes_back: CutsLongTexts,
    suite.a_load_sees_what_was_appended_before_it: ShowsOnlyWhatIsDurable,
    suite.a_loaded_log_does_not_change: GivesOutItsOwnList,
    suite.a_log_goes_on_after_a_load: EndsWithALoad,
    suite.a_barrier_with_nothing_to_wait_for_returns: KnowsOnlySessionsThatWrote,
    suite.sessions_do_not_see_each_other: NamesSessionsAfterFiles,
    suite.many_sessions_at_once_all_keep_their_order: LosesWhatComesDuringABarrier,
    suite.an_unknown_session_is_not_found: FindsEverySession,
    suite.a_deleted_session_is_gone_and_may_begin_anew: DeletesNothing,
    suite.a_sequence_that_is_taken_is_refused: LetsTheLastWriterWin,
    suite.nobody_writes_beside_who_is_at_work: ForgetsWhoIsAtWork,
    suite.who_was_taken_over_is_refused: TakesRecordsOfAnybody,
    suite.a_session_at_work_is_not_deleted: DeletesAtAnyTime,
    suite.a_gap_is_refused: LetsTheLastWriterWin,
    suite.a_blob_belongs_to_the_session_that_put_it: SharesBlobs,
    suite.a_blob_goes_with_the_last_session_that_has_it: DeletesBlobsOfOthers,
    suite.a_blob_that_was_dropped_goes_with_the_last_session: DropsBlobsOfAll,
    suite.who_was_taken_over_puts_and_drops_no_blob: DropsBlobsForAnybody,
    suite.the_head_is_an_anchor_of_the_log: AnchorsTheLengthAlone,
    suite.what_was_pruned_is_dropped_and_the_rest_stays: PrunesOneTooMany,
    suite.pruning_leaves_the_head_as_it_was: AnchorsWhatIsLeft,
    suite.who_was_taken_over_prunes_nothing: PrunesForAnybody,
    suite.it_says_how_durable_it_is: IsSafeSomehow,
    suite.its_directory_is_one_wherever_the_process_goes: LiesWhereTheProcessIs,
    suite.a_blob_with_another_digest_is_refused: TakesAnyDigest,
    suite.a_blob_alone_makes_no_session: ListsOwnersOfBlobs,
    suite.a_closed_store_takes_nothing: NeverCloses,
}
