"""
The log of a part of a workflow: what has come to a good end, durable before anybody acts on it.

It stands in a store of sessions beside them, one for each part (a phase, or a call of
`parallel_resumable`), under an id that is no session's. Whoever runs the part owns the log
meanwhile, so nobody else can run it as well.

Source:
    SPEC 9.6, `WorkflowCheckpoint`; `kernel.store`, owners.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol, TypeAlias

import msgspec

from a3s_code.delegation.steps import AgentStepSpec, StepOutcome
from a3s_code.errors import (
    A3SError,
    SessionInUse,
    SessionNotFound,
    SessionTakenOver,
    StoreError,
)
from a3s_code.kernel.border import described
from a3s_code.kernel.clock import SystemClock
from a3s_code.kernel.events import RunId, SessionId
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.records import Event, Record, WorkflowOpened, WorkflowStepCompleted
from a3s_code.kernel.store import WORKFLOWS, Store

SCHEMA_VERSION = 1

Completed: TypeAlias = dict[str, WorkflowStepCompleted]
"""By `task_id`."""


class Warn(Protocol):
    async def __call__(self, message: str, fields: JsonObject) -> None:
        """Tell whoever watches the workflow what was not as it should be."""
        ...


def log_of(workflow_id: str) -> SessionId:
    """Give the id that the log of a part of a workflow has in a store."""
    return SessionId(f"{WORKFLOWS}{workflow_id}")


class Journal:
    """
    One part of a workflow, while somebody runs it. Made by `opened`.

    Attributes:
        completed: What need not run again.
    """

    __slots__ = ("_clock", "_id", "_next", "_owner", "_session", "_store", "completed")

    def __init__(self, store: Store, workflow_id: str, count: int, completed: Completed) -> None:
        self._store, self._id, self._next = store, workflow_id, count
        self._session, self._owner = log_of(workflow_id), f"workflow-{os.urandom(16).hex()}"
        self._clock = SystemClock()
        self.completed = completed

    @classmethod
    async def opened(cls, store: Store, workflow_id: str, warn: Warn) -> Journal:
        """
        Go on with what is recorded of a part, or begin it; nobody else can run it from now on.

        What cannot be read is told, and begun anew.

        Raises:
            SessionInUse: somebody else runs it.
            StoreError: it cannot be recorded.
        """
        made = cls(store, workflow_id, 0, {})
        try:
            made._take(await made._load())
        except (SessionInUse, SessionTakenOver) as error:
            raise _in_use(workflow_id) from error
        except SessionNotFound:
            pass
        except StoreError as error:
            await warn("checkpoint unreadable; all its steps run again", {"reason": error.message})
            await made._forget()
        made._append(WorkflowOpened(workflow=workflow_id, schema_version=SCHEMA_VERSION))
        await made.barrier()
        return made

    async def cached(self, spec: AgentStepSpec, warn: Warn) -> StepOutcome | None:
        """Give the outcome of a step that need not run again; None for one that has to."""
        known = self.completed.get(spec.task_id)
        if known is None:
            return None
        outcome = StepOutcome.of(known.outcome)
        if known.digest not in ("", spec.digest) or outcome.agent != spec.agent:
            said = "a completed step is asked something else now; it runs again"
            await warn(said, {"task_id": spec.task_id, "agent": spec.agent})
            return None
        return outcome

    async def keep(self, spec: AgentStepSpec, outcome: StepOutcome) -> None:
        """
        Return when it is durable that a step need not run again.

        Raises:
            SessionInUse: somebody else has gone on with this part.
            StoreError: it cannot be recorded.
        """
        self.record(spec.task_id, spec.digest, outcome)
        await self.barrier()

    def record(self, task_id: str, digest: str, outcome: StepOutcome) -> None:
        """Record a step; durable at the next `barrier`."""
        told: JsonObject = msgspec.to_builtins(outcome)
        done = WorkflowStepCompleted(task_id=task_id, outcome=told, digest=digest)
        self._append(done)
        self.completed[task_id] = done

    async def barrier(self) -> None:
        """
        Return when all that was recorded is durable.

        Raises:
            SessionInUse, StoreError: as `keep`.
        """
        try:
            with border():
                await self._store.barrier(self._session, self._owner)
        except (SessionInUse, SessionTakenOver) as error:
            raise _in_use(self._id) from error

    def release(self) -> None:
        """
        Let others go on with this part.

        Raises:
            StoreError: the store failed.
        """
        with border():
            self._store.release(self._session, self._owner)

    async def close(self, *, is_done: bool) -> None:
        """
        Let others go on with this part, or forget it when nothing of it is left to do.

        Raises:
            StoreError: it could not be forgotten.
        """
        self.release()
        if is_done:
            await forget(self._store, self._id)

    async def _forget(self) -> None:
        self.release()
        await forget(self._store, self._id)
        self._next, self.completed = 0, {}

    async def _load(self) -> Sequence[Record]:
        with border():
            return await self._store.load(self._session, self._owner)

    def _take(self, records: Sequence[Record]) -> None:
        self._next, self.completed = len(records), completed_in(records)

    def _append(self, event: Event) -> None:
        record = Record(self._next, self._clock.now_ms(), RunId(""), event)
        with border():
            self._store.append(self._session, record, self._owner)
        self._next += 1


def completed_in(records: Sequence[Record]) -> Completed:
    """
    Read what came to a good end.

    Raises:
        StoreError: it is no log of a workflow, or one of a later version.
    """
    found: Completed = {}
    for record in records:
        match record.event:
            case WorkflowOpened(schema_version=version) if version <= SCHEMA_VERSION:
                continue
            case WorkflowStepCompleted() as done:
                _check(done)
                found[done.task_id] = done
            case _:
                raise StoreError(
                    f"Record {record.sequence} belongs to no workflow that this version knows.",
                    hint="go on with the version that wrote it, or a later one",
                )
    return found


def _check(done: WorkflowStepCompleted) -> None:
    try:
        outcome = StepOutcome.of(done.outcome)
    except A3SError as error:
        raise StoreError(f"Step {done.task_id!r} cannot be read: {error}") from error
    if outcome.task_id != done.task_id:
        raise StoreError(f"Step {done.task_id!r} has the outcome of another one.")


async def forget(store: Store, workflow_id: str) -> None:
    """
    Forget what is recorded of a part; nothing happens when there is nothing, or somebody runs it.

    Raises:
        StoreError: it could not be forgotten.
    """
    with suppress(SessionInUse), border():  # who runs it now forgets it in the end
        await store.delete(log_of(workflow_id))


async def forget_all(store: Store, chosen: Callable[[str], bool]) -> None:
    """
    Forget every part whose id is chosen; as `forget`.

    Raises:
        StoreError: one could not be forgotten.
    """
    with border():
        known = await store.sessions()
    for id_ in known:
        if id_.startswith(WORKFLOWS) and chosen(workflow_id := id_.removeprefix(WORKFLOWS)):
            await forget(store, workflow_id)


def _in_use(workflow_id: str) -> SessionInUse:
    return SessionInUse(
        f"Workflow {workflow_id!r} is being run by somebody else now.",
        hint="wait until that has ended, or take another id",
    )


@contextmanager
def border() -> Generator[None]:
    """
    Stand between a journal and its store, which may be anybody's code.

    Raises:
        StoreError: it raised what is no error of ours.
    """
    try:
        yield
    except A3SError:
        raise
    except Exception as error:  # the border itself
        raise StoreError(f"The store of the workflow failed: {described(error)}") from error
