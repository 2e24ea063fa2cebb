"""
What the harness has seen a child do, which counts whatever the child says of it.

Files that were read, places that were searched and commands that ran are told by the calls that
came to their end, those inside programs and batches too; files that were written and reports of
verification by the log. The command line of a program tells nothing about the files it touches.

Source:
    A3S Code README 3.x, "Delegated child runs should return"; DESIGN 1, "nothing is claimed
    without proof".
"""

from __future__ import annotations

from typing import TypedDict, cast

from a3s_code.kernel.children import ChildEvidence
from a3s_code.kernel.events import Verification
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.observation import redact
from a3s_code.kernel.ports import Action, Allow, Ask, Deny, Hooks, Redactor, Sink
from a3s_code.kernel.records import Event, FileChanging, FileLeft
from a3s_code.kernel.tool import Effect, Observation
from a3s_code.kernel.verification import Report, status_of

MAX_PATHS = 500
"""Of each kind that are kept of one child; the first ones."""
MAX_EVIDENCE = 40
"""Commands and reports that are kept of one child; the last ones."""
MAX_TEXT_CHARS = 300
"""Of a command line."""

_SEARCHES = frozenset({"grep", "glob", "ls"})
_KINDS = {Effect.EXECUTE: "command", Effect.NETWORK: "request"}


class Seen(TypedDict):
    """Fields of a `ChildOutcome`."""

    files_inspected: tuple[str, ...]
    files_changed: tuple[str, ...]
    places_searched: tuple[str, ...]
    evidence: tuple[ChildEvidence, ...]


class Witness:
    """
    The `Hooks` of the calls of one child, which passes on everything to those of the session.

    Args:
        hooks: Of the session.
        redactor: Of the session.
    """

    __slots__ = ("_changed", "_evidence", "_hooks", "_inspected", "_redactor", "_searched")

    def __init__(self, hooks: Hooks | None, redactor: Redactor | None) -> None:
        self._hooks, self._redactor = hooks, redactor
        self._inspected: dict[str, None] = {}
        self._searched: dict[str, None] = {}
        self._changed: dict[str, int] = {}
        self._evidence: list[ChildEvidence] = []

    @property
    def seen(self) -> Seen:
        """All of it until now, in the order in which it was seen first."""
        return {
            "files_inspected": tuple(self._inspected),
            "files_changed": tuple(path for path, writes in self._changed.items() if writes > 0),
            "places_searched": tuple(self._searched),
            "evidence": tuple(self._evidence),
        }

    # From the log

    def hear(self, event: Event) -> None:
        """Take what the log is told of the child, and of its own children."""
        match event:
            case FileChanging(path=path):
                if path in self._changed or len(self._changed) < MAX_PATHS:
                    self._changed[path] = self._changed.get(path, 0) + 1
            case FileLeft(path=path):
                if path in self._changed:
                    self._changed[path] -= 1
            case Verification(report=report, made_by=made_by):
                self._found(_reported(report, made_by))
            case _:
                pass

    # From its calls

    async def before_tool(self, action: Action, sink: Sink) -> Deny | ToolCall | None:
        return await self._hooks.before_tool(action, sink) if self._hooks is not None else None

    async def before_ask(self, action: Action, ask: Ask, sink: Sink) -> Deny | None:
        return await self._hooks.before_ask(action, ask, sink) if self._hooks is not None else None

    async def after_ask(self, action: Action, answer: Allow | Deny, sink: Sink) -> None:
        if self._hooks is not None:
            await self._hooks.after_ask(action, answer, sink)

    async def after_tool(
        self, action: Action, observation: Observation, seconds: float, sink: Sink
    ) -> None:
        self._note(action, observation)
        if self._hooks is not None:
            await self._hooks.after_tool(action, observation, seconds, sink)

    async def after_refusal(self, call: ToolCall, observation: Observation, sink: Sink) -> None:
        if self._hooks is not None:
            await self._hooks.after_refusal(call, observation, sink)

    def _note(self, action: Action, observation: Observation) -> None:
        kind = _KINDS.get(action.tool.effect)
        if kind is not None:
            self._found(
                ChildEvidence(
                    kind="command" if kind == "command" else "request",
                    text=redact(action.subject, self._redactor)[:MAX_TEXT_CHARS],
                    exit_code=observation.exit_code,
                    uris=_kept(observation.metadata),
                )
            )
        elif action.target is not None and action.effect is Effect.READ and not observation.failed:
            paths = self._searched if action.tool.name in _SEARCHES else self._inspected
            if len(paths) < MAX_PATHS:
                paths[action.target.path] = None

    def _found(self, evidence: ChildEvidence) -> None:
        self._evidence = [*self._evidence[1 - MAX_EVIDENCE :], evidence]


def _kept(metadata: JsonObject | None) -> tuple[str, ...]:
    """Name the artifact that holds the whole of an output which was cut."""
    artifact = (metadata or {}).get("artifact")
    if not isinstance(artifact, dict):
        return ()
    uri = cast("JsonObject", artifact).get("artifact_uri")
    return (uri,) if isinstance(uri, str) else ()


def _reported(report: Report, made_by: str) -> ChildEvidence:
    uris = (uri for check in report.checks for uri in check.evidence_uris)
    return ChildEvidence(
        kind="verification",
        text=report.subject[:MAX_TEXT_CHARS],
        status=status_of(report),
        made_by=made_by,
        uris=tuple(dict.fromkeys(uris)),
    )
