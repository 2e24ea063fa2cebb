"""
One language server that runs: what we ask of it, and what it asks of us.

It is shown the text of a file, never told to change one: whatever edit it asks for is refused.
One task reads what it says and one writes, so whoever waits may be cancelled at any time. A
server that does not answer in time, floods, dies or speaks another language is at fault, and
whoever owns it lets it go.

Source: Language Server Protocol 3.17.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import msgspec

from a3s_code.capabilities.language_server.findings import Finding, findings
from a3s_code.capabilities.language_server.frames import Frames, Malformed, frame
from a3s_code.errors import WorkspaceError
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.workspace import Exit, OpenProgram

BEGIN_S, ANSWER_S = 30.0, 30.0
"""How long a server may take to begin, and to say what it has of one text."""

QUIET_S = 0.1
"""What a server says of a text unasked may come in parts; this long after one, it is whole."""

END_S = 1.0
MAX_UNASKED_BYTES = 64 * 1024 * 1024
"""That a server may say between two texts."""

_TRIES = 3
_CANCELLED, _MODIFIED, _UNKNOWN_METHOD = -32802, -32801, -32601
_CAPABILITIES: JsonObject = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "synchronization": {},
        "publishDiagnostics": {"versionSupport": True},
        "diagnostic": {},
    },
    "workspace": {"configuration": True, "workspaceFolders": True},
}


class ServerFault(Exception):
    """The server cannot be used any more; says why."""


class _Refused(Exception):
    """An answer that is an error; the server goes on."""

    def __init__(self, error: JsonObject) -> None:
        super().__init__(str(error.get("message", "")))
        self.code = error.get("code")


class LanguageServer:
    """
    Args:
        program: Just started; it belongs to this object from now on.
        root: URI of the workspace.
        options: Its `initializationOptions`.
    """

    def __init__(self, program: OpenProgram, root: str, options: JsonObject) -> None:
        self._program, self._root, self._options = program, root, options
        self._turn = asyncio.Lock()
        self._next_id, self._version, self._unasked = 0, 0, 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._looked_at = ""
        self._published: tuple[int | None, object] | None = None
        self._news = asyncio.Event()
        self._outbox: deque[bytes] = deque()
        self._posted, self._sent = asyncio.Event(), asyncio.Event()
        self._fault: ServerFault | None = None
        self._answers_about_texts = False
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    @property
    def fault(self) -> ServerFault | None:
        return self._fault

    # What we ask

    async def begin(self) -> None:
        """
        Raises:
            ServerFault: it is none, or does not answer.
        """
        folder = {"uri": self._root, "name": "workspace"}
        given = {
            "processId": None,
            "rootUri": self._root,
            "workspaceFolders": [folder],
            "capabilities": _CAPABILITIES,
            **({"initializationOptions": self._options} if self._options else {}),
        }
        async with self._within(BEGIN_S, "begin"):
            try:
                answer = await self._ask("initialize", given)
            except _Refused as error:
                raise self._broken(f"it would not begin: {error}") from None
        told = _object(_object(answer).get("capabilities"))
        self._answers_about_texts = bool(told.get("diagnosticProvider"))
        self._tell("initialized", {})

    async def check(self, uri: str, language: str, texts: Sequence[str]) -> list[list[Finding]]:
        """
        Show it texts of one file, one after the other; give what it says of each.

        It forgets the file then, and looks at the disk again when it needs it.

        Raises:
            ServerFault: it cannot be used any more.
        """
        async with self._turn:
            self._unasked, self._looked_at = 0, uri
            said: list[list[Finding]] = []
            try:
                for at, text in enumerate(texts):
                    async with self._within(ANSWER_S, "say anything of a file"):
                        said.append(await self._said(uri, language if at == 0 else "", text))
            finally:
                self._tell("textDocument/didClose", {"textDocument": {"uri": uri}})
                self._looked_at = ""
            return said

    def changed(self, uris: Sequence[str]) -> None:
        """Say that files are others than they were on the disk."""
        changes = [{"uri": uri, "type": 2} for uri in uris]
        self._tell("workspace/didChangeWatchedFiles", {"changes": changes})

    async def close(self) -> Exit:
        """End it: politely, and after `END_S` for each step without asking."""
        if self._fault is None:
            with suppress(TimeoutError, ServerFault, _Refused):
                async with asyncio.timeout(END_S):
                    await self._ask("shutdown", None)
                    self._tell("exit", None)
                    await self._sent.wait()
        grace_s = END_S if self._fault is None else 0.0
        try:
            return await self._program.close(grace_s)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._broken("it was closed")

    async def _said(self, uri: str, language: str, text: str) -> list[Finding]:
        """Show a text and wait for what is said of it; `language` opens the file."""
        self._published = None
        self._version += 1  # never one of before, whose findings may still come
        version = self._version
        if language:
            document = {"uri": uri, "languageId": language, "version": version, "text": text}
            self._tell("textDocument/didOpen", {"textDocument": document})
        else:
            document = {"uri": uri, "version": version}
            change = {"textDocument": document, "contentChanges": [{"text": text}]}
            self._tell("textDocument/didChange", change)
        items = await self._asked(uri) if self._answers_about_texts else await self._heard(version)
        try:
            return findings(items)
        except msgspec.ValidationError as error:
            raise self._broken(f"it gave diagnostics that are none: {error}") from None

    async def _asked(self, uri: str) -> object:
        for _ in range(_TRIES):
            try:
                report = await self._ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
            except _Refused as error:
                if error.code in (_CANCELLED, _MODIFIED):
                    continue
                raise self._broken(f"it refused to look at a file: {error}") from None
            return _object(report).get("items")
        raise self._broken("it kept breaking off")

    async def _heard(self, version: int) -> object:
        """Wait for what it publishes by itself of the file that it was shown."""
        while True:
            if self._published is not None and self._published[0] in (None, version):
                break
            await self._until_news()
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIET_S):
                while True:
                    await self._until_news()
        return self._published[1]

    async def _until_news(self) -> None:
        self._check()
        self._news.clear()
        await self._news.wait()
        self._check()

    # The exchange

    @asynccontextmanager
    async def _within(self, seconds: float, what: str) -> AsyncGenerator[None]:
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                yield
        except TimeoutError:
            if not scope.expired():
                raise
            raise self._broken(f"it did not {what} within {seconds:g} s") from None

    async def _ask(self, method: str, params: JsonObject | None) -> object:
        self._check()
        self._next_id += 1
        asked = self._next_id
        answer = self._answers[asked] = asyncio.get_running_loop().create_future()
        self._post(
            {"id": asked, "method": method, **({} if params is None else {"params": params})}
        )
        try:
            return await answer
        finally:
            del self._answers[asked]

    def _tell(self, method: str, params: JsonObject | None) -> None:
        self._post({"method": method, **({} if params is None else {"params": params})})

    def _post(self, message: JsonObject) -> None:
        if self._fault is None:
            self._outbox.append(frame(message))
            self._sent.clear()
            self._posted.set()

    async def _write(self) -> None:
        while True:
            while self._outbox:
                try:
                    await self._program.send(self._outbox[0])
                except WorkspaceError:
                    self._broken("it does not read any more")
                    return
                if self._outbox:  # it is emptied when the server is at fault
                    self._outbox.popleft()
            self._sent.set()
            self._posted.clear()
            await self._posted.wait()

    async def _read(self) -> None:
        frames = Frames()
        try:
            while piece := await self._program.receive():
                self._unasked += len(piece)
                if self._unasked > MAX_UNASKED_BYTES:
                    self._broken(f"it said more than {MAX_UNASKED_BYTES} bytes unasked")
                    return
                for message in frames.feed(piece):
                    self._take(message)
        except Malformed as error:
            self._broken(f"it sent {error}")
        else:
            self._broken("it ended")

    def _take(self, message: JsonObject) -> None:
        method, ident = message.get("method"), message.get("id")
        if isinstance(method, str):
            given = _object(message.get("params"))
            if ident is not None:
                self._post({"id": ident, **_reply(method, given, self._root)})
            elif method == "textDocument/publishDiagnostics":
                self._publish(given)
            return
        answer = self._answers.get(ident) if isinstance(ident, int) else None
        if answer is None or answer.done():
            return
        error = message.get("error")
        if isinstance(error, dict):
            answer.set_exception(_Refused(cast("JsonObject", error)))
        else:
            answer.set_result(message.get("result"))

    def _publish(self, given: JsonObject) -> None:
        uri, version = given.get("uri"), given.get("version")
        if uri == self._looked_at:
            known = version if isinstance(version, int) else None
            self._published = known, given.get("diagnostics")
            self._news.set()

    def _broken(self, why: str) -> ServerFault:
        """Say that it cannot be used any more, to all who wait; the first reason stays."""
        if self._fault is None:
            self._fault = ServerFault(why)
            self._outbox.clear()
            self._sent.set()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(self._fault)
        self._news.set()
        return self._fault

    def _check(self) -> None:
        if self._fault is not None:
            raise self._fault


def _object(value: object) -> JsonObject:
    """Give what a server sent where an object belongs; an empty one for anything else."""
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _reply(method: str, params: JsonObject, root: str) -> JsonObject:
    """Answer what a server asks of its editor, which we are not: there is nothing to set."""
    match method:
        case "workspace/configuration":
            items = params.get("items")
            count = len(cast("list[object]", items)) if isinstance(items, list) else 0
            return {"result": [None] * count}
        case "workspace/workspaceFolders":
            return {"result": [{"uri": root, "name": "workspace"}]}
        case "workspace/applyEdit":
            return {"result": {"applied": False, "failureReason": "nothing is edited on request"}}
        case "client/registerCapability" | "client/unregisterCapability":
            return {"result": None}
        case "window/workDoneProgress/create" | "workspace/diagnostic/refresh":
            return {"result": None}
        case _:
            return {"error": {"code": _UNKNOWN_METHOD, "message": f"no {method} here"}}
