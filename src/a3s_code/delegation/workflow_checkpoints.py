"""
What a part of a workflow has come to, as one value: to move it, look at it or begin with it.

Source:
    Document 003, `WorkflowCheckpoint`, `save_workflow_checkpoint`; SPEC 9.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from a3s_code.delegation.steps import StepOutcome
from a3s_code.errors import InvalidValue, SessionNotFound
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.store import Store

if TYPE_CHECKING:
    from a3s_code.delegation.workflow_journal import Journal

SCHEMA_VERSION = 1


class WorkflowCheckpoint(msgspec.Struct, frozen=True):
    """
    Attributes:
        workflow_id: `<root>/<index>:<name>` of a phase, or the id of a resumable call.
        steps: The outcomes of steps that came to a good end, by `task_id`.
        checkpoint_ms: When it was taken, Unix milliseconds.
        digests: What those steps were asked, as `AgentStepSpec.digest`; a step without one counts
            as asked the same.
    """

    schema_version: int
    workflow_id: str
    steps: dict[str, StepOutcome]
    checkpoint_ms: int
    digests: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    @classmethod
    def from_completed(
        cls, workflow_id: str, done: Mapping[str, StepOutcome | Mapping[str, Any]], ms: int
    ) -> WorkflowCheckpoint:
        """
        Make one of steps that came to a good end.

        Raises:
            InvalidType, InvalidValue: an outcome is none.
        """
        steps = {task_id: StepOutcome.of(outcome) for task_id, outcome in done.items()}
        return cls(SCHEMA_VERSION, workflow_id, steps, ms)


async def save_workflow_checkpoint(
    store: Store, workflow_id: str, checkpoint: WorkflowCheckpoint
) -> None:
    """
    Have a part of a workflow go on from a checkpoint, in place of what is recorded of it.

    Raises:
        InvalidValue: it is of a later version, or has a step that failed.
        SessionInUse: somebody runs that part now.
        StoreError: it cannot be recorded.
    """
    _check(checkpoint)
    journal = await _begun_anew(store, workflow_id)
    try:
        for task_id, outcome in checkpoint.steps.items():
            journal.record(task_id, checkpoint.digests.get(task_id, ""), outcome)
        await journal.barrier()
    finally:
        journal.release()


async def load_workflow_checkpoint(store: Store, workflow_id: str) -> WorkflowCheckpoint | None:
    """
    Read what a part of a workflow has come to; None when nothing is recorded of it.

    Raises:
        StoreError: it cannot be read, or is of a later version.
    """
    from a3s_code.delegation.workflow_journal import border, completed_in, log_of

    try:
        with border():
            records = await store.load(log_of(workflow_id), None)
    except SessionNotFound:
        return None
    done = completed_in(records)
    steps = {task_id: StepOutcome.of(each.outcome) for task_id, each in done.items()}
    digests = {task_id: each.digest for task_id, each in done.items() if each.digest}
    when = records[-1].timestamp_ms
    return WorkflowCheckpoint(SCHEMA_VERSION, workflow_id, steps, when, digests)


async def delete_workflow_checkpoint(store: Store, workflow_id: str) -> None:
    """
    Forget what is recorded of a part of a workflow; nothing happens when there is nothing.

    Raises:
        SessionInUse: somebody runs that part now.
        StoreError: it could not be forgotten.
    """
    from a3s_code.delegation.workflow_journal import border, log_of

    with border():
        await store.delete(log_of(workflow_id))


def _check(checkpoint: WorkflowCheckpoint) -> None:
    if checkpoint.schema_version > SCHEMA_VERSION:
        raise InvalidValue(
            f"The checkpoint is of version {checkpoint.schema_version}; this knows "
            f"{SCHEMA_VERSION}.",
            hint="use the version that wrote it, or a later one",
        )
    failed = [task_id for task_id, outcome in checkpoint.steps.items() if not outcome.success]
    if failed:
        raise InvalidValue(
            f"The checkpoint has steps that failed: {', '.join(failed)}.",
            hint="leave them out; they run again",
        )


async def _begun_anew(store: Store, workflow_id: str) -> Journal:
    from a3s_code.delegation.workflow_journal import Journal

    await delete_workflow_checkpoint(store, workflow_id)
    return await Journal.opened(store, workflow_id, _unheard)


async def _unheard(message: str, fields: JsonObject) -> None:
    """Nothing is left that could be read, and so nothing is told."""
    del message, fields
