"""A store that this version wrote is read by every later one, record by record."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from a3s_code.errors import StoreError
from a3s_code.kernel.events import RunId, TextDelta, TurnEnd
from a3s_code.kernel.fold import fold
from a3s_code.kernel.log import SESSION
from a3s_code.kernel.messages import Message, Text, ToolCall, Usage
from a3s_code.kernel.records import (
    ArtifactStored,
    HistoryAppended,
    Ranges,
    Record,
    RecordsPruned,
    RunStarted,
    RunStatusChanged,
    SessionOpened,
    StoreAttached,
    emptied,
)
from a3s_code.persistence.sqlite import FileSessionStore
from a3s_code.persistence.verify import verify
from persistence.logs import OTHER, S, change, keep, record, records

GOLDEN = Path(__file__).with_name("golden") / "sessions-1.sql"
HEAD = "3b8c67f2f45cc606fd5a6db945e15d80a71fb00f1f80732dde847cba4ed85a21"

RUN = RunId("run-1")
DATA = b"an artifact"
RANGES: Ranges = ((5, 6),)
GONE = (5, 6)
CALL = ToolCall("c", "bash", {"command": "ls", "b": 1, "a": None})
LOG = [
    Record(sequence, 1_000 + sequence, run, event)
    for sequence, (run, event) in enumerate(
        [
            (
                SESSION,
                SessionOpened(
                    session_id=S,
                    workspace="/w",
                    model="p/m",
                    created_at_ms=1,
                    durability="none",
                    settings={"limits": {"max_tool_rounds": 3}},
                ),
            ),
            (SESSION, StoreAttached(durability="full")),
            (RUN, RunStarted(prompt="Grüße \ud800 \U0001f980")),
            (
                RUN,
                HistoryAppended(message=Message("assistant", (Text("a\0\u2028"), CALL))),
            ),
            (RUN, TurnEnd(turn=1, usage=Usage(3, 4), stop="tool_calls")),
            (RUN, TextDelta(text="dropped")),
            (RUN, TextDelta(text="dropped too")),
            (
                RUN,
                ArtifactStored(
                    uri="a3s://tool-output/bash/x",
                    tool="bash",
                    sha256=hashlib.sha256(DATA).hexdigest(),
                    original_bytes=len(DATA),
                    shown_bytes=3,
                ),
            ),
            (RUN, RunStatusChanged(status="completed", result_text="done")),
            (SESSION, RecordsPruned(count=2, ranges=RANGES)),
        ]
    )
]


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """The directory of a store that the first version wrote."""
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as connection:
        connection.executescript(GOLDEN.read_text(encoding="utf-8"))
    return tmp_path


async def test_every_record_of_it_is_read(golden: Path) -> None:
    store = FileSessionStore(golden)
    loaded = list(await store.load(S, "later"))
    expected = [emptied(each.sequence) if each.sequence in GONE else each for each in LOG]

    assert loaded == expected
    assert await store.load(OTHER) == records(2)
    assert await store.head(S) == (len(LOG), HEAD)
    assert await store.get_blob(S, hashlib.sha256(DATA).hexdigest()) == DATA
    assert fold(loaded).runs[RUN].result_text == "done"
    await store.close()


async def test_it_goes_on_and_is_verified(golden: Path) -> None:
    store = FileSessionStore(golden)
    await store.load(S)
    await keep(store, [record(len(LOG))])
    await store.close()

    reports = verify(golden, S, HEAD)
    assert [report.faults for report in reports] == [[], [], []]
    assert reports[0].count == f"{len(LOG) + 1} records, 2 pruned"


async def test_a_later_format_is_refused_by_name_and_left_as_it_is(golden: Path) -> None:
    change(golden, "PRAGMA user_version = 2")
    store = FileSessionStore(golden)

    with pytest.raises(StoreError, match="has format 2; this version knows 1"):
        await store.load(S, None)
    with pytest.raises(StoreError, match="has format 2"):
        await keep(store, records(1))
    with pytest.raises(StoreError):
        await store.close()
    change(golden, "PRAGMA user_version = 1")
    assert [report.faults for report in verify(golden)] == [[], [], [], []]
    assert list(await FileSessionStore(golden).load(OTHER, None)) == records(2)
