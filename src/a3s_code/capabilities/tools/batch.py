"""
The `batch` tool: several independent calls at the same time.

Each is a call like all others: decided by itself, recorded by itself, with a result of its own.
Those about one file run in their order where one of them changes it (`kernel.together`).

Source:
    SPEC 5.12: headers `--- [i: tool] ---`, results in the order of the calls, no batch inside a
    batch, 32 calls, 8 at once, `partial_failure`. How calls are spelled otherwise is ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast

import msgspec

from a3s_code.kernel.artifacts import bounded
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.observation import MAX_OUTPUT_BYTES
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool

MAX_CALLS = 32
MAX_AT_ONCE = 8
SHOWN_BYTES = MAX_OUTPUT_BYTES * 9 // 10
"""Of all results together; the rest is for headers and for what says that something was cut."""

_TOOL = ("tool", "name", "tool_name", "function")
_ARGS = ("args", "arguments", "input", "parameters", "params")
"""What models call the parts of a call, the usual name first."""
MAX_NAME_CHARS = 64
MAX_QUOTED_CHARS = 200

_ITEM: JsonObject = {
    "properties": {"tool": {"type": "string"}, "args": {"type": "object"}},
    "required": ["tool", "args"],
}


class BatchArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    invocations: Annotated[
        list[Annotated[dict[str, Any], msgspec.Meta(extra_json_schema=_ITEM)]],
        msgspec.Meta(
            min_length=1,
            max_length=MAX_CALLS,
            description="The calls: the name of a tool, and its arguments.",
        ),
    ]


@tool(BatchArgs, effect=Effect.CONTAINER)
async def batch(args: BatchArgs, context: ToolContext) -> Observation:
    """
    Run several calls at the same time that need nothing of each other, and get all their results
    in order. No batch, and nothing else that runs calls, goes into a batch.
    """
    if context.call_all is None:
        return failure("No calls can be made here.", "unsupported")
    read = [_read(item) for item in args.invocations]
    made = [(each.tool, each.args) for each in read if isinstance(each, _Call)]
    shown = iter(await context.call_all(made, MAX_AT_ONCE))
    rows = [
        _Row(each.tool, next(shown)) if isinstance(each, _Call) else _Row("?", each)
        for each in read
    ]
    return _observation(rows)


@dataclass(frozen=True, slots=True)
class _Call:
    tool: str
    args: JsonObject


@dataclass(frozen=True, slots=True)
class _Row:
    """What one of the calls came to."""

    tool: str
    observation: Observation


# What is called


def _read(item: Mapping[str, Any]) -> _Call | Observation:
    """Read one call in any of its spellings, or say what is wrong with it."""
    given = dict(item)
    nested = given.get("function")
    if isinstance(nested, dict):  # as one wire has calls: {"function": {"name", "arguments"}}
        given |= cast("JsonObject", nested) | {"function": None}
    name = next((given[key] for key in _TOOL if isinstance(given.get(key), str)), "")
    if not name:
        return _wrong(item, 'it names no tool; write {"tool": "read", "args": {...}}')
    key = next((key for key in _ARGS if given.get(key) is not None), None)
    args: object = given[key] if key is not None else JsonObject()
    if isinstance(args, str):
        args = _object_in(args)
    if not isinstance(args, dict):
        return _wrong(item, f"the arguments of {name[:MAX_NAME_CHARS]} are no JSON object")
    return _Call(name, cast("JsonObject", args))


def _object_in(text: str) -> object:
    try:
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return None


def _wrong(item: Mapping[str, Any], why: str) -> Observation:
    given = json.dumps(item, ensure_ascii=False, default=str)[:MAX_QUOTED_CHARS]
    return failure(f"This call was not made: {why}. It was: {given}", "invalid_argument")


# What came of it


def _observation(rows: Sequence[_Row]) -> Observation:
    share = _share([_size(row.observation.text) for row in rows], SHOWN_BYTES)
    failed = sum(row.observation.failed for row in rows)
    text = "\n\n".join(_shown(at, row, share) for at, row in enumerate(rows, 1))
    whole = Observation(
        f"{failed} of {len(rows)} calls failed.\n\n{text}" if failed else text,
        metadata={"total": len(rows), "failed": failed, "results": [*map(_facts, rows)]},
        images=tuple(image for row in rows for image in row.observation.images),
    )
    if not failed:
        return whole
    kind: JsonObject = {"type": "partial_failure", "failed": failed, "total": len(rows)}
    return replace(whole, failed=True, exit_code=1, error_kind=kind)


def _facts(row: _Row) -> JsonObject:
    found = row.observation
    artifact = (found.metadata or {}).get("artifact")
    facts: JsonObject = {
        "tool": row.tool[:MAX_NAME_CHARS],
        "exit_code": found.exit_code,
        "failed": found.failed,
        "error_kind": found.error_kind,
    }
    return facts | {"artifact": artifact} if artifact else facts


def _shown(at: int, row: _Row, share: int) -> str:
    found = row.observation
    return f"--- [{at}: {row.tool[:MAX_NAME_CHARS]}] ---\n" + bounded(
        found.text, share, lambda cut: f"[{cut} bytes cut; {_elsewhere(found)}]"
    )


def _elsewhere(found: Observation) -> str:
    artifact = (found.metadata or {}).get("artifact")
    if isinstance(artifact, dict):
        return f"the whole is {cast('JsonObject', artifact).get('artifact_uri')} "
    return "make this call by itself to see all of it"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _share(sizes: Sequence[int], room: int) -> int:
    """Give the most that each may have so that all fit; short ones leave theirs to others."""
    left = room
    for at, size in enumerate(sorted(sizes)):
        fair = left // (len(sizes) - at)
        if size > fair:
            return fair
        left -= size
    return room
