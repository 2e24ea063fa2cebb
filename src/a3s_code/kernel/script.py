"""
The port for bounded scripts: a program in some language whose only way out is to call a host.

An engine runs one script in a world of its own: no files, no network, no clock but the time, no
module, nothing of this process. What the script can reach are the functions that it is given by
name; each call of one is a message to the host, and its answer a message back. So everything
that a script does is decided where its host decides it.

Source:
    SPEC 5.15; DESIGN 7, "mailbox pattern".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from a3s_code.kernel.messages import JsonObject

ScriptLanguage: TypeAlias = Literal["javascript", "python"]

MAX_SOURCE_BYTES = 192 * 1024

FailureKind: TypeAlias = Literal[
    "syntax", "exception", "timeout", "memory", "stack", "stuck", "value", "unavailable"
]
"""
Why a script has no value:

`syntax`: it is no program, or has no function `run`; nothing of it ran. `exception`: it raised.
`timeout`: it ran, computed or waited for too long. `memory`, `stack`: it took more than it may.
`stuck`: it waits for something that no call will ever settle. `value`: what it gave is no JSON,
or too large. `unavailable`: the engine cannot run here or has too much to do.
"""

ConsoleLevel: TypeAlias = Literal["log", "info", "warn", "error", "debug"]


class ScriptLimits(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        wall_s: From the start to the value, waiting for calls included. What computes without
            a pause is stopped by the same number of seconds of CPU time at the latest.
        memory_bytes, stack_bytes: Of the script's own world.
        max_value_bytes: Of the JSON of its value, and of the arguments of one call.
        max_console_chars: Of all lines together; what comes later is dropped.
    """

    wall_s: float = 30.0
    memory_bytes: int = 64 * 1024 * 1024
    stack_bytes: int = 512 * 1024
    max_value_bytes: int = 8 * 1024 * 1024
    max_console_chars: int = 64 * 1024


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        source: Its text as the author wrote it; at most `MAX_SOURCE_BYTES` as UTF-8.
        inputs: What `run` gets beside the functions; plain JSON.
        functions: What it may call. A name with a dot, such as `tools.read`, is a function of
            an object. An engine gives each the form that is natural in its language.
    """

    source: str
    inputs: JsonObject = msgspec.field(default_factory=dict[str, Any])
    functions: tuple[str, ...] = ()
    limits: ScriptLimits = msgspec.field(default_factory=ScriptLimits)


class ScriptFailure(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        message: What was wrong, in one line of the language's own form: `TypeError: …`.
        line, column: In the author's source, counted from 1; 0 when it is not known.
        trace: The calls that led there, as the language writes them, in the author's lines.
    """

    kind: FailureKind
    message: str
    line: int = 0
    column: int = 0
    trace: str = ""


class ConsoleLine(msgspec.Struct, frozen=True):
    level: ConsoleLevel
    text: str


class ScriptOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """
    What came of a script: a value or a failure, and what it printed.

    Attributes:
        value: Plain JSON that `run` gave; None for nothing, or when it failed.
        failure: None when it came to its end.
        console_dropped: Characters beyond `max_console_chars`.
    """

    value: Any = None
    failure: ScriptFailure | None = None
    console: tuple[ConsoleLine, ...] = ()
    console_dropped: int = 0


class ScriptCallFailed(Exception):
    """
    A call did not do what it was asked; the script gets it as an exception and may go on.

    Not one of `errors`: it never leaves the host and its engine. Its text is the message in
    the script.
    """


class ScriptHost(Protocol):
    """Who answers the calls of a script. Several may be under way at once."""

    async def call(self, function: str, args: Sequence[Any]) -> Any:  # noqa: ANN401 - JSON
        """
        Answer one call with plain JSON.

        Args:
            function: One of `Script.functions`; nothing else ever gets here.
            args: By position, plain JSON, bounded by `max_value_bytes`. Arguments that the
                language gives by name are one object at the end.

        Raises:
            ScriptCallFailed: the script gets an exception with this text.
            Exception: anything else ends the script, and is raised by `run`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs scripts: `embedded-quickjs`, and its version as far as it is known."""

    name: str
    version: str = ""


class ScriptEngine(Protocol):
    """Runs scripts of one language. One engine serves many scripts at the same time."""

    @property
    def language(self) -> ScriptLanguage: ...

    @property
    def runtime(self) -> Runtime: ...

    async def run(self, script: Script, host: ScriptHost) -> ScriptOutcome:
        """
        Run a script to its end, or to the end of one of its limits.

        The event loop never waits for the script. Calls that are under way when the script
        ends, fails, runs out of time or is cancelled are cancelled, and have ended before
        this returns or raises.

        Raises:
            CancelledError: it was told to stop, and has.
            Exception: what `host` raised that was no `ScriptCallFailed`.
        """
        ...


class ScriptEngines(Protocol):
    """The engines there are, each brought in at its first script."""

    def of(self, language: ScriptLanguage) -> ScriptEngine:
        """
        Raises:
            CapabilityMissing: what runs that language is not installed.
        """
        ...
