"""
A model server on loopback that plays a script over both real protocols.

    POST …/chat/completions     OpenAI Chat Completions, JSON or server-sent events
    POST …/messages             Anthropic Messages, JSON or server-sent events
    POST …/embeddings           OpenAI Embeddings: vectors of the words of each text

It runs a loop in a thread of its own, so it serves sync and async programs alike.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from http import HTTPStatus
from types import TracebackType
from typing import Self

import msgspec

from a3s_code.errors import UsageError
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing import anthropic_wire, embeddings_wire, openai_wire
from a3s_code.testing.answer import Answer
from a3s_code.testing.anthropic_wire import AnthropicWire
from a3s_code.testing.connection import Connection, Incoming
from a3s_code.testing.embeddings_wire import EmbeddingsWire
from a3s_code.testing.openai_wire import OpenAIWire
from a3s_code.testing.script import Asked, Playback, Script
from a3s_code.testing.turn import Turn, says
from a3s_code.testing.wire import Wire

START_S = 10.0
CLOSE_S = 5.0
_ACCEPT_ROUNDS = 3  # of the loop, until a connection on its way has its task

_EMBEDDINGS = EmbeddingsWire()
_WIRES: dict[str, Wire] = {
    openai_wire.PATH: OpenAIWire(),
    anthropic_wire.PATH: AnthropicWire(),
    embeddings_wire.PATH: _EMBEDDINGS,
}


class Request(msgspec.Struct, frozen=True):
    """
    A request that came in.

    Attributes:
        headers: By name in lower case.
        body: Decoded JSON.
        asked: What conditions saw of it.
        turn: The answer it got; None when the script was over.
    """

    path: str
    headers: dict[str, str]
    body: JsonObject
    asked: Asked
    turn: Turn | None


class ScriptedServer:
    """
    A server of scripted models.

        with ScriptedServer(Script(says("Hello."))) as server:
            agent = Agent.create(server.acl())

    A request that the script has no answer for gets status 400 and a message that says so.
    Requests for embeddings are answered without a script: texts that share words are near each
    other, and the same text always has the same vector.

    Attributes:
        requests: What came in, oldest first; appended to while the server runs.
    """

    def __init__(self, script: Script) -> None:
        self.requests: list[Request] = []
        self._arrived = threading.Condition()
        self._playback = Playback(script)
        self._troubles: list[Turn] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="scripted-server", daemon=True
        )

    def start(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
        self._thread.start()
        self._started.result(START_S)
        return self

    def close(self) -> None:
        """Drop every connection and stop. May be called twice."""
        if not self._thread.is_alive():
            return
        loop, stop, _ = self._started.result(START_S)
        loop.call_soon_threadsafe(stop.set)
        self._thread.join(CLOSE_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """
        Raises:
            UsageError: the server was not started.
        """
        if not self._started.done():
            raise UsageError("The server was not started.", hint="use it in a with block")
        return f"http://127.0.0.1:{self._started.result()[2]}"

    def play(self, script: Script) -> None:
        """Answer from the start of `script` from now on."""
        self._playback = Playback(script)

    def trouble_embeddings(self, *turns: Turn) -> None:
        """Answer the next requests for embeddings with these, such as `refuses(429)`."""
        self._troubles += turns

    def wait_for_requests(self, count: int, timeout_s: float = 10.0) -> None:
        """
        Block until so many requests came in.

        Raises:
            TimeoutError: they did not come in time.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.requests) >= count, timeout_s):
                raise TimeoutError(f"{len(self.requests)} of {count} requests came in.")

    def acl(
        self, kind: str = "openai", model: str = "m1", extra: str = "", model_extra: str = ""
    ) -> str:
        """
        Give configuration text in which this server is the only provider.

        Args:
            kind: `openai` or `anthropic`: the wire.
            extra: Added at the end, on top level.
            model_extra: Added to the model's block.
        """
        return (
            f'default_model = "{kind}/{model}"\n\n'
            f'providers "{kind}" {{\n'
            f'  api_key = "sk-scripted"\n'
            f'  base_url = "{self.base_url}"\n\n'
            f'  models "{model}" {{\n'
            f'    name = "Scripted"\n'
            f"    {model_extra}\n"
            f"  }}\n}}\n{extra}\n"
        )

    # In the server's own thread

    async def _serve(self) -> None:
        stop = asyncio.Event()
        try:
            server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        except OSError as error:  # Whoever waits for the start is told.
            self._started.set_exception(error)
            return
        port: int = server.sockets[0].getsockname()[1]
        self._started.set_result((asyncio.get_running_loop(), stop, port))
        await stop.wait()
        server.close()
        for _ in range(_ACCEPT_ROUNDS):
            await asyncio.sleep(0)
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        task = asyncio.create_task(self._attend(connection))
        self._connections.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            connection.close()  # here, since a task may be cancelled before it begins
            self._connections.discard(task)

        task.add_done_callback(ended)

    async def _attend(self, connection: Connection) -> None:
        try:
            while (incoming := await connection.receive()) is not None:
                if not await self._answer(connection, incoming):
                    return
        except ConnectionError:
            pass  # The client went away in the middle of its answer.

    async def _answer(self, connection: Connection, incoming: Incoming) -> bool:
        """Answer one request. False when the connection cannot go on after it."""
        path = incoming.path.partition("?")[0]
        wire = next((wire for end, wire in _WIRES.items() if path.endswith(end)), None)
        if wire is None or incoming.method != "POST":
            body = OpenAIWire().error(HTTPStatus.NOT_FOUND, f"Nothing is served at {path}.")
            await connection.answer(HTTPStatus.NOT_FOUND, msgspec.json.encode(body))
            return True
        try:
            asked, body = wire.asked(path, incoming.body), _json_object(incoming.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            await _refuse(connection, wire, f"This is no request of this interface: {error}")
            return True
        try:
            turn = self._turn(wire, asked)
        except UsageError as error:
            self._keep(Request(path, incoming.headers, body, asked, None))
            await _refuse(connection, wire, str(error))
            return True
        self._keep(Request(path, incoming.headers, body, asked, turn))
        return await Answer(connection, wire, turn, asked, len(self.requests)).send()

    def _turn(self, wire: Wire, asked: Asked) -> Turn:
        if wire is not _EMBEDDINGS:
            return self._playback.answer(asked, id_prefix=wire.id_prefix)
        return self._troubles.pop(0) if self._troubles else says()

    def _keep(self, request: Request) -> None:
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()


def _json_object(body: bytes) -> JsonObject:
    return msgspec.json.decode(body, type=JsonObject)


async def _refuse(connection: Connection, wire: Wire, message: str) -> None:
    status = HTTPStatus.BAD_REQUEST
    await connection.answer(status, msgspec.json.encode(wire.error(status, message)))
