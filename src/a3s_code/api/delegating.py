"""
Work that the host hands to agents.

`Delegating` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeGuard

import msgspec

from a3s_code.api.result import ToolResult
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine


class Delegating(ABC):
    """Gives `AsyncSession` its tasks: thin layers over the tools `task` and `parallel_task`."""

    __slots__ = ()

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    @abstractmethod
    async def tool(self, name: str, args: Mapping[str, Any]) -> ToolResult:
        """Run one tool; see `AsyncSession.tool`."""

    async def task(self, options: Mapping[str, Any]) -> ToolResult:
        """
        Hand one piece of work to an agent, and give its result when it is done.

        The agent works in a run of its own, with at most the rights of the session: what is denied
        or asked about there is denied or asked about inside.

        Args:
            options: `agent` (its name), `description` (what it is for, in a few words) and `prompt`
                (the work; it sees nothing else). `background`: return at once; `max_steps`: tool
                rounds at most; `output_schema`: JSON Schema that its answer must satisfy;
                `isolation`: `shared` (the workspace itself) or `worktree`.

        Returns:
            `output` is what a model would read: the answer, cut where it is longer than 3,800
            characters, and what was seen of the run. `metadata` has `agent`, `task_id`,
            `session_id`, `success`, `output_bytes`, `truncated`, `artifact_id` and `artifact_uri`
            (the whole answer), `trace_uri` (the whole conversation), `report` (`summary`,
            `findings`, `files_inspected`, `files_changed`, `evidence`, `risks`, `confidence`, …)
            and with a schema `structured`. A run that failed has `exit_code` 1, and why stands in
            `metadata["error"]`.

        Raises:
            InvalidType, InvalidValue: a key or its value is not accepted, or there is no such
                agent; nothing was run.
            SessionClosed: the session was closed.

        Source:
            Python SDK 3.1, "Delegation"; A3S Code README 3.x, "Delegation"; SPEC 5.13.
        """
        asked = _checked("task", options)
        await self._check_agents([asked])
        return await self.tool("task", asked)

    async def tasks(self, tasks: Sequence[Mapping[str, Any]]) -> ToolResult:
        """
        Hand independent pieces of work to agents at the same time, and give all results.

        At most `max_parallel_tasks` children of a session run at once; the others wait in order.

        Args:
            tasks: 1 to 32, each as of `task`.

        Returns:
            `metadata["results"]` has for each, in the order of `tasks`, what `task` has as its
            `metadata`, and `output`. One that fails stops no other; then `exit_code` is 1.

        Raises:
            InvalidType, InvalidValue, SessionClosed: as `task`; nothing was run.

        Source:
            Python SDK 3.1, "Delegation"; SPEC 5.14.
        """
        asked = _checked_all(tasks)
        await self._check_agents(asked)
        return await self.tool("parallel_task", {"tasks": asked})

    async def delegate_task(
        self,
        agent: str,
        description: str,
        prompt: str,
        background: bool = False,
        max_steps: int | None = None,
    ) -> ToolResult:
        """The same as `task`, with its keys as arguments."""
        request = {
            "agent": agent,
            "description": description,
            "prompt": prompt,
            "background": background,
            "max_steps": max_steps,
        }
        return await self.task(request)

    async def parallel_task(self, tasks: Sequence[Mapping[str, Any]]) -> ToolResult:
        """The same as `tasks`."""
        return await self.tasks(tasks)

    async def _check_agents(self, requests: Sequence[JsonObject]) -> None:
        """
        Raises:
            InvalidValue: an agent that is named is none.
        """
        agents = (await self._awake()).executor.agents
        for name in [str(request["agent"]) for request in requests]:
            if agents is not None and await agents.seek(name) is None:
                names = [each.name for each in agents.listed()]
                near = get_close_matches(name, names, n=1)
                meant = f"did you mean {near[0]!r}? " if near else ""
                listed = f"{meant}there are: {', '.join(names)}"
                raise InvalidValue(f"There is no agent {name!r}.", hint=listed)


def _checked_all(requests: object) -> list[JsonObject]:
    from a3s_code.capabilities.tools.parallel_task import MAX_TASKS

    if not _is_sequence(requests):
        raise InvalidType(f"tasks takes a list of dicts, not a {type(requests).__name__}.")
    if not 1 <= len(requests) <= MAX_TASKS:
        raise InvalidValue(
            f"tasks got {len(requests)} tasks.", hint=f"give 1 to {MAX_TASKS} at once"
        )
    return [_checked(f"tasks[{number}]", request) for number, request in enumerate(requests)]


def _checked(where: str, request: object) -> JsonObject:
    """
    Check keys and values before anything is called.

    Raises:
        InvalidType, InvalidValue: names the key.
    """
    from a3s_code.capabilities.tasks.order import TaskOrder

    if not _is_mapping(request):
        raise InvalidType(f"{where} takes a dict, not a {type(request).__name__}.")
    asked = dict(request)
    known = TaskOrder.__struct_encode_fields__
    for key in asked:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise InvalidValue(f"{where} has no key {key!r}.", hint=meant)
    missing = [key for key in ("agent", "description", "prompt") if key not in asked]
    if missing:
        raise InvalidValue(f"{where} needs {', '.join(missing)}.")
    _check_values(where, asked)
    return asked


def _check_values(where: str, asked: JsonObject) -> None:
    from a3s_code.capabilities.tasks.order import TaskOrder

    try:
        order = msgspec.convert(asked, TaskOrder)
    except msgspec.ValidationError as error:
        raise InvalidType(f"{where}: {error}".replace("`$.", "`")) from None
    if not order.prompt.strip():
        raise InvalidValue(f"{where}: the prompt is empty.", hint="say what is to be done")
    if order.output_schema is not None:
        from a3s_code.harness.objects.schema import SchemaRefused, accept

        try:
            accept(order.output_schema)
        except SchemaRefused as error:
            raise InvalidValue(f"{where}: output_schema: {error}") from error


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
