"""What calls give back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from a3s_code.api.event import summary_text
from a3s_code.harness.verification.summary import NOTHING
from a3s_code.kernel.messages import Attachment, JsonObject, Usage
from a3s_code.kernel.tool import Observation, kind_of

if TYPE_CHECKING:  # the loop brings an event loop with it
    from a3s_code.kernel.loop import Answer


def no_reports() -> JsonObject:
    """Summarise the verification of a run in which nothing was verified."""
    return NOTHING.as_json()


class AgentResult(msgspec.Struct, frozen=True):
    """
    What a run came to; `str(result)` is its text.

    Attributes:
        text: The model's final answer.
        tool_calls_count: Calls that the model made, in all turns.
        usage: Tokens of all turns.
        cost_usd: US dollars for all requests of the run, also of summaries and children.
        is_cost_known: Every one of them went to a model with a known price; the others count 0.
        verification_summary: What was checked in the session by its end: `status` (passed,
            failed, needs_review, skipped) and counts; see `Session.verification_summary`.
        run_id: As `Session.runs` has it; empty for a command, which is no run.
        files_changed: Paths that calls of the run wrote with file tools, relative to the
            workspace; what commands wrote is in `Session.evidence`.

    Source:
        SPEC 3.3.
    """

    text: str
    tool_calls_count: int = 0
    usage: Usage = Usage()
    verification_summary: JsonObject = msgspec.field(default_factory=no_reports)
    cost_usd: float = 0.0
    is_cost_known: bool = True
    run_id: str = ""
    files_changed: tuple[str, ...] = ()

    @property
    def prompt_tokens(self) -> int:
        return self.usage.prompt_tokens

    @property
    def completion_tokens(self) -> int:
        return self.usage.completion_tokens

    @property
    def total_tokens(self) -> int:
        return self.usage.total_tokens

    @property
    def cache_read_tokens(self) -> int:
        """Those of `prompt_tokens` that the provider had in its cache."""
        return self.usage.cache_read_tokens

    @property
    def cache_write_tokens(self) -> int:
        """Those of `prompt_tokens` that the provider put into its cache."""
        return self.usage.cache_write_tokens

    @property
    def verification_status(self) -> str:
        """`passed`, `failed`, `needs_review`, or `skipped` where nothing was checked."""
        return str(self.verification_summary["status"])

    @property
    def verification_report_count(self) -> int:
        """How many reports count: the latest of each subject."""
        return int(self.verification_summary.get("report_count", 0))

    @property
    def pending_verification_count(self) -> int:
        """Required checks that nobody has passed or failed."""
        return int(self.verification_summary.get("pending_required_check_count", 0))

    @property
    def failed_verification_count(self) -> int:
        """Checks that failed."""
        return int(self.verification_summary.get("failed_check_count", 0))

    @property
    def verification_summary_text(self) -> str:
        """The summary in words, as `format_verification_summary` says it."""
        return summary_text(self.verification_summary)

    @property
    def verification_summary_json(self) -> str:
        """The summary as JSON."""
        return msgspec.json.encode(self.verification_summary).decode()

    def __str__(self) -> str:
        return self.text


def result_of(answer: Answer) -> AgentResult:
    return AgentResult(
        answer.text,
        answer.tool_calls,
        answer.usage,
        cost_usd=answer.cost_usd,
        is_cost_known=answer.is_cost_known,
        verification_summary=answer.verification_summary,
        run_id=answer.run_id,
        files_changed=answer.files_changed,
    )


class ToolResult(msgspec.Struct, frozen=True):
    """
    What a direct call gave.

    Attributes:
        output: What the model would see: at most 100 KiB, the rest in an artifact.
        exit_code: 0 for success, a command's own status, 1 for other failures.
        metadata: Facts of the tool, such as `before` and `after` of an edit.
        error_kind: The `type` of a failure, such as `not_found`; None for success.
        images: Pictures that the tool returned.
    """

    name: str
    output: str
    exit_code: int = 0
    metadata: JsonObject = msgspec.field(default_factory=dict[str, Any])
    error_kind: str | None = None
    error_kind_json: str | None = None
    images: tuple[Attachment, ...] = ()

    @property
    def metadata_json(self) -> str:
        return msgspec.json.encode(self.metadata).decode()


def tool_result(name: str, observation: Observation) -> ToolResult:
    kind = observation.error_kind
    return ToolResult(
        name=name,
        output=observation.text,
        exit_code=observation.exit_code,
        metadata=observation.metadata or {},
        error_kind=kind_of(kind),
        error_kind_json=msgspec.json.encode(kind).decode() if kind else None,
        images=observation.images,
    )
