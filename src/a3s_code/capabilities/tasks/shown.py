"""
What the parent of a delegated run gets of it: a bounded text, and facts about it.

The text is the answer, cut where it is long, and behind it, below a line `---`, a few lines of
what the harness has seen. No other line is one: those of the answer are written otherwise. The
conversation of the child stays in its transcript.

Source:
    SPEC 5.13, 9.4; A3S Code README 3.x, "The parent should not ingest the full child transcript".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from a3s_code.capabilities.tasks.report import report_of
from a3s_code.kernel.children import ChildEvidence, ChildOutcome
from a3s_code.kernel.excerpt import excerpt
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.visible import on_one_line

HEAD_CHARS, TAIL_CHARS = 3_000, 800
"""Of an answer that the parent sees; SPEC 5.13."""
MAX_LISTED = 8
"""Paths and commands of one kind that are named in the text."""
MAX_COMMAND_CHARS = 80
_BREAK = r"[\r\v\f\x1c-\x1e\x85\u2028\u2029]"
_RULE = re.compile(
    rf"(^|{_BREAK})([ \t]{{0,9}})-{{3,}}(?=[ \t]{{0,9}}(?:\[|{_BREAK}|$))", re.MULTILINE
)
"""What stands in front of facts, and of the results of several tasks."""


class Shown(msgspec.Struct, frozen=True):
    """
    Attributes:
        text: What the parent's model reads.
        is_cut: It has not the whole answer.
    """

    text: str
    is_cut: bool


def shown(outcome: ChildOutcome, share: float = 1.0) -> Shown:
    """
    Args:
        share: Of the room of one answer, where several share it.
    """
    head, tail = int(HEAD_CHARS * share), int(TAIL_CHARS * share)
    text = outcome.text.strip()
    is_cut = len(text) > head + tail
    text = excerpt(text, head, tail)
    if outcome.kind:
        said = f"\nIt had said:\n{text}" if text else ""
        text = f"The task failed ({outcome.kind}): {outcome.error}{said}"
    text = _RULE.sub(r"\1\2- - -", text)
    facts = [*_facts(outcome, is_cut=is_cut)]
    return Shown("\n".join((text, *(["---"] if facts else []), *facts)), is_cut)


def metadata_of(outcome: ChildOutcome, *, is_cut: bool) -> JsonObject:
    """Give what the host is told of a run; SPEC 5.13."""
    facts: JsonObject = {
        "agent": outcome.agent,
        "task_id": outcome.id,
        "session_id": outcome.session_id,
        "success": not outcome.kind,
        "output_bytes": len(outcome.text.encode("utf-8", "surrogatepass")),
        "truncated": is_cut,
        "artifact_id": _artifact_id(outcome.answer),
        "artifact_uri": outcome.answer or None,
        "trace_uri": outcome.transcript or None,
        "turns": outcome.turns,
        "tool_calls": outcome.tool_calls,
        "total_tokens": outcome.usage.total_tokens,
        "report": msgspec.to_builtins(report_of(outcome)),
    }
    if outcome.structured is not None:
        facts["structured"] = outcome.structured
    if outcome.merge is not None:
        facts["merge"] = outcome.merge
    if outcome.kind:
        facts["error"] = {"type": outcome.kind, "message": outcome.error}
    return facts


def _artifact_id(uri: str) -> str | None:
    """Give the id that `get_artifact` has for an answer."""
    return f"tool-output:task:{uri.rpartition('/')[2]}" if uri else None


def _facts(outcome: ChildOutcome, *, is_cut: bool) -> Sequence[str]:
    commands = [each for each in outcome.evidence if each.kind != "verification"]
    reports = [each for each in outcome.evidence if each.kind == "verification"]
    has_trace = bool(outcome.transcript) and (outcome.kind or outcome.tool_calls)
    lines = (
        _line("Files read", outcome.files_inspected),
        _line("Files changed", outcome.files_changed),
        _line("Ran", [_command(each) for each in commands]),
        _line("Checked", [f"{each.text}: {each.status}" for each in reports]),
        *merge_lines(outcome.merge or {}),
        f"Whole answer: {outcome.answer}" if is_cut and outcome.answer else "",
        f"Transcript: {outcome.transcript}" if has_trace else "",
    )
    return [line for line in lines if line]


def merge_lines(merge: JsonObject) -> Sequence[str]:
    """Say what became of its copy of the workspace; a line may be empty."""
    if not merge:
        return ()
    why = f": {on_one_line(merge['reason'])}" if merge.get("reason") else ""
    left = [f"{each['path']} ({each['reason']})" for each in merge["conflicts"]]
    return (
        f"Worktree {merge['status']}{why}",
        _line("Merged", merge["files"]),
        _line("Not merged", left),
        f"What it did there: {merge['see']}" if merge.get("see") else "",
    )


def _line(name: str, rows: Sequence[str]) -> str:
    if not rows:
        return ""
    more = f" and {len(rows) - MAX_LISTED} more" if len(rows) > MAX_LISTED else ""
    return f"{name}: {', '.join(map(on_one_line, rows[:MAX_LISTED]))}{more}"


def _command(each: ChildEvidence) -> str:
    text = " ".join(each.text.split())
    text = text if len(text) <= MAX_COMMAND_CHARS else f"{text[:MAX_COMMAND_CHARS]}…"
    return f"`{text}` (exit {each.exit_code})"
