"""
AHP, the Agent Harness Protocol: where a supervising harness is reached, and its values.

A transport is given to a session as `ahp_transport`. The other values are what the
harness and the session tell each other: the context of an event, and the typed decisions
on idleness and on the intent of a prompt.

Source:
    SPEC 15 (AHP 2.4); A3S Code README, "AHP".
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from a3s_code.checks import check_address, check_list, check_share
from a3s_code.errors import InvalidValue

# Transports


@dataclass(frozen=True, slots=True)
class HttpTransport:
    """
    Where an AHP harness is reached over HTTP.

    Attributes:
        url: An `http` or `https` address that takes JSON-RPC by POST.
        auth_token: Sent as `Authorization: Bearer`; never shown.

    Raises:
        InvalidValue: `url` is no such address.
    """

    url: str
    auth_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_url(self.url, ("http", "https"))


@dataclass(frozen=True, slots=True)
class WebSocketTransport:
    """
    Where an AHP harness is reached over a WebSocket.

    Attributes:
        url: A `ws` or `wss` address.
        auth_token: Proves who connects; never shown.

    Raises:
        InvalidValue: `url` is no such address.
    """

    url: str
    auth_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_url(self.url, ("ws", "wss"))


@dataclass(slots=True)
class StdioTransport:
    """
    The program that is an AHP harness and speaks on its standard input and output.

    Raises:
        InvalidValue: `program` is empty.
        InvalidType: `args` is a single text.
    """

    program: str
    args: Sequence[str]

    def __post_init__(self) -> None:
        if not self.program:
            raise InvalidValue("The program of an AHP harness has no name.", hint="name it")
        check_list("args", self.args)
        self.args = list(self.args)


@dataclass(frozen=True, slots=True)
class UnixSocketTransport:
    """
    Where an AHP harness is reached over a Unix socket.

    Raises:
        InvalidValue: `path` is empty.
    """

    path: str

    def __post_init__(self) -> None:
        if not self.path:
            raise InvalidValue("The path of an AHP socket is empty.", hint="name the socket")


AhpTransport: TypeAlias = HttpTransport | WebSocketTransport | StdioTransport | UnixSocketTransport


def _check_url(url: str, schemes: tuple[str, ...]) -> None:
    example = f"{schemes[0]}://harness.example:8080/ahp"
    check_address("The url of an AHP harness", url, schemes, example)


# Events

GATING_EVENTS = (
    "pre_action",
    "pre_prompt",
    "idle",
    "intent_detection",
    "context_perception",
    "memory_recall",
    "planning",
    "reasoning",
    "rate_limit",
    "confirmation",
)
"""Events that wait for a decision of the harness."""

NOTIFYING_EVENTS = (
    "post_action",
    "post_response",
    "session_start",
    "session_end",
    "error",
    "heartbeat",
    "success",
    "run_lifecycle",
    "task_list",
    "verification",
)
"""Events that the harness is only told of."""


class AhpEventType(str):
    """
    The name of an AHP event; compares and sorts as the text that it is.

    Raises:
        InvalidValue: AHP has no event of this name; names the nearest one.
    """

    __slots__ = ()

    def __new__(cls, event_type: str) -> Self:
        _check_name("event type", event_type, GATING_EVENTS + NOTIFYING_EVENTS)
        return super().__new__(cls, event_type)

    def __repr__(self) -> str:
        return f"AhpEventType({super().__repr__()})"

    @property
    def is_gating(self) -> bool:
        """Does an event of this type wait for a decision of the harness?"""
        return self in GATING_EVENTS


@dataclass(frozen=True, slots=True)
class Fact:
    """
    Something a harness knows and where from.

    Attributes:
        confidence: 0 to 1.

    Raises:
        InvalidValue: `confidence` is outside of that.
    """

    content: str
    source: str
    confidence: float

    def __post_init__(self) -> None:
        check_share("confidence", self.confidence)


@dataclass(frozen=True, slots=True)
class MemorySummary:
    """What a memory of one type (`episodic`, `semantic`, …) holds."""

    memory_type: str
    total_items: int
    recent_topics: Sequence[str]


@dataclass(frozen=True, slots=True)
class SessionStats:
    """What a session has used up so far."""

    total_actions: int
    total_tokens: int
    duration_ms: int
    error_count: int


@dataclass(frozen=True, slots=True)
class AhpEventContext:
    """What a harness is told beside an event. None = not told."""

    recent_facts: Sequence[Fact] | None = None
    memory_summary: MemorySummary | None = None
    session_stats: SessionStats | None = None
    current_task: str | None = None
    capabilities: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class TargetHints:
    """What a prompt is probably about."""

    target_type: str | None = None
    target_name: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class IntentDetectionEvent:
    """
    A prompt whose intent a harness is asked for.

    Attributes:
        workspace: Path of the workspace it is about.
        language_hint: Language of the prompt, such as `en`.
    """

    session_id: str
    prompt: str
    workspace: str
    language_hint: str | None = None


# Decisions


@dataclass(frozen=True, slots=True)
class IdleDecision:
    """
    What a harness decides about an idle session: `allow` or `defer`.

    Decisions sort by their name, which is also their text.

    Raises:
        InvalidValue: `decision` is neither.
    """

    decision: str
    reason: str | None = None

    def __post_init__(self) -> None:
        _check_name("decision on idleness", self.decision, ("allow", "defer"))

    def is_allow(self) -> bool:
        return self.decision == "allow"

    def is_defer(self) -> bool:
        return self.decision == "defer"

    def get_reason(self) -> str | None:
        return self.reason

    def __lt__(self, other: IdleDecision) -> bool:
        return self.decision < other.decision

    def __str__(self) -> str:
        return self.decision


@dataclass(frozen=True, slots=True)
class IntentDetectionDecision:
    """
    What a harness decides about a prompt: `allow`, with the intent it found, or `block`.

    Decisions sort by their name, which is also their text.

    Attributes:
        confidence: Of `detected_intent`, 0 to 1.

    Raises:
        InvalidValue: `decision` is neither, or `confidence` is outside of that.
    """

    decision: str
    detected_intent: str | None = None
    confidence: float | None = None
    target_hints: TargetHints | None = None
    block_reason: str | None = None

    def __post_init__(self) -> None:
        _check_name("decision on an intent", self.decision, ("allow", "block"))
        if self.confidence is not None:
            check_share("confidence", self.confidence)

    def is_allow(self) -> bool:
        return self.decision == "allow"

    def is_block(self) -> bool:
        return self.decision == "block"

    def get_detected_intent(self) -> str | None:
        return self.detected_intent

    def get_confidence(self) -> float | None:
        return self.confidence

    def get_target_hints(self) -> TargetHints | None:
        return self.target_hints

    def get_block_reason(self) -> str | None:
        return self.block_reason

    def __lt__(self, other: IntentDetectionDecision) -> bool:
        return self.decision < other.decision

    def __str__(self) -> str:
        return self.decision


def _check_name(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1) or known
        raise InvalidValue(f"AHP has no {what} {name!r}.", hint=f"use {' or '.join(near)}")
