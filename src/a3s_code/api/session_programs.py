"""
Programs that the host of a session runs in it.

`SessionPrograms` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeGuard

import msgspec

from a3s_code.api.result import ToolResult
from a3s_code.errors import InvalidType, InvalidValue


class SessionPrograms(ABC):
    """Gives `AsyncSession` its `program`."""

    __slots__ = ()

    @abstractmethod
    async def tool(self, name: str, args: Mapping[str, Any]) -> ToolResult:
        """Run one tool; see `AsyncSession.tool`."""

    async def program(self, options: Mapping[str, Any]) -> ToolResult:
        """
        Run a script that calls tools: `export default async function run(ctx, inputs) { … }`.

        Each call of the script is decided as a call of the model would be, also when the host
        runs the script.

        Args:
            options: `source` or `path` (a file of the workspace); `language`: `javascript` or
                `python`; `inputs`: JSON for the script; `allowed_tools`: names of tools, all
                that start no runs by default; `limits`: `timeoutMs` (30,000), `maxToolCalls`
                (20) and `maxOutputBytes` (65,536).

        Returns:
            `output` is what a model would read. `metadata["script_result"]` is what the script
            returned, `metadata["program"]` has its `tool_calls`. A script that fails has
            `exit_code` 1 and says why.

        Raises:
            InvalidType, InvalidValue: a key or its value is not accepted.
            SessionClosed: the session was closed.

        Source:
            Python SDK 3.1, "Programmatic Tool Calling"; SPEC 5.15.
        """
        return await self.tool("program", _checked(options))


def _checked(request: Mapping[str, Any]) -> dict[str, Any]:
    """
    Check keys and values before anything is called.

    Raises:
        InvalidType, InvalidValue: names the key.
    """
    from a3s_code.capabilities.tools.program import TWICE, ProgramArgs, ProgramLimits, program
    from a3s_code.kernel.choices import with_choices

    if not _is_mapping(request):
        raise InvalidType(f"program takes a dict, not a {type(request).__name__}.")
    asked = dict(request)
    _check_keys("", asked, ProgramArgs)
    limits = asked.get("limits")
    if _is_mapping(limits):
        asked["limits"] = dict(limits)
        _check_keys("limits.", limits, ProgramLimits)
    try:
        msgspec.convert(asked, ProgramArgs)
    except msgspec.ValidationError as error:
        said = with_choices(str(error), program.schema)
        raise InvalidType(f"program: {said}".replace("`$.", "`")) from None
    if (asked.get("source") is None) is (asked.get("path") is None):
        raise InvalidValue("program needs either source or path.", hint="give one of them")
    if asked.get("allowed_tools") is not None and asked.get("allowedTools") is not None:
        raise InvalidValue(f"program: {TWICE}.")
    return asked


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _check_keys(where: str, asked: Mapping[str, Any], form: type[msgspec.Struct]) -> None:
    known = form.__struct_encode_fields__
    for key in asked:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise InvalidValue(f"program has no key {f'{where}{key}'!r}.", hint=meant)
