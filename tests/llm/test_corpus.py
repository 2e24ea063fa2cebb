"""Every row of the corpus of provider faults, played over real sockets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from a3s_code.errors import ModelError
from a3s_code.kernel.ports import Reply
from a3s_code.llm.endpoint import Timeouts
from a3s_code.llm.http import Http
from llm.asking import FakeClock, StuckClock, Watcher, ask, model
from llm.faultserver import FaultServer, Peer, Play, answers
from llm.streams import HELLO

CORPUS = Path(__file__).parents[2] / "../shared/corpora/llm_faults.jsonl"
ATTEMPTS_MAX = 4
TIMEOUTS = Timeouts(connect_s=0.4, idle_s=0.4, total_s=20.0)


def rows() -> list[dict[str, Any]]:
    if not CORPUS.exists():
        return []
    return [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines() if line.strip()]


def payload(attempt: dict[str, Any]) -> bytes:
    if attempt.get("body_gzip_b64"):
        return gzip.decompress(base64.b64decode(attempt["body_gzip_b64"]))
    if attempt.get("chunks"):
        return b"".join(bytes.fromhex(piece[0]) for piece in attempt["chunks"])
    body = (attempt.get("body") or "").encode("utf-8", "surrogatepass")
    # The corpus names this body in words; the server has to compress a stream itself.
    return gzip.compress(HELLO) if body == b"<gzip of a good stream>" else body


def play(attempt: dict[str, Any]) -> Play:
    """Turn one attempt of a row into what the server does."""
    phase = attempt.get("phase")
    body = payload(attempt)

    async def run(peer: Peer) -> None:
        if phase in {"reset_before_headers", "close_before_headers"}:
            if phase.startswith("reset"):
                peer.reset()
        elif phase == "stall_before_headers":
            await peer.until_closed()
        else:
            if phase == "100_continue":
                await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                await peer.send(b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n")
            headers = dict(attempt["headers"])
            if phase == "short_content_length":
                headers["content-length"] = str(len(body) + 50)
            if phase == "header_huge":
                headers["x-huge"] = "h" * 200_000
            shown = body[: len(body) // 2] if phase == "reset_mid_body" else body
            await peer.answer(attempt["status"], headers, shown)
            if phase == "stall_mid_body":
                await peer.until_closed()
            elif phase == "reset_mid_body" or attempt.get("end") == "reset":
                await asyncio.sleep(0.02)
                peer.reset()

    return run


def judge(row: dict[str, Any], outcome: Reply | ModelError, watcher: Watcher) -> None:
    expected = row["expected"]
    allowed = {expected["outcome"], *expected.get("acceptable", [])}
    if isinstance(outcome, ModelError):
        assert "error" in allowed, outcome
        if expected["outcome"] == "error":
            assert outcome.kind == expected["error_kind"], outcome
        assert expected.get("message_must_not_contain", "\0") not in str(outcome)
        if expected.get("retry_after_reported"):
            assert outcome.retry_after_s
        return
    calls = outcome.message.calls
    assert ("tool_calls" if calls else "success") in allowed
    text = outcome.message.text
    assert watcher.text == text
    if "text" in expected:
        assert text in {expected["text"], *expected.get("acceptable_text", [])}
    assert len(text) == expected.get("text_len", len(text))
    assert outcome.stop == expected.get("stop_reason", outcome.stop)
    assert len(calls) == expected.get("n_calls", len(calls))
    for call, wanted in zip(calls, expected.get("calls", ()), strict=False):
        assert (call.id, call.name) == (wanted["id"], wanted["name"])
        if wanted.get("args_error"):
            assert call.malformed is not None
        elif "args" in wanted:
            assert call.input == wanted["args"]


def judge_attempts(row: dict[str, Any], attempts: int) -> None:
    expected = row["expected"]
    wanted = expected.get("attempts")
    if wanted is None:
        return
    wanted = ATTEMPTS_MAX if wanted == "max" else wanted
    assert attempts in {wanted, *expected.get("acceptable_attempts", [])}


def judge_waits(row: dict[str, Any], clock: FakeClock) -> None:
    expected = row["expected"]
    if "wait_s" in expected:
        shortest, longest = expected["wait_s"]
        assert shortest <= sum(clock.sleeps) <= longest
    assert sum(clock.sleeps) <= expected.get("max_total_wait_s", float("inf"))
    if expected.get("monotone_backoff"):
        assert clock.sleeps == sorted(clock.sleeps)
        assert len(set(clock.sleeps)) == len(clock.sleeps)


async def outcome_of(
    row: dict[str, Any], url: str, http: Http, clock: FakeClock, watcher: Watcher
) -> Reply | ModelError:
    tested = model(row["api"], url, http, clock, timeouts=TIMEOUTS)
    try:
        async with asyncio.timeout(row["expected"].get("max_seconds", 30)):
            return await tested.reply(ask(), watcher)
    except ModelError as error:
        return error


PLAIN = [row for row in rows() if row["category"] != "cancel"]
OWN_TRANSPORT = {"connect_stall", "tls_bad", "stale_pool"}


@pytest.mark.parametrize(
    "row",
    [row for row in PLAIN if row["attempts"][0].get("phase") not in OWN_TRANSPORT],
    ids=lambda row: f"{row['id']} {row['why'][:40]}",
)
async def test_a_fault_ends_as_the_corpus_says(
    row: dict[str, Any], http: Http, clock: FakeClock
) -> None:
    plays = [play(attempt) for attempt in row["attempts"]] * row.get("repeat_attempts", 1)
    watcher = Watcher()
    async with FaultServer(plays) as server:
        outcome = await outcome_of(row, server.url, http, clock, watcher)

    judge(row, outcome, watcher)
    judge_attempts(row, len(server.seen))
    judge_waits(row, clock)
    assert len(watcher.retries) == len(server.seen) - 1


def row_of(phase: str) -> dict[str, Any]:
    for row in PLAIN:
        if row["attempts"][0].get("phase") == phase:
            return row
    pytest.skip("reads ../shared")


@contextmanager
def full_backlog() -> Iterator[socket.socket]:
    """A listening socket that answers no SYN, since its queue is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting: list[socket.socket] = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
            waiting.append(filler)
        try:
            yield listening
        finally:
            for filler in waiting:
                filler.close()


