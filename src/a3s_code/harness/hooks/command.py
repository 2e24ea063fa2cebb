"""
Hooks that are programs.

The program gets `{"event_type", "payload"}` as JSON on its standard input, and nothing else of
the event: no argument, no variable, no shell. It answers with its exit status:

    0                nothing against it, or the answer (see `answer`) as JSON on standard output
    2                block; standard error is the reason
    anything else    it failed

Commands come from the embedding program alone, never from a file of the workspace. They run in
`/`, with the allow-listed environment, and are killed with all that they started when late.

Source:
    INVARIANTS 16, 17 and 21.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from a3s_code.checks import check_list
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.hooks.answer import NoAnswer
from a3s_code.harness.hooks.config import config_of
from a3s_code.harness.hooks.event_names import checked_event
from a3s_code.harness.hooks.matcher import matcher_of
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.workspace import Command, Exit, Processes

BLOCKS = 2
"""The exit status that blocks."""

MAX_OUTPUT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class HookCommand:
    """
    A program that is asked about an event.

    Attributes:
        event: As for `register_hook`.
        argv: Program and arguments: a name on PATH, or an absolute path outside of the
            workspace. Put no secret into it.
        matcher: As for `register_hook`; None = every event of this type.
        timeout_ms: After it the program is killed, and counts as failed.
        priority: As for `register_hook`.
        hook_id: What the log calls it; by default `command:` and its program's name.

    Raises:
        InvalidType, InvalidValue: one of them is not accepted; says which and why.
    """

    event: str
    argv: Sequence[str]
    matcher: Mapping[str, Any] | None = None
    timeout_ms: int = 30_000
    priority: int = 100
    hook_id: str = ""

    def __post_init__(self) -> None:
        check_list("argv", self.argv)
        words: list[object] = list(self.argv or ())
        if not words or not all(isinstance(word, str) and "\0" not in word for word in words):
            raise InvalidType(
                "The argv of a hook's command is no list of texts.",
                hint='give the program and its arguments, such as ["python3", "/opt/guard.py"]',
            )
        name = self.argv[0]
        if not name or ("/" in name and not name.startswith("/")):
            raise InvalidValue(
                f"{name!r} is no program of the host.",
                hint="give a name on PATH, or an absolute path outside of the workspace",
            )
        if not isinstance(self.hook_id, str):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(f"hook_id of a hook is a {type(self.hook_id).__name__}, not a text.")
        event = checked_event(self.event)
        matcher_of(self.matcher, event)
        config_of(self.config, event)

    @property
    def config(self) -> JsonObject:
        """What `register_hook` takes as `config`."""
        return {"priority": self.priority, "timeout_ms": self.timeout_ms}

    @property
    def name(self) -> str:
        return self.hook_id or f"command:{Path(self.argv[0]).name}"

    def check_outside(self, root: str) -> None:
        """
        Raises:
            InvalidValue: the program, or a file that it is given, lies in the workspace, where
                what the agent writes would become what is asked.
        """
        for word in self.argv:
            if word.startswith("/") and _lies_in(word, root):
                raise InvalidValue(
                    f"{word} of a hook's command lies in the workspace.",
                    hint="keep what guards the workspace outside of it",
                )


class CommandHandler:
    """
    The handler that asks a program.

    Args:
        root: The workspace; what `PATH` names there is not looked at.
    """

    __slots__ = ("_command", "_processes", "_root")

    def __init__(self, command: HookCommand, processes: Callable[[], Processes], root: str) -> None:
        self._command, self._processes, self._root = command, processes, root

    async def __call__(self, event: JsonObject) -> object:
        """
        Raises:
            NoAnswer: the program failed, or printed no JSON.
            ProgramMissing, WorkspaceError: it could not be started.
        """
        command = Command(
            tuple(self._command.argv),
            timeout_s=self._command.timeout_ms / 1000,
            max_output_bytes=MAX_OUTPUT_BYTES,
            extra_env={"PATH": _path_outside(self._root)},
            stdin=canonical(event),
            separate_stderr=True,
        )
        return answered(await self._processes().run(command))


def answered(ended: Exit) -> object:
    """
    Give the answer that the end of a program stands for.

    Raises:
        NoAnswer: it is none.
    """
    if ended.timed_out:
        raise NoAnswer("it was killed after its timeout")
    if ended.status == BLOCKS:
        return {"action": "block", "reason": _text(ended.stderr)}
    if ended.status != 0:
        said = _text(ended.stderr)
        raise NoAnswer(f"it ended with status {ended.status}{': ' if said else ''}{said}")
    if not ended.output.strip():
        return None
    if ended.dropped_bytes:
        raise NoAnswer(f"it printed more than {MAX_OUTPUT_BYTES} bytes")
    try:
        return cast("object", msgspec.json.decode(ended.output))
    except (msgspec.DecodeError, RecursionError) as error:
        raise NoAnswer(f"what it printed is no JSON: {error}") from None


def _path_outside(root: str) -> str:
    """Give the PATH of the host without what lies in the workspace, such as `.venv/bin`."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    outside = (each for each in entries if each.startswith("/") and not _lies_in(each, root))
    return os.pathsep.join(outside) or os.defpath


def _lies_in(path: str, root: str) -> bool:
    """Whether a path, as it is written or where its links lead, is in a directory."""
    places = (os.path.abspath(path), os.path.realpath(path))  # noqa: PTH100 - keeps links
    roots = (root, os.path.realpath(root))
    return any(os.path.commonpath((place, each)) == each for place in places for each in roots)


def _text(raw: bytes) -> str:
    """Give what a program said on one line or more, without control sequences."""
    text = raw.decode("utf-8", "replace").strip()
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)
