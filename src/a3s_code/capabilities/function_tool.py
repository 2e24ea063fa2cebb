"""
A tool from a typed Python function.

    def word_count(text: Annotated[str, "What to count."], unique: bool = False) -> int:
        "Count the words of a text."
        words = text.split()
        return len(set(words) if unique else words)

    tool = function_tool(word_count, effect=Effect.READ)

The signature becomes the schema and the docstring the summary. A parameter annotated as
`ToolContext` is handed over and is not part of the schema.
"""

from __future__ import annotations

import copy
import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.patterns import MCP_PREFIX
from a3s_code.kernel.messages import Attachment
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, failure, schema_of, tool

MAX_ERROR_CHARS = 2_000
"""Of an exception's message."""

RESERVED_NAMES = frozenset(
    {
        "bash",
        "batch",
        "edit",
        "generate_object",
        "git",
        "git_worktree",
        "glob",
        "grep",
        "ls",
        "parallel_task",
        "patch",
        "program",
        "read",
        "sandbox",
        "search_skills",
        "skill",
        "task",
        "update_plan",
        "web_fetch",
        "web_search",
        "write",
    }
)
"""Names that built-in tools have or will have, in lower case.

Permission rules match names without case.
"""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_ARGS_NAME = "FunctionToolArguments"


def function_tool(
    fn: Callable[..., Any],
    *,
    name: str | None = None,
    effect: Effect = Effect.HOST,
    path: str | None = None,
) -> Tool:
    """
    Make a tool of `fn`, which may be async; a sync function runs in a thread.

    What it returns is shown as it is when it is a `str` or an `Observation`, as a picture
    when it is an `Attachment`, and else as JSON. What it raises becomes a failure that
    names type and message. A sync function that is cancelled or too late goes on in its
    thread, unseen.

    Args:
        name: Of the tool; the function's own by default.
        effect: The strongest thing that it does; `Effect.HOST` when the embedding program
            answers for it, so that the default policy allows it.
        path: The `str` parameter that names a file; it is resolved beneath the workspace
            root, and is what permission rules match.

    Raises:
        InvalidType: `fn` is no function, or its signature cannot be a schema; the hint says what
            to change.
        InvalidValue: the name cannot be used, or `path` names no `str` parameter.
    """
    if not callable(fn):
        raise InvalidType(
            f"A {type(fn).__name__} is no tool.",
            hint="give a function, or a Tool made with @tool or function_tool",
        )
    name = check_name(name if name is not None else getattr(fn, "__name__", ""))
    parameters = _parameters(fn, name)
    injected = tuple(key for key, hint, _ in parameters if hint is ToolContext)
    fields = [parameter for parameter in parameters if parameter[1] is not ToolContext]
    if path is not None and path not in {key for key, hint, _ in fields if _plain(hint) is str}:
        raise InvalidValue(f"{name}: {path!r} is no parameter of type str.")
    args = _struct(name, fields)

    async def run(given: msgspec.Struct, context: ToolContext) -> Observation:
        keywords = {key: getattr(given, key) for key, _, _ in fields}
        keywords |= dict.fromkeys(injected, context)
        return _observation(name, await _call(fn, keywords))

    run.__doc__ = inspect.getdoc(fn) or f"Call the function {name}."
    return replace(tool(args, effect=effect, path=path, name=name)(run), wraps_function=True)


_Parameter = tuple[str, Any, Any]
"""Name, type and default; `msgspec.NODEFAULT` for none."""


def check_name(name: str) -> str:
    """
    Give `name` back if a tool of the caller's own may have it.

    Raises:
        InvalidValue: it is malformed, or reserved for built-in and MCP tools, in any case.
    """
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{name!r} cannot be the name of a tool.",
            hint="use 1 to 64 letters, digits, _ or -, and pass name= for a lambda",
        )
    if name.lower() in RESERVED_NAMES or name.lower().startswith(MCP_PREFIX):
        raise InvalidValue(
            f"{name!r} is reserved for built-in and MCP tools.", hint="pass another name="
        )
    return name


