"""
The language servers of a session: started when a file asks for one, recorded, and let go.

A server that was at fault is started again with the next file, `MAX_STARTS` times in all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote

from a3s_code.capabilities.language_server.client import LanguageServer, ServerFault
from a3s_code.capabilities.language_server.findings import Finding
from a3s_code.capabilities.language_server.servers import Server, find, outside_path
from a3s_code.errors import A3SError
from a3s_code.kernel.confinement import Confinement
from a3s_code.kernel.records import ProgramClosed, ProgramOpened
from a3s_code.kernel.workspace import Command, Exit, Processes

MAX_STARTS = 3
IDLE_S = 900.0
"""A server that nothing asked for so long is ended; the next file starts it again."""

MAX_STDERR_BYTES = 16 * 1024
_SAID_CHARS = 300

Record = Callable[[ProgramOpened | ProgramClosed], Awaitable[None]]
"""Writes a record; one of a start is durable when it returns."""

Place = Callable[[], Awaitable[tuple[Processes, Confinement]]]
"""Gives where servers are started, and how they are held there; asked at the first start."""


class Unserved(Exception):
    """A server is not there for a file; says why."""


class RunningServers:
    """
    Args:
        servers: To choose from, the better one first.
        every: All of them serve the files of their languages; else the first that is installed.
        root: Real path of the workspace.
        new_id: Makes an id with this prefix.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        root: str,
        place: Place,
        record: Record,
        new_id: Callable[[str], str],
        *,
        every: bool,
    ) -> None:
        self._root, self._place, self._record, self._new_id = root, place, record, new_id
        self._every, self._servers = every, tuple(servers)
        self._found: dict[str, str] = {}
        self._kept: dict[str, _Kept] = {}

    def serving(self, path: str) -> list[Server]:
        """Choose who looks at a file; blocks on the disk the first time."""
        ending = path.rpartition(".")[2]
        fitting = [server for server in self._servers if ending in server.languages]
        if self._every:
            return fitting
        return [server for server in fitting if self._program(server)][:1]

    async def check(self, server: Server, path: str, texts: Sequence[str]) -> list[list[Finding]]:
        """
        Have a server look at texts of a file, one after the other; it is started if need be.

        Raises:
            Unserved: it cannot be; says why.
        """
        kept = self._kept.setdefault(server.name, _Kept(server))
        async with kept.turn:
            kept.stir()
            running = await self._ready(kept)
            language = server.languages[path.rpartition(".")[2]]
            uri = self._uri(path)
            try:
                running.changed([uri])
                return await running.check(uri, language, texts)
            except ServerFault as fault:
                reason = str(fault)
            finally:
                self._rest(kept)
        await self._let_go(kept, reason)
        raise Unserved(f"{server.name} was let go: {reason}")

    async def close(self) -> None:
        """End all of them."""
        ending = [kept.ending for kept in self._kept.values() if kept.ending is not None]
        await asyncio.gather(*ending, return_exceptions=True)
        await asyncio.gather(*(self._let_go(kept, "") for kept in self._kept.values()))

    def _rest(self, kept: _Kept) -> None:
        """Have a server ended when nothing asks for it any more."""
        kept.stir()
        kept.idle = asyncio.get_running_loop().call_later(IDLE_S, self._sleep, kept)

    def _sleep(self, kept: _Kept) -> None:
        if not kept.turn.locked():
            kept.starts = max(0, kept.starts - 1)
            kept.ending = asyncio.create_task(self._let_go(kept, f"idle for {IDLE_S:g} s"))

    def _program(self, server: Server) -> str:
        if server.name not in self._found:
            self._found[server.name] = find(server, self._root)
        return self._found[server.name]

    async def _ready(self, kept: _Kept) -> LanguageServer:
        """Give a server that runs; who is cancelled meanwhile does not stop it from starting."""
        if kept.fault:
            await self._let_go(kept, kept.fault)
        if kept.starting is None:
            kept.starting = asyncio.create_task(self._begun(kept))
        try:
            return await asyncio.shield(kept.starting)
        except Exception:  # also a start that the log did not take
            kept.starting = None
            raise

    async def _begun(self, kept: _Kept) -> LanguageServer:
        server = kept.server
        program = await asyncio.to_thread(self._program, server)
        if not program:
            raise Unserved(
                f"{server.path} is no program that can be run"
                if server.path
                else f"{server.argv[0]} is not installed on the host"
            )
        if kept.starts >= MAX_STARTS:
            raise Unserved(f"{server.name} was started {MAX_STARTS} times, and is not any more")
        processes, held = await self._placed()
        if server.runs_code and not self._every and not held.confines:
            raise Unserved(f"{server.name} may run what the workspace says, and nothing holds it")
        kept.starts += 1
        argv = (program, *server.argv[1:])
        kept.id = self._new_id("program")
        await self._record(_opened(kept, argv, held))
        try:
            return await self._opened(server, argv, processes)
        except Unserved as error:
            await self._record(ProgramClosed(id=kept.id, status=-1, reason=str(error)))
            raise

    async def _placed(self) -> tuple[Processes, Confinement]:
        try:
            return await self._place()
        except A3SError as error:
            raise Unserved(f"no language server can be held here: {error.message}") from None

    async def _opened(
        self, server: Server, argv: tuple[str, ...], processes: Processes
    ) -> LanguageServer:
        path = outside_path(self._root, os.environ.get("PATH", os.defpath))
        environment = {"PATH": path, **server.env}
        command = Command(argv, max_output_bytes=MAX_STDERR_BYTES, extra_env=environment)
        try:
            program = await processes.open(command)
        except A3SError as error:
            raise Unserved(f"{server.name} cannot be started: {error.message}") from None
        running = LanguageServer(program, self._uri(""), server.options)
        try:
            await running.begin()
        except ServerFault as fault:
            ended = await running.close()
            raise Unserved(f"{server.name} was let go: {_told(str(fault), ended)}") from None
        except BaseException:
            await running.close()
            raise
        return running

    async def _let_go(self, kept: _Kept, reason: str) -> None:
        """End a server, also one that is just starting."""
        kept.stir()
        starting, kept.starting, ident = kept.starting, None, kept.id
        if starting is None:
            return
        if not starting.done():
            starting.cancel()
        try:
            running = await starting
        except Exception:  # noqa: BLE001 - it never ran; whoever waited for it was told why
            return
        except asyncio.CancelledError:
            if not starting.cancelled():
                raise
            await self._record(ProgramClosed(id=ident, status=-1, reason="it was not waited for"))
            return
        ended = await running.close()
        told = _told(reason, ended)
        await self._record(ProgramClosed(id=ident, status=ended.status, reason=told))

    def _uri(self, path: str) -> str:
        return "file://" + quote(f"{self._root}/{path}" if path else self._root)


