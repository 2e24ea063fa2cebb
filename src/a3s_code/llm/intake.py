"""
Reading the body of a good answer: a stream of events, or the whole as one JSON object.

What comes is told by its first character, since servers are careless with the content
type: `{` opens a whole answer, `<` a web page, anything else a stream.
"""

from __future__ import annotations

from a3s_code.llm.faults import Fault
from a3s_code.llm.http import Exchange
from a3s_code.llm.sse import SseSplitter
from a3s_code.llm.wire import Answer

MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_WHOLE_BYTES = 32 * 1024 * 1024
_DRAIN_S = 0.1
_CUT = {"timeout", "transport", "truncated"}
_BOM = b"\xef\xbb\xbf"


async def receive(exchange: Exchange, answer: Answer) -> None:
    """
    Feed `answer` until the provider or the connection says that nothing follows.

    Whether it is complete then, `answer.reply` tells.

    Raises:
        Fault: kind `empty`, `protocol`, or one of the connection's. A connection that fails
            after the provider said why it stopped is none.
    """
    start = await _start(exchange)
    opens_with = start[:1]
    if opens_with == b"<" or exchange.headers.get("content-type", "").startswith("text/html"):
        raise _web_page(exchange, start)
    if opens_with in {b"{", b"["}:
        answer.whole(await _rest(exchange, start))
        return
    try:
        await _stream(exchange, answer, start)
        await exchange.drain(_DRAIN_S)
    except Fault as fault:
        # Servers that end a stream roughly after its last word are common; one that
        # promised a length and broke the promise is not believed.
        promised = "content-length" in exchange.headers
        if promised or not answer.finished or fault.kind not in _CUT:
            raise


async def receive_whole(exchange: Exchange) -> bytes:
    """
    Give the body of a good answer that is no stream, at most `MAX_WHOLE_BYTES` of it.

    Raises:
        Fault: as `receive`.
    """
    start = await _start(exchange)
    if start[:1] == b"<":
        raise _web_page(exchange, start)
    return await _rest(exchange, start)


def _web_page(exchange: Exchange, start: bytes) -> Fault:
    detail = f"a web page instead of an answer: {start[:80].decode('utf-8', 'replace')}"
    return Fault("protocol", detail, again=False, status=exchange.status)


async def _start(exchange: Exchange) -> bytes:
    """Read to the first bytes that are no blanks, which mean nothing in either form."""
    start = b""
    while not start:
        piece = await exchange.read()
        if not piece:
            raise Fault("empty", "the body is empty", again=True, status=exchange.status)
        start = piece.removeprefix(_BOM).lstrip()
    return start


async def _rest(exchange: Exchange, start: bytes) -> bytes:
    pieces, size = [start], len(start)
    while piece := await exchange.read():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_WHOLE_BYTES:
            detail = f"one answer is larger than {MAX_WHOLE_BYTES:,} bytes"
            raise Fault("protocol", detail, again=False)
    return b"".join(pieces)


async def _stream(exchange: Exchange, answer: Answer, start: bytes) -> None:
    splitter = SseSplitter()
    piece, size = start, 0
    while piece:
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            detail = f"one answer is larger than {MAX_ANSWER_BYTES:,} bytes"
            raise Fault("protocol", detail, again=False)
        answer.feed(splitter.feed(piece))
        if answer.done:
            return
        piece = await exchange.read()
    answer.feed(splitter.finish())
