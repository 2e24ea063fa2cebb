"""
The evidence of one run: what was asked, what changed, what was checked, and what is uncertain.

It is a statement about the log of a session and the files of now. Whoever has the log can make it
again; nothing in it is taken from what the model said.

Source:
    DESIGN 1, "nothing is claimed without proof".
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.harness.verification.freshness import Standing, Trail, doubts
from a3s_code.harness.verification.summary import SubjectRisk, Summary, in_force, summarise
from a3s_code.kernel.events import RunId
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.records import Record, RunStarted
from a3s_code.kernel.snapshots import Difference
from a3s_code.kernel.state import FileChange, SessionState, Verified
from a3s_code.kernel.verification import Check, CheckStatus, Ran, Reporter, Risk

SCHEMA = "a3s.evidence.v1"
NO_END = sys.maxsize


class FileEvidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    A file that is another than before the run.

    Attributes:
        before, after: `sha256:` and the digest of the content, where a tool wrote it; `git:`,
            the mode and the blob, where a command did. `?` for a file that is too large to
            look at; empty for none.
    """

    path: str
    before: str = ""
    after: str = ""


class CheckEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    A check that the harness has run.

    Attributes:
        standing: Whether what it showed holds for the files of now; `why` says more.
        base: The same command on the files from before the run; None when that was not asked.
    """

    subject: str
    id: str
    kind: str
    description: str
    status: CheckStatus
    standing: Standing
    ran: Ran
    why: str = ""
    required: bool = True
    base: Ran | None = None


class ReportedEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    A check that somebody else reports, or that the harness did not come to run.

    Attributes:
        made_by: `host`, `program` (a script of the model's) or `harness`.
    """

    subject: str
    id: str
    status: CheckStatus
    made_by: Reporter
    description: str = ""
    required: bool = True


class LogHead(msgspec.Struct, frozen=True):
    """The log that this is about: how many records, and the hash of the last one."""

    records: int
    sha256: str


class RunEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        status: Of the run, as in `RunSnapshot`; empty for what is in no run.
        files: What the run has changed, as far as that can be told, beside `by_products`.
        by_products: Files that checks have put where nothing was before.
        may_have_changed_more: A command ran, and nobody can tell which files it changed.
        checks: What the harness ran, the latest report of each subject.
        reported: What others reported, and what did not run; it proves nothing by itself.
        verdict: `passed` only when all of it holds for the files of now.
        tree: The files of now, as a tree of git; empty when nobody can tell.
        not_covered: Files that are in no tree, such as very large ones: they may have
            changed. What git ignores is in no tree either, and not named.
        trouble: Why nobody can tell what the files are now.
        log: None for a session that no store keeps.
    """

    schema: str = SCHEMA
    session_id: str
    run_id: str
    prompt: str
    status: str
    started_at_ms: int
    workspace: str
    files: tuple[FileEvidence, ...]
    by_products: tuple[str, ...]
    may_have_changed_more: bool
    checks: tuple[CheckEvidence, ...]
    reported: tuple[ReportedEvidence, ...]
    risks: tuple[SubjectRisk, ...]
    verdict: CheckStatus
    tree: str
    not_covered: tuple[str, ...] = ()
    trouble: str = ""
    log: LogHead | None = None

    def as_json(self) -> JsonObject:
        """Give it as plain JSON."""
        return msgspec.to_builtins(self)


@dataclass(frozen=True, slots=True)
class Reach:
    """
    What of a log belongs to a run: from where it, or the one that it goes on with, began to where
    the next one did.

    Attributes:
        run: Empty for a session without runs.
        begin, end: Sequences of records; `end` is the first one that does not.
        record_at: Gives a record by its sequence.
    """

    run: RunId
    begin: int
    end: int
    record_at: Callable[[int], Record]

    def covers(self, sequence: int) -> bool:
        return self.begin <= sequence < self.end

    def _is_own(self, sequence: int) -> bool:
        """Say whether a record is of the run itself, and not of the host beside or behind it."""
        return self.covers(sequence) and (not self.run or bool(self.record_at(sequence).run))

    def changes(self, state: SessionState) -> list[FileChange]:
        return [each for each in state.changes if self._is_own(each.sequence)]

    def has_unknown(self, state: SessionState) -> bool:
        """Say whether something ran that may have changed any file."""
        return any(map(self._is_own, state.unknown))

    def is_open(self, state: SessionState) -> bool:
        """Say whether such a thing ran behind the last tree."""
        taken = [sequence for sequence, _ in state.snapshots if self._is_own(sequence)]
        last = taken[-1] if taken else self.begin
        return any(sequence > last and self._is_own(sequence) for sequence in state.unknown)

    def reports(self, state: SessionState) -> list[Verified]:
        """Give what was reported in the run, or by the host until the next one began."""
        return [each for each in state.verifications if self.covers(each.sequence)]

    def trees(self, state: SessionState) -> tuple[str, str]:
        """Give the first and the last tree that were taken; empty where none was."""
        found = [tree for sequence, tree in state.snapshots if self._is_own(sequence)]
        return (found[0], found[-1]) if found else ("", "")


def reach_of(
    state: SessionState, record_at: Callable[[int], Record], run: str | None = None
) -> Reach:
    """
    Find what belongs to a run.

    Args:
        record_at: Gives a record by its sequence.
        run: None for the last one.

    Raises:
        InvalidValue: there is no such run.
    """
    begins = {place.run: place.sequence for place in state.checkpoints if place.run}
    if run is None:
        if not begins:
            return Reach(RunId(""), 0, NO_END, record_at)
        run = list(begins)[-1]
    if run not in begins:
        raise InvalidValue(
            f"There is no run {run!r} in this session.",
            hint="see session.runs(), or `a3s-code runs`, for those there are",
        )
    own = begin = begins[RunId(run)]
    while begins.get(before := _resumed(record_at(begin)), own) < begin:
        begin = begins[before]
    end = min((at for at in begins.values() if at > own), default=NO_END)
    return Reach(RunId(run), begin, end, record_at)


def _resumed(record: Record) -> RunId:
    return record.event.resumes if isinstance(record.event, RunStarted) else RunId("")


@dataclass(frozen=True, slots=True)
class Now:
    """
    What is known of the files at the moment.

    Attributes:
        tree: Empty when nobody can tell.
        trail: What all checks of the session did to the files.
        by_commands: What differs between the first and the last tree of the run; None when
            nobody can tell.
        not_covered, trouble: As in `RunEvidence`.
    """

    tree: str
    trail: Trail
    by_commands: tuple[Difference, ...] | None = ()
    not_covered: tuple[str, ...] = ()
    trouble: str = ""


def evidence_of(state: SessionState, reach: Reach, now: Now, log: LogHead | None) -> RunEvidence:
    """Say what the log and the files of now show of a run."""
    run = state.runs.get(reach.run)
    reports = reach.reports(state)
    by_others = [it for it in now.by_commands or () if it.path not in now.trail.by_products]
    files = _files(reach.changes(state), by_others)
    is_lost = now.by_commands is None and reach.has_unknown(state)
    is_unsure = is_lost or reach.is_open(state)
    counted = in_force(reports)
    summary = summarise(reports, lambda each: _doubts(each, now))
    status = run.status if run is not None else ""
    risks = _more_risks(summary, status, changed=bool(files) or is_unsure)
    opened = state.opened
    return RunEvidence(
        session_id=opened.session_id if opened is not None else "",
        run_id=reach.run,
        prompt=run.prompt if run is not None else "",
        status=status,
        started_at_ms=run.created_at_ms if run is not None else 0,
        workspace=opened.workspace if opened is not None else "",
        files=files,
        by_products=tuple(sorted(now.trail.by_products)),
        may_have_changed_more=is_unsure,
        checks=tuple(_ran(each, check, now) for each, check in _checks(counted, ran=True)),
        reported=tuple(_reported(each, check) for each, check in _checks(counted, ran=False)),
        risks=(*summary.risks, *risks),
        verdict="needs_review" if risks and summary.status != "failed" else summary.status,
        tree=now.tree,
        not_covered=now.not_covered,
        trouble=now.trouble,
        log=log,
    )


def _doubts(verified: Verified, now: Now) -> tuple[Risk, ...]:
    by_us = verified.made_by == "harness"
    return doubts(verified.report, now.trail, now.tree) if by_us else ()


def _more_risks(summary: Summary, status: str, *, changed: bool) -> tuple[SubjectRisk, ...]:
    """Say what keeps a run from being verified although no report of it says so."""
    if summary.status == "skipped":
        text = "Files were changed, and nothing was checked."
        return (SubjectRisk(subject="run", kind="not_run", text=text),) if changed else ()
    if summary.status == "passed" and not summary.run_check_count:
        text = "It was only reported; the harness has run no check."
        return (SubjectRisk(subject="run", kind="reported", text=text),)
    if status not in {"completed", ""}:
        text = f"The run did not come to its end; it is {status}."
        return (SubjectRisk(subject="run", kind="not_run", text=text),)
    return ()


def _files(
    changes: Sequence[FileChange], by_commands: Sequence[Difference]
) -> tuple[FileEvidence, ...]:
    found: dict[str, FileEvidence] = {}
    for each in changes:
        path, after = each.what.path, _digest(each.what.after.sha256)
        before = found[path].before if path in found else _digest(each.what.before.sha256)
        found[path] = FileEvidence(path, before, after)
    for each in by_commands:
        if each.path not in found:
            found[each.path] = FileEvidence(each.path, _blob(each.before), _blob(each.after))
    changed = (file for file in found.values() if file.before != file.after or "?" in file.after)
    return tuple(sorted(changed, key=lambda file: file.path))


def _digest(sha256: str) -> str:
    return f"sha256:{sha256}" if sha256 not in {"", "?"} else sha256


def _blob(named: str) -> str:
    return f"git:{named}" if named else ""


def _checks(reports: Sequence[Verified], *, ran: bool) -> list[tuple[Verified, Check]]:
    return [
        (verified, check)
        for verified in reports
        for check in verified.report.checks
        if (verified.made_by == "harness" and check.ran is not None) is ran
    ]


def _ran(verified: Verified, check: Check, now: Now) -> CheckEvidence:
    assert check.ran is not None
    found = now.trail.of(check.ran, now.tree)
    return CheckEvidence(
        subject=verified.report.subject,
        id=check.id,
        kind=check.kind,
        description=check.description,
        status=check.status,
        required=check.required,
        ran=check.ran,
        base=check.base,
        standing=found.standing,
        why=found.why,
    )


def _reported(verified: Verified, check: Check) -> ReportedEvidence:
    return ReportedEvidence(
        subject=verified.report.subject,
        id=check.id,
        status=check.status,
        made_by=verified.made_by,
        description=check.description,
        required=check.required,
    )