class _Kept:
    """
    A server that a file has asked for.

    Attributes:
        turn: Of the files, one after the other.
        starting: Gives it when it runs; None when it is not there.
        starts: How often it was started.
        id: Of the last start.
        idle: Ends it when nothing asks for it; `ending` does that then.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.turn = asyncio.Lock()
        self.starting: asyncio.Task[LanguageServer] | None = None
        self.starts = 0
        self.id = ""
        self.idle: asyncio.TimerHandle | None = None
        self.ending: asyncio.Task[None] | None = None

    def stir(self) -> None:
        """Say that it is asked for."""
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None

    @property
    def fault(self) -> str:
        """Why it cannot be used any more; empty when it can, or is not there."""
        task = self.starting
        if task is None or not task.done() or task.cancelled() or task.exception() is not None:
            return ""
        return str(task.result().fault or "")


def _opened(kept: _Kept, argv: tuple[str, ...], held: Confinement) -> ProgramOpened:
    return ProgramOpened(
        id=kept.id,
        name=kept.server.name,
        purpose="diagnostics",
        argv=argv,
        level=held.level,
        form=held.form,
        has_network=held.has_network,
        read_only=held.confines and held.read_only,
    )


def _told(reason: str, ended: Exit) -> str:
    said = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return f"{reason}; it said: {said[0][:_SAID_CHARS]}" if reason and said else reason
