"""
Every exception A3S Code raises.

    A3SError (RuntimeError)
    ├── ConfigError            the configuration text, or a value in it, is wrong
    ├── UsageError             the caller broke the API's contract; a bug in the caller
    │   ├── InvalidValue       (also ValueError) a value is outside what is accepted
    │   │   └── SkillRefused   a skill is not accepted; its `kind` says why
    │   ├── InvalidType        (also TypeError) a value or a name of the wrong kind
    │   ├── UnknownModel       no provider of the configuration serves this model
    │   ├── TooDeep            a run inside runs would stand deeper than any may
    │   ├── NotIsolated        a child run that needs a copy of the workspace can have none
    │   └── SessionClosed      the session or its agent was closed
    ├── PackageUnreadable      a file of this package cannot be read
    ├── CapabilityMissing      a safety option was asked for that this build cannot keep
    │   └── SandboxUnavailable the sandbox that was asked for does not work on this machine
    ├── ModelError             the provider failed
    │   ├── ModelRefused       the request will fail again: key, model, quota, shape
    │   ├── ModelUnavailable   worth another attempt later; ours are used up
    │   └── ContextOverflow    the request is larger than the model's window
    ├── RunError               a run ended without an answer
    │   ├── LimitReached       a limit of the session ended it
    │   │   └── BudgetExhausted a budget, or the host's guard of one, has no more to give
    │   ├── HookBlocked        a hook of the host stopped it
    │   ├── TasksMissing       the lead of a team gave no tasks
    │   └── RunCancelled       somebody asked it to stop
    ├── ToolFailed             a direct call such as `session.read_file` failed
    │   └── ObjectInvalid      the model gave no value of the type that was asked for
    ├── WorkspaceError         the workspace would not do what was asked
    │   ├── PathRefused        the path leads out of the workspace, or is protected
    │   ├── FileConflict       a file is not any more what the change was made from
    │   ├── ProgramMissing     a program that is needed is not installed
    │   ├── SnapshotRefused    snapshots of this workspace would cost too much
    │   └── SnapshotLost       a snapshot is not, or no longer, there as a whole
    ├── AddressRefused         a host, an address or a URL may not be reached
    ├── StoreError             a session could not be read or written
    │   ├── SessionNotFound    the store holds no session of this id
    │   ├── SessionInUse       somebody else is writing the session now
    │   ├── SessionTakenOver   somebody else has gone on with the session since
    │   └── MemoryUnavailable  what is remembered cannot be read or written
    └── BundleError            a file is no bundle of a run, or cannot be read or written

All of them are `RuntimeError`s, which is what earlier bindings raised. A tool that fails
while the model drives it raises none of these: it returns an `Observation` with
`failed=True`, because the model is the reader who can do something about it.
"""

from __future__ import annotations

from typing import ClassVar


class A3SError(RuntimeError):
    """
    Base of the tree; catch it to catch everything we raise on purpose.

    Attributes:
        code: Stable identifier, `area.reason`. Part of the public API.
        hint: What the reader can do next, as one imperative sentence. May be empty.
    """

    code: ClassVar[str] = "a3s"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(A3SError):
    """The configuration is wrong at `file:line:column` (1-based; 0 = the whole file)."""

    code = "config.invalid"

    def __init__(
        self, message: str, *, file: str = "", line: int = 0, column: int = 0, hint: str = ""
    ) -> None:
        where = f"{file}:{line}:{column}: " if line else f"{file}: " if file else ""
        super().__init__(f"{where}{message}", hint=hint)
        self.file, self.line, self.column = file, line, column


class UsageError(A3SError):
    """We were used in a way that cannot work; the caller's program has to change."""

    code = "usage"


class InvalidValue(UsageError, ValueError):
    """A value is of the right kind and not accepted; it is a `ValueError` as well."""

    code = "usage.value"