async def test_a_connection_that_is_never_accepted_times_out_and_is_tried_again(
    http: Http, clock: FakeClock
) -> None:
    row = row_of("connect_stall")
    with full_backlog() as listening:
        server = FaultServer([answers(payload(row["attempts"][1]))])
        serving: list[asyncio.Task[None]] = []

        class Opens(Watcher):
            def retry(self, attempt: int, reason: str, delay_s: float) -> None:
                super().retry(attempt, reason, delay_s)
                listening.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        listening.accept()[0].close()
                serving.append(asyncio.create_task(server.serve(listening)))

        watcher = Opens()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        outcome = await outcome_of(row, url, http, clock, watcher)
        await asyncio.gather(*serving)
        await server.stop()

    judge(row, outcome, watcher)
    assert [attempt for attempt, _, _ in watcher.retries] == [2]
    assert len(server.seen) == 1


async def test_a_failed_tls_handshake_is_an_error_and_never_downgraded(
    http: Http, clock: FakeClock
) -> None:
    row = row_of("tls_bad")
    watcher = Watcher()
    heard: list[bytes] = []

    async def speaks_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(3))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(speaks_plainly, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        outcome = await outcome_of(row, url, http, clock, watcher)

    judge(row, outcome, watcher)
    judge_attempts(row, len(heard))
    assert all(start.startswith(b"\x16\x03") for start in heard)


async def test_a_pooled_connection_that_the_server_closed_costs_one_more_attempt(
    http: Http, clock: FakeClock
) -> None:
    row = row_of("stale_pool")
    watcher = Watcher()

    async def closes(peer: Peer) -> None:
        peer.writer.close()

    plays = [answers(HELLO, keep=True), closes, answers(payload(row["attempts"][1]))]
    async with FaultServer(plays) as server:
        await outcome_of(row, server.url, http, clock, Watcher())
        outcome = await outcome_of(row, server.url, http, clock, watcher)

    judge(row, outcome, watcher)
    judge_attempts(row, len(server.seen) - 1)


CANCELS = [row for row in rows() if row["category"] == "cancel"]


@pytest.mark.parametrize("row", CANCELS, ids=lambda row: f"{row['id']} {row['why'][:40]}")
async def test_a_cancelled_call_returns_at_once_and_leaves_no_connection(
    row: dict[str, Any], http: Http
) -> None:
    clock, watcher = StuckClock(), Watcher()
    closed = asyncio.Event()
    first = play(row["attempts"][0])

    async def watched(peer: Peer) -> None:
        await first(peer)
        closed.set()

    async with FaultServer([watched]) as server:
        tested = model(row["api"], server.url, http, clock, timeouts=Timeouts())
        asking = asyncio.create_task(tested.reply(ask(), watcher))
        waits_for = clock.sleeping if row["attempts"][0]["status"] != 200 else watcher.shown
        await asyncio.wait_for(waits_for.wait(), 5)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(row["expected"]["max_seconds"]):
                await asking
        await asyncio.wait_for(closed.wait(), row["expected"]["max_seconds"])
