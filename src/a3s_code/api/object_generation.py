"""
Values of Python types from the model of a session.

`ObjectGeneration` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from a3s_code.api.object_types import ObjectType, T, object_type
from a3s_code.api.result import ToolResult, tool_result
from a3s_code.errors import ObjectInvalid, ToolFailed
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine

_TOOL = "generate_object"


class ObjectGeneration(ABC):
    """Gives `AsyncSession` the typed form of the tool `generate_object`."""

    __slots__ = ()

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    async def generate_object(
        self,
        of: type[T],
        prompt: str,
        *,
        system: str | None = None,
        mode: Literal["auto", "strict", "json", "tool", "prompt"] = "auto",
        max_repair_attempts: int = 2,
        timeout_ms: int = 120_000,
        description: str | None = None,
    ) -> T:
        """
        Have the model make a value of a type.

        It is one direct call of the tool `generate_object`, with its limits; the conversation
        is neither shown nor changed. Objects take no properties that the type does not name.

        Args:
            of: A msgspec struct, dataclass, TypedDict, pydantic model, or a type made of
                such and of builtin types, such as `list[Item]`, `Literal["a", "b"]`, `int`.
            prompt: All that the model sees of the matter.
            system: A system prompt.
            mode: By which means the provider is held to the schema; see the tool.
            max_repair_attempts: How often an invalid answer is sent back, 0 to 5.
            timeout_ms: For all attempts together, at most 600,000.
            description: What the value is, in a sentence.

        Raises:
            InvalidType: no schema can be made of `of`.
            ObjectInvalid: no answer was a value of the type.
            ToolFailed: the call was denied or stopped, an argument is refused, or the model
                failed; `error.result` says which.

        Source:
            SPEC 5.16.
        """
        wanted = object_type(of)
        args: JsonObject = {
            "schema": wanted.schema,
            "prompt": prompt,
            "schema_name": wanted.name,
            "schema_description": description,
            "system": system,
            "mode": mode,
            "max_repair_attempts": max_repair_attempts,
            "timeout_ms": timeout_ms,
        }
        return await _generated(await self._awake(), wanted, args)


async def _generated(engine: Engine, wanted: ObjectType[T], args: JsonObject) -> T:
    from a3s_code.capabilities.tools.generate_object import checked_object
    from a3s_code.kernel.observation import redact

    accepted = b""

    def check(data: bytes) -> str:
        nonlocal accepted
        accepted = data
        return wanted.wrong(data)

    result = tool_result(_TOOL, await engine.call(_TOOL, args, checked_object(check)))
    if result.exit_code:
        raise _failed(result)
    try:  # a secret is as little shown to the caller as in any other result
        return wanted.decode(redact(accepted.decode(), engine.executor.redactor).encode())
    except ValueError as error:
        raise ObjectInvalid(
            "The value is none of its type any more once what is secret in it is redacted.",
            result=result,
            hint="leave secrets out of the prompt, or the field out of the type",
        ) from error


def _failed(result: ToolResult) -> ToolFailed:
    if result.error_kind != "object_invalid":
        return ToolFailed(result.output, result=result)
    facts = result.metadata[_TOOL]
    last = facts["errors"][-1] if facts["errors"] else ()
    return ObjectInvalid(
        result.output,
        result=result,
        attempts=facts["attempts"],
        errors=tuple(last),
        hint="say in the prompt what is missing, loosen the type, or allow more attempts",
    )
