"""
`verification="required"`: a run that changed files is not done before its checks have passed.

When the model answers without calls, the harness runs the checks itself. While one of them does not
pass on the files as they are, the model goes on with what came of them, as context of the harness.
What it says about its work counts for nothing.

Source:
    DESIGN 2, "Verification"; DESIGN 1, "nothing is claimed without proof".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol, cast

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.verification.commands import CheckCommand, commands_of
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.messages import Context, ContextText, Conversation, Message
from a3s_code.kernel.plain import plain
from a3s_code.kernel.ports import Reply, Review
from a3s_code.kernel.verification import Check, Report

SUBJECT = "required"
"""Of the reports of required checks: the latest one counts."""

MAX_ROUNDS = 3
MAX_SHOWN_CHARS = 4_000
"""Of the output of one check: its end, where it says what is wrong."""

MAX_SHOWN_CHECKS = 8

UNPROVEN = (
    "The required checks pass, and they pass on the files from before this run as well, so they "
    "do not show that your change does anything. Add a test that fails without it, then answer "
    "again."
)

UNKEPT = "(its output was not kept)"
NOT_DONE = (
    "You answered, and the required checks do not pass on the files as they are now. "
    "The harness ran them itself. The task is not finished: mend the cause, then answer again."
)


class Verification(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What has to pass before a run that changed files is done.

    Attributes:
        mode: `off` for a session that goes on, and does not require anything any more.
        commands: Empty for the checks that the project is known to have, such as `pytest` or
            `npm run test`.
        red_before_green: A check counts as proof of the change only when it fails on the files
            from before the run, with the tests of now.
        max_rounds: How often the model is sent back in one run; then the run ends as it is,
            and needs a review.
    """

    mode: Literal["required", "off"] = "required"
    commands: tuple[CheckCommand, ...] = ()
    red_before_green: bool = False
    max_rounds: Annotated[int, msgspec.Meta(ge=0, le=100)] = MAX_ROUNDS


def verification_of(given: object) -> Verification:
    """
    Take the option `verification`: a mode, a `Verification`, or an object of its fields.

    Raises:
        InvalidType, InvalidValue: it is something else; says what.
    """
    if isinstance(given, Verification):
        given = msgspec.structs.asdict(given)
    if isinstance(given, str):
        given = {"mode": given}
    if not isinstance(given, Mapping):
        raise InvalidType(
            f"verification is a {type(given).__name__}.",
            hint='give "required", Verification(...), or an object of its fields',
        )
    fields = dict(cast("Mapping[str, object]", given))
    listed = fields.pop("commands", None)
    commands = commands_of(listed) if listed else ()
    try:
        made = msgspec.convert(plain(fields), Verification)
    except (msgspec.ValidationError, TypeError, RecursionError) as error:
        raise InvalidValue(
            f"verification is not accepted: {error}.",
            hint="mode is required or off; the fields are "
            f"{', '.join(Verification.__struct_fields__)}",
        ) from error
    return msgspec.structs.replace(made, commands=commands)


class Finding(msgspec.Struct, frozen=True):
    """
    How the required checks stand.

    Attributes:
        report: None when nothing had to be checked.
        is_settled: They passed on the files of now, or nothing had to be checked.
        outputs: Of checks that did not pass, by their ids.
    """

    report: Report | None = None
    is_settled: bool = True
    outputs: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    @property
    def failed(self) -> tuple[Check, ...]:
        """The required checks that do not pass."""
        checks = self.report.checks if self.report is not None else ()
        return tuple(check for check in checks if check.required and check.status == "failed")

    @property
    def is_unproven(self) -> bool:
        """Say whether all passed, and passed without the change as well."""
        risks = self.report.residual_risks if self.report is not None else ()
        return not self.failed and any(risk.kind == "was_green" for risk in risks)


class Proof(Protocol):
    async def find(self) -> Finding:
        """
        Say how the required checks stand, running those that nobody ran on the files of now.

        Raises:
            StoreError: a check could not be recorded, and did not run.
        """
        ...


@dataclass(slots=True)
class Required:
    """
    The review of one run whose checks are required.

    Args:
        before: Says first whether the answer is one at all.
        enter: Gives what may enter the conversation of these items.

    Attributes:
        finding: The last one; None before the first.
        answer: What the model said when it was sent back last; None before the first time.
    """

    before: Review
    proof: Proof
    max_rounds: int
    enter: Callable[[Sequence[ContextItem]], tuple[ContextText, ...]]
    finding: Finding | None = None
    answer: str | None = None
    _rounds: int = field(default=0, init=False)

    async def __call__(self, conversation: Conversation, reply: Reply) -> Message | None:
        onward = await self.before(conversation, reply)
        if onward is not None:
            return onward
        self.finding = await self.proof.find()
        can_mend = bool(self.finding.failed) or self.finding.is_unproven
        if self.finding.is_settled or not can_mend or self._rounds >= self.max_rounds:
            return None
        self._rounds += 1
        self.answer = reply.message.text
        left = self.max_rounds - self._rounds
        return Message("user", (Context(self.enter(shown(self.finding, left))),))


def shown(finding: Finding, left: int) -> list[ContextItem]:
    """
    Give what the model is shown of checks that did not pass.

    Args:
        left: How often it may be sent back once more.
    """
    failed = finding.failed
    lines = [
        NOT_DONE if failed else UNPROVEN,
        *(f"- {_how(check)}" for check in failed[:MAX_SHOWN_CHECKS]),
    ]
    if len(failed) > MAX_SHOWN_CHECKS:
        lines.append(f"- and {len(failed) - MAX_SHOWN_CHECKS} more")
    if not left:
        lines.append("This is the last time that you are asked; then the run ends as it is.")
    told = ContextItem(
        source=f"verification://{SUBJECT}",
        content="\n".join(lines),
        trust="host",
        type="verification",
        why="required checks do not pass",
    )
    return [told, *(_output(check, finding) for check in failed[:MAX_SHOWN_CHECKS])]


def _how(check: Check) -> str:
    ran = check.ran
    if ran is None:
        return f"{check.id}: {check.residual_risk or check.status}"
    ended = "stopped, it took too long" if ran.exit_code is None else f"status {ran.exit_code}"
    kept = f"; complete output: {ran.output_uri}" if ran.output_uri else ""
    return f"{check.id} (`{ran.command}`): {ended}{kept}"


def _output(check: Check, finding: Finding) -> ContextItem:
    text = finding.outputs.get(check.id, UNKEPT).strip() or "(no output)"
    if len(text) > MAX_SHOWN_CHARS:
        cut = len(text) - MAX_SHOWN_CHARS
        text = f"[{cut} characters before this are left out]\n{text[-MAX_SHOWN_CHARS:]}"
    return ContextItem(
        source=f"verification://{SUBJECT}/{check.id}",
        content=text,
        trust="workspace",
        type="verification",
        why=f"output of the required check {check.id}",
    )