def _parameters(fn: Callable[..., Any], name: str) -> list[_Parameter]:
    try:
        signature = inspect.signature(fn)
        hints = get_type_hints(_annotated(fn), include_extras=True)
    except (TypeError, ValueError, NameError) as error:
        raise InvalidType(
            f"The signature of {name} cannot be read: {error}",
            hint="annotate with types that exist where the function is defined",
        ) from error
    return [_parameter(each, hints, name) for each in signature.parameters.values()]


def _annotated(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Give what carries the annotations of `fn`, which may be a partial or an object."""
    while isinstance(fn, functools.partial):
        fn = cast("functools.partial[Any]", fn).func
    return fn if inspect.isroutine(fn) else type(fn).__call__


def _parameter(each: inspect.Parameter, hints: dict[str, Any], name: str) -> _Parameter:
    if each.kind not in _BY_NAME:
        raise InvalidType(
            f"{name}: {each} cannot be in a schema.",
            hint="give every parameter a name, and leave out *args, **kwargs and /",
        )
    if each.name not in hints:
        raise InvalidType(
            f"{name}: parameter {each.name!r} has no type.", hint=f"write {each.name}: str"
        )
    default = msgspec.NODEFAULT if each.default is each.empty else each.default
    return each.name, _described(hints[each.name]), default


def _described(hint: Any) -> Any:  # noqa: ANN401 - any annotation
    """Turn the plain texts of an `Annotated` into descriptions."""
    if get_origin(hint) is not Annotated:
        return hint
    plain, *notes = get_args(hint)
    for note in notes:
        plain = Annotated[plain, msgspec.Meta(description=note) if isinstance(note, str) else note]
    return plain


def _plain(hint: Any) -> Any:  # noqa: ANN401 - any annotation
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _struct(name: str, fields: list[_Parameter]) -> type[msgspec.Struct]:
    try:
        args = msgspec.defstruct(
            _ARGS_NAME,
            [(key, hint, _default(default)) for key, hint, default in fields],
            frozen=True,
            kw_only=True,
            forbid_unknown_fields=True,
        )
        schema_of(args)
    except (TypeError, ValueError) as error:
        raise InvalidType(
            f"{name}: no JSON Schema can be made of its parameters: {error}",
            hint="use str, int, float, bool, list, dict, Literal, dataclasses or msgspec structs",
        ) from error
    return args


def _default(default: Any) -> Any:  # noqa: ANN401 - any default
    """Keep each call's own copy of a default that could be changed."""
    if type(default) in {list, dict, set}:
        return msgspec.field(default_factory=functools.partial(copy.deepcopy, default))
    return default


async def _call(fn: Callable[..., Any], keywords: dict[str, Any]) -> Any:  # noqa: ANN401 - the user's value
    if inspect.iscoroutinefunction(fn):
        result = fn(**keywords)
    else:
        from asyncio import to_thread  # a session is made without asyncio; DESIGN 7

        result = await to_thread(_guarded, fn, keywords)
    if not inspect.isawaitable(result):
        return result
    try:
        return await result
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's function is foreign code
        return _raised(error)


def _guarded(fn: Callable[..., Any], keywords: dict[str, Any]) -> Any:  # noqa: ANN401 - the user's value
    """Call `fn`; `StopIteration` and `SystemExit` would not survive the way to the loop."""
    try:
        return fn(**keywords)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's function is foreign code
        return _raised(error)


def _raised(error: BaseException) -> Observation:
    kind, message = type(error).__name__, str(error)
    if len(message) > MAX_ERROR_CHARS:
        message = f"{message[:MAX_ERROR_CHARS]}[{len(message) - MAX_ERROR_CHARS} more characters]"
    return failure(f"{kind}: {message}" if message else kind, "exception", exception=kind)


def _observation(name: str, value: Any) -> Observation:  # noqa: ANN401 - the user's value
    match value:
        case Observation():
            return value
        case str():
            return Observation(value)
        case Attachment(data=data, media_type=media_type):
            return Observation(f"Image, {media_type}, {len(data)} bytes.", images=(value,))
        case _:
            return _json(name, value)


def _json(name: str, value: Any) -> Observation:  # noqa: ANN401 - the user's value
    try:
        return Observation(msgspec.json.encode(value).decode())
    except (TypeError, ValueError, RecursionError) as error:
        return failure(f"{name} returned a {type(value).__name__} that is no JSON: {error}")
