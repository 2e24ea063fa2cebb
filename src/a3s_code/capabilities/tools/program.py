"""
The tool `program`: a script that calls tools, in place of many turns.

The script runs in a bounded engine (`kernel.script`) that it cannot leave; all it can do is to
call tools, and each call passes the executor and the gate with the authority of the session,
whoever started the program. What the model reads is what the script returned.

Source:
    SPEC 5.15; document 002, "Programmatic Tool Calling"; the Python SDK README.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

import msgspec

from a3s_code.capabilities.programs.helpers import TOOLS
from a3s_code.capabilities.programs.host import BY_NAME_ONLY, ProgramHost, TooManyCalls
from a3s_code.errors import CapabilityMissing
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import MAX_DEPTH, canonical, depth, plain, sendable
from a3s_code.kernel.script import (
    MAX_SOURCE_BYTES,
    Runtime,
    Script,
    ScriptEngine,
    ScriptFailure,
    ScriptLimits,
    ScriptOutcome,
)
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool
from a3s_code.kernel.workspace import Resolved

DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS = 30_000, 600_000
DELEGATING_TIMEOUT_MS = 600_000
"""The default of a program that may start runs."""
DEFAULT_TOOL_CALLS, MAX_TOOL_CALLS = 20, 10_000
DEFAULT_OUTPUT_BYTES, MAX_OUTPUT_BYTES = 65_536, 100 * 1024
MAX_VALUE_BYTES = 2 * 1024 * 1024
"""Of what a script returns, which is kept as a whole; and of spaces in front of its lines."""
INDENT = 2
TWICE = "Give allowed_tools once, and not as allowedTools as well"
NOT_THERE = ("TypeError: not a function", "'ctx' object has no", "'ctx_tools' object has no")
"""What engines say of a function of `ctx` that does not exist."""
SUFFIXES = {"javascript": (".js", ".mjs"), "python": (".py",)}


class ProgramLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    timeout_ms: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=MAX_TIMEOUT_MS)] | None,
        msgspec.Meta(description="Of the whole program."),
    ] = None
    max_tool_calls: Annotated[int, msgspec.Meta(ge=0, le=MAX_TOOL_CALLS)] = DEFAULT_TOOL_CALLS
    max_output_bytes: Annotated[
        int, msgspec.Meta(ge=0, le=MAX_OUTPUT_BYTES, description="Of what you get to see.")
    ] = DEFAULT_OUTPUT_BYTES


class ProgramArgs(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    type: Literal["script"] = "script"
    language: Literal["javascript", "python"] = "javascript"
    source: Annotated[
        str | None,
        msgspec.Meta(description="export default async function run(ctx, inputs) { … }"),
    ] = None
    path: Annotated[
        str | None, msgspec.Meta(description="In place of source: a .js or .mjs file.")
    ] = None
    inputs: Annotated[dict[str, Any], msgspec.Meta(description="JSON for run.")] = {}
    allowed_tools: Annotated[
        list[str] | None, msgspec.Meta(description="Tools it may call; all by default.")
    ] = None
    allowed_tools_: Annotated[
        list[str] | None, msgspec.Meta(description="The same as allowed_tools.")
    ] = msgspec.field(default=None, name="allowedTools")
    limits: Annotated[ProgramLimits, msgspec.Meta(description="What it may take.")] = (
        ProgramLimits()
    )


def _subject(args: ProgramArgs) -> str:
    """Give what rules match: the path of a file, else the JSON of all arguments."""
    return args.path or canonical(args).decode()


@tool(ProgramArgs, effect=Effect.CONTAINER, path="path", subject=_subject)
async def program(args: ProgramArgs, context: ToolContext) -> Observation:
    """
    Run a JavaScript program that calls tools, in place of many single calls, and get what its
    function run(ctx, inputs) returns. ctx.read(path), readFile(path), grep(pattern, {glob}),
    glob(pattern), ls(path), bash(command), git({command}) and tools.<name>(args) are async; grep,
    glob and ls give lists, readFile the plain text, tool(name, args) an object with output and
    metadata. A call that fails throws. Promise.all runs calls at the same time. There are no
    imports, files or network but through ctx.
    """
    try:
        allowed = _allowed(args)
        source = await _source(args, context)
        engine = _engine(args, context)
    except _Refused as refused:
        return refused.observation
    most = args.limits.max_tool_calls
    host = ProgramHost(context.call, context.tool_names, allowed, most, context.report)
    script = Script(
        source=source,
        inputs=args.inputs,
        functions=host.functions(),
        limits=ScriptLimits(
            wall_s=_timeout_ms(args, allowed) / 1000, max_value_bytes=MAX_VALUE_BYTES
        ),
    )
    try:
        outcome = await engine.run(script, host)
    except TooManyCalls as error:
        text = f"The program made {error}."
        outcome = ScriptOutcome(failure=ScriptFailure(kind="exception", message=text))
    outcome = _recordable(outcome)
    return _observation(args, engine.runtime, outcome, host)


class _Refused(Exception):
    def __init__(self, text: str, kind: str = "invalid_argument") -> None:
        super().__init__(text)
        self.observation = failure(text, kind)


def _engine(args: ProgramArgs, context: ToolContext) -> ScriptEngine:
    if context.scripts is None:
        raise _Refused("No program can be run here.", "unsupported")
    try:
        return context.scripts.of(args.language)
    except CapabilityMissing as error:
        raise _Refused(str(error), "unsupported") from None


def _allowed(args: ProgramArgs) -> list[str] | None:
    given = [each for each in (args.allowed_tools, args.allowed_tools_) if each is not None]
    if len(given) > 1:
        raise _Refused(f"{TWICE}.")
    return given[0] if given else None


def _timeout_ms(args: ProgramArgs, allowed: list[str] | None) -> int:
    if args.limits.timeout_ms is not None:
        return args.limits.timeout_ms
    return DEFAULT_TIMEOUT_MS if BY_NAME_ONLY.isdisjoint(allowed or ()) else DELEGATING_TIMEOUT_MS


# Source


async def _source(args: ProgramArgs, context: ToolContext) -> str:
    if (args.source is None) is (args.path is None):
        raise _Refused("Give either source or path.")
    if args.source is not None:
        return args.source
    path = args.path or ""
    suffixes = SUFFIXES[args.language]
    if not path.endswith(suffixes):
        raise _Refused(_other_file(path, args.language))
    target = context.target
    if target is None:
        raise _Refused(f"{path} cannot be reached.", "not_found")
    if not context.is_direct:  # the model runs no file that it could not read
        seen = await context.call("read", {"file_path": target.path, "limit": 1})
        if seen.failed:
            raise _Refused(seen.text, "not_allowed")
    return await _file(path, target, context)


def _other_file(path: str, language: str) -> str:
    meant = [each for each, ends in SUFFIXES.items() if path.endswith(ends)]
    hint = f' For this one, give "language": "{meant[0]}".' if meant else ""
    ends = " or ".join(SUFFIXES[language])
    return f"{path!r} is no {language} file: it has to end in {ends}.{hint}"


async def _file(path: str, target: Resolved, context: ToolContext) -> str:
    """Read what was decided about, whatever stands at its path by now."""
    try:
        data = await context.files.read(target, limit=MAX_SOURCE_BYTES + 1)
        if len(data) > MAX_SOURCE_BYTES:  # what is cut may end in half a character
            raise _Refused(f"{path} is longer than {MAX_SOURCE_BYTES} bytes.")
        return data.decode()
    except FileNotFoundError:
        raise _Refused(f"{path} does not exist.", "not_found") from None
    except IsADirectoryError:
        raise _Refused(f"{path} is a directory.") from None
    except UnicodeDecodeError:
        raise _Refused(f"{path} is not UTF-8.") from None


# Result


def _recordable(outcome: ScriptOutcome) -> ScriptOutcome:
    """Make a value that no record takes the failure of the script, whose calls stay told."""
    try:
        plain({"script_result": outcome.value})  # as it is recorded
    except RecursionError:
        text = f"what run() returned nests deeper than {MAX_DEPTH - 1}"
        wrong = ScriptFailure(kind="value", message=text)
        return msgspec.structs.replace(outcome, value=None, failure=wrong)
    return outcome


def _observation(
    args: ProgramArgs, runtime: Runtime, outcome: ScriptOutcome, host: ProgramHost
) -> Observation:
    failed = outcome.failure
    facts: JsonObject = {
        "name": "script",
        "language": args.language,
        "runtime": runtime.name,
        "success": failed is None,
        "tool_calls": msgspec.to_builtins(host.made),
    }
    metadata: JsonObject = {"program": facts}
    if failed is None:
        metadata["script_result"] = outcome.value
    else:
        facts["failure"] = msgspec.to_builtins(failed)
    return Observation(
        _text(outcome, host),
        failed=failed is not None,
        exit_code=0 if failed is None else 1,
        metadata=metadata,
        error_kind=None if failed is None else {"type": f"program_{failed.kind}"},
        shown_bytes=args.limits.max_output_bytes,
    )


def _text(outcome: ScriptOutcome, host: ProgramHost) -> str:
    """Give what the model reads: how it ended, what it gave, printed and called."""
    failed = outcome.failure
    if failed is None:
        parts = ["Program script completed.", f"Result:\n{_shown(outcome.value)}"]
    else:
        parts = [f"Program script failed: {failed.message}"]
        place = f"at line {failed.line}, column {failed.column}" if failed.line else ""
        parts += [part for part in (failed.trace or place, _offered(failed.message, host)) if part]
    if outcome.console:
        printed = "\n".join(f"{line.level}: {line.text}" for line in outcome.console)
        left_out = outcome.console_dropped
        more = f"\n[{left_out} more characters]" if left_out else ""
        parts.append(f"Console:\n{printed}{more}")
    return "\n".join([*parts, _calls(host)])


def _offered(message: str, host: ProgramHost) -> str:
    """Say what there is to call, to a program that called what is not there."""
    if not any(mark in message for mark in NOT_THERE):
        return ""
    own = ", ".join(name for name in host.functions() if not name.startswith(TOOLS))
    return f"ctx has {own}, and tools.<name>(args) for every tool."


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    """Write a value on many lines, unless their indentation would be most of it."""
    written = sendable(value)
    lines = sum(map(written.count, (b",", b"[", b"]", b"{", b"}")))
    if lines * INDENT * depth(value) > MAX_VALUE_BYTES:
        return written.decode()
    return msgspec.json.format(written, indent=INDENT).decode()


def _calls(host: ProgramHost) -> str:
    if not host.made:
        return "Tool calls: none"
    names = Counter(made.name for made in host.made)
    listed = ", ".join(f"{name} x{n}" if n > 1 else name for name, n in names.items())
    wrong = sum(not made.success for made in host.made)
    return f"Tool calls: {listed}" + (f" ({wrong} failed)" if wrong else "")