class SkillRefused(InvalidValue):
    """
    A skill is not accepted by the validator of skills.

    Attributes:
        kind: `InvalidName`, `ReservedName`, `ContentTooLarge`, `DangerousTools`,
            `PromptInjection`, or a name of the validator's own.
    """

    code = "usage.skill"

    def __init__(self, message: str, *, kind: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class InvalidType(UsageError, TypeError):
    """A value is of a wrong kind; it is a `TypeError` as well."""

    code = "usage.type"


class UnknownModel(UsageError):
    """The configuration has no model of this name."""

    code = "usage.unknown_model"


class TooDeep(UsageError):
    """A child run was not started: runs inside runs go only so deep."""

    code = "child.too_deep"


class NotIsolated(UsageError):
    """A child run was not started: it can have no copy of the workspace."""

    code = "child.not_isolated"


class SessionClosed(UsageError):
    """The session or its agent was closed."""

    code = "usage.closed"


class PackageUnreadable(A3SError):
    code = "package.unreadable"


class CapabilityMissing(A3SError):
    """What was asked for keeps somebody safe, and is not there; so nothing was begun."""

    code = "capability.missing"


class SandboxUnavailable(CapabilityMissing):
    """The sandbox that was asked for does not work here; says what is missing."""

    code = "capability.sandbox"


class ModelError(A3SError):
    """
    The provider failed.

    Attributes:
        kind: What went wrong: `auth`, `permission`, `not_found`, `bad_request`, `too_large`,
            `quota`, `redirect`, `context_length`, `rate_limit`, `server`, `overloaded`,
            `timeout`, `transport`, `truncated`, `protocol`, `empty`, `breaker_open`.
        status: HTTP status of the last attempt, or None when there was no answer.
        attempts: Requests that were sent for this call.
        retry_after_s: What the provider asked for, in seconds, when it did.
    """

    code = "model"

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        status: int | None = None,
        attempts: int = 1,
        retry_after_s: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind, self.status = kind, status
        self.attempts, self.retry_after_s = attempts, retry_after_s


class ModelRefused(ModelError):
    """The model's server refused the request, or answered what cannot be used."""

    code = "model.refused"


class ModelUnavailable(ModelError):
    """No answer came, also after the last attempt."""

    code = "model.unavailable"


class ContextOverflow(ModelError):
    """The conversation is longer than what the model takes."""

    code = "model.context_overflow"


class RunError(A3SError):
    """
    A run ended without an answer.

    Attributes:
        run_id: The run; `session.run_snapshot(run_id)` holds the rest.
        partial_text: What the model had said in the last turn.
    """

    code = "run"

    def __init__(
        self, message: str, *, run_id: str = "", partial_text: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.run_id, self.partial_text = run_id, partial_text


class LimitReached(RunError):
    """The run came to one of its limits, such as `max_tool_rounds`."""

    code = "run.limit"


class BudgetExhausted(LimitReached):
    """
    What was to be done next would have used more than there is; it was not done.

    Attributes:
        resource: `tokens`, `usd`, `tool_calls`, `wall_time_ms`, or what a `BudgetGuard` says.
        consumed, limit: Of the resource, with what is reserved; 0 where a guard decided.
        scope: Whose limit it is: `tenant`, `session`, `run`, `child`, or `budget_guard`.
    """

    code = "run.budget_exhausted"

    def __init__(
        self,
        message: str,
        *,
        resource: str = "",
        consumed: float = 0,
        limit: float = 0,
        scope: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.resource, self.scope = resource, scope
        self.consumed, self.limit = consumed, limit


class HookBlocked(RunError):
    """
    A hook of `pre_prompt` or `generate_start` blocked, or failed, which counts the same.

    Attributes:
        hook_id: Which hook it was.
    """

    code = "run.hook_blocked"

    def __init__(self, message: str, *, hook_id: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.hook_id = hook_id


class TasksMissing(RunError):
    """What the lead of a team said holds no tasks."""

    code = "run.no_tasks"


class RunCancelled(RunError):
    """Somebody stopped the run."""

    code = "run.cancelled"


class ToolFailed(A3SError):
    """
    A direct call failed.

    Attributes:
        result: The whole `ToolResult`, with output, exit code and metadata.
    """

    code = "tool.failed"

    def __init__(self, message: str, *, result: object = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.result = result


class ObjectInvalid(ToolFailed):
    """
    No answer of the model was a value of the type, or satisfied the schema.

    Attributes:
        attempts: Answers that were looked at.
        errors: What was wrong with the last one; each begins with a JSON pointer.
    """

    code = "tool.object_invalid"

    def __init__(
        self,
        message: str,
        *,
        result: object = None,
        attempts: int = 0,
        errors: tuple[str, ...] = (),
        hint: str = "",
    ) -> None:
        super().__init__(message, result=result, hint=hint)
        self.attempts, self.errors = attempts, errors


class WorkspaceError(A3SError):
    """The workspace, or a program that works in it, cannot do what was asked."""

    code = "workspace"


class PathRefused(WorkspaceError):
    """A path leads out of the workspace, or is none."""

    code = "workspace.path_refused"


class FileConflict(WorkspaceError):
    """The file is not what it was when it was read."""

    code = "workspace.version_conflict"


class ProgramMissing(WorkspaceError):
    """A program is not installed."""

    code = "workspace.program_missing"


class SnapshotRefused(WorkspaceError):
    """The files of the workspace cannot be taken."""

    code = "workspace.snapshot_refused"


class SnapshotLost(WorkspaceError):
    """Nobody can tell any more what the files were."""

    code = "workspace.snapshot_lost"


class AddressRefused(A3SError):
    """
    A host, an address or a URL may not be reached.

    Attributes:
        host: In its one spelling; empty when what was given names none.
        port: 0 when it is not known.
    """

    code = "network.address_refused"

    def __init__(self, message: str, *, host: str = "", port: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.host, self.port = host, port


class StoreError(A3SError):
    """The store cannot be read or written, or what it keeps is damaged."""

    code = "store"


class SessionNotFound(StoreError):
    """The store has no session of this id."""

    code = "store.session_not_found"


class SessionInUse(StoreError):
    """Somebody else runs something in the session now."""

    code = "store.session_in_use"


class SessionTakenOver(StoreError):
    """Somebody else has gone on with the session since."""

    code = "store.session_taken_over"


class MemoryUnavailable(StoreError):
    """The memory store cannot be opened, read or written; says why."""

    code = "store.memory"


class BundleError(A3SError):
    """The file of an exported run cannot be written, is none, or is damaged."""

    code = "bundle"
