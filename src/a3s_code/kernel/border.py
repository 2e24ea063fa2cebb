"""
The border to code that is not ours: tools, hooks, approvers.

Whatever such code raises, answers or makes of a cancellation, what comes out of here is
its answer, an error or a failed observation that says what was wrong, or the
cancellation itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar, cast

import msgspec

from a3s_code.errors import A3SError, PathRefused, StoreError
from a3s_code.kernel.messages import Attachment, JsonObject
from a3s_code.kernel.plain import plain
from a3s_code.kernel.tool import Observation, Tool, ToolContext, failure

TIMED_OUT = 124
"""Exit code of a call that took too long, as `timeout` gives it."""

T = TypeVar("T")


class EndedItself(Exception):
    """Foreign code would have ended the task, or the program, that it ran in."""


class _Late(Exception):
    """The session's own limit for a call has passed."""


class _Unfit(Exception):
    """What a tool returned cannot be shown or recorded."""


def check_cancelled() -> None:
    """
    Let a cancellation of the current task go on that some code has swallowed.

    Raises:
        CancelledError: the task was told to stop.
    """
    if _is_cancelled():
        raise asyncio.CancelledError


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def answer_of(work: Awaitable[T]) -> T:
    """
    Wait for foreign code, which can neither swallow a cancellation nor make one up.

    Raises:
        CancelledError: the task was told to stop, whatever the code made of that.
        EndedItself: the code raised CancelledError by itself, SystemExit or what is no Exception.
        Exception: whatever else the code raised.
    """
    try:
        answer = await work
    except asyncio.CancelledError as error:
        if _is_cancelled():
            raise
        raise EndedItself("something that it waited for was cancelled") from error
    except SystemExit as error:
        check_cancelled()
        raise EndedItself(f"it called sys.exit({error.code!r})") from error
    except (Exception, GeneratorExit, KeyboardInterrupt):
        check_cancelled()
        raise
    except BaseException as error:
        check_cancelled()
        raise EndedItself(f"it raised {described(error)}") from error
    check_cancelled()
    return answer


async def run_tool(
    tool: Tool, args: msgspec.Struct, context: ToolContext, limit_s: float | None
) -> Observation:
    """
    Run a tool's function; what it raises, and what it should not return, is its failure.

    Args:
        limit_s: How long it may take; None = only the tool's own limit.

    Raises:
        CancelledError: the task was told to stop.
        StoreError: a call inside the tool could not be recorded.
    """
    try:
        return fit(await _within(limit_s, tool.run(args, context)))
    except _Late:
        text = f"Tool {tool.name!r} timed out after {(limit_s or 0) * 1000:.0f}ms."
        return failure(text, "timeout", exit_code=TIMED_OUT)
    except _Unfit as error:
        return failure(f"{tool.name} failed: it returned {error}.")
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - a tool is foreign code; the model is told
        return failure_of(tool.name, error)


async def _within(limit_s: float | None, work: Awaitable[Observation]) -> Observation:
    if limit_s is None:
        return await answer_of(work)
    scope = asyncio.timeout(limit_s)
    try:
        async with scope:
            return await answer_of(work)
    except TimeoutError:
        if scope.expired():
            raise _Late from None
        raise


def failure_of(tool: str, error: BaseException) -> Observation:
    """Give what the model is told of an exception of a tool."""
    match error:
        case PathRefused():
            return failure(f"{tool} failed: {error}", "path_refused")
        case A3SError():
            return failure(f"{tool} failed: {error}", error.code)
        case FileNotFoundError():
            return failure(f"{tool} failed: {error.filename or error} not found", "not_found")
        case TimeoutError():
            return failure(f"Tool {tool!r} timed out.", "timeout", exit_code=TIMED_OUT)
        case _:
            return failure(f"{tool} failed: {described(error)}")


def described(error: BaseException) -> str:
    """Give type and message of an exception, the type alone when it has no message."""
    kind = type(error).__name__
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an exception of foreign code, with a `__str__` of its own
        message = ""
    return f"{kind}: {message}" if message else kind


def fit(given: object) -> Observation:
    """
    Check what a tool returned, and give it with metadata and kind as plain JSON of its own.

    Raises:
        _Unfit: it cannot be shown or recorded; says what is wrong with it.
    """
    if not isinstance(given, Observation):
        raise _Unfit(f"a {type(given).__name__}, not an Observation")
    if not isinstance(given.text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
        raise _Unfit(f"an Observation whose text is a {type(given.text).__name__}")
    if type(given.exit_code) is not int:
        raise _Unfit(f"an Observation whose exit_code is a {type(given.exit_code).__name__}")
    error_kind = _object(given.error_kind, "error_kind")
    if error_kind is not None and not isinstance(error_kind.get("type"), str):
        raise _Unfit("an Observation whose error_kind has no text as its `type`")
    return Observation(
        str.__str__(given.text),
        failed=bool(given.failed),
        exit_code=given.exit_code,
        metadata=_object(given.metadata, "metadata"),
        error_kind=error_kind,
        images=_images(given.images),
        shown_bytes=given.shown_bytes if type(given.shown_bytes) is int else None,
    )


def _object(value: object, field: str) -> JsonObject | None:
    if value is None:
        return None
    try:
        copy = plain(value)
    except Exception as error:
        raise _Unfit(
            f"an Observation whose {field} is no plain JSON: {described(error)}"
        ) from error
    if not isinstance(copy, dict):
        raise _Unfit(f"an Observation whose {field} is a {type(value).__name__}, not a dict")
    return cast("JsonObject", copy)


def _images(value: object) -> tuple[Attachment, ...]:
    images = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(image, Attachment) and type(image.data) is bytes for image in images):
        raise _Unfit("an Observation whose images are not all Attachments with bytes")
    return tuple(cast("Sequence[Attachment]", images))
