"""What the log knows of calls: what was decided about them, and what they changed."""

from __future__ import annotations

from collections.abc import Container, Iterable

from a3s_code.harness.pins import Facts
from a3s_code.kernel.events import (
    ConfirmationReceived,
    ConfirmationRequired,
    ConfirmationTimeout,
    PermissionDenied,
    RunId,
    TaskUpdated,
)
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.pinned import Verdict
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.records import (
    Event,
    FileChanging,
    FileLeft,
    Record,
    RuleGranted,
    WorktreeMade,
)
from a3s_code.kernel.state import is_within

MAX_ABOUT_CHARS = 200


def facts_of(
    records: Iterable[Record], calls: Container[str], plan: tuple[JsonObject, ...] = ()
) -> Facts:
    """
    Gather what records say of some calls, and of those made inside them.

    Args:
        records: Oldest first. Of those whose bodies were dropped nothing is known.
        plan: Rows of the list of tasks of the conversation, as it is now.
    """
    found = _Found(calls)
    for record in records:
        found.take(record.event)
    return Facts(tuple(found.verdicts.values()), tuple(found.changed), plan)


def plan_shown(
    records: Iterable[Record], session_id: str, run: RunId | None = None
) -> tuple[JsonObject, ...]:
    """
    Find the list of tasks that a conversation beside the session's own has shown last.

    Args:
        records: Newest first.
        session_id: As its events have it.
        run: The only run that counts; None = every one.
    """
    for record in records:
        match record.event:
            case TaskUpdated(session_id=shown, tasks=tasks) if shown == session_id and run in (
                None,
                record.run,
            ):
                return tasks
            case _:
                pass
    return ()


class _Found:
    def __init__(self, calls: Container[str]) -> None:
        self._calls = calls
        self._apart: set[str] = set()
        self._asked: dict[str, ConfirmationRequired] = {}
        self.verdicts: dict[tuple[str, str], Verdict] = {}
        self.changed: dict[str, None] = {}

    def take(self, event: Event) -> None:
        match event:
            case ConfirmationRequired(tool_id=id_) if is_within(id_, self._calls):
                self._asked[id_] = event
            case ConfirmationReceived(tool_id=id_) if id_ in self._asked:
                self._answer(id_, event.reason or "", approved=event.approved)
            case ConfirmationTimeout(tool_id=id_) if id_ in self._asked:
                approved = event.action_taken == "auto_approved"
                self._answer(id_, "nobody answered in time", approved=approved)
            case PermissionDenied(tool_id=id_) if is_within(id_, self._calls):
                about = _about(event.part, event.args)
                self._decide(Verdict(event.tool_name, about, approved=False, reason=event.reason))
            case RuleGranted(call_id=id_) if is_within(id_, self._calls):
                rules = ", ".join(event.rules)
                self._decide(Verdict("from now on", rules, approved=True))
            case WorktreeMade(child=id_) if is_within(id_, self._calls):
                self._apart.add(event.directory)
            case FileChanging() if event.apart in self._apart:
                pass  # a child's own copy, which is told by what was merged of it
            case FileChanging(call_id=id_) if is_within(id_, self._calls):
                self.changed.pop(event.path, None)
                self.changed[event.path] = None
            case FileLeft(call_id=id_) if is_within(id_, self._calls):
                self.changed.pop(event.path, None)
            case _:
                pass

    def _answer(self, id_: str, reason: str, *, approved: bool) -> None:
        asked = self._asked[id_]
        about = _about(asked.part, asked.args)
        self._decide(Verdict(asked.tool_name, about, approved=approved, reason=reason))

    def _decide(self, verdict: Verdict) -> None:
        """
        Keep what was decided last; a yes that was taken back is none.

        The first reason of a decision stays: it is that of whoever made it.
        """
        key = (verdict.tool, verdict.about)
        known = self.verdicts.pop(key, None)
        is_same = known is not None and known.approved == verdict.approved and known.reason
        self.verdicts[key] = known if known is not None and is_same else verdict


def _about(part: str, args: JsonObject) -> str:
    said = part or canonical(args).decode("utf-8", "replace")
    return said if len(said) <= MAX_ABOUT_CHARS else f"{said[:MAX_ABOUT_CHARS]}…"
