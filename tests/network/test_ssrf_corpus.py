"""The server-side request forgery corpus, every row, on the checks of `a3s_code.network`."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from a3s_code.errors import AddressRefused
from a3s_code.network.answer import AnswerLimits, CappedAnswer
from a3s_code.network.host_rules import HostRules
from a3s_code.network.inbound import check_inbound
from a3s_code.network.journey import Hop, Journey
from a3s_code.network.urls import Url

CORPUS = Path(__file__).parents[3] / "shared/corpora/ssrf_cases.jsonl"
OWN_PORT, TOKEN = 4321, "token-of-the-port"


def rows() -> list[dict[str, Any]]:
    if not CORPUS.exists():
        return []
    return [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


class Names:
    """The resolver of a row; counts how often a name was asked for."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.asked = 0
        self._answers = {
            name: cycle(answer["sequence"] if isinstance(answer, dict) else [answer])
            for name, answer in table.items()
        }

    async def __call__(self, name: str) -> Sequence[str]:
        self.asked += 1
        return next(self._answers[name], ()) if name in self._answers else ()


async def verdict(row: dict[str, Any]) -> str:
    judge: dict[str, Callable[[dict[str, Any]], Awaitable[str]]] = {
        "inbound": inbound,
        "mcp": authorization,
        "response": response,
        "rebind": pinned,
    }
    try:
        return await judge.get(row["category"], outbound)(row)
    except AddressRefused:
        return "deny"


async def outbound(row: dict[str, Any]) -> str:
    journey, names = begun(row)
    hops = [await journey.begin(row["url"])]
    hops.extend([await journey.redirected(location) for location in row["redirects"]])
    assert names.asked <= len(hops)
    if "send_headers" not in row["policy"]:
        return "allow"
    followed = {name for hop in hops[1:] for name, _ in hop.headers}
    return "allow" if "Authorization" in followed else "allow_without_header"


def begun(row: dict[str, Any]) -> tuple[Journey, Names]:
    policy, names = row["policy"], Names(row["resolve"])
    rules = HostRules.of(policy.get("hosts"), allow_private=policy.get("allow_private", False))
    return Journey(rules, policy.get("send_headers", {}).items(), names), names


async def pinned(row: dict[str, Any]) -> str:
    """As often as the answers alternate: what is dialled is what was checked."""
    journey, names = begun(row)
    hop: Hop | None = None
    for asked in range(1, 21):
        try:
            hop = await journey.begin(row["url"])
        except AddressRefused:
            continue
        assert [str(address) for address in hop.addresses] == ["93.184.216.34"]
        assert names.asked == asked
    return "allow_pinned" if hop else "deny"


async def authorization(row: dict[str, Any]) -> str:
    Url.read(row["policy"]["authorization_endpoint"])
    return "allow"


async def inbound(row: dict[str, Any]) -> str:
    headers = {"Host": f"127.0.0.1:{OWN_PORT}"} | row["policy"]["headers"]
    if row["why"] != "no credential":  # the others must fail even with one
        headers["Authorization"] = f"Bearer {TOKEN}"
    headers = {name: value.replace("PORT", str(OWN_PORT)) for name, value in headers.items()}
    check_inbound(headers, OWN_PORT, TOKEN)
    return "allow"


async def response(row: dict[str, Any]) -> str:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(row["response_headers"], writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    taken = CappedAnswer(AnswerLimits(max_body_bytes=100_000, deadline_s=0.2))
    try:
        await taken.read(reader)
    finally:
        writer.transport.abort()
        server.close()
        await server.wait_closed()
    assert len(taken.body) <= 100_000
    return "capped" if taken.capped else "allow"


async def answer(headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(int(headers.get("x-headers", "0"))):
        writer.write(b"x-%d: y\r\n" % number)
        await writer.drain()
    writer.write("".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode())
    writer.write(b"\r\n")
    if "x-bomb" in headers:
        writer.write(gzip.compress(b"\0" * 10_000_000))
    elif "x-slow" in headers:
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)
    else:
        writer.write(b"\xff\0" * (100_000 if "content-length" in headers else 10))
    await writer.drain()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
async def test_every_row_is_judged_as_the_corpus_accepts(row: dict[str, Any]) -> None:
    assert await verdict(row) in row["acceptable"], row["why"]
