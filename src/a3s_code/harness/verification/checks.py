"""
Running checks: each command with the tree of files that it ran on, as one report.

They run one after the other, since they share the files, and go on after failures. A check is
passed only when its command ran to its end and ended with 0.

Source:
    SPEC 4.4, `verify_commands`; DESIGN 1, "nothing is claimed without proof".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from a3s_code.errors import WorkspaceError
from a3s_code.harness.verification.commands import CheckCommand
from a3s_code.harness.verification.freshness import some
from a3s_code.kernel.tool import Observation, kind_of
from a3s_code.kernel.verification import Check, CheckStatus, Ran, Report, Risk, RiskKind

CHANGED, AGAIN = "Files changed while it ran", "Run it again, or let git ignore what it writes."
MAX_SAID_CHARS = 300
NOT_FOUND = 127
"""With which a shell ends that did not find a program."""


@dataclass(frozen=True, slots=True)
class Done:
    """
    A command that was run, or should have been.

    Attributes:
        command: What really ran, where a hook made something else of it; empty when that was
            no command.
        output_uri: Its complete output; empty when it is not kept.
        written: Files that tools of the session wrote while it ran.
    """

    command: str
    observed: Observation
    output_uri: str
    duration_ms: int
    written: tuple[str, ...] = ()


class Ground(Protocol):
    """The files that checks run on."""

    async def tree(self) -> str:
        """
        Give the tree of the files as they are now.

        Raises:
            WorkspaceError: nobody can tell; says why.
        """
        ...

    async def changed(self, before: str, after: str) -> tuple[str, ...]:
        """
        Name the files that a check has changed between two trees, without its by-products.

        Raises:
            WorkspaceError: as it says.
        """
        ...

    async def run(self, command: CheckCommand) -> Done:
        """
        Run a command to its end. What keeps it from running is in the observation.

        Raises:
            StoreError: nothing of it could be recorded; it did not run.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: CheckStatus
    exit_code: int | None = None
    kind: RiskKind | None = None
    text: str = ""


class Checking:
    """
    One list of checks, run once.

    Attributes:
        report: What is known so far. When `run` was cut off, what it did not come to is there
            as not run.
    """

    __slots__ = ("_checks", "_commands", "_ground", "_lost", "_risks", "_subject", "_tree")

    def __init__(self, subject: str, commands: Sequence[CheckCommand], ground: Ground) -> None:
        self._subject, self._commands, self._ground = subject, tuple(commands), ground
        self._checks: list[Check] = []
        self._risks: list[Risk] = []
        self._tree = ""
        self._lost = ""

    async def run(self) -> Report:
        """
        Raises:
            StoreError: a command could not be recorded, so it did not run.
            CancelledError: it was stopped.
        """
        self._tree = await self._take()
        for command in self._commands:
            await self._check(command)
        return self.report

    @property
    def report(self) -> Report:
        checks, risks = list(self._checks), list(self._risks)
        for command in self._commands[len(checks) :]:
            outcome = _Outcome("needs_review", None, "not_run", "It was stopped, or not begun.")
            check = _check(command, outcome, None)
            checks.append(check)
            risks += _risks(check, outcome)
        if self._lost:
            lost = f"Nobody can tell which files the checks ran on: {self._lost}"
            risks.append(Risk(kind="no_tree", text=lost))
        return Report(subject=self._subject, checks=tuple(checks), residual_risks=tuple(risks))

    async def _check(self, command: CheckCommand) -> None:
        done = await self._ground.run(command)
        before, self._tree = self._tree, await self._take()
        outcome = _outcome(command, done)
        ran = Ran(
            command=done.command,
            exit_code=outcome.exit_code,
            tree=before if self._tree else "",
            tree_after=self._tree,
            output_uri=done.output_uri,
            duration_ms=done.duration_ms,
        )
        did_run = outcome.exit_code is not None or outcome.kind == "timed_out"
        check = _check(command, outcome, ran if did_run else None)
        self._risks += _risks(check, outcome)
        if did_run and (ran.tree != ran.tree_after or done.written):
            text = await self._changes(ran, done.written)
            if text:
                self._risks.append(Risk(kind="changed_files", text=text, check=check.id))
        self._checks.append(check)

    async def _take(self) -> str:
        """Give the tree of now; empty from the first time on that nobody could tell."""
        if self._lost:
            return ""
        try:
            return await self._ground.tree()
        except WorkspaceError as error:
            self._lost = str(error)
            return ""

    async def _changes(self, ran: Ran, written: tuple[str, ...]) -> str:
        """Say what changed; what was written counts also where it went back before the end."""
        try:
            is_same = ran.tree == ran.tree_after
            found = () if is_same else await self._ground.changed(ran.tree, ran.tree_after)
        except WorkspaceError:
            return f"{CHANGED}."
        paths = tuple(dict.fromkeys((*found, *written)))
        return f"{CHANGED}: {some(paths)}. {AGAIN}" if paths else ""


def _check(command: CheckCommand, outcome: _Outcome, ran: Ran | None) -> Check:
    """Say what came of a command; an optional one that could not run is left out."""
    is_left_out = outcome.kind == "not_run" and not command.required
    return Check(
        id=command.id,
        kind=command.kind,
        description=command.description or command.command,
        status="skipped" if is_left_out else outcome.status,
        required=command.required,
        evidence_uris=(ran.output_uri,) if ran is not None and ran.output_uri else (),
        residual_risk=outcome.text or None,
        ran=ran,
    )


def _risks(check: Check, outcome: _Outcome) -> list[Risk]:
    if outcome.kind is None or check.status == "skipped":
        return []
    return [Risk(kind=outcome.kind, text=outcome.text, check=check.id)]


def _outcome(command: CheckCommand, done: Done) -> _Outcome:
    observed = done.observed
    if not done.command:
        return _Outcome("needs_review", None, "not_run", "A hook made another call of it.")
    if kind_of(observed.error_kind) == "timeout":
        text = f"It was stopped after {done.duration_ms} ms, before its end."
        return _Outcome("failed", None, "timed_out", text)
    exit_code = (observed.metadata or {}).get("exit_code")
    if not isinstance(exit_code, int):
        return _Outcome("needs_review", None, "not_run", f"It did not run: {_said(observed)}")
    if exit_code == 0 and not observed.failed:
        return _Outcome("passed", 0)
    if exit_code == NOT_FOUND and not command.required:
        return _Outcome("skipped", exit_code, "not_run", f"It could not run: {_said(observed)}")
    text = f"It failed with exit status {exit_code}."
    if exit_code == NOT_FOUND:
        text = f"A program is missing (exit status {exit_code}): {_said(observed)}"
    return _Outcome("failed", exit_code, "check_failed", text)


def _said(observed: Observation) -> str:
    text = " ".join(observed.text.split())
    return text if len(text) <= MAX_SAID_CHARS else f"{text[: MAX_SAID_CHARS - 1]}…"
