"""
The world of one JavaScript program: a QuickJS context with nothing in it but the program.

Only one thread ever uses it. Nothing of Python is reachable from inside: the program leaves
requests in a mailbox, which is fetched between two of its steps, and the answers are put there.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from a3s_code.kernel.plain import sendable
from a3s_code.kernel.script import (
    MAX_SOURCE_BYTES,
    ConsoleLevel,
    ConsoleLine,
    FailureKind,
    Script,
    ScriptFailure,
    ScriptOutcome,
)
from a3s_code.script.binding import Context, JsError, TooDeep, new_context

_RUN_BY_NAME: Final = '\nexport{run as "a3s:run"}'
"""Behind a program that does not export its function; its lines stay where they are."""
_DEFAULT = re.compile(r"\bexport\s+default\b")
_PLACE = re.compile(r"<input>:(\d+):(\d+)")
_OUR_FRAME = re.compile(r"^ *at a3s_\w+ \(", re.MULTILINE)
_NO_RUN = (
    "The program has no function run: write `export default async function run(ctx, inputs) { … }`."
)
_LEAST_LIMIT_S = 0.005
STUCK = "The program waits for a promise that nothing will ever settle."


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A call that the program has made and that waits for its answer."""

    id: int
    function: str
    args: list[Any]


class _Done(msgspec.Struct, frozen=True):
    kind: str
    value: Any = None
    message: str = ""
    trace: str = ""
    console: tuple[tuple[ConsoleLevel, str], ...] = ()
    dropped: int = 0


