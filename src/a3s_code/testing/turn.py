"""
One answer of a scripted model: what it says and calls, and how the answer breaks.

    says("Looking.") + calls("read", file_path="a.txt")     text, then a call
    calls("ls") + calls("glob", pattern="*.py")             two calls of one turn
    says("The ans", "wer is 4.")                            exactly these two deltas
    refuses(429, headers={"retry-after": "1"})              an HTTP refusal
    breaks("reset_mid", says("never whole"))                a connection that dies
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.kernel.messages import Usage

ONLY_TOOL = "*"
"""Name of a call of the tool that the request forces, or the only one that it lists."""

PIECE_CHARS = 8


class Fault(enum.StrEnum):
    """
    How an answer breaks. "The middle" is after half of its deltas or bytes.

    A request for a JSON answer gets the nearest thing: `BAD_SSE` is `BAD_JSON` there, and
    `NO_DONE` changes nothing.
    """

    RESET = "reset"
    """The connection is reset before a byte of the answer."""
    RESET_MID = "reset_mid"
    """It is reset in the middle."""
    TRUNCATE = "truncate"
    """It is closed in the middle, in good order but for the missing rest."""
    EMPTY = "empty"
    """Status 200 and no body."""
    BAD_JSON = "bad_json"
    """Status 200 and a JSON body that is cut off, whatever was asked for."""
    BAD_SSE = "bad_sse"
    """An event in the middle holds no JSON; the rest follows."""
    NO_DONE = "no_done"
    """The stream ends without saying why the model stopped."""
    HANG = "hang"
    """Nothing comes until the client goes away."""
    HANG_MID = "hang_mid"
    """Half of the answer comes, then nothing."""


class Refusal(msgspec.Struct, frozen=True):
    """
    An HTTP status in place of an answer.

    Attributes:
        body: Sent as JSON; a text as it is; None = an error object of the wire in use.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class Call(msgspec.Struct, frozen=True):
    """
    A tool call.

    Attributes:
        arguments: As the model writes them: JSON, or text that only should be.
        id: Empty = numbered by who plays the script.
        pieces: The deltas that `arguments` come in; empty = two halves.
    """

    name: str
    arguments: str = "{}"
    id: str = ""
    pieces: tuple[str, ...] = ()

    @property
    def deltas(self) -> tuple[str, ...]:
        half = max(1, len(self.arguments) // 2)
        return self.pieces or (self.arguments[:half], self.arguments[half:])


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """
    One answer. `a + b` says and calls what `a` does and then what `b` does; whatever else
    `b` sets counts over what `a` sets.

    Attributes:
        pieces: The text. One piece is cut into deltas of `piece_chars` characters, several
            are deltas as they stand.
        piece_chars: 0 = not cut.
        thinking: Comes before the text.
        usage: None = that of the script.
        stop: `end`, `tool_calls`, `length`, `refusal` or `content_filter`; empty = as the
            calls have it. Messages has no word for `content_filter` and says `refusal`.
            Another text goes out as it is; adapters take one they do not know for the end.
        delay_s: Before the first byte.
        piece_delay_s: After each delta.
        failure: In place of the answer, or in the middle of it.
    """

    pieces: tuple[str, ...] = ()
    piece_chars: int = PIECE_CHARS
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    usage: Usage | None = None
    stop: str = ""
    delay_s: float = 0.0
    piece_delay_s: float = 0.0
    failure: Fault | Refusal | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def text_deltas(self) -> tuple[str, ...]:
        return self._cut(self.text) if len(self.pieces) == 1 else self.pieces

    @property
    def thinking_deltas(self) -> tuple[str, ...]:
        return self._cut(self.thinking)

    @property
    def stopped_by(self) -> str:
        return self.stop or ("tool_calls" if self.calls else "end")

    def _cut(self, text: str) -> tuple[str, ...]:
        size = self.piece_chars or max(1, len(text))
        return tuple(text[at : at + size] for at in range(0, len(text), size))

    def __add__(self, other: Turn) -> Turn:
        joined = {
            "pieces": self.pieces + other.pieces,
            "calls": self.calls + other.calls,
            "thinking": self.thinking + other.thinking,
        }
        untouched = Turn()
        later = {
            name: getattr(other, name)
            for name in self.__struct_fields__
            if getattr(other, name) != getattr(untouched, name)
        }
        return msgspec.structs.replace(self, **{**later, **joined})


def says(
    *pieces: str,
    thinking: str = "",
    piece_chars: int = PIECE_CHARS,
    usage: Usage | None = None,
    stop: str = "",
    delay_s: float = 0.0,
    piece_delay_s: float = 0.0,
) -> Turn:
    """Answer with text; see `Turn` for the names."""
    return Turn(
        pieces=pieces,
        thinking=thinking,
        piece_chars=piece_chars,
        usage=usage,
        stop=stop,
        delay_s=delay_s,
        piece_delay_s=piece_delay_s,
    )


def calls(name: str, /, **arguments: Any) -> Turn:  # noqa: ANN401 - any JSON is an argument
    """Call the tool `name` with `arguments`."""
    return Turn(calls=(Call(name, msgspec.json.encode(arguments).decode()),))


def calls_text(name: str, *pieces: str) -> Turn:
    """Call the tool `name` with arguments that are exactly these deltas, JSON or not."""
    return Turn(calls=(Call(name, "".join(pieces), pieces=pieces),))


def refuses(
    status: int,
    body: Any = None,  # noqa: ANN401 - any JSON is a body
    *,
    headers: Mapping[str, str] | None = None,
) -> Turn:
    """Answer with an HTTP status; see `Refusal`."""
    return Turn(failure=Refusal(status, body, dict(headers or {})))


def overflows() -> Turn:
    """Refuse because the conversation does not fit the model's window."""
    message = "The messages exceed the maximum context length of this model."
    error = {
        "message": message,
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    }
    return refuses(400, {"type": "error", "error": error})


def breaks(how: str, turn: Turn | None = None) -> Turn:
    """
    Break `turn`, or an answer of a few words; `how` is the value of a `Fault`.

    Raises:
        InvalidValue: there is no such fault.
    """
    try:
        fault = Fault(how)
    except ValueError as error:
        known = ", ".join(Fault)
        raise InvalidValue(f"There is no fault {how!r}.", hint=f"use one of {known}") from error
    return msgspec.structs.replace(turn or says("This will not end well."), failure=fault)
