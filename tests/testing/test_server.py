from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from a3s_code.config.schema import load
from a3s_code.errors import (
    ModelRefused,
    UsageError,
)
from a3s_code.kernel.messages import (
    Message,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from a3s_code.kernel.ports import Reply
from a3s_code.llm.http import Http
from a3s_code.testing import (
    Script,
    ScriptedServer,
    When,
    breaks,
    calls,
    on,
    refuses,
    says,
)
from llm.asking import FakeClock, StuckClock, Watcher, ask, model

WIRES = ("openai", "anthropic")
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
HELLO = [{"role": "user", "content": "hi"}]

Serve = Callable[[Script], ScriptedServer]


def post(server: ScriptedServer, path: str, body: Any, method: str = "POST") -> tuple[int, Any]:
    """Send one request on a connection of its own; the status and the decoded answer."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, msgspec.json.encode(body))
        answer = connection.getresponse()
        return answer.status, msgspec.json.decode(answer.read())


def whole(server: ScriptedServer, wire: str, **fields: Any) -> Any:
    """Ask for a JSON answer."""
    body = {"model": "m1", "max_tokens": 9, "messages": HELLO, **fields}
    status, answer = post(server, PATHS[wire], body)
    assert status == 200, answer
    return answer


class VoidKeeper(Watcher):
    """Also keeps the texts that a retry made void."""

    def __init__(self) -> None:
        super().__init__()
        self.voided: list[str] = []

    def retry(self, attempt: int, reason: str, delay_s: float) -> None:
        self.voided.append(self.text)
        super().retry(attempt, reason, delay_s)


# Streams, heard by the adapters that users talk through


@pytest.mark.parametrize("wire", WIRES)
class TestStreams:
    @pytest.fixture
    def hear(self, wire: str, serve: Serve, http: Http, clock: FakeClock) -> Callable[..., Any]:
        async def hear(script: Script, *messages: Message, **given: Any) -> tuple[Reply, Watcher]:
            watcher = Watcher()
            self.server = serve(script)
            talker = model(wire, self.server.base_url, http, clock)
            return await talker.reply(ask(*messages, **given), watcher), watcher

        return hear

    async def test_thinking_text_and_calls_come_in_this_order(
        self, wire: str, hear: Callable[..., Any]
    ) -> None:
        turn = says("Looking.", thinking="Hm.") + calls("ls") + calls("read", file_path="é.txt")
        reply, watcher = await hear(Script(turn))
        thinking, text, *called = reply.message.blocks

        assert isinstance(thinking, Thinking)
        assert thinking.text == watcher.reasoning == "Hm."
        assert text == Text("Looking.")
        prefix = "toolu_" if wire == "anthropic" else "call_"
        assert called == [
            ToolCall(f"{prefix}1", "ls", {}),
            ToolCall(f"{prefix}2", "read", {"file_path": "é.txt"}),
        ]
        assert reply.stop == "tool_calls"

    async def test_a_request_is_kept_with_its_path_its_body_and_its_turn(
        self, wire: str, hear: Callable[..., Any]
    ) -> None:
        await hear(Script(says("ok")))
        (request,) = self.server.requests

        assert request.path == PATHS[wire]
        assert request.body["model"] == "m"
        assert request.turn is not None
        assert request.turn.text == "ok"

    @pytest.mark.parametrize(
        "how", ["reset", "reset_mid", "truncate", "empty", "bad_sse", "no_done"]
    )
    async def test_a_broken_answer_is_asked_for_again(
        self, how: str, hear: Callable[..., Any]
    ) -> None:
        reply, watcher = await hear(Script(breaks(how, says("half of it")), says("whole")))

        assert reply.message.text == "whole" == watcher.text
        assert len(watcher.retries) == 1
        assert len(self.server.requests) == 2

    async def test_half_of_an_answer_is_seen_before_it_breaks(
        self, wire: str, serve: Serve, http: Http
    ) -> None:
        clock = StuckClock()  # It never comes to the second attempt.
        watcher = VoidKeeper()
        server = serve(Script(breaks("reset_mid", says("one ", "two ", "three ", "four"))))
        talk = model(wire, server.base_url, http, clock).reply(ask(), watcher)
        asking = asyncio.create_task(talk)
        await asyncio.wait_for(clock.sleeping.wait(), 10)
        asking.cancel()

        with pytest.raises(asyncio.CancelledError):
            await asking
        assert watcher.voided == ["one two "]
        assert len(server.requests) == 1

    async def test_a_refusal_keeps_its_status_headers_and_body(
        self, hear: Callable[..., Any]
    ) -> None:
        told = {"error": {"type": "rate_limit_error", "message": "slowly"}}
        limited = refuses(429, told, headers={"Retry-After": "7"})
        reply, watcher = await hear(Script(limited, says("whole")))

        assert reply.message.text == "whole"
        assert watcher.retries[0][2] == 7.0

    async def test_a_script_that_is_over_says_so_and_is_not_asked_again(
        self, hear: Callable[..., Any]
    ) -> None:
        with pytest.raises(ModelRefused, match="script is over"):
            await hear(Script())
        assert [request.turn for request in self.server.requests] == [None]

    @pytest.mark.parametrize("how", ["hang", "hang_mid"])
    async def test_a_server_that_hangs_is_left_by_cancelling(
        self, how: str, wire: str, serve: Serve, http: Http, clock: FakeClock
    ) -> None:
        server = serve(Script(breaks(how)))
        talk = model(wire, server.base_url, http, clock).reply(ask(), Watcher())
        asking = asyncio.create_task(talk)
        await asyncio.to_thread(server.wait_for_requests, 1)
        asking.cancel()

        with pytest.raises(asyncio.CancelledError):
            await asking


# JSON answers


def test_a_completion_has_text_reasoning_and_calls(serve: Serve) -> None:
    turn = says("Hi.", thinking="Hm.", usage=Usage(3, 4)) + calls("ls", path="a")
    answer = whole(serve(Script(turn)), "openai")
    (choice,) = answer["choices"]

    assert answer["object"] == "chat.completion"
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {
        "role": "assistant",
        "content": "Hi.",
        "reasoning_content": "Hm.",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "ls", "arguments": '{"path":"a"}'},
            }
        ],
    }
    assert answer["usage"]["total_tokens"] == 7


def test_a_message_has_blocks_of_thinking_text_and_calls(serve: Serve) -> None:
    usage = Usage(10, 4, cache_read_tokens=3, cache_write_tokens=2)
    turn = says("Hi.", thinking="Hm.", usage=usage) + calls("ls", path="a")
    answer = whole(serve(Script(turn)), "anthropic")

    assert answer["stop_reason"] == "tool_use"
    assert [block["type"] for block in answer["content"]] == ["thinking", "text", "tool_use"]
    assert answer["content"][2]["input"] == {"path": "a"}
    assert answer["usage"] == {
        "input_tokens": 5,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 2,
        "output_tokens": 4,
    }


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("how", ["bad_json", "bad_sse", "empty"])
def test_a_json_answer_can_be_no_json(how: str, wire: str, serve: Serve) -> None:
    with pytest.raises(msgspec.DecodeError):
        whole(serve(Script(breaks(how))), wire)


@pytest.mark.parametrize("wire", WIRES)
def test_the_forced_tool_is_found(wire: str, serve: Serve) -> None:
    tools: list[Any] = [{"name": "plan", "input_schema": {}}, {"name": "ls", "input_schema": {}}]
    choice: dict[str, Any] = {"type": "tool", "name": "plan"}
    if wire == "openai":
        tools = [{"type": "function", "function": tool} for tool in tools]
        choice = {"type": "function", "function": {"name": "plan"}}
    server = serve(Script(rules=(on(When(forced_tool="plan", tool="ls"), calls("*", n=1)),)))
    whole(server, wire, tools=tools, tool_choice=choice)
    turn = server.requests[0].turn

    assert turn is not None
    assert turn.calls[0].name == "plan"


def test_text_parts_and_developer_messages_are_read(serve: Serve) -> None:
    server = serve(Script(says("ok")))
    talk = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url"}]},
    ]
    whole(server, "openai", messages=talk)

    assert server.requests[0].asked.system == "Be brief."
    assert server.requests[0].asked.users == ("hi",)


# The server


@pytest.mark.parametrize("body", [{}, {"messages": 5, "model": "m"}, [], "x"])
@pytest.mark.parametrize("wire", WIRES)
def test_what_is_no_request_is_refused_and_uses_no_turn_up(
    body: Any, wire: str, serve: Serve
) -> None:
    server = serve(Script(says("ok")))

    assert post(server, PATHS[wire], body)[0] == 400
    assert whole(server, wire)


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/messages"), ("POST", "/v1/files")])
def test_other_addresses_and_methods_are_not_found(method: str, path: str, serve: Serve) -> None:
    status, _ = post(serve(Script(says("ok"))), path, {}, method)

    assert status == 404


def test_what_is_no_http_is_hung_up_on(serve: Serve) -> None:
    server = serve(Script(says("ok")))
    where = urlsplit(server.base_url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as peer:
        peer.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert peer.recv(1) == b""
    assert whole(server, "openai")


def test_a_connection_serves_many_requests(serve: Serve) -> None:
    server = serve(Script(default=says("ok")))
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=10)
    body = msgspec.json.encode({"model": "m1", "messages": HELLO, "stream": True})
    with contextlib.closing(connection):
        for _ in range(200):
            connection.request("POST", PATHS["openai"], body, {"X-Probe": "1"})
            assert connection.getresponse().read().endswith(b"data: [DONE]\n\n")
    assert len(server.requests) == 200
    assert server.requests[0].headers["x-probe"] == "1"


def test_requests_at_the_same_time_get_different_turns(serve: Serve) -> None:
    turns = tuple(says(str(number), delay_s=0.01) for number in range(16))
    server = serve(Script(*turns))
    got: list[str] = []

    def one() -> None:
        got.append(whole(server, "openai")["choices"][0]["message"]["content"])

    each = [threading.Thread(target=one) for _ in turns]
    run(each)
    assert sorted(got, key=int) == [turn.text for turn in turns]


def run(threads: Iterable[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def test_another_script_can_be_played_while_it_runs(serve: Serve) -> None:
    server = serve(Script(says("one"), says("never")))
    whole(server, "openai")
    server.play(Script(says("two")))

    assert whole(server, "openai")["choices"][0]["message"]["content"] == "two"


@pytest.mark.parametrize("wire", WIRES)
def test_its_configuration_text_leads_to_it(wire: str, serve: Serve) -> None:
    server = serve(Script(says("ok")))
    text = server.acl(wire, "m7", extra="max_tool_rounds = 3", model_extra="toolCall = true")
    config = load(text)
    found = config.resolve_model(f"{wire}/m7")

    assert config.default_model == f"{wire}/m7"
    assert config.max_tool_rounds == 3
    assert (found.kind, found.base_url) == (wire, server.base_url)


def test_closing_drops_clients_that_hang_and_may_be_repeated() -> None:
    server = ScriptedServer(Script(breaks("hang"))).start()
    failures: list[Exception] = []

    def wait() -> None:
        try:
            whole(server, "openai")
        except (http.client.HTTPException, ConnectionError) as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    server.wait_for_requests(1)
    server.close()
    server.close()
    waiting.join(10)

    assert len(failures) == 1


def test_a_server_that_was_not_started_has_no_address() -> None:
    with pytest.raises(UsageError):
        _ = ScriptedServer(Script()).base_url