class _Mail(msgspec.Struct, frozen=True):
    calls: tuple[Asked, ...] = ()
    done: _Done | None = None
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call came to: plain JSON, or the message of an exception."""

    id: int
    succeeded: bool
    value: Any


@dataclass(frozen=True, slots=True)
class Step:
    """What a program did until it had to wait: it made calls, or came to its end."""

    calls: tuple[Asked, ...] = ()
    outcome: ScriptOutcome | None = None


class World:
    """
    Runs one program step by step.

    Args:
        deadline: `time.monotonic()` after which no step begins and none goes on.
        share: How much faster than a clock the CPU time of this process may run now.
    """

    __slots__ = ("_context", "_deadline", "_port", "_script", "_share")

    def __init__(self, script: Script, deadline: float, share: Callable[[], float]) -> None:
        self._script = script
        self._deadline = deadline
        self._share = share
        self._context: Context | None = None
        self._port: Any = None

    def begin(self) -> Step:
        """Run the program up to its first calls, or to its end."""
        source = self._script.source
        refused = _refused(source)
        if refused:
            return _failed("syntax", refused)
        forms = (source, source + _RUN_BY_NAME)
        if _DEFAULT.search(source) is None:
            forms = forms[::-1]
        wrong: Step | None = None
        for form in forms:
            step = self._guarded(lambda form=form: self._evaluate(form))
            if not _is_no_program(step):
                return step
            if form is source or wrong is None:
                wrong = step
        assert wrong is not None
        return wrong

    def answer(self, answers: Sequence[Answer]) -> Step:
        """Bring answers, and run the program on to its next calls, or to its end."""
        rows = sendable([[each.id, each.succeeded, each.value] for each in answers]).decode()
        return self._guarded(lambda: self._step("answer", rows))

    def stuck(self) -> Step:
        """End the program, which waits for what no answer will ever bring."""
        return self._guarded(lambda: self._step("stuck", sendable(STUCK).decode()))

    def close(self) -> None:
        """Give its memory back; on the thread that it ran in."""
        self._port = None
        self._context = None

    # Steps

    def _evaluate(self, source: str) -> Step:
        self.close()
        limits = self._script.limits
        context = new_context()
        context.set_memory_limit(limits.memory_bytes)
        context.set_max_stack_size(limits.stack_bytes)
        self._context = context
        self._port = context.eval(_world())
        self._set_limit(context)
        context.module(source)
        room = limits.max_value_bytes, limits.max_console_chars
        told = [self._script.inputs, self._script.functions, *room]
        return self._step("begin", sendable(told).decode())

    def _step(self, what: str, given: str) -> Step:
        context = self._context
        assert context is not None
        self._set_limit(context)
        mail = self._fetch(what, given)
        while mail.done is None and context.execute_pending_job():
            while context.execute_pending_job():
                if time.monotonic() > self._deadline:
                    return self._too_late()
            later = self._fetch("look", "")
            mail = _Mail(mail.calls + later.calls, later.done, later.broken)
        if mail.broken:
            return _failed("memory", f"The program broke its world: {mail.broken}")
        if mail.done is not None:
            return Step(outcome=_outcome(mail.done))
        return Step(mail.calls)

    def _fetch(self, what: str, given: str) -> _Mail:
        text = str(self._port(what, given))
        try:
            return msgspec.json.decode(text, type=_Mail)
        except msgspec.DecodeError:  # half of a surrogate pair, which UTF-8 cannot carry
            return msgspec.json.decode(sendable(json.loads(text)), type=_Mail)

    def _set_limit(self, context: Context) -> None:
        left = max(self._deadline - time.monotonic(), _LEAST_LIMIT_S)
        context.set_time_limit(left * self._share())

    def _guarded(self, step: Callable[[], Step]) -> Step:
        """Take a step; what the engine itself says against it is its outcome."""
        if time.monotonic() > self._deadline:
            return self._too_late()
        try:
            return step()
        except TooDeep:
            return _failed("stack", "The program calls itself too deeply.")
        except RecursionError:
            return _failed("value", "What the program gave nests too deeply.")
        except ValueError as error:  # msgspec's errors are ValueErrors
            return _failed("value", f"What the program gave is no plain value: {error}.")
        except JsError as error:
            return self._stopped(str(error))

    def _stopped(self, said: str) -> Step:
        message, _, trace = said.partition("\n")
        if "interrupted" in message:
            return self._too_late()
        if "out of memory" in message or message in {"", "null"}:
            return self._no_memory()
        line, column = _place(trace)
        return _failed("syntax", message, line=line, column=column)

    def _no_memory(self) -> Step:
        limit = self._script.limits.memory_bytes // (1024 * 1024)
        return _failed("memory", f"The program needs more memory than the {limit} MiB it has.")

    def _too_late(self) -> Step:
        return Step(outcome=too_late(self._script))


def _refused(source: str) -> str:
    """Say why no program can be of this text; empty when it may be one."""
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        return "The program holds half of a surrogate pair; write it as an escape."
    if size > MAX_SOURCE_BYTES:
        return f"The program is longer than {MAX_SOURCE_BYTES} bytes."
    return "The program holds a NUL character; write it as an escape." if "\0" in source else ""


def too_late(script: Script) -> ScriptOutcome:
    """Give the outcome of a program that has run for too long."""
    limit_ms = round(script.limits.wall_s * 1000)
    text = f"The program did not end within {limit_ms} ms."
    return ScriptOutcome(failure=ScriptFailure(kind="timeout", message=text))


def _outcome(done: _Done) -> ScriptOutcome:
    failure = None
    if done.kind == "exception" and done.message == "null":
        text = "The program ran out of memory, or threw null."
        failure = ScriptFailure(kind="memory", message=text)
    elif done.kind != "ok":
        trace = _authors(done.trace)
        line, column = _place(trace)
        failure = ScriptFailure(
            kind=_kind(done),
            message=_NO_RUN if done.kind == "no_run" else " ".join(done.message.splitlines()),
            line=line,
            column=column,
            trace=trace,
        )
    return ScriptOutcome(
        value=done.value,
        failure=failure,
        console=tuple(ConsoleLine(*row) for row in done.console),
        console_dropped=done.dropped,
    )


def _kind(done: _Done) -> FailureKind:
    if done.kind == "no_run":
        return "syntax"
    if "call stack size exceeded" in done.message or "stack overflow" in done.message:
        return "stack"
    if "InternalError: out of memory" in done.message:
        return "memory"
    if "InternalError: interrupted" in done.message:
        return "timeout"
    return cast("FailureKind", done.kind)


def _failed(kind: FailureKind, message: str, *, line: int = 0, column: int = 0) -> Step:
    failure = ScriptFailure(kind=kind, message=message, line=line, column=column)
    return Step(outcome=ScriptOutcome(failure=failure))


def _is_no_program(step: Step) -> bool:
    failure = step.outcome.failure if step.outcome is not None else None
    return failure is not None and failure.kind == "syntax"


def _authors(trace: str) -> str:
    """Leave out the frames that are not the author's."""
    ours = _OUR_FRAME.search(trace)
    return (trace[: ours.start()] if ours else trace).replace("<input>:", "program:").rstrip()


def _place(trace: str) -> tuple[int, int]:
    found = _PLACE.search(trace.replace("program:", "<input>:"))
    return (int(found[1]), int(found[2])) if found else (0, 0)


@cache
def _world() -> str:
    return Path(__file__).with_name("world.js").read_text("utf-8")
