"""A turn of a script on its way over HTTP, whole or broken."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import msgspec

from a3s_code.testing.connection import Connection
from a3s_code.testing.script import Asked
from a3s_code.testing.turn import Fault, Refusal, Turn
from a3s_code.testing.wire import BROKEN_EVENT, BROKEN_JSON, Frame, Wire


class Answer:
    """One turn on its way to a client. Every method says whether the connection goes on."""

    __slots__ = ("_asked", "_connection", "_number", "_turn", "_wire")

    def __init__(
        self, connection: Connection, wire: Wire, turn: Turn, asked: Asked, number: int
    ) -> None:
        self._connection, self._wire = connection, wire
        self._turn, self._asked, self._number = turn, asked, number

    async def send(self) -> bool:
        if self._turn.delay_s:
            await asyncio.sleep(self._turn.delay_s)
        match self._turn.failure:
            case Refusal() as refusal:
                return await self._refuse(refusal)
            case Fault.RESET:
                await self._connection.reset()
                return False
            case Fault.HANG:
                await self._connection.until_left()
                return False
            case Fault.EMPTY:
                await self._connection.answer(HTTPStatus.OK, b"")
                return True
            case Fault.BAD_JSON:
                await self._connection.answer(HTTPStatus.OK, BROKEN_JSON)
                return True
            case _:
                return await (self._stream() if self._asked.streams else self._whole())

    async def _refuse(self, refusal: Refusal) -> bool:
        body = refusal.body
        if body is None:
            body = self._wire.error(refusal.status, f"Scripted refusal {refusal.status}.")
        data = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
        await self._connection.answer(refusal.status, data, headers=refusal.headers)
        return True

    async def _whole(self) -> bool:
        body = self._wire.whole(self._turn, self._asked, self._number)
        match self._turn.failure:
            case Fault.RESET_MID | Fault.TRUNCATE | Fault.HANG_MID:
                await self._connection.answer(HTTPStatus.OK, body, sent_bytes=len(body) // 2)
                return await self._break_off()
            case Fault.BAD_SSE:
                body = BROKEN_JSON
            case _:
                pass
        await self._connection.answer(HTTPStatus.OK, body)
        return True

    async def _stream(self) -> bool:
        sent = self._wire.stream(self._turn, self._asked, self._number)
        before, after = sent.content[: sent.middle], sent.content[sent.middle :]
        await self._connection.open_stream()
        match self._turn.failure:
            case Fault.RESET_MID | Fault.TRUNCATE | Fault.HANG_MID:
                await self._events(before)
                return await self._break_off()
            case Fault.BAD_SSE:
                await self._events((*before, Frame(BROKEN_EVENT), *after, *sent.closing))
            case Fault.NO_DONE:
                await self._events(sent.content)
            case _:
                await self._events(sent.content + sent.closing)
        await self._connection.end_stream()
        return True

    async def _events(self, frames: tuple[Frame, ...]) -> None:
        if not self._turn.piece_delay_s:
            await self._connection.send_events(frame.data for frame in frames)
            return
        for frame in frames:
            await self._connection.send_events((frame.data,))
            if frame.is_delta:
                await asyncio.sleep(self._turn.piece_delay_s)

    async def _break_off(self) -> bool:
        if self._turn.failure is Fault.RESET_MID:
            await self._connection.reset()
        elif self._turn.failure is Fault.HANG_MID:
            await self._connection.until_left()
        return False
