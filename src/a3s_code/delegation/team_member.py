"""
Who does the work of a member: a session of its own, or an agent in a child run of a session.

Source:
    SPEC 9.8; DESIGN 6 (teams are a thin layer over the one core).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from a3s_code.delegation.team_board import TeamEvidence
from a3s_code.errors import InvalidType, ToolFailed
from a3s_code.harness.tool_names import TASK_TOOL
from a3s_code.kernel.messages import JsonObject


class Handed(msgspec.Struct, frozen=True):
    """What a member gave back."""

    text: str
    evidence: TeamEvidence


class Reply(Protocol):
    """What a session answers; `AgentResult` says where that comes from as well."""

    @property
    def text(self) -> str: ...


class TeamSession(Protocol):
    """A session, as a team uses it. `AsyncSession` is one."""

    async def send(self, prompt: str, /) -> Reply:
        """Answer; raises when there is no answer."""
        ...


class ToolReply(Protocol):
    @property
    def output(self) -> str: ...
    @property
    def exit_code(self) -> int: ...
    @property
    def metadata(self) -> JsonObject: ...


class DelegatingSession(TeamSession, Protocol):
    """A session whose tools can be called, so that agents work in it."""

    async def tool(self, name: str, args: Mapping[str, Any], /) -> ToolReply:
        """Run one tool, on the caller's authority."""
        ...


class Member(Protocol):
    async def do(self, description: str, prompt: str) -> Handed:
        """
        Do a piece of work.

        Args:
            description: What it is for, in a few words.

        Raises:
            Exception: whatever stands against it.
        """
        ...


@dataclass(frozen=True, slots=True)
class SessionMember:
    """Works in the conversation of a session, which so remembers what it did before."""

    session: TeamSession

    async def do(self, description: str, prompt: str) -> Handed:  # noqa: ARG002 - the port
        reply = await self.session.send(prompt)
        evidence = TeamEvidence(
            session_id=_told(self.session, "session_id", ""),
            run_id=_told(reply, "run_id", ""),
            files_changed=tuple(_told(reply, "files_changed", ())),
            verification_summary=_told(reply, "verification_summary", {}),
        )
        return Handed(reply.text, evidence)


@dataclass(frozen=True, slots=True)
class AgentMember:
    """Works as an agent of a session, each time in a child run of its own."""

    session: DelegatingSession
    agent: str

    async def do(self, description: str, prompt: str) -> Handed:
        """
        Raises:
            ToolFailed: the child run failed, or there is no such agent.
        """
        args = {"agent": self.agent, "description": description, "prompt": prompt}
        reply = await self.session.tool(TASK_TOOL, args)
        if reply.exit_code != 0:
            raise ToolFailed(reply.output, result=reply)
        facts: JsonObject = reply.metadata
        report: JsonObject = facts.get("report", facts)
        evidence = TeamEvidence(
            session_id=_told(self.session, "session_id", ""),
            run_id=str(facts.get("task_id", "")),
            files_changed=tuple(report.get("files_changed", ())),
        )
        return Handed(await self._answer(reply), evidence)

    async def _answer(self, reply: ToolReply) -> str:
        """Give all that the agent said, and that alone; a call shows facts behind a part of it."""
        uri: object = reply.metadata.get("artifact_uri")
        look = _told(self.session, "get_artifact", None)
        kept: JsonObject | None = await look(uri) if look is not None and uri else None
        return str(kept["content"]) if kept is not None else reply.output


def checked_session(session: object, needed: str = "send") -> Any:  # noqa: ANN401 - of foreign code
    """
    Give a session that a team may wait for.

    Raises:
        InvalidType: it is none, or one that blocks.
    """
    found = getattr(session, needed, None)
    kind = type(session).__name__
    if not callable(found):
        raise InvalidType(f"A {kind} has no {needed}, so it is no session of a member.")
    if not inspect.iscoroutinefunction(found):
        raise InvalidType(
            f"{needed} of the {kind} blocks, and a team works in coroutines.",
            hint="give an AsyncSession, or use TeamRunner with a Session",
        )
    return session


def _told(source: object, name: str, default: Any) -> Any:  # noqa: ANN401 - of foreign code
    """Give a fact that only sessions of this package say."""
    return getattr(source, name, default)
