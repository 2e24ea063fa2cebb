"""The way from a blocking team to its members, whose sessions may live on loops of their own."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from a3s_code.api.door import Door
from a3s_code.api.result import AgentResult, ToolResult
from a3s_code.api.session import AsyncSession
from a3s_code.errors import InvalidType, UsageError
from a3s_code.kernel.messages import JsonObject

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Guest:
    """A blocking session, for who waits for it on another loop."""

    inner: AsyncSession
    door: Door

    @property
    def session_id(self) -> str:
        return self.inner.session_id

    async def send(self, prompt: str, /) -> AgentResult:
        return await self.door.join(self.inner.send(prompt))

    async def tool(self, name: str, args: Mapping[str, Any], /) -> ToolResult:
        return await self.door.join(self.inner.tool(name, args))

    async def get_artifact(self, artifact_uri: str, /) -> JsonObject | None:
        return await self.door.join(self.inner.get_artifact(artifact_uri))


class TeamDoor:
    """Of one runner. There is a loop as long as its team is at work."""

    __slots__ = ("_guests",)

    def __init__(self) -> None:
        self._guests: list[Guest] = []

    def guest(self, session: object) -> Guest:
        """
        Take in the session of a member.

        Raises:
            InvalidType: it is no `Session`.
        """
        inner, door = getattr(session, "_inner", None), getattr(session, "_door", None)
        if not isinstance(inner, AsyncSession) or not isinstance(door, Door):
            raise InvalidType(
                f"A {type(session).__name__} is no Session.",
                hint="give agent.session(...), or use AsyncTeamRunner with an AsyncSession",
            )
        made = Guest(inner, door)
        self._guests.append(made)
        return made

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Run a coroutine to its end; see `Portal.call`.

        Raises:
            UsageError: called from inside the loop of a member, which could not answer then.
        """
        from a3s_code.api.portal import Portal

        if any(guest.door.is_here for guest in self._guests):
            coroutine.close()
            raise UsageError(
                "A blocking call from inside the loop of a member.",
                hint="await AsyncTeamRunner.run_until_done",
            )
        portal = Portal()
        try:
            return portal.call(coroutine)
        finally:
            portal.close()
