"""
The `bash` tool.

Source:
    SPEC 5.8: milliseconds, 120,000 by default; what was printed comes first, and a line
    at the end says how the command ended when it did not succeed.
"""

from __future__ import annotations

import codecs
import re
import shlex
from collections.abc import Callable
from typing import Annotated

import msgspec

from a3s_code.errors import ProgramMissing
from a3s_code.harness.shell.analysis import effect_free
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool
from a3s_code.kernel.workspace import Command, Exit

DEFAULT_TIMEOUT_MS = 120_000
MAX_TIMEOUT_MS = 600_000

_SESSION_SHARE = 0.9
"""Of the session's own limit, so that what was printed so far is not lost with the call."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class BashArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    command: Annotated[str, msgspec.Meta(min_length=1, description="Command line for bash.")]
    timeout: Annotated[
        int, msgspec.Meta(ge=1, le=MAX_TIMEOUT_MS, description="Milliseconds it may take.")
    ] = DEFAULT_TIMEOUT_MS
    env: Annotated[dict[str, str], msgspec.Meta(description="Environment variables to add.")] = (
        msgspec.field(default_factory=dict[str, str])
    )


def _subject(args: BashArgs) -> str:
    """
    Give what permission rules see: the command, after an `export` of the added variables.

    A variable such as `BASH_ENV` or `PATH` decides what a command runs, so a rule that
    allows the command alone must not cover it.
    """
    if not args.env:
        return args.command
    added = " ".join(f"{name}={shlex.quote(value)}" for name, value in args.env.items())
    return f"export {added}\n{args.command}"


def _effect(args: BashArgs) -> Effect:
    return Effect.READ if not args.env and effect_free(args.command) else Effect.EXECUTE


@tool(
    BashArgs,
    effect=Effect.EXECUTE,
    subject=_subject,
    effect_of=_effect,
    needs=frozenset({"processes"}),
)
async def bash(args: BashArgs, context: ToolContext) -> Observation:
    """
    Run a command line with bash in the workspace root. Standard output and error come in
    the order they were written. Each call is a new shell: cd and variables do not last.
    """
    if wrong := _unusable(args):
        return failure(wrong, "invalid_argument")
    shell = context.shell or context.processes
    assert shell is not None
    timeout_ms = _timeout_ms(args, context)
    live = LiveText(context.emit_output)
    command = Command(
        ("bash", "-c", "--", args.command),
        timeout_s=timeout_ms / 1000,
        extra_env=args.env,
        exit_record=context.exit_record,
        for_user=True,
    )
    try:
        ended = await shell.run(command, live.feed)
    except ProgramMissing as error:
        return failure(str(error), "unsupported", exit_code=127)
    live.end()
    return _observe(ended, timeout_ms)


def _unusable(args: BashArgs) -> str:
    """Say why no process can be started from `args`; empty when one can."""
    for name, value in args.env.items():
        if not _VARIABLE.fullmatch(name):
            return f"{name!r} is no name for an environment variable."
        if "\0" in value:
            return f"The value of {name} holds a NUL character."
    if "\0" in args.command:
        return "The command holds a NUL character."
    try:
        "".join((args.command, *args.env.values())).encode()
    except UnicodeEncodeError:
        return "The command is not valid Unicode: it holds a lone surrogate."
    return ""


def _timeout_ms(args: BashArgs, context: ToolContext) -> int:
    if context.timeout_s is None:
        return args.timeout
    return max(1, min(args.timeout, round(context.timeout_s * 1000 * _SESSION_SHARE)))


def _observe(ended: Exit, timeout_ms: int) -> Observation:
    text = ended.output.decode(errors="replace")
    metadata: JsonObject = {"exit_code": ended.status}
    notices: list[str] = []
    if ended.dropped_bytes:
        metadata["dropped_bytes"] = ended.dropped_bytes
        notices.append(
            f"[{ended.dropped_bytes} bytes from the middle of the output were dropped; "
            f"{len(ended.output)} were kept.]"
        )
    if ended.timed_out:
        notices.append(f"[Command timed out after {timeout_ms}ms]")
    elif ended.status:
        notices.append(f"[exit status {ended.status}]")
    notices += _refusals(ended)
    if ended.violations:
        metadata["sandbox_violations"] = msgspec.to_builtins(ended.violations)
    if notices and text and not text.endswith("\n"):
        text += "\n"
    timeout: JsonObject = {"type": "timeout", "timeout_ms": timeout_ms}
    return Observation(
        text + "\n".join(notices),
        failed=ended.timed_out or ended.status != 0,
        exit_code=ended.status,
        metadata=metadata,
        error_kind=timeout if ended.timed_out else None,
    )


def _refusals(ended: Exit) -> list[str]:
    """Say what the sandbox had to do with it, so that the model does not look elsewhere."""
    certain = [each for each in ended.violations if each.is_certain]
    notices = [f"[The sandbox does not allow it: {each.kind} {each.name}]" for each in certain]
    if not ended.has_network and any(each.kind == "host" for each in ended.violations):
        notices.append("[The sandbox that this command ran in has no network.]")
    paths = [each.name for each in ended.violations if each.kind == "path" and not each.is_certain]
    if paths:
        listed = ", ".join(paths)
        notices.append(f"[The sandbox may have refused: {listed}. Only the workspace is writable.]")
    return notices


class LiveText:
    """Shows output while it comes, in whole characters; how much is for `emit` to bound."""

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, piece: bytes) -> None:
        self._emit(self._decoder.decode(piece))

    def end(self) -> None:
        self._emit(self._decoder.decode(b"", final=True))
