"""What the scripted server puts on the wire, byte by byte, and when."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from a3s_code.kernel.messages import Usage
from a3s_code.testing import Script, ScriptedServer, Turn, breaks, calls, says

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
NEVER_S = 3600.0
LAST_CHUNK = b"0\r\n\r\n"
FOUR = says("one", "two", "three", "four")


class Peer:
    """A client that sees how its connection ends."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.seen = b""

    def until(self, text: bytes) -> bytes:
        """Read until `text` has come."""
        while text not in self.seen:
            piece = self.connection.recv(65_536)
            assert piece, f"closed after {self.seen!r}"
            self.seen += piece
        return self.seen

    def rest(self) -> bytes:
        """Read until the server closes; all that ever came."""
        while piece := self.connection.recv(65_536):
            self.seen += piece
        return self.seen

    def is_silent(self) -> bool:
        return not select.select([self.connection], [], [], 0.2)[0]


@pytest.fixture(params=PATHS)
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ask(wire: str, serve: Callable[[Script], ScriptedServer]) -> Iterator[Callable[..., Peer]]:
    """Serve a turn and ask for it over a connection of our own."""
    with contextlib.ExitStack() as opened:

        def ask(turn: Turn, **fields: Any) -> Peer:
            server = serve(Script(turn))
            where = urlsplit(server.base_url)
            address = (where.hostname or "", where.port or 0)
            peer = opened.enter_context(socket.create_connection(address, timeout=10))
            talk = [{"role": "user", "content": "hi"}]
            body = msgspec.json.encode(
                {"model": "m", "max_tokens": 9, "messages": talk, "stream": True, **fields}
            )
            head = f"POST {PATHS[wire]} HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n"
            peer.sendall(head.encode() + body)
            server.wait_for_requests(1)
            return Peer(peer)

        yield ask


def test_a_reset_comes_before_any_byte(ask: Callable[..., Peer]) -> None:
    peer = ask(breaks("reset", FOUR))

    with pytest.raises(ConnectionResetError):
        peer.rest()
    assert peer.seen == b""


def test_a_reset_in_the_middle_comes_after_half_of_the_deltas(ask: Callable[..., Peer]) -> None:
    peer = ask(breaks("reset_mid", FOUR))

    with pytest.raises(ConnectionResetError):
        peer.rest()
    assert b'"two"' in peer.seen
    assert b'"three"' not in peer.seen


@pytest.mark.parametrize(
    ("how", "end"),
    [
        ("reset_mid", pytest.raises(ConnectionResetError)),
        ("truncate", contextlib.nullcontext()),
    ],
)
def test_a_json_answer_that_ends_in_the_middle_has_half_of_its_bytes(
    how: str, end: contextlib.AbstractContextManager[Any], ask: Callable[..., Peer]
) -> None:
    peer = ask(breaks(how, FOUR), stream=False)
    with end:
        peer.rest()
    head, _, body = peer.seen.partition(b"\r\n\r\n")
    announced = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))

    assert len(body) == int(announced.split(b":")[1]) // 2


def test_a_truncated_answer_is_closed_in_good_order_without_its_end(
    ask: Callable[..., Peer],
) -> None:
    seen = ask(breaks("truncate", FOUR)).rest()

    assert b'"two"' in seen
    assert b'"three"' not in seen
    assert LAST_CHUNK not in seen


def test_a_server_that_hangs_says_nothing_and_stays(ask: Callable[..., Peer]) -> None:
    assert ask(breaks("hang", FOUR)).is_silent()


def test_a_server_that_hangs_in_the_middle_has_said_half(ask: Callable[..., Peer]) -> None:
    peer = ask(breaks("hang_mid", FOUR))

    assert b'"three"' not in peer.until(b'"two"')
    assert peer.is_silent()


def test_an_answer_with_a_delay_has_not_begun(ask: Callable[..., Peer]) -> None:
    assert ask(says("late", delay_s=NEVER_S)).is_silent()


def test_a_delta_with_a_delay_is_there_before_the_next(ask: Callable[..., Peer]) -> None:
    peer = ask(says("one", "two", piece_delay_s=NEVER_S))

    assert b'"two"' not in peer.until(b'"one"')
    assert peer.is_silent()


def test_an_answer_with_delays_comes_to_its_end(ask: Callable[..., Peer]) -> None:
    seen = ask(says("one", "two", delay_s=0.01, piece_delay_s=0.01)).until(LAST_CHUNK)

    assert seen.index(b'"one"') < seen.index(b'"two"')


@pytest.mark.parametrize("wire", ["openai"], indirect=True)
@pytest.mark.parametrize("turn", [says("a", usage=Usage(3, 4)), calls("ls")])
@pytest.mark.parametrize("options", [{}, {"stream_options": {}}, {"stream_options": None}])
def test_usage_is_not_streamed_to_who_did_not_ask(
    turn: Turn, options: dict[str, Any], ask: Callable[..., Peer]
) -> None:
    assert b"usage" not in ask(turn, **options).until(LAST_CHUNK)


@pytest.mark.parametrize("wire", ["openai"], indirect=True)
def test_usage_is_streamed_once_without_a_choice_to_who_asked(ask: Callable[..., Peer]) -> None:
    peer = ask(says("a", usage=Usage(3, 4)), stream_options={"include_usage": True})
    lines = peer.until(LAST_CHUNK).split(b"\r\n")
    events = [line.strip().removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]
    told = [chunk for chunk in map(msgspec.json.decode, events[:-1]) if "usage" in chunk]

    assert events[-1] == b"[DONE]"
    assert [(chunk["choices"], chunk["usage"]["total_tokens"]) for chunk in told] == [([], 7)]
